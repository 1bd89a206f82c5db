#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-two.sh ROUNDS: in the guest, two pipelines on queues 1 and 2 of one port;
# pipeline b has its options from a file.
set -euo pipefail
. /sluice/tests/guest/lib.sh

declare -A pid ns=([a]=$(nsnode 1) [b]=$(nsnode 2)) q=([a]=1 [b]=2) p=([a]=8001 [b]=8002)

start() { # NAME [OPTION...]
	local n=$1
	shift
	: >"/tmp/$n.err"
	nsenter --net=/run/netns/rx "$sluice" record "$@" >"/tmp/$n.json" 2>"/tmp/$n.err" &
	pid[$n]=$!
}
start_a() {
	start a --dev "$RX" --queue "${q[a]}" --nvme "${ns[a]}" --listen "$rx_ip:${p[a]}" \
		--name a --stage filter:drop-prefix=DROP -j "$@"
}
start_b() { start b --config /tmp/b.toml "$@"; }
listens() { grep -q listening "/tmp/$1.err"; }
sends() { tx socat -u -b 65536 "OPEN:/out/sent-$1" "TCP4:$rx_ip:${p[$1]}"; }
ended() { # NAME: by itself, or by a signal
	wait "${pid[$1]}" || die "$1 ends with $?: $(cat "/tmp/$1.err")"
}
flows() { bpftool -j prog show | jq 'map(select(.name == "sluice_flow")) | length'; }
nothing_left() {
	[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
	! rx ip link show "$RX" | grep -q xdp || die "XDP is still attached"
	unloaded sluice_flow || die "programs are still loaded"
}

nic 1500 on 3
for n in a b; do
	rx ethtool -N "$RX" flow-type tcp4 dst-port "${p[$n]}" action "${q[$n]}" >/dev/null
done
cat >/tmp/b.toml <<EOF
[record]
dev = "$RX"
queue = 2
nvme = "${ns[b]}"
listen = "$rx_ip:8002"
stage = [ "filter:drop-prefix=DROP" ]
region-size = "16M"
name = "b"
json = true
EOF

for round in $(seq "$1"); do
	start_a --lba $((round * 10000))
	start_b --lba $((round * 10000))
	for n in a b; do
		until_true 30 listens $n || die "$n does not listen: $(cat /tmp/$n.err)"
	done
	[ "$("$sluice" show -j | jq -c 'map(select(.running) | .name) | sort')" = '["a","b"]' ] ||
		die "not two pipelines: $("$sluice" show -j)"
	[ "$(flows)" = 2 ] || die "$(flows) programs of XDP"
	for n in a b; do
		sends $n &
	done
	for n in a b; do
		ended $n
		cp "/tmp/$n.json" "/out/$n-$round.json"
	done
	wait
	nothing_left
	echo "ok - round $round"
done

# one starts while the other ends, and the same name twice at once
start_a
until_true 30 listens a || die "a does not listen: $(cat /tmp/a.err)"
for round in $(seq "$1"); do
	start_b
	kill -INT "${pid[a]}"
	ended a
	until_true 30 listens b || die "b does not listen: $(cat /tmp/b.err)"
	start_a
	kill -INT "${pid[b]}"
	ended b
	until_true 30 listens a || die "a does not listen: $(cat /tmp/a.err)"
done
start_b --name a
! wait "${pid[b]}" || die "two pipelines of one name"
grep -q "'a' runs already" /tmp/b.err || die "unclear: $(cat /tmp/b.err)"
one_flow() { [ "$(flows)" = 1 ]; }
until_true 10 one_flow || die "$(flows) programs of XDP"
kill -INT "${pid[a]}"
ended a
nothing_left
echo "ok - one ends while the other starts"
