#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-inspect.sh: in the guest, look at a pipeline with bpftool while it runs,
# then stop it by SIGINT in mid-stream.
set -euo pipefail
. /sluice/tests/guest/lib.sh

folder=/sys/fs/bpf/sluice/inspect
check() { # WHAT JQ_FILTER COMMAND...
	local what=$1 filter=$2
	shift 2
	"$@" | jq -e "$filter" >/dev/null || die "not there: $what"
	echo "ok - $what"
}

nic 1500 on
record_start --name inspect --stage filter:drop-prefix=DROP

for prog in filter_rx record_complete sluice_flow; do
	check "program $prog" "any(.[]; .name == \"$prog\")" bpftool -j prog show
done
for map in filter_verdicts record_commands flows; do
	check "map $map" "any(.[]; .name == \"$map\")" bpftool -j map show
done
check "struct_ops maps by name" 'map(.name) | contains(["filter", "record"])' \
	bpftool -j struct_ops show
check "links of struct_ops" 'map(select(.type == "struct_ops")) | length == 2' \
	links
for pin in filter1-prog-filter_rx filter1-map-filter_verdicts filter1-link \
	record-prog-record_complete record-link flow-map-flows pipeline; do
	[ -e $folder/$pin ] || die "not pinned: $pin; there is $(ls $folder)"
done
check "counters by name" '.[0].formatted.values[0].value | has("drop") and has("next")' \
	bpftool -j map dump pinned $folder/filter1-map-filter_verdicts
rx ip link show "$RX" | grep -q xdp || die "no XDP on $RX"

# an endless stream, until some of it has been written
tx bash -c "yes '' | tr '\n' x | socat -u - TCP4:$rx_ip:$port" 2>/dev/null &
sender=$!
written() {
	[ "$("$sluice" show inspect -j | jq ".[0].written_bytes // 0")" -gt 1000000 ]
}
until_true 30 written || die "nothing is written: $("$sluice" show inspect -j)"
check "sluice show has all of it" '.[0] | .running and (.objects | length > 8)' \
	"$sluice" show inspect -j
"$sluice" show
! "$sluice" show | grep -E '.{81}' || die "wider than 80 columns"
# each program and map under the name that bpftool has for it, what is not pinned, too
for type in prog map; do
	bpftool -j $type show | jq -c 'map({id, name}) | sort' >/tmp/bpftool.json
	check "the ${type}s' names are bpftool's" "[.[0].objects[] | select(.type == \"$type\") |
		{id, name}] | (length > 3) and (. - $(cat /tmp/bpftool.json) == [])" "$sluice" show inspect -j
done
links | jq -c 'map(.id)' >/tmp/bpftool.json
check "links, with the name of what they attach" "[.[0].objects[] | select(.type == \"link\")] |
	(map(.name) | sort) == [\"filter\", \"record\"] and (map(.id) - $(cat /tmp/bpftool.json) == [])" \
	"$sluice" show inspect -j
check "maps that are not pinned" \
	'[.[0].objects[] | select(.type == "map" and .pin == null) | .name] |
		any(endswith(".rodata"))' \
	"$sluice" show inspect -j
check "kind, rings, stages in their order" '.[0] | .kind == "record" and .rings == 1 and
	(.stages | map([.name, .prio, .state])) ==
	[["filter1", 100, "attached"], ["record", 1000000, "attached"]]' "$sluice" show inspect -j
check "the filter's counters move" \
	'[.[0].formatted.values[].value.next.records] | add > 0' \
	bpftool -j map dump pinned $folder/filter1-map-filter_verdicts
check "the flow is counted" 'map(select(.formatted.key.dport == 8000)) | length == 1' \
	bpftool -j map dump pinned $folder/flow-map-flows

# what is steered to the pipeline's queue and not for it is dropped, and counted
rx ethtool -N "$RX" flow-type tcp4 dst-port 9 action $queue >/dev/null
tx socat -u /dev/null TCP4:$rx_ip:9,connect-timeout=1 2>/dev/null || :
check "XDP drops what nobody asked for" \
	'[.[0].formatted.values[].value.dropped] | add > 0' \
	bpftool -j map dump pinned $folder/flow-map-flow_total

# a second pipeline on the same namespace is refused
! rx "$sluice" record --dev "$RX" --queue 0 --nvme /dev/nvme0n1 --name two \
	--listen $rx_ip:8001 2>/tmp/two || die "two pipelines on one namespace"
grep -q 'in use' /tmp/two || die "unclear: $(cat /tmp/two)"

kill -INT $record
record_end
kill $sender 2>/dev/null || :
[ ! -e $folder ] || die "left behind: $(ls $folder)"
! rx ip link show "$RX" | grep -q xdp || die "XDP is still attached"
