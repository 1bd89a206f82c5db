#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-kill.sh: in the guest, kill sluice where it hurts, then record.
set -euo pipefail
. /sluice/tests/guest/lib.sh

written() {
	[ "$("$sluice" show record -j | jq ".[0].written_bytes // 0")" -gt 500000 ]
}

nic 1500 on
for round in 1 2 3; do
	# the device comes back when its last command has ended
	until_true 30 record_start 2>/dev/null || record_start
	tx bash -c "yes | socat -u - TCP4:$rx_ip:$port" 2>/dev/null &
	sender=$!
	until_true 30 written || die "nothing is written"
	kill -KILL "$record"
	wait "$record" 2>/dev/null || :
	kill $sender 2>/dev/null || :
	echo "ok - killed in round $round"
done
# beyond what the killed ones wrote
last=(--lba 1000000 --stage filter:drop-prefix=DROP)
until_true 30 record_start "${last[@]}" 2>/dev/null || record_start "${last[@]}"
send /out/sent
record_end
