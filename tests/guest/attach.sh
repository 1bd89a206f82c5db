#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh: in the guest, attach stages to a pipeline, replace and detach them
# while it receives.  /out/part.N is sent while the stages are those of step N.
set -euo pipefail
. /sluice/tests/guest/lib.sh

count=/sluice/build/vm/examples/stage-count.bpf.o
folder=/sys/fs/bpf/sluice/live
sent=0
received() {
	[ "$("$sluice" show live -j | jq '.[0].received_bytes // 0')" = $sent ]
}
part() { # N: send it, until the kernel has it
	cat "/out/part.$1" >&9
	sent=$((sent + $(stat -c %s "/out/part.$1")))
	until_true 60 received || die "part $1 is not received: $("$sluice" show live -j)"
}
says() { # WHAT COMMAND...
	local what=$1 out
	shift
	out=$("$@" 2>&1) || die "$*: exit code $?: $out"
	grep -qF -e "$what" <<<"$out" || die "'$what' is not what $* says: $out"
	echo "ok - $out"
}
refused() { # CODE WHAT ARGS...: as says, but it fails, and nothing is left
	local code=$1 what=$2 out rc=0 before
	shift 2
	before=$(ls $folder 2>&1 || :)
	out=$("$sluice" "$@" 2>&1) || rc=$?
	[ $rc = "$code" ] || die "$*: exit code $rc: $out"
	grep -qF -e "$what" <<<"$out" || die "'$what' is not what $* says: $out"
	[ "$before" = "$(ls $folder 2>&1 || :)" ] || die "$* leaves something in $folder"
	echo "ok - $(head -n 1 <<<"$out")"
}
stages() { # JQ_FILTER on its stages, by name
	"$sluice" show live -j | jq -e ".[0].stages | $1" >/dev/null ||
		die "not '$1': $("$sluice" show live -j | jq .[0].stages)"
}

refused 1 "no pipeline 'live' runs" attach live filter:drop-prefix=DROP
nic 1500 on
mkfifo /tmp/fifo
record_start --name live --stage sample:one-in=1
tx socat -u -b 65536 OPEN:/tmp/fifo TCP4:$rx_ip:$port &
sender=$!
exec 9>/tmp/fifo

part 0
before=$("$sluice" show live -j | jq .[0].stages[0].counters.next.records)
says "live: filter1 is attached" "$sluice" attach live filter:drop-prefix=DROP
stages 'map(.name) == ["sample1", "filter1", "record"]'
part 1
# it is asked behind sample1, and in front of record
stages '.[1].counters | .drop.records > 0 and .next.records > 0'
stages "(.[1].counters | .drop.records + .next.records) == .[0].counters.next.records - $before"
says "live: filter2 is in the place of filter1" \
	"$sluice" attach live filter:keep-prefix=DROP --replace filter1
stages 'map(.name) == ["sample1", "filter2", "record"]'
part 2
says '"detached": "filter2"' "$sluice" detach live filter2 -j
stages 'map(.name) == ["sample1", "record"]'
part 3

# one of the user's own, which ends by itself after the 5th record, in front of all
says "live: count1 is attached" "$sluice" attach live $count:limit=5 --prio 1
part 4
ended() { "$sluice" show live | grep -q 'stage count1 .*ended by itself: has counted enough (5)'; }
until_true 20 ended || die "$("$sluice" show live)"
"$sluice" show live | grep 'stage count1'
stages '.[0].counters.next.records == 5'
says "live: count1 is detached" "$sluice" detach live count1
says '"attached": "count1"' "$sluice" attach live $count -j
says "live: count2 is in the place of count1" "$sluice" attach live $count --replace count1
part 5
[ "$(bpftool -j map dump pinned $folder/count2-map-count_first |
	jq '[.[].formatted.value] | add')" = 100 ] || die "it has not counted all"

refused 1 "no pipeline 'dead' runs" attach dead count
refused 1 "no stage 'nope', built in or in" attach live nope
refused 1 "live has no stage 'filter2'; it has" detach live filter2
refused 1 "live has no stage 'filter9'; it has" attach live filter:drop-prefix=a --replace filter9
refused 1 "filter knows no 'color'" attach live filter:color=red
refused 1 "refuses its options" attach live inject:at=rx,action=delay
refused 1 "refuses its options" attach live inject:at=rx,action=delay --replace count2
refused 2 "attach takes a pipeline and a stage" attach live
refused 2 "detach takes a pipeline and a stage" detach live a b
refused 2 "--prio 3000000000 is not" attach live meter --prio 3000000000
# at the same time: each has a name of its own
"$sluice" attach live sample:one-in=1 >/tmp/one &
"$sluice" attach live sample:one-in=1 >/tmp/two &
wait -n
wait -n
stages 'map(.name) == ["sample1", "count2", "sample2", "sample3", "record"]'
"$sluice" detach live sample2
"$sluice" detach live sample3
# as many as there can be: sample1, record and count2 are there, count1 was
while "$sluice" attach live meter >/tmp/out 2>&1; do :; done
grep -qF "as many stages as there can be" /tmp/out || die "$(cat /tmp/out)"
stages 'map(select(.name | startswith("meter"))) | length == 13'
part 6

exec 9>&-
record_end
wait $sender
[ ! -e /sys/fs/bpf/sluice ] || die "left behind: $(find /sys/fs/bpf/sluice)"
unloaded "filter_rx|count_rx|meter_rx" || die "programs are still loaded"
