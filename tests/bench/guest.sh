#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh FILE: in the guest, the runs that the lines of FILE name, one after the
# other (see tests/bench/run).  Namespaces 1 to 4 are for data, 5 is for a file system.
#
# /out/runs gets a line for each, in the order in which count.c numbers them: the words
# of the line, and how long it took.  /out/found gets what is no count of instructions:
# number of the run, what, value.  A contender whose own sums are not those of the work
# ends it all.
set -euo pipefail
. /sluice/tests/guest/lib.sh

bin=/sluice/build/vm/tests/bench
peers=$bin/peers
pins=/sys/fs/bpf/latency
run_nr=0

found() { echo "$run_nr $1 $2" >>/out/found; }

# start, stop: what is between them is counted
start() {
	began=$(date +%s%N)
	$bin/mark start
}
stop() {
	$bin/mark stop
	took=$((($(date +%s%N) - began) / 1000))
}

# node_for CONTENDER: some take the block node, some the generic one
node_for() {
	case $1 in
	zcrx* | sendzc-cmd | xsk-cmd | nvme-uring | nvme-rings | fio-cmd | poller)
		echo "/dev/ng${disk#/dev/nvme}" ;;
	*) echo "$disk" ;;
	esac
}

# receiver CONTENDER [OPTION...]: one that records, in the background
receiver() {
	local what=$1
	shift
	case $what in
	sluice)
		set -- "$sluice" record --dev "$RX" --queue $queue --nvme "$disk" \
			--listen $rx_ip:$port -j --force "$@" ;;
	*)
		set -- "$peers/$what" --dev "$RX" --queue $queue --port $port \
			--nvme "$(node_for "$what")" "$@" ;;
	esac
	listener "$what" "$@"
}

# listener CONTENDER COMMAND...: at the receiving end, until it says that it is ready
listener() {
	: >/tmp/receiver.err
	nsenter --net=/run/netns/rx "${@:2}" >/tmp/receiver.out 2>/tmp/receiver.err &
	receiver=$!
	until_true 60 grep -q -e listening -e capturing -e ^File: /tmp/receiver.err ||
		die "$1 is not ready: $(cat /tmp/receiver.err)"
}

received() { # CONTENDER
	local rc=0
	wait "$receiver" || rc=$?
	[ $rc = 0 ] || die "$1 ended with exit code $rc: $(cat /tmp/receiver.err)"
}

# summed JQ_FILTER: that is what the contender says that it has done
summed() {
	jq -e "$1" /tmp/receiver.out >/dev/null ||
		die "$line: not so: $1 in $(cat /tmp/receiver.out)"
}

# sums_record CONTENDER BYTES DROP%: of records of 4096, of which send has so many dropped
sums_record() {
	# shellcheck disable=SC2017 # whole records
	local dropped=$(($2 / 4096 * $3 / 100 * 4096)) written
	written=$(($2 - dropped))
	case $1 in
	sluice)
		summed ".received_bytes == $2 and .dropped_bytes == $dropped and
			.written_bytes == $written and .conserved"
		found copied "$(jq .copied_bytes /tmp/receiver.out)" ;;
	floor | discard) summed ".received == $2 and .written == 0" ;;
	*)
		summed ".received == $2 and .dropped == $dropped and .written == $written"
		found copied "$(jq .copied /tmp/receiver.out)" ;;
	esac
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
	start
	tx $peers/send $rx_ip $port $bytes "$drop"
	received "$what"
	stop
	sums_record "$what" $bytes "$drop"
}

# nvme CONTENDER RECORDS read|write
run_nvme() {
	local what=$1 nr=$2 rw=$3 depth=${4:-32} size=${5:-4096}
	# shellcheck disable=SC2086 # what stands behind sluice is an argument, or none
	case $what in
	sluice*) set -- $peers/nvme-rings --nvme "$(node_for nvme-rings)" --depth "$depth" \
		--record-size "$size" --bytes $((nr * 4096)) "$rw" ${what#sluice} ;;
	nvme-uring) set -- $peers/nvme-uring --nvme "$(node_for nvme-uring)" \
		--depth "$depth" --bytes $((nr * 4096)) "$rw" ;;
	fio-*)
		export RW=$rw BS=4k SIZE=$((nr * 4))k DEPTH=$depth BATCH=$(((depth + 1) / 2))
		export NODE
		NODE=$(node_for "$what")
		set -- fio --output-format=json /sluice/tests/bench/"$what".fio ;;
	esac
	start
	"$@" >/tmp/receiver.out 2>/tmp/receiver.err || die "$what: $(cat /tmp/receiver.err)"
	stop
	case $what in
	fio-*) summed ".jobs[0] | .error == 0 and .$rw.total_ios == $nr" ;;
	*) summed ".written + .received == $((nr * 4096))" ;;
	esac
}

