#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device slower than the sender: reception waits, TCP closes its window, the
# NIC never runs out of buffers, memory stays flat, nothing is lost.
. "$(dirname "$0")/../lib.sh"
# the sender has to be ahead of the device by more than half the region and what TCP
# takes, also on a busy host
kernel=${KERNEL:-plain}
data 8000000
disk_options=,throttling.bps-write=150000
machine -- tests/guest/record-slow.sh
expect --drop DROP
jq=$(tests/vm/enter jq '.rx_stalls > 0' "$dir/summary.json")
[ "$jq" = true ] || fail "reception never waited for the device"
done_with_images
