#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What sluice serve refuses, and how it says so; and a block that cannot be read.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
truncate -s 1G "$dir/disk.img"
truncate -s 64M "$dir/bad.img"
vm --disk "$dir/disk.img" --disk "$dir/bad.img" --inject iotype=read,sector=2048 \
	-- tests/guest/serve-refuse.sh
rm -f "$dir/bad.img"
done_with_images
