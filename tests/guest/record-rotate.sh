#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-rotate.sh NR: in the guest, one stream after the other to a namespace that
# has no room for all of them; then to another one without --rotate.
set -euo pipefail
. /sluice/tests/guest/lib.sh
nvme=$(nsnode 1)

nic 1500 on
record_start --format log --streams "$1" --rotate --region-size 4M --index-size 64K \
	--stage filter:drop-prefix=DROP
for ((i = 1; i <= $1; i++)); do
	send "/out/sent.$i"
done
record_end
cp /out/summary.json /out/rotate.json

! rx "$sluice" record --dev "$RX" --queue 1 --listen :8000 --nvme "$(nsnode 2)" --format log \
	--rotate 2>/tmp/err || die "a region as large as the space is accepted"
grep -q 'smaller --region-size' /tmp/err || die "unclear: $(cat /tmp/err)"

nvme=$(nsnode 2)
record_start --format log --streams 0 --region-size 4M
for i in 1 2 3 4; do
	# the last one is cut off, or refused
	send "/out/sent.$i" 2>/dev/null || :
done
rc=0
wait $record || rc=$?
[ $rc = 1 ] || die "exit code $rc: $(cat /tmp/record.err)"
grep -q 'the recording is full.*--rotate' /tmp/record.err || die "unclear: $(cat /tmp/record.err)"
