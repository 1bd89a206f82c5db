#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a region shows of itself: to programs, in fdinfo, by tracepoints, to bpftool.
. /sluice/tests/guest/lib.sh
bin=/sluice/build/vm/tests/conformance
trace=/sys/kernel/tracing

# the numbers in their names are those of no controller
for dir in /sys/block/nvme*; do
	case $(cat "$dir/device/serial") in
	sluice0*) node=/dev/${dir##*/} ;;
	sluice1*) slow=/dev/${dir##*/} ;;
	esac
done
nic 1500 on
rx "$bin/discovery" "$node" "$slow" "$RX" $queue $rx_ip $port /run/netns/tx || exit

echo 1 >$trace/events/io_unified/enable || die "no tracepoints"
traced() { # EVENT REGEX...: is there a line of the event with all of these?
	local event=$1 lines regex

	shift
	lines=$(grep -a " io_unified_$event: " $trace/trace)
	for regex; do
		lines=$(grep -E "$regex" <<<"$lines") || die "io_unified_$event: no $regex"
	done
	[ -n "$lines" ] || die "io_unified_$event did not fire"
	echo "ok - tracepoint io_unified_$event"
}
"$bin/discovery" "$node" work || die "nothing to trace"
traced register 'sq 64, cq 64, data 65536, nic bufs 0, devs 1'
traced submit 'opcode 0x01, nsid 1, cdw10-11 0x78, len 4096'
traced complete 'user_data 0x1267, status 0x0'
traced ring_full 'tail [0-9]+, user_data'
traced unregister 'commands [1-9]'

echo >$trace/trace
nvme=$node
record_start --stage filter:drop-prefix=DROP --record-size 4096 || die "record"
bpftool -j struct_ops list | jq -e 'any(.name == "filter")' >/dev/null ||
	die "bpftool does not know the filter"
echo "ok - bpftool names the stages"
tx python3 - $rx_ip $port <<'PY'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.sendall(b"DROP" + b"x" * 4092)
for i in range(40):		# not whole dwords: these have to be copied
    s.sendall(b"y" * 1021)
PY
record_end >/dev/null || die "record failed"
traced rx 'len 4096, pieces [0-9]+, verdict 1'
traced verdict 'stage filter, .*len 4096, verdict 1'
traced copy 'len [0-9]+, pieces [0-9]+'
