#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stat.sh: in the guest, sluice stat beside a pipeline that has got /out/sent and
# waits for more: its numbers are known.
set -euo pipefail
. /sluice/tests/guest/lib.sh

folder=/sys/fs/bpf/sluice/record
bytes=$(stat -c %s /out/sent)
stat() { "$sluice" stat "$@"; }
received() { [ "$("$sluice" show -j | jq '.[0].received_bytes // 0')" -ge "$1" ]; }
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
check() { # WHAT JQ_FILTER FILE
	jq -e --argjson bytes "$bytes" "$2" "$3" >/dev/null || die "$1: $(cat "$3")"
	echo "ok - $1"
}

stat --once >/tmp/none
grep -qx 'no pipeline runs' /tmp/none || die "without a pipeline: $(cat /tmp/none)"
! stat nosuch 2>/tmp/none || die "stat of what is not there"
grep -q "no pipeline 'nosuch'" /tmp/none || die "unclear: $(cat /tmp/none)"

nic 1500 on
record_start --stage filter:drop-prefix=DROP
# the process itself, for the signal, not a shell with that function
"$sluice" stat -j record >/tmp/stat.json &
watcher=$!
until_true 10 lines /tmp/stat.json 1
mkfifo /tmp/more
tx socat -u -b 65536 OPEN:/tmp/more TCP4:$rx_ip:$port &
sender=$!
exec 7>/tmp/more
cat /out/sent >&7
until_true 60 received "$bytes"
now=$(wc -l </tmp/stat.json)
until_true 10 lines /tmp/stat.json $((now + 2))
kill -INT $watcher
wait $watcher || die "SIGINT: exit code $?"

# what was received is what was sent; the rates of all intervals add up to it
jq -s . /tmp/stat.json >/tmp/all.json
check "one object a line, the last with all of it" \
	'.[-1].pipelines[0] | .received_bytes == $bytes and .running and .kind == "record" and .rings == 1' \
	/tmp/all.json
check "a third is dropped" '.[-1].pipelines[0] | .dropped_bytes * 3 == .received_bytes' /tmp/all.json
check "the rates add up" \
	'[.[] | .interval * .pipelines[0].received_bytes_per_second] | add - $bytes | fabs < $bytes / 1000' \
	/tmp/all.json
check "and are 0 at rest" '.[-1].pipelines[0].received_bytes_per_second == 0' /tmp/all.json
check "verdicts by stage" '.[-1].pipelines[0] | .dropped_records as $d | .received_records as $r |
	[.verdicts[] | select(.stage == "filter1")] |
	all(.[]; .records == {drop: $d, next: ($r - $d), write: 0}[.verdict] // 0)' /tmp/all.json

[ "$("$sluice" __complete stat re)" = record ] || die "no completion of its name"

# latencies: a map with BTF, where the slots are not at the start, and one without
mkdir /sys/fs/bpf/test
bpftool prog loadall /out/latency.bpf.o /sys/fs/bpf/test type socket pinmaps /sys/fs/bpf/test
mv /sys/fs/bpf/test/test_latency $folder/meter1-map-meter_latency
bpftool map create $folder/plain-map-plain_latency type array key 4 value 256 entries 1 name plain_latency
python3 /sluice/tests/guest/slots.py $folder/meter1-map-meter_latency 34 1 10=980 12=15 20=5
python3 /sluice/tests/guest/slots.py $folder/plain-map-plain_latency 32 0 4=1
stat -j1 >/tmp/once.json
# 98 % are in slot 10, 99.5 % below 13, the last in slot 20; two CPUs have the same
check "percentiles" '[.pipelines[0].latencies[] | select(.stage == "meter1")][0] |
	.count == 1000 * 2 and .p50_ns >= 1024 and .p50_ns < 2048 and
	.p99_ns >= 4096 and .p99_ns < 8192 and .p999_ns >= 1048576 and .p999_ns < 2097152' /tmp/once.json
check "a map without BTF" '[.pipelines[0].latencies[] | select(.stage == "plain")][0] |
	.count == 1 and .p50_ns >= 16 and .p50_ns <= 32' /tmp/once.json

stat --once >/tmp/table
cat /tmp/table
! grep -E '.{81}' /tmp/table || die "wider than 80 columns"
for word in received dropped written 'in flight' copied 'stage filter1' 'p99.9'; do
	grep -q "$word" /tmp/table || die "no '$word' in the table"
done

# in a terminal: drawn again, at a new size as well, and left as it was
python3 /sluice/tests/guest/terminal.py "$sluice" stat || die "in a terminal"
echo "ok - in a terminal"

stat --once --openmetrics /tmp/sluice.prom
[ "$(ls /tmp/sluice.prom*)" = /tmp/sluice.prom ] || die "left: $(ls /tmp/sluice.prom*)"
python3 /sluice/tests/guest/openmetrics.py /tmp/sluice.prom >/tmp/metrics.json
check "OpenMetrics" '."sluice_received_bytes_total{pipeline=\"record\",kind=\"record\"}" == $bytes' \
	/tmp/metrics.json
check "a histogram" '."sluice_latency_seconds_bucket{pipeline=\"record\",kind=\"record\",stage=\"meter1\",le=\"2.048e-06\"}" == 1960' \
	/tmp/metrics.json
stat -1o - | cmp - /tmp/sluice.prom || die "standard output is another"
for file in /dev/null /tmp /tmp/more /nosuch/file; do
	! stat -1o $file 2>/tmp/err || die "--openmetrics $file"
	[ "$(wc -l </tmp/err)" = 1 ] || die "--openmetrics $file: $(cat /tmp/err)"
done
[ -c /dev/null ] && [ -p /tmp/more ] || die "a device is gone"

setpriv --reuid 65534 --clear-groups "$sluice" stat -1 2>/tmp/err && die "for nobody"
grep -q 'run as root' /tmp/err || die "for nobody: $(cat /tmp/err)"

# one that watches a pipeline ends with it
# not with what keeps the connection open
stat record >/tmp/lines 7>&- &
watcher=$!
until_true 10 lines /tmp/lines 2
exec 7>&-
wait $sender
record_end
wait $watcher || die "stat after the end: exit code $?"
! grep -E '.{81}' /tmp/lines || die "lines wider than 80 columns"
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
