#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# struct io_unified_ops and its kfuncs: tests/conformance/stages*.c.  The second
# drive has a block that is bad.
. "$(dirname "$0")/../lib.sh"
truncate -s 64M "$dir/bad.img"
machine --disk "$dir/bad.img" --inject iotype=write,sector=4096 \
	-- tests/guest/conform-stages.sh
done_with_images
rm -f "$dir/bad.img"
