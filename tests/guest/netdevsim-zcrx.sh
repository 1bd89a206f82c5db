#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: is a netdevsim port a NIC that a zero-copy receiver can
# use?  The receiver and the sender are the kernel tree's own iou-zcrx, as it
# stands, and check every byte.  How many were copied is read from a probe on the
# function of io_uring through which every copy must go.
#
# usage: netdevsim-zcrx.sh DIR	  with iou-zcrx and netdevsim-zcrx.bpf.o in DIR
set -u

dir=$1
T=/sys/kernel/tracing
size=2097152	# what iou-zcrx sends
rxip=192.0.2.1 txip=192.0.2.2 rxip6=2001:db8::1 txip6=2001:db8::2
tmp=$(mktemp -d)
mkdir "$tmp/bin"
busybox --install -s "$tmp/bin"	# for what else the guest hasn't got, so last
PATH=$PATH:$tmp/bin
failed=0

ok() { echo "ok - $*"; }
bad() { echo "not ok - $*"; failed=$((failed + 1)); }
check() { # WHAT COMMAND...
	what=$1; shift
	if "$@" >/dev/null; then ok "$what"; else bad "$what: $*"; fi
}
die() { echo "Bail out! $*"; exit 99; }
rxns=--net=/run/netns/rx
txns=--net=/run/netns/tx
rx() { nsenter $rxns "$@"; }
tx() { nsenter $txns "$@"; }
refused() { ! "$@" 2>/dev/null; }
within() { # SECONDS COMMAND...: try until it succeeds, on a busy host longer
	n=$(($1 * 120)); shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1)); [ $n -gt 0 ] || return 1
		usleep 50000
	done
}

# --- the pair ---------------------------------------------------------------

port() { # ID: creates a device with one port of two queues, prints its name
	echo "$1 1 2" >/sys/bus/netdevsim/new_device || die "no netdevsim"
	within 5 test -d "/sys/bus/netdevsim/devices/netdevsim$1/net"
	ls "/sys/bus/netdevsim/devices/netdevsim$1/net"
}

mkdir -p /run/netns
for ns in rx tx; do ip netns add $ns || die "ip netns"; done
R=$(port 10) S=$(port 20)
ip link set "$R" netns rx
ip link set "$S" netns tx
exec 5</run/netns/rx 6</run/netns/tx
echo "5:$(rx ip -o link show "$R" | cut -d: -f1) 6:$(tx ip -o link show "$S" | cut -d: -f1)" \
	>/sys/bus/netdevsim/link_device || die "link_device"
rx ip addr add $rxip/24 dev "$R"
tx ip addr add $txip/24 dev "$S"
rx ip addr add $rxip6/64 dev "$R" nodad
tx ip addr add $txip6/64 dev "$S" nodad
for c in "rx $R" "tx $S" "rx lo" "tx lo"; do
	nsenter --net="/run/netns/${c% *}" ip link set "${c#* }" up
done
# Enough room that the sender is never told to wait for the receiver's memory
rx sysctl -qw net.ipv4.tcp_rmem='4096 4194304 8388608'
rx ethtool -G "$R" tcp-data-split on || die "no header split"
rx ethtool -k "$R" | grep -q '^ntuple-filters: on' || bad "ntuple-filters off"

steer() { # 4|6 QUEUE: prints the rule's number
	rx ethtool -N "$R" flow-type "tcp$1" dst-port 8000 action "$2" |
		sed -n 's/.*ID //p'
}
unsteer() { rx ethtool -N "$R" delete "$1"; }
mtu() { rx ip link set "$R" mtu "$1"; tx ip link set "$S" mtu "$1"; }

# --- what was copied --------------------------------------------------------

echo 'r:nsim/copy io_zcrx_copy_chunk ret=$retval:s64' >$T/kprobe_events &&
	echo 'r:nsim/read tcp_read_sock ret=$retval:s32' >>$T/kprobe_events ||
	die "no probes"
echo 8192 >$T/buffer_size_kb

sum() { # PROBE: calls and bytes
	sed -n "s/.* $1: .*ret=\([0-9]*\)$/\1/p" $T/trace |
		awk '{ s += $1; n += $1 > 0 } END { print n + 0, s + 0 }'
}

