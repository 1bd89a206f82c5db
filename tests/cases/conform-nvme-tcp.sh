#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# NVMe over TCP through the rings, compared with PCIe, with two paths of which one or
# both go, and reservations between two hosts: tests/guest/conform-nvme-tcp.sh
. "$(dirname "$0")/../lib.sh"
for nr in 0 1 2; do truncate -s 64M "$dir/disk$nr.img"; done
vm --disk "$dir/disk0.img" --disk "$dir/disk1.img,discard=unmap" \
	--disk "$dir/disk2.img,throttling.iops-write=4" \
	-- tests/guest/conform-nvme-tcp.sh paths
cmp -n 1048576 -i 33554432:0 "$dir/disk1.img" "$dir/written" ||
	fail "the image has not what was written over TCP"
echo "ok - the image has what was written over TCP"
vm --append nvme_core.multipath=N --disk "$dir/disk0.img" --disk "$dir/disk1.img" \
	-- tests/guest/conform-nvme-tcp.sh hosts
rm -f "$dir"/*.img "$dir/written"
