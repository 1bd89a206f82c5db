#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# examples.sh: the documents' programs and tcp2nvme, each at its place on the
# namespace.
set -euo pipefail
. tests/guest/lib.sh
per_mib=$((1048576 / $(cat /sys/block/nvme0n1/queue/logical_block_size)))
bin=build/vm/examples

$bin/doc-ifq /dev/nvme0n1 0
# the kernel polls: once that is set up, there is no system call
strace -o /tmp/trace $bin/doc-ifq /dev/nvme0n1 "$per_mib" poll
grep -q ^io_uring_register /tmp/trace
! grep ^io_uring_enter /tmp/trace || exit 1
$bin/doc-region /dev/nvme0n1 $((2 * per_mib))
$bin/doc-region /dev/ng0n1 $((3 * per_mib))

nic 1500 on
nsenter --net=/run/netns/rx $bin/tcp2nvme "$RX" $queue /dev/nvme0n1 $port 4096 \
	$((4 * per_mib)) >/tmp/tcp2nvme.out 2>/tmp/tcp2nvme.err &
until_true 20 grep -q listening /tmp/tcp2nvme.err || die "$(cat /tmp/tcp2nvme.err)"
send /out/sent
wait $! || die "$(cat /tmp/tcp2nvme.err)"
cat /tmp/tcp2nvme.out
grep -q " failed 0 in flight 0 " /tmp/tcp2nvme.out

# a command that the device refuses is an error of the example
! $bin/doc-ifq /dev/nvme0n1 $((4096 * per_mib)) 2>/tmp/err || exit 1
grep -q "LBA out of range" /tmp/err