# --- one transfer -----------------------------------------------------------

listening() { rx grep -q ':1F40 .* 0A ' /proc/net/tcp6; }

# The receiver ends at its first event later than 5 seconds after its start: a
# transfer must begin at once.
start_server() { # [OPTION...]
	nsenter $rxns timeout 300 "$dir/iou-zcrx" -s -p 8000 -i "$R" -q 1 "$@" \
		>"$tmp/server" 2>&1 &
	server=$!
	within 5 listening || { cat "$tmp/server"; return 1; }
}
stop_server() {
	kill -KILL "$(pidof iou-zcrx)"
	wait $server 2>/dev/null
}
finish_server() {
	wait $server || { echo "# receiver: $? $(cat "$tmp/server")"; return 1; }
}
send() { # ADDRESS
	tx timeout 300 "$dir/iou-zcrx" -c -h "$1" -p 8000
}

# transfer NAME ADDRESS none|all [OPTION...]: one connection, how much is copied
transfer() {
	name=$1 addr=$2 copies=$3; shift 3
	for try in 1 2 3; do
		start_server "$@" || { bad "$name: no receiver"; return; }
		echo >$T/trace
		echo 1 >$T/events/nsim/enable
		t=$(date +%s%N)
		send "$addr" || bad "$name: sender"
		finish_server && break
		# on a busy machine its 5 seconds are over before that
		[ $try -lt 3 ] && grep -q 'test failed' "$tmp/server" ||
			{ bad "$name: receiver"; break; }
		echo 0 >$T/events/nsim/enable
	done
	t=$((($(date +%s%N) - t) / 1000000))
	echo 0 >$T/events/nsim/enable
	# shellcheck disable=SC2046 # two numbers of each
	set -- $(sum copy) $(sum read)
	echo "# $name: $4 bytes in $3 reads, copied $2 bytes in $1, $t ms"
	[ "$copies" = all ] && want=$size || want=0
	[ "$4" = $size ] || { bad "$name: $4 bytes received"; return; }
	[ "$2" = "$want" ] || { bad "$name: copied $2, not $want"; return; }
	ok "$name"
}

for m in 1500 4200 9000; do
	mtu $m
	for tso in on off; do
		tx ethtool -K "$S" tso $tso >/dev/null
		r=$(steer 4 1)
		transfer "mtu $m, tso $tso, IPv4, steered" $rxip none
		unsteer "$r"
	done
	tx ethtool -K "$S" tso on >/dev/null
	r=$(steer 6 1)
	transfer "mtu $m, IPv6, steered" $rxip6 none
	unsteer "$r"
done

# The counters tell the truth: what goes to another queue is copied.  A rule
# for one family must not catch the other.
for f in 4 6; do
	[ $f = 4 ] && addr=$rxip || addr=$rxip6
	r0=$(steer $f 0) r1=$(steer $((10 - f)) 1)
	transfer "IPv$f steered to the wrong queue" "$addr" all
	unsteer "$r0"; unsteer "$r1"
done

r4=$(steer 4 1)
steer 6 1 >/dev/null
rules() { rx ethtool -n "$R" | grep -Ec 'Rule Type: TCP over IPv[46]|Direct to queue 1$|Dest port: 8000 mask: 0x0$'; }
check "rules are listed as they were set" test "$(rules)" = 6

for c in "rx $R 198.51.100.1" "tx $S 198.51.100.2"; do
	# shellcheck disable=SC2086 # these are several words
	set -- $c
	ip -n "$1" link add link "$2" name vlan5 type vlan id 5 &&
		ip -n "$1" addr add "$3/24" dev vlan5 &&
		ip -n "$1" link set vlan5 up || bad "vlan"
done
transfer "VLAN" 198.51.100.1 none
ip -n rx link del vlan5
ip -n tx link del vlan5

tx ethtool -K "$S" tx off >/dev/null
transfer "checksum not offloaded" $rxip none
tx ethtool -K "$S" tx on tso on >/dev/null

echo 20 >/proc/sys/vm/nr_hugepages
transfer "receive buffers of 16 KiB" $rxip none -x 4
echo 0 >/proc/sys/vm/nr_hugepages

