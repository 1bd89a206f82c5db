# SPDX-License-Identifier: GPL-2.0
#
# lib.sh: for scripts that run in the guest.  A linked pair of netdevsim ports,
# $RX in the namespace rx and $TX in tx, the first of which is the NIC.

sluice=/sluice/build/vm/sluice
rx_ip=192.0.2.1 tx_ip=192.0.2.2
port=8000 queue=1

die() { echo "$*" >&2; exit 1; }
rx() { nsenter --net=/run/netns/rx "$@"; }
tx() { nsenter --net=/run/netns/tx "$@"; }

# links: those of BPF, in JSON.  bpftool's exit code is whatever errno is when it has said
# all of it
links() { bpftool -j link show "$@" || :; }

# until SECONDS COMMAND...: try again until it succeeds.  The seconds are those of an idle
# host; one that emulates several machines at once may be many times slower.
until_true() {
	local end=$((SECONDS + 6 * $1))
	shift
	while ! "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

none_loaded() { # REGEX
	[ "$(bpftool -j prog show | jq --arg re "$1" 'map(select(.name // "" | test($re))) | length')" = 0 ]
}

# unloaded REGEX: no BPF program has such a name.  The kernel frees them when nobody can be
# in them any more
unloaded() { until_true 10 none_loaded "$1"; }

port_new() { # ID [QUEUES]: one port with two queues or so many, prints its name
	local dir=/sys/bus/netdevsim/devices/netdevsim$1/net
	echo "$1 1 ${2:-2}" >/sys/bus/netdevsim/new_device
	until_true 5 test -d "$dir" || die "no netdevsim port $1"
	ls "$dir"
}

# nic MTU TSO(on|off) [QUEUES]: the pair, with the split on and the port steered
nic() {
	ip netns add rx
	ip netns add tx
	RX=$(port_new 10 "${3:-}") TX=$(port_new 20 "${3:-}")
	ip link set "$RX" netns rx
	ip link set "$TX" netns tx
	exec 5</run/netns/rx 6</run/netns/tx
	echo "5:$(rx ip -o link show "$RX" | cut -d: -f1) 6:$(tx ip -o link show "$TX" | cut -d: -f1)" \
		>/sys/bus/netdevsim/link_device || die "no link_device"
	exec 5<&- 6<&-
	# a NIC hashes addresses, and does not move a connection that is slow
	tx sysctl -qw net.core.txrehash=0
	rx ip addr add $rx_ip/24 dev "$RX"
	tx ip addr add $tx_ip/24 dev "$TX"
	rx ip link set "$RX" mtu "$1" up
	tx ip link set "$TX" mtu "$1" up
	rx ip link set lo up
	rx ethtool -G "$RX" tcp-data-split on || die "no header split"
	rx ethtool -N "$RX" flow-type tcp4 dst-port $port action $queue >/dev/null ||
		die "no steering"
	tx ethtool -K "$TX" tso "$2" gso "$2" >/dev/null
}

# nsnode N: the block node of namespace N of the first controller, whose number in the
# name may be another
nsnode() {
	local ns
	for ns in /sys/block/nvme0n*; do
		[ "$(cat "$ns/nsid")" != "$1" ] || echo "/dev/${ns##*/}"
	done
}

# record_start [OPTION...]: sluice record in the background, until it listens
record_start() {
	: >/tmp/record.err
	# not by rx(): signals are for sluice itself, not for a shell around it
	nsenter --net=/run/netns/rx "$sluice" record --dev "$RX" --queue $queue --nvme "${nvme:-/dev/nvme0n1}" \
		--listen $rx_ip:$port -j "$@" >/tmp/record.json 2>/tmp/record.err &
	record=$!
	until_true 20 grep -q -e listening -e "^sluice: .*;" /tmp/record.err
	grep -q listening /tmp/record.err || { cat /tmp/record.err >&2; return 1; }
}

# record_end: its exit code; the summary goes to /out
record_end() {
	local rc=0
	wait "$record" || rc=$?
	grep -v listening /tmp/record.err >&2 || :
	cp /tmp/record.json /out/summary.json
	return $rc
}

# send FILE: by a tool that knows nothing of sluice
send() { tx socat -u -b 65536 "OPEN:$1" TCP4:$rx_ip:$port; }

# send_all NR: /out/sent.1 to sent.NR, at once
send_all() {
	local i pid senders=()
	for ((i = 1; i <= $1; i++)); do
		send "/out/sent.$i" &
		senders+=($!)
	done
	for pid in "${senders[@]}"; do
		wait "$pid" || die "a sender failed"
	done
}

# How often have the tasks of PID and its children been taken off a CPU?
switches() { # PID
	# others may end meanwhile
	{ cat /proc/[0-9]*/task/*/status 2>/dev/null || :; } | awk -v pid="$1" '
		/^Tgid:/ { tgid = $2 }
		/^PPid:/ { ppid = $2 }
		/ctxt_switches:/ && (tgid == pid || ppid == pid) { n += $2 }
		END { print n }'
}