# serve CONTENDER CHUNKS: of 64 KiB
run_serve() {
	local what=$1 bytes=$(($2 << 16)) sent=.sent
	case $what in
	sluice)
		sent=.sent_bytes
		set -- "$sluice" serve --nvme "$disk" --listen $rx_ip:$port --once -j \
			--bytes $bytes ;;
	floor) set -- $peers/sendfile --port $port --bytes $bytes ;;
	*) set -- "$peers/$what" --nvme "$(node_for "$what")" --port $port --bytes $bytes ;;
	esac
	listener "$what" "$@"
	start
	tx $peers/sink $rx_ip $port >/tmp/sink.out
	received "$what"
	stop
	summed "$sent == $bytes"
	jq -e ".received == $bytes" /tmp/sink.out >/dev/null || die "$line: $(cat /tmp/sink.out)"
}

# capture CONTENDER FRAMES: of 1514 bytes, on queue 0, for somebody else
run_capture() {
	local what=$1 nr=$2
	case $what in
	sluice) set -- "$sluice" capture --dev "$RX" --queue 0 --nvme "$disk" \
		--filter proto=udp --count "$nr" --force -j ;;
	floor) set -- $peers/xsk-cmd --dev "$RX" --queue 0 "$nr" ;;
	xsk-cmd) set -- $peers/xsk-cmd --dev "$RX" --queue 0 --nvme "$(node_for xsk-cmd)" "$nr" ;;
	dumpcap)
		rm -f /tmp/ext4/frames.pcapng
		set -- dumpcap -i "$RX" -w /tmp/ext4/frames.pcapng -c "$nr" -B 64 -q -f udp ;;
	esac
	# AF_XDP gets linear frames, of less than a page
	rx ethtool -G "$RX" tcp-data-split off
	rx ip link set "$RX" mtu 1500
	listener "$what" "$@"
	start
	tx $peers/frames 192.0.2.9 9000 "$nr" 1514 >/dev/null
	received "$what"
	[ "$what" != dumpcap ] || sync /tmp/ext4/frames.pcapng
	stop
	case $what in
	sluice) summed ".written_frames == $nr and .written_bytes == $nr * 1514 and .conserved" ;;
	dumpcap) grep -q "received/dropped on interface .*: $nr/0" /tmp/receiver.err ||
		die "dumpcap: $(cat /tmp/receiver.err)" ;;
	*) summed ".received == $nr * 1514" ;;
	esac
	rx ip link set "$RX" mtu 4148
	rx ethtool -G "$RX" tcp-data-split on
}

# idle CONTENDER SECONDS: a recorder without a connection (sluice), with one that says
# nothing (connected), a capture, a poller that sleeps, or nothing at all
run_idle() {
	local before after
	case $1 in
	none) receiver='' ;;
	sluice | connected) receiver sluice ;;
	capture)
		rx ethtool -G "$RX" tcp-data-split off
		rx ip link set "$RX" mtu 1500
		listener capture "$sluice" capture --dev "$RX" --queue 0 --nvme "$disk" --force -j ;;
	poller) listener poller $peers/poller --nvme "$(node_for poller)" ;;
	esac
	if [ "$1" = connected ]; then
		nsenter --net=/run/netns/tx \
			bash -c "exec 3<>/dev/tcp/$rx_ip/$port; read -r -u 3" &
		client=$!
		until_true 10 eval 'rx ss -Htn state established | grep -q :$port'
	fi
	# what was going on has to come to its end; nothing tells when it has
	sleep 5
	[ -z "$receiver" ] || before=$(switches "$receiver")
	start
	sleep "$2"
	stop
	[ -n "$receiver" ] || return 0
	after=$(switches "$receiver")
	found switches $((after - before))
	[ "$1" != connected ] || { kill "$client"; wait "$client" || :; }
	kill "$receiver" 2>/dev/null || :
	wait "$receiver" || :
	[ "$1" != capture ] || {
		rx ip link set "$RX" mtu 4148
		rx ethtool -G "$RX" tcp-data-split on
	}
}

