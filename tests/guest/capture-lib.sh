# SPDX-License-Identifier: GPL-2.0
#
# capture-lib.sh: for tests of `sluice capture` in the guest.  $IF, in the namespace
# rx, is what they capture on, $PEER in tx sends.
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh

disk() { block "$(node "sluice$1" 1)"; }	# the namespace of --disk number $1

# shellcheck disable=SC2034 # for the tests
dev=$(disk 0)
dport=9000

# Frames of the kernel itself (router solicitations, ARP) would be among ours
pair_up() {
	IF=$1 PEER=$2
	rx sysctl -qw "net.ipv6.conf.$IF.disable_ipv6=1"
	tx sysctl -qw "net.ipv6.conf.$PEER.disable_ipv6=1"
	rx ip addr add $rx_ip/24 dev "$IF"
	tx ip addr add $tx_ip/24 dev "$PEER"
	rx ip link set "$IF" up
	tx ip link set "$PEER" up
	tx ip neigh replace $rx_ip lladdr "$(rx_mac)" dev "$PEER"
	rx ip neigh replace $tx_ip lladdr "$(tx_mac)" dev "$IF"
}
rx_mac() { rx ip -j link show "$IF" | jq -r '.[0].address'; }
tx_mac() { tx ip -j link show "$PEER" | jq -r '.[0].address'; }

namespaces() {
	ip netns add rx
	ip netns add tx
}

pair_veth() {
	rx ip link add vrx type veth peer name vtx netns tx
	pair_up vrx vtx
}

# Two queues, the second for TCP to $port: a frame of a sender with one queue comes in by the
# first unless it is steered
pair_netdevsim() {
	local a b
	a=$(port_new 30) b=$(port_new 40)
	ip link set "$a" netns rx
	ip link set "$b" netns tx
	exec 5</run/netns/rx 6</run/netns/tx
	echo "5:$(rx ip -o link show "$a" | cut -d: -f1) 6:$(tx ip -o link show "$b" | cut -d: -f1)" \
		>/sys/bus/netdevsim/link_device || die "no link_device"
	exec 5<&- 6<&-
	tx ethtool -L "$b" combined 1 || die "no single queue"
	rx ethtool -G "$a" tcp-data-split off
	pair_up "$a" "$b"
	rx ethtool -N "$a" flow-type tcp4 dst-port $port action 1 >/dev/null ||
		die "no steering"
}

# capture_start NAME OPTION...: in the background, until frames are redirected
capture_start() {
	run=$1
	shift
	: >/tmp/capture.err
	nsenter --net=/run/netns/rx "$sluice" capture --name "$run" --dev "$IF" -j "$@" \
		>"/out/$run.json" 2>/tmp/capture.err &
	capture=$!
	until_true 20 has_started || :
	grep -q capturing /tmp/capture.err || die "$run: $(cat /tmp/capture.err)"
}
has_started() {
	grep -q capturing /tmp/capture.err || ! kill -0 "$capture" 2>/dev/null
}

# What the XDP program has counted
counted() { # EXPRESSION: of one CPU's counters
	bpftool -j map dump pinned "/sys/fs/bpf/sluice/$run/capture-map-capture_counts" |
		jq "[.[0].formatted.values[].value | $1] | add"
}
has_counted() { [ "$(counted "$1")" -ge "$2" ]; }
await() { # EXPRESSION NUMBER
	until_true 30 has_counted "$1" "$2" || die "$run: $1 is $(counted "$1"), not $2"
}
await_matched() { await .matched "$1"; }

# capture_end: by a signal; nothing stays behind
capture_end() {
	kill -INT "$capture"
	capture_wait "$@"
}

capture_wait() { # [EXIT_CODE]
	local rc=0
	wait "$capture" || rc=$?
	grep -v capturing /tmp/capture.err >&2 || :
	[ $rc = "${1:-0}" ] || die "$run: exit code $rc"
	no_trace
}

no_trace() {
	[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
	! rx ip link show "$IF" | grep -q xdp || die "XDP is still attached"
	# freed by the kernel some time after
	until_true 10 no_programs || die "a program is still loaded"
}
no_programs() {
	[ "$(bpftool -j prog show | jq 'map(select(.name == "sluice_capture")) | length')" = 0 ]
}

# udp FILE SIZE [PORT]: as datagrams of SIZE bytes
udp() { tx socat -u -b "$2" "OPEN:$1" "UDP4-SENDTO:$rx_ip:${3:-$dport}"; }
