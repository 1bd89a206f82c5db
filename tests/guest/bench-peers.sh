#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-peers.sh [PEER,MTU,RECORD[,OPTION]...]...: in the guest, send /out/sent to each
# peer, the first with namespace 1, and so on; what they report is /out/report.N.
set -euo pipefail
. /sluice/tests/guest/lib.sh
peers=/sluice/build/vm/tests/bench/peers

nic 4148 on
nr=0
for run; do
	nr=$((nr + 1))
	IFS=, read -r peer mtu record options <<<"$run"
	rx ip link set "$RX" mtu "$mtu"
	tx ip link set "$TX" mtu "$mtu"
	# each segment in buffers of its own; at 4148, where one is a page, several
	# segments at once make no difference
	tso=off
	[ "$mtu" != 4148 ] || tso=on
	tx ethtool -K "$TX" tso $tso gso $tso >/dev/null
	node=$(nsnode $nr)
	case $peer in
	zcrx-*) node=/dev/ng${node#/dev/nvme} ;;
	esac
	# not what the one before has said
	: >/tmp/peer.err
	# a peer ignores what it has no use for, as splice does --dev
	# shellcheck disable=SC2086 # options are words
	nsenter --net=/run/netns/rx "$peers/$peer" --dev "$RX" --queue $queue --nvme "$node" \
		--record-size "$record" ${options//,/ } >"/out/report.$nr" 2>/tmp/peer.err &
	pid=$!
	until_true 20 grep -q . /tmp/peer.err
	grep -q listening /tmp/peer.err || die "$run: $(cat /tmp/peer.err)"
	start=$(date +%s%N)
	send /out/sent
	wait $pid || die "$run: exit code $?: $(cat /tmp/peer.err)"
	echo "$run: $((($(date +%s%N) - start) / 1000000)) ms: $(cat /out/report.$nr)"
done
