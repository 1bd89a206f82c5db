#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# soak.sh HOURS SEED INTERVAL: in the guest, all pipelines for so long, by soak/main.py.
set -uo pipefail
. /sluice/tests/guest/lib.sh

nic 1500 on 3
# what is not for a pipeline must not get to its queue, where it is dropped
for rule in "8000 action 1" "8001 action 2" "8002 action 0"; do
	# shellcheck disable=SC2086 # words
	rx ethtool -N "$RX" flow-type tcp4 dst-port $rule >/dev/null || die "no steering"
done
# a peer's reset that the network has lost
for netns in rx tx; do
	$netns sysctl -q -w net.ipv4.tcp_keepalive_time=10 net.ipv4.tcp_keepalive_intvl=5
done
# few free pages of each CPU's own, which are not counted as free
echo 10000 >/proc/sys/vm/percpu_pagelist_high_fraction
# large buffers go back when they are free
export MALLOC_MMAP_THRESHOLD_=131072 MALLOC_ARENA_MAX=2
rc=0
python3 /sluice/tests/guest/soak/main.py "$1" "$2" "$3" "$RX" "$TX" || rc=$?
if dmesg | grep -e "stalled pool" -e "page_pool_release_retry"; then
	die "not ok - a page pool is left with pages that somebody has"
fi
exit $rc
