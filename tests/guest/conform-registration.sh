#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The registration calls in the machine: a second namespace is mounted, and there
# is an interface that cannot do zero-copy receive.
. /sluice/tests/guest/lib.sh
mkfs.ext4 -q /dev/nvme1n1 && mkdir -p /run/mnt && mount /dev/nvme1n1 /run/mnt ||
	die "no file system on /dev/nvme1n1"
ip link add veth0 type veth peer name veth1
echo 4 >/proc/sys/vm/nr_hugepages
/sluice/build/vm/tests/conformance/registration /dev/nvme0n1 /dev/ng0n1 \
	/dev/nvme1n1 veth0
