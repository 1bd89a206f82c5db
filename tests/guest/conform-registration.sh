#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The registration calls in the machine: a NIC, an interface that cannot do
# zero-copy receive, and namespaces: that of the first controller is free, of
# the second controller's one is mounted, one has a mounted partition, and the
# others are free.
. /sluice/tests/guest/lib.sh
first='' more=()
for dir in /sys/block/nvme*; do
	case $(cat "$dir/device/serial") in
	sluice0*) first=/dev/${dir##*/} ;;
	sluice1*) more+=("/dev/${dir##*/}") ;;
	esac
done
mounted=${more[0]} parted=${more[1]}
mkdir -p /run/mnt /run/part
mkfs.ext4 -q "$mounted" && mount "$mounted" /run/mnt || die "no file system on $mounted"
echo 'start=2048' | sfdisk -q "$parted" && mkfs.ext4 -q "${parted}p1" &&
	mount "${parted}p1" /run/part || die "no file system on ${parted}p1"
nic 1500 on
rx ip link add veth0 type veth peer name veth1
echo 4 >/proc/sys/vm/nr_hugepages
# all that the kernel can let fail, fails in turn
for fault in failslab fail_page_alloc fail_usercopy; do
	dir=/sys/kernel/debug/$fault
	[ -d $dir ] || continue
	echo 0 >$dir/verbose
	[ ! -e $dir/ignore-gfp-wait ] || echo N >$dir/ignore-gfp-wait
	[ ! -e $dir/min-order ] || echo 0 >$dir/min-order
done
rx /sluice/build/vm/tests/conformance/registration "$first" "${first/nvme/ng}" \
	"$mounted" "${parted}p1" veth0 "$RX" $queue "${more[@]:2}"
