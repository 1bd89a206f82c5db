#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# capture.sh: in the guest, capture what stock tools send.  What got onto the
# device is for the host to check.
set -euo pipefail
. /sluice/tests/guest/capture-lib.sh

now() { date +%s.%N >"/out/$run.$1"; }
# nobody answers: what is captured does not get to the stack
ping_all() { # SIZE...
	local size pids=()
	for size; do
		tx busybox ping -q -c 1 -W 1 -s "$size" $rx_ip >/dev/null &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		! wait "$pid" || die "an answer"
	done
}

namespaces
pair_veth

# everything: the smallest that there are, those of the MTU, and a stream of them
capture_start all --queue 0 --nvme "$dev" --lba 1000
now from
ping_all 0 1 17 18 19 200 255 256 257 500 1471 1472
udp /out/sent 1472
tx timeout 3 socat -u - TCP4:$rx_ip:7 </dev/null 2>/dev/null && die "a connection" || :
await_matched $((12 + $(stat -c %s /out/sent) / 1472 + 2))
now to
capture_end

# memory that has had large frames has small ones, more often than there is memory
capture_start again --queue 0 --nvme "$dev" --lba 70000 --region-size 1M
for ((i = 1; i <= 3; i++)); do
	udp /out/sent 1400
	await_matched $((i * (($(stat -c %s /out/sent) + 1399) / 1400)))
done
# not all at once: nothing holds a sender of datagrams back
for ((part = 1; part <= 5; part++)); do
	head -c $((part * 20000)) /out/sent | tail -c 20000 >/tmp/part
	udp /tmp/part 200
	await_matched $((3 * (($(stat -c %s /out/sent) + 1399) / 1400) + part * 100))
done
capture_end

# a filter: what does not match goes on, datagrams and a connection
capture_start filtered --queue 0 --nvme "$dev" --lba 20000 --blocks 2000 \
	--filter proto=udp,port=$dport,host=$tx_ip
nsenter --net=/run/netns/rx socat -u TCP4-LISTEN:$port OPEN:/tmp/got,creat &
tcp=$!
nsenter --net=/run/netns/rx socat -u -b 2000 UDP4-RECV:9001 OPEN:/tmp/got-udp,creat &
other=$!
until_true 10 eval 'rx ss -Hltn | grep -q :$port'
until_true 10 eval 'rx ss -Hlun | grep -q :9001'
head -c 50000 /out/sent >/tmp/part
tx socat -u OPEN:/tmp/part TCP4:$rx_ip:$port
udp /tmp/part 1000
udp /tmp/part 1000 9001
wait $tcp
cmp /tmp/part /tmp/got || die "TCP beside the capture"
until_true 10 cmp -s /tmp/part /tmp/got-udp || die "UDP to another port beside the capture"
kill $other
wait $other 2>/dev/null || :
"$sluice" show filtered | grep -q sluice_capture || die "show"
await_matched 50
capture_end

# generic XDP, cut to 100 bytes, ends by itself
capture_start cut --queue 0 --nvme "$dev" --lba 30000 --xdp skb --mode copy \
	--snaplen 100 --count 10
udp /tmp/part 1000
capture_wait
"$sluice" export -q --nvme "$dev" --lba 30000 >/out/device.pcapng

# what a parser has to get right; MATCH or OTHER is what the frames say
capture_start parser --queue 0 --nvme "$dev" --lba 40000 --filter proto=17,port=0x35
tx python3 /sluice/tests/guest/capture-frames.py "$PEER"
await ".matched + .passed" 19
capture_end
capture_start parser6 --queue 0 --nvme "$dev" --lba 45000 --filter host=2001:db8::1
tx python3 /sluice/tests/guest/capture-frames.py "$PEER"
await ".matched + .passed" 19
capture_end

# a NIC with two queues; the second is steered to
rx ip link del vrx
pair_netdevsim
capture_start queues --queue 0 --queue 1 --nvme "$(node sluice0 1)" --lba 50000 --frame-size 4096
now from
udp /tmp/part 1000
udp /tmp/part 1000 9001
tx timeout 3 socat -u - TCP4:$rx_ip:$port </dev/null 2>/dev/null && die "a connection" || :
await_matched 101
now to
capture_end

# by the clock
capture_start clock --queue 1 --nvme "$dev" --lba 60000 --duration 1
capture_wait

# blocks that take more than a frame of 2048
capture_start blocks --queue 0 --queue 1 --nvme "$(disk 1)" --lba 10
udp /tmp/part 1000
await_matched 50
capture_end
