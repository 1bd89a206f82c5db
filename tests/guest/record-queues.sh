#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-queues.sh NR: in the guest, connections that the NIC spreads over two queues,
# by the hash of the sender, to two regions that share two namespaces.
set -euo pipefail
. /sluice/tests/guest/lib.sh

nr=$1
nic 1500 on
rule=$(rx ethtool -n "$RX" | sed -n 's/^Filter: //p')
rx ethtool -N "$RX" delete "$rule"

record_start --queue 0 --nvme /dev/nvme0n2 --format log --streams "$nr" --region-size 32M \
	--stage filter:drop-prefix=DROP
for pin in record-link ring1-record-link place-link ring1-place-link filter1-link \
	ring1-filter1-link; do
	[ -e /sys/fs/bpf/sluice/record/$pin ] ||
		die "not pinned: $pin; there is $(ls /sys/fs/bpf/sluice/record)"
done
# a stage that comes later is asked by both rings, and goes from both
pins() { (cd /sys/fs/bpf/sluice/record && ls | grep -e 'sample.*-link' | paste -sd' '); }
"$sluice" attach record sample:one-in=1
[ "$(pins)" = "ring1-sample1-link sample1-link" ] || die "attached: $(pins)"
"$sluice" attach record sample:one-in=1 --replace sample1
[ "$(pins)" = "ring1-sample2-link sample2-link" ] || die "replaced: $(pins)"
! "$sluice" detach record sample1 2>/tmp/err || die "sample1 is gone"
grep -q 'it has .*sample2' /tmp/err && ! grep -q ring1 /tmp/err || die "unclear: $(cat /tmp/err)"
# in both rings, or in none
attached() { links pinned /sys/fs/bpf/sluice/record/sample2-link | jq .map_id; }
map=$(attached)
# the second ring refuses this one, after the first has it
! "$sluice" attach record /sluice/build/vm/tests/conformance/only-once.bpf.o --replace sample2 \
	2>/tmp/err || die "it is in both rings"
[ "$(bpftool -j map dump pinned /sys/fs/bpf/only_once | jq '.[0].formatted.value')" = 2 ] ||
	die "it was not asked twice: $(cat /tmp/err)"
rm /sys/fs/bpf/only_once
[ "$(pins)" = "ring1-sample2-link sample2-link" ] || die "not put back: $(pins)"
[ "$(attached)" = "$map" ] || die "the first ring has not got its stage back"
bpftool link detach pinned /sys/fs/bpf/sluice/record/ring1-sample2-link
! "$sluice" attach record sample:one-in=1 --replace sample2 2>/tmp/err || die "half of it is replaced"
grep -q 'sample2 of record is not attached any more' /tmp/err || die "unclear: $(cat /tmp/err)"
[ "$(pins)" = "ring1-sample2-link sample2-link" ] || die "not replaced: $(pins)"
[ "$(attached)" = "$map" ] || die "the first ring's is replaced"
"$sluice" detach record sample2
[ -z "$(pins)" ] || die "detached: $(pins)"
# each thread has given up what it had
for task in "/proc/$record/task"/*; do
	grep -q '^CapEff:[[:space:]]*0*$' "$task/status" || die "$task: $(grep Cap "$task/status")"
	grep -q '^NoNewPrivs:[[:space:]]*1$' "$task/status" || die "$task has new privileges"
done
[ "$(ls /proc/$record/task | wc -l)" -ge 2 ] || die "there is one thread only"
send_all "$nr"
record_end
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"

# SIGINT reaches also the streams of the other ring
record_start --queue 0 --nvme /dev/nvme0n2 --format log --streams 0 --lba 1000000 \
	--stage filter:drop-prefix=DROP
senders=()
for ((i = 1; i <= 6; i++)); do
	tx bash -c "seq 1 1000000000 | socat -u - TCP4:$rx_ip:$port" 2>/dev/null &
	senders+=($!)
done
six() {
	[ "$("$sluice" list -j --nvme /dev/nvme0n1,/dev/nvme0n2 --lba 1000000 |
		jq '.streams | map(select(.readable_bytes > 10000)) | length')" = 6 ]
}
until_true 60 six || die "nothing is indexed: $(cat /tmp/record.err)"
[ "$("$sluice" show record -j | jq '.[0].objects | map(select(.name == "record_complete")) | length')" = 2 ] ||
	die "sluice show: $("$sluice" show record)"
"$sluice" stat -1j record | jq -e '.pipelines[0] | .rings == 2 and .received_bytes > 60000 and
	(.verdicts | map(select(.stage == "filter1" and .verdict == "next")) | length == 1)' >/dev/null ||
	die "sluice stat: $("$sluice" stat -1j record)"
cp /out/summary.json /tmp/summary.json
kill -INT $record
record_end
jq -e '(.streams | map(.result) | unique) == ["stopped"] and .conserved' /out/summary.json >/dev/null ||
	die "$(cat /out/summary.json)"
[ "$(jq '.written_bytes' /out/summary.json)" = \
	"$("$sluice" list -j --nvme /dev/nvme0n1,/dev/nvme0n2 --lba 1000000 | jq '.streams | map(.readable_bytes) | add')" ] ||
	die "what was written is not what the index has"
"$sluice" list -j --nvme /dev/nvme0n1,/dev/nvme0n2 --lba 1000000 |
	jq -e '.streams | all(.state == "cut off" and .result == "stopped")' >/dev/null ||
	die "what was stopped looks as if the sender had ended it"
kill "${senders[@]}" 2>/dev/null || :
cp /out/summary.json /out/stopped.json
cp /tmp/summary.json /out/summary.json

# a queue that cannot be had: nothing stays behind
! rx "$sluice" record --dev "$RX" --queue 1 --queue 7 --nvme /dev/nvme0n1 --listen :8000 \
	--format log --force 2>/tmp/err || die "queue 7"
grep -q 'queue 7: .* has 2' /tmp/err || die "unclear: $(cat /tmp/err)"
rx ethtool -G "$RX" tcp-data-split off
! rx "$sluice" record --dev "$RX" --queue 1 --queue 0 --nvme /dev/nvme0n1 --listen :8000 \
	--format log --force 2>/tmp/err || die "no header split"
grep -q 'tcp-data-split on' /tmp/err || die "unclear: $(cat /tmp/err)"
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
