#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Zones, metadata and protection information through the rings:
# tests/guest/conform-nvme-formats.sh.  The zoned namespace has 3 TiB, so that
# LBAs do not fit in 32 bits; next to nothing of it is ever written.
. "$(dirname "$0")/../lib.sh"
for nr in 1 2 3 4 5 6; do truncate -s 64M "$dir/disk$nr.img"; done
truncate -s 3T "$dir/zoned.img"
vm --disk "$dir/zoned.img,discard=unmap" --ctrl zoned.zasl=5 \
	--ns zoned=true,zoned.zone_size=1G,zoned.zone_capacity=2M \
	--ns zoned.max_open=3,zoned.max_active=5 \
	--disk "$dir/disk1.img" --ns ms=8,mset=0,pi=1 \
	--disk "$dir/disk2.img" --ns ms=8,mset=1,pi=1 \
	--disk "$dir/disk3.img" --ns ms=64,mset=0,pi=1 \
	--disk "$dir/disk4.img" --ns ms=8,mset=0 \
	--disk "$dir/disk5.img" --ns ms=8,mset=1 \
	--disk "$dir/disk6.img" --ns ms=16,pi=1,pif=2,logical_block_size=4096 \
	--ns physical_block_size=4096 \
	-- tests/guest/conform-nvme-formats.sh
cmp -n 65536 -i $((3070 << 30)):0 "$dir/zoned.img" "$dir/appended" ||
	fail "the image has not what was appended"
echo "ok - the image has what was appended, at the LBA of the result"
rm -f "$dir"/*.img