# memory CONTENDER MIB: what does a region or area of so many MiB take from the system?
free_memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ { print $2 }' /proc/meminfo
}
run_memory() {
	local before
	before=$(free_memory)
	case $1 in
	sluice) receiver sluice --region-size "$2M" ;;
	*) receiver "$1" --buffers "$2M" ;;
	esac
	start
	stop
	found memory $((before - $(free_memory)))
	kill "$receiver"
	wait "$receiver" || :
	# freed by the kernel some time after
	until_true 20 eval '[ $(($(free_memory) + 4096)) -gt '"$before"' ]' ||
		die "memory of $1 does not come back"
}

# probes CONTENDER: latency.bpf.c, which has to know the contender's program
probes() {
	local comm
	case $1 in
	sluice) comm=nvme-rings ;;
	fio-*) comm=fio ;;
	*) comm=$1 ;;
	esac
	bpftool prog loadall $bin/latency.bpf.o $pins pinmaps $pins autoattach
	# shellcheck disable=SC2046 # they are words
	set -- $(printf %s "$comm" | od -An -tx1 -v)
	while [ $# -lt 48 ]; do
		set -- "$@" 00
	done
	bpftool map update pinned $pins/state key 0 0 0 0 value hex "$@"
}

# latency CONTENDER N WORK: N records or commands, one after the other
run_latency() {
	local what=$1 nr=$2 filter=(--drop-prefix DROP)
	probes "$what"
	if [ "$3" = record ]; then
		[ "$what" != sluice ] || filter=(--stage filter:drop-prefix=DROP)
		receiver "$what" "${filter[@]}"
		start
		tx $peers/send $rx_ip $port $((nr * 4096)) 0 1 200
		received "$what"
		stop
		sums_record "$what" $((nr * 4096)) 0
	else
		run_nvme "$what" "$nr" "$3" 1
	fi
	bpftool -j map dump pinned $pins/buckets |
		jq -c '[.[].formatted | select(.value > 0) | [.key, .value]]' >"/out/latency.$run_nr"
	rm -r $pins
}

# sweep AXIS UNITS VALUE: so many times 4 KiB, nothing else than that is different
run_sweep() {
	local axis=$1 bytes=$(($2 * 4096)) value=$3 drop=0 conns=1 options=() i
	local filter=(--stage filter:drop-prefix=DROP)
	case $axis in
	command) run_nvme sluice "$2" write 32 "$value"; return ;;
	depth) run_nvme sluice "$2" write "$value"; return ;;
	record) options=("${filter[@]}" --record-size "$value") ;;
	connections) conns=$value options=("${filter[@]}" --format log --streams "$value") ;;
	namespaces)
		options=("${filter[@]}" --format log --streams 1)
		for ((i = 2; i <= value; i++)); do
			options+=(--nvme "$(nsnode $i)")
		done ;;
	stages)
		for ((i = 0; i < value; i++)); do
			options+=(--stage "$bin/empty.bpf.o")
		done ;;
	region) options=("${filter[@]}" --region-size "$value") ;;
	drop) options=("${filter[@]}") drop=$value ;;
	esac
	receiver sluice "${options[@]}"
	start
	tx $peers/send $rx_ip $port $((bytes / conns)) "$drop" "$conns"
	received sluice
	stop
	sums_record sluice $bytes "$drop"
}

# a segment is a page
nic 4148 on
# no frame waits for ARP, or gets into another queue for that
mac() { "$1" ip -j link show "$2" | jq -r ".[0].address"; }
tx ip neigh replace $rx_ip lladdr "$(mac rx "$RX")" dev "$TX"
rx ip neigh replace $tx_ip lladdr "$(mac tx "$TX")" dev "$RX"
tx ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:99 dev "$TX"
# all of one flow in the first queue, which captures are of
ip netns exec tx sh -c "echo 1 >/sys/class/net/$TX/queues/tx-0/xps_cpus"
# nobody asks for the time of day in a log
echo 0 >/proc/sys/kernel/printk
disk=$(nsnode 1)
if grep -q dumpcap "$1"; then
	mke2fs -q -t ext4 "$(nsnode 5)"
	mkdir /tmp/ext4
	mount "$(nsnode 5)" /tmp/ext4
fi
cp /proc/kallsyms /out/kallsyms
: >/out/runs
: >/out/found
while read -r line; do
	run_nr=$((run_nr + 1))
	# shellcheck disable=SC2086 # they are words
	run_${line#warm-up }
	echo "$line $took" >>/out/runs
done <"$1"
