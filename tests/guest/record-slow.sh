#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-slow.sh: in the guest, record to a device that does not keep up.
set -euo pipefail
. /sluice/tests/guest/lib.sh

mem_available() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
stat_of() { "$1" nstat -asz "$2" | awk -v n="$2" '$1 == n { print $2 }'; }

nic 1500 on
record_start --region-size 4M --stage filter:drop-prefix=DROP
before=$(mem_available)
lowest=$before
send /out/sent &
sender=$!
while kill -0 $sender 2>/dev/null; do
	now=$(mem_available)
	[ "$now" -ge "$lowest" ] || lowest=$now
	sleep 0.1
done
wait $sender
record_end
used=$(((before - lowest) / 1024))
echo "memory: $used MiB more at the worst"
# the region is of 4 MiB, allocated before
[ $used -lt 16 ] || die "memory did not stay flat: $used MiB"
dropped=$(rx ip -s -j link show "$RX" | jq '.[0].stats64.rx.dropped')
echo "NIC drops $dropped, receive queue drops $(stat_of rx TcpExtTCPRcvQDrop)," \
	"zero windows $(stat_of rx TcpExtTCPToZeroWindowAdv)," \
	"sender's retransmissions $(stat_of tx TcpRetransSegs)"
[ "$dropped" = 0 ] || die "the NIC dropped $dropped packets: it ran out of buffers"
[ "$(stat_of rx TcpExtTCPRcvQDrop)" = 0 ] || die "TCP dropped what it had received"
[ "$(stat_of rx TcpExtTCPToZeroWindowAdv)" -gt 0 ] || die "TCP never closed its window"
