#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# idle.sh: in the guest, one pipeline of each kind that has nothing to do, most with a
# connection that says nothing.  None of their tasks runs; and what happens then, is
# noticed all the same.
set -euo pipefail
. /sluice/tests/guest/lib.sh

stage=/sluice/build/vm/examples/stage-count.bpf.o:limit=5
declare -A pids

# idle NAME SLUICE_ARGUMENT...: in the background, until it is ready
idle() {
	local name=$1
	shift
	nsenter --net=/run/netns/rx "$sluice" "$@" --name "$name" -q \
		>"/tmp/$name.out" 2>"/tmp/$name.err" &
	pids[$name]=$!
	until_true 30 grep -q -e listening -e capturing "/tmp/$name.err" ||
		die "$name: $(cat "/tmp/$name.err")"
}

# connect PORT: send ten records when /tmp/go.PORT is written to, and wait for what never
# comes
connect() {
	mkfifo "/tmp/go.$1"
	nsenter --net=/run/netns/tx bash -c "exec 3<>/dev/tcp/$rx_ip/$1
		read -r </tmp/go.$1; head -c 40960 /dev/zero >&3; read -r -u 3" &
	until_true 10 eval "rx ss -Htn state established | grep -q :$1"
}

nic 1500 on 4
for to in 2 3; do
	rx ethtool -N "$RX" flow-type tcp4 dst-port 800$to action $to >/dev/null ||
		die "no steering"
done
rx ip link add vrx type veth peer name vtx netns tx
# the kernel itself would send some
rx sysctl -qw net.ipv6.conf.vrx.disable_ipv6=1
tx sysctl -qw net.ipv6.conf.vtx.disable_ipv6=1
rx ip link set vrx up
tx ip link set vtx up

idle listens record --dev "$RX" --queue 0 --nvme "$(nsnode 1)" --listen $rx_ip:8001 \
	--xdp off --stage sample:one-in=2
idle record record --dev "$RX" --queue $queue --nvme "$(nsnode 2)" --listen $rx_ip:$port \
	--stage $stage
idle log record --dev "$RX" --queue 2 --nvme "$(nsnode 3)" --listen $rx_ip:8002 \
	--format log --streams 2 --xdp off --stage $stage
idle tap tap --dev "$RX" --queue 3 --listen $rx_ip:8003 --xdp off --stage $stage \
	--output /tmp/tapped
idle serve serve --nvme "$(nsnode 4)" --bytes 4096 --listen $rx_ip:8004
idle capture capture --dev vrx --queue 0 --nvme "$(nsnode 5)"
for to in $port 8002 8003; do
	connect "$to"
done

# each looks a few times, once a second, at what has become of the last that happened;
# that this is over is no event, and neither is that nothing follows
sleep 10
declare -A before
for name in "${!pids[@]}"; do
	before[$name]=$(switches "${pids[$name]}")
	[ "${before[$name]}" -gt 0 ] || die "$name: nothing is counted"
done
sleep 4
for name in "${!pids[@]}"; do
	after=$(switches "${pids[$name]}")
	[ "$after" = "${before[$name]}" ] ||
		die "$name ran $((after - ${before[$name]})) times in 4 s"
	echo "ok - $name does not run"
done

# stages that end at the fifth record, while the connections stay
for name in record,$port log,8002 tap,8003; do
	echo >"/tmp/go.${name#*,}"
	until_true 20 grep -q "ended by itself: has counted enough" "/tmp/${name%,*}.err" ||
		die "${name%,*} does not say that its stage has ended"
	echo "ok - ${name%,*} is awake again"
done
for name in "${!pids[@]}"; do
	kill -INT "${pids[$name]}"
	wait "${pids[$name]}" || die "$name: exit code $?: $(cat "/tmp/$name.err")"
done
# shellcheck disable=SC2046 # as many as there are
kill $(jobs -p) || :
wait || :
