#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh FILE: in the guest, the runs that the lines of FILE name, one after the
# other (see tests/bench/run).  /out/runs gets a line for each, in the order in which
# count.c numbers them: the words of the line, and how long it took.
set -euo pipefail
. /sluice/tests/guest/lib.sh

bin=/sluice/build/vm/tests/bench
peers=$bin/peers

# receiver CONTENDER [OPTION...]: one that records, in the background
receiver() {
	local what=$1
	shift
	case $what in
	sluice)
		set -- "$sluice" record --dev "$RX" --queue $queue --nvme /dev/nvme0n1 \
			--listen $rx_ip:$port -j --force "$@" ;;
	*)
		set -- "$peers/$what" --dev "$RX" --queue $queue --port $port \
			--nvme "/dev/$([[ $what = zcrx* ]] && echo ng0n1 || echo nvme0n1)" "$@" ;;
	esac
	listener "$what" "$@"
}

# listener CONTENDER COMMAND...: at the receiving end, until it says that it is ready
listener() {
	: >/tmp/receiver.err
	nsenter --net=/run/netns/rx "${@:2}" >/tmp/receiver.out 2>/tmp/receiver.err &
	receiver=$!
	until_true 60 grep -q -e listening -e capturing /tmp/receiver.err ||
		die "$1 is not ready: $(cat /tmp/receiver.err)"
}

received() { # CONTENDER
	local rc=0
	wait "$receiver" || rc=$?
	[ $rc = 0 ] || die "$1 ended with exit code $rc: $(cat /tmp/receiver.err)"
}

# record CONTENDER RECORDS DROP% [STAGES]
run_record() {
	local what=$1 bytes=$(($2 * 4096)) drop=${3:-0} options=() i
	case $what in
	sluice)
		options=(--stage filter:drop-prefix=DROP)
		for ((i = 0; i < ${4:-0}; i++)); do
			options+=(--stage "$bin/empty.bpf.o")
		done ;;
	floor | discard | splice) ;;
	*) options=(--drop-prefix DROP) ;;
	esac
	receiver "$what" "${options[@]}"
	$bin/mark start
	tx $peers/send $rx_ip $port $bytes "$drop"
	received "$what"
	$bin/mark stop
}

# nvme CONTENDER RECORDS read|write
run_nvme() {
	local what=$1 nr=$2 rw=$3
	case $what in
	sluice*) set -- $peers/nvme-rings --nvme /dev/ng0n1 --depth 32 --bytes $((nr * 4096)) \
		"$rw" ${what#sluice} ;;
	nvme-uring) set -- $peers/nvme-uring --nvme /dev/ng0n1 --depth 32 \
		--bytes $((nr * 4096)) "$rw" ;;
	fio-block) export NODE=/dev/nvme0n1 ;;
	*) export NODE=/dev/ng0n1 ;;
	esac
	case $what in
	fio-*)
		export RW=$rw BS=4k SIZE=$((nr * 4))k DEPTH=32 BATCH=16
		set -- fio --output=/tmp/receiver.out /sluice/tests/bench/"$what".fio ;;
	esac
	$bin/mark start
	"$@" >/tmp/receiver.out 2>/tmp/receiver.err || die "$what: $(cat /tmp/receiver.err)"
	$bin/mark stop
}

# serve CONTENDER CHUNKS: of 64 KiB
run_serve() {
	local what=$1 bytes=$(($2 << 16))
	case $what in
	sluice) set -- "$sluice" serve --nvme /dev/nvme0n1 --listen $rx_ip:$port --once \
		--chunk 64K --bytes $bytes ;;
	sendfile) set -- $peers/sendfile --nvme /dev/nvme0n1 --port $port --bytes $bytes ;;
	sendzc-cmd) set -- $peers/sendzc-cmd --nvme /dev/ng0n1 --port $port --bytes $bytes ;;
	esac
	listener "$what" "$@"
	$bin/mark start
	tx $peers/sink $rx_ip $port >/dev/null
	received "$what"
	$bin/mark stop
}

# capture CONTENDER FRAMES: of 1500 bytes, on queue 0
run_capture() {
	local what=$1 nr=$2
	case $what in
	sluice) set -- "$sluice" capture --dev "$RX" --queue 0 --nvme /dev/nvme0n1 \
		--filter proto=udp --count "$nr" --force ;;
	xsk-cmd) set -- $peers/xsk-cmd --dev "$RX" --queue 0 --nvme /dev/ng0n1 "$nr" ;;
	esac
	# AF_XDP gets linear frames, of less than a page
	rx ethtool -G "$RX" tcp-data-split off
	rx ip link set "$RX" mtu 1500
	listener "$what" "$@"
	$bin/mark start
	tx $peers/frames $rx_ip 9000 "$nr" 1514 >/dev/null
	received "$what"
	$bin/mark stop
	rx ip link set "$RX" mtu 4148
	rx ethtool -G "$RX" tcp-data-split on
}

# idle CONTENDER SECONDS: a recorder that waits for a connection, or none
run_idle() {
	[ "$1" = none ] || receiver "$1"
	sleep 1
	$bin/mark start
	sleep "$2"
	$bin/mark stop
	[ "$1" = none ] || { kill -INT "$receiver"; wait "$receiver" || :; }
}

# a segment is a page
nic 4148 on
# no frame waits for ARP, or gets into another queue for that
mac() { "$1" ip -j link show "$2" | jq -r ".[0].address"; }
tx ip neigh replace $rx_ip lladdr "$(mac rx "$RX")" dev "$TX"
rx ip neigh replace $tx_ip lladdr "$(mac tx "$TX")" dev "$RX"
# all of one flow in the first queue, which captures are of
ip netns exec tx sh -c "echo 1 >/sys/class/net/$TX/queues/tx-0/xps_cpus"
# nobody asks for the time of day in a log
echo 0 >/proc/sys/kernel/printk
cp /proc/kallsyms /out/kallsyms
: >/out/runs
while read -r line; do
	began=$(date +%s%N)
	# shellcheck disable=SC2086 # they are words
	run_${line#warm-up }
	echo "$line $((($(date +%s%N) - began) / 1000))" >>/out/runs
done <"$1"
