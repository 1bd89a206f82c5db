#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IORING_OP_UNIFIED: all combinations of network, BPF and NVMe, links,
# cancellation, errors, and processes that are killed: tests/conformance/op*.c.
# The second drive has two blocks that are bad, the third takes 16 KiB at a time, the
# fourth is taken away.
. "$(dirname "$0")/../lib.sh"
truncate -s 64M "$dir/bad.img" "$dir/small.img" "$dir/gone.img"
machine --disk "$dir/bad.img" --inject iotype=read,sector=2048 \
	--inject iotype=write,sector=4096 \
	--disk "$dir/small.img" --ctrl mdts=2 \
	--disk "$dir/gone.img" \
	-- tests/guest/conform-op.sh
done_with_images
rm -f "$dir/bad.img" "$dir/small.img" "$dir/gone.img"