check "rule with more than a port is refused" \
	refused rx ethtool -N "$R" flow-type tcp4 \
	src-ip 192.0.2.9 dst-port 8000 action 1
check "rule for a queue that isn't there is refused" \
	refused rx ethtool -N "$R" flow-type tcp4 dst-port 8000 action 2

# --- everything else goes through, while the queue has a provider -----------

udp() { # all datagrams to queue 1, too: the sender has one Tx queue
	rm -f "$tmp/udp"
	nsenter $rxns timeout 120 socat -u UDP-RECVFROM:9,fork,reuseaddr \
		OPEN:"$tmp/udp",creat,append &
	u=$!
	within 5 rx grep -q ':0009 ' /proc/net/udp
	yes abcdefghijklmnopqrstuvwxyz | head -c 8000 >"$tmp/want"
	tx socat -u -b 8000 OPEN:"$tmp/want" UDP-SENDTO:$rxip:9
	within 5 cmp -s "$tmp/udp" "$tmp/want"; rc=$?
	kill $u; wait $u 2>/dev/null
	return $rc
}
start_server || bad "no receiver"
tx tc qdisc add dev "$S" clsact
tx tc filter add dev "$S" egress protocol all \
	flower action skbedit queue_mapping 1 ||
	bad "all to queue 1"
check "UDP through the provider's queue" udp
check "ICMP through the provider's queue" tx ping -c 3 -W 5 -s 8000 $rxip
check "ICMPv6 through the provider's queue" \
	tx ping6 -c 3 -W 5 -s 8000 $rxip6
check "header split can't be turned off" \
	refused rx ethtool -G "$R" tcp-data-split off
tx tc qdisc del dev "$S" clsact
stop_server
transfer "transfer after that" $rxip none

# --- the receiver is killed -------------------------------------------------

pattern() { yes abcdefghijklmnopqrstuvwxyz | tr -d '\n' | head -c 65520; }
for how in "reading" "stopped"; do
	start_server || bad "no receiver"
	{ while pattern; do usleep 20000; done; } 2>/dev/null |
		tx timeout 20 nc $rxip 8000 >/dev/null 2>&1 &
	n=$!
	sleep 0.5
	p=$(pidof iou-zcrx) ||
		bad "receiver ended too early: $(cat "$tmp/server")"
	[ $how = reading ] || { kill -STOP "$p"; sleep 1; }
	stop_server
	wait $n 2>/dev/null
	check "link up after a receiver was killed, $how" \
		tx ping -c 1 -W 5 $rxip
	sleep 1
	transfer "transfer after a receiver was killed, $how" $rxip none
done

# --- the sender's retransmit queue is its own -------------------------------

# Large segments that nobody copies, lost and acknowledged selectively: once
# GRO has merged what the sender still owns, the kernel stops in skb_shift().

plain_server() { # COMMAND: what to do with a connection's bytes
	nsenter $rxns timeout 600 socat -u TCP-LISTEN:8000,fork,reuseaddr \
		SYSTEM:"$1" 2>/dev/null &
	l=$!
	within 5 rx grep -q ':1F40 .* 0A ' /proc/net/tcp
}
unsteer "$r4"; r4=$(steer 4 0)
dd if=/dev/urandom of="$tmp/data" bs=1M count=16 2>/dev/null
: >"$tmp/got"
plain_server "cat >>$tmp/got"
tx tc qdisc add dev "$S" root netem loss 12% limit 1000 || bad "no netem"
tx timeout 300 socat -u OPEN:"$tmp/data" TCP:$rxip:8000 || bad "lossy sender"
tx tc qdisc del dev "$S" root
check "plain sockets, lossy wire" within 10 cmp -s "$tmp/data" "$tmp/got"
kill $l; wait $l 2>/dev/null

# --- Tx queues that were stopped start again --------------------------------

# Plain sockets, several streams from both Tx queues to queue 0, and the queue
# reset under them: packets are lost, a wake-up must not be.
: >"$tmp/count"
plain_server "wc -c >>$tmp/count"
streams=
for i in 1 2 3 4; do
	head -c 8388608 /dev/zero | tx timeout 300 socat -u - TCP:$rxip:8000 &
	streams="$streams $!"
