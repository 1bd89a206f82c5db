#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stage-ends.sh: in the guest, pipelines with a stage that ends after 5 records.
set -euo pipefail
. /sluice/tests/guest/lib.sh
stage=/sluice/build/vm/examples/stage-count.bpf.o:limit=5
said='stage count1 ended by itself: has counted enough (5); the pipeline'

says() { # WHAT FILE
	grep -qF -e "$1" "$2" || die "'$1' is not in $2: $(cat "$2")"
	echo "ok - $1"
}

nic 1500 on
record_start --stage $stage
send /out/sent
record_end
cp /out/summary.json /tmp/first.json
says "$said goes on without it" /tmp/record.err
jq -e '.result == "ok" and .stages[0].counters.next.records == 5 and
	.stages[0].ended == "ended by itself: has counted enough (5)"' /tmp/first.json >/dev/null ||
	die "$(cat /tmp/first.json)"

# the sender may find that nobody wants the rest
for format in raw log; do
	record_start --stage $stage --on-stage-exit stop --format $format --lba 500000 --force
	send /out/sent || :
	! record_end || die "$format: exit code 0 without a stage that is needed"
	says "$said stops" /tmp/record.err
	jq -e '.received_records >= 5 and .conserved' /tmp/record.json >/dev/null || die "$(cat /tmp/record.json)"
done

rc=0
nsenter --net=/run/netns/rx "$sluice" tap --dev "$RX" --queue $queue --listen $rx_ip:$port \
	--stage $stage --on-stage-exit stop --output /tmp/tapped 2>/tmp/tap.err &
tap=$!
until_true 20 grep -q listening /tmp/tap.err
send /out/sent || :
wait $tap || rc=$?
[ $rc = 1 ] || die "tap: exit code $rc"
says "$said stops" /tmp/tap.err
cmp -n "$(stat -c %s /tmp/tapped)" /tmp/tapped /out/sent || die "tap: not what was sent"

cp /tmp/first.json /out/summary.json
