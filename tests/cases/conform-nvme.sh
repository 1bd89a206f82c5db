#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# NVMe through the rings: I/O commands, their errors, several devices, and that
# nvme-cli, fio and the disk image agree: tests/guest/conform-nvme.sh
. "$(dirname "$0")/../lib.sh"
disk_options=,discard=unmap
for nr in 1 2 3; do truncate -s 64M "$dir/disk$nr.img"; done
machine --disk "$dir/disk1.img" --ns logical_block_size=4096,physical_block_size=4096 \
	--disk "$dir/disk2.img" --ns ms=8,pi=1 \
	--disk "$dir/disk3.img" --ns ms=8,mset=1 \
	-- tests/guest/conform-nvme.sh
cmp -n 1048576 -i 67108864:0 "$dir/disk.img" "$dir/written" ||
	fail "the image has not what was written"
echo "ok - the image has what was written"
rm -f "$dir"/disk?.img "$dir/written"
done_with_images