done
q=/sys/kernel/debug/netdevsim/netdevsim10/ports/0/queue_reset
for i in $(seq 20); do
	echo "0 $((i % 2))" >"$q" || bad "queue reset"
	usleep 50000
done
for p in $streams; do wait "$p" || bad "stream over a queue that is reset"; done
all_counted() { [ "$(grep -c 8388608 "$tmp/count")" = 4 ]; }
check "four streams and 20 queue resets" within 10 all_counted
kill $l; wait $l 2>/dev/null
unsteer "$r4"; r4=$(steer 4 1)

# --- XDP beside a provider --------------------------------------------------

mkdir -p /sys/fs/bpf/nsim
load() { # fresh programs, fresh counters
	rm -rf /sys/fs/bpf/nsim
	bpftool prog loadall "$dir/netdevsim-zcrx.bpf.o" /sys/fs/bpf/nsim \
		pinmaps /sys/fs/bpf/nsim >/dev/null || die "bpftool"
}
attach() { # xdpdrv|xdpgeneric PROGRAM
	rx bpftool net attach "$1" pinned "/sys/fs/bpf/nsim/$2" dev "$R" 2>"$tmp/err"
}
detach() { rx bpftool net detach "$1" dev "$R"; }
stat() { # INDEX
	bpftool -j map lookup pinned /sys/fs/bpf/nsim/nsim_stats \
		key "$1" 0 0 0 | sed -n 's/.*"value": *\([0-9]*\) *}.*/\1/p'
}
xdp_stats() {
	seg=$(stat 0) seen=$(stat 1) dropped=$(stat 2) other=$(stat 3)
	echo "# XDP: $seg segments, payload seen in $seen, $dropped dropped," \
		"$other on another queue"
	check "$1: XDP ran on the segments, by their queue" \
		test "$seg" -gt 3 -a "$other" = 0
	check "$1: XDP saw headers only" test "$seen" = 0
	check "$1: XDP dropped what it should" test "$dropped" = 3
}

load
check "XDP attached before the provider" attach xdpdrv nsim_frags
transfer "XDP first" $rxip none
xdp_stats "XDP first"
detach xdpdrv

load
start_server || bad "no receiver"
check "XDP attached after the provider" attach xdpdrv nsim_frags
send $rxip && finish_server && ok "provider first" || bad "provider first"
xdp_stats "provider first"
start_server || bad "no receiver"
check "UDP with XDP" udp
check "XDP saw all of the datagram" test "$(stat 4)" -gt 0 -a "$(stat 5)" = 0
stop_server
detach xdpdrv

load
start_server || bad "no receiver"
check "program without frags refused" refused attach xdpdrv nsim_single
check "generic XDP refused" refused attach xdpgeneric nsim_frags
check "XDP attached beside the provider" attach xdpdrv nsim_tx
check "XDP detached beside the provider" detach xdpdrv
attach xdpdrv nsim_tx
stop_server
start_server
send $rxip && finish_server && ok "XDP_TX of a header is a drop" ||
	bad "XDP_TX of a header"
check "XDP_TX was asked for" test "$(stat 2)" = 3
detach xdpdrv

load
check "generic XDP without a provider" attach xdpgeneric nsim_frags
check "provider refused beside generic XDP" \
	refused rx "$dir/iou-zcrx" -s -d -p 8000 -i "$R" -q 1
detach xdpgeneric

# The device goes with a receiver and XDP on it
start_server || bad "no receiver"
attach xdpdrv nsim_frags
echo 10 >/sys/bus/netdevsim/del_device
stop_server
sleep 1
echo 20 >/sys/bus/netdevsim/del_device
ok "devices removed"

exec 5<&- 6<&-
ip netns del rx; ip netns del tx
echo >$T/kprobe_events
rm -rf /sys/fs/bpf/nsim "$tmp"
if dmesg | grep -E 'WARNING:|BUG:|Oops|possible circular|suspicious RCU|refcount_t'; then
	bad "kernel log"
else
	ok "kernel log is clean"
fi
echo "# $failed failed"
[ $failed = 0 ]
