#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-log-kill.sh: in the guest, kill sluice in the middle of two endless streams,
# once some of each is in the index; then record behind that.
set -euo pipefail
. /sluice/tests/guest/lib.sh

indexed() {
	[ "$("$sluice" list -j --nvme /dev/nvme0n1 |
		jq '.streams | map(select(.readable_bytes > 500000)) | length')" = 2 ]
}

nic 1500 on
record_start --format log --streams 0
for i in 1 2; do
	tx bash -c "seq 1 1000000000 | socat -u - TCP4:$rx_ip:$port" 2>/dev/null &
done
until_true 60 indexed || die "nothing is indexed: $("$sluice" list --nvme /dev/nvme0n1)"
"$sluice" list -j --nvme /dev/nvme0n1 >/out/before.json
kill -KILL $record
wait $record 2>/dev/null || :
"$sluice" list --nvme /dev/nvme0n1
