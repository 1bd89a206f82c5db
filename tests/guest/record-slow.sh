#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-slow.sh: in the guest, record to a device that does not keep up.
set -euo pipefail
. /sluice/tests/guest/lib.sh

mem_used() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
stat_of() { "$1" nstat -asz "$2" | awk -v n="$2" '$1 == n { print $2 }'; }

nic 1500 on
record_start --region-size 8M --stage filter:drop-prefix=DROP
before=$(mem_used)
lowest=$before
send /out/sent &
sender=$!
while kill -0 $sender 2>/dev/null; do
	now=$(mem_used)
	[ "$now" -ge "$lowest" ] || lowest=$now
	sleep 0.1
done
wait $sender
record_end
used=$(((before - lowest) / 1024))
echo "memory: $used MiB more at the worst"
# the region and its socket buffer are of 8 MiB, allocated before
[ $used -lt 24 ] || die "memory did not stay flat: $used MiB"
lost=$(stat_of rx TcpExtTCPRcvQDrop)
zero=$(stat_of tx TcpExtTCPFromZeroWindowAdv)
retrans=$(stat_of tx TcpRetransSegs)
echo "receive queue drops $lost, sender's retransmissions $retrans"
[ "$retrans" = 0 ] || die "the sender had to send $retrans segments again: the NIC ran dry"
