#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-mirror.sh: in the guest, a raw stream to two namespaces, and then four
# streams with an index, behind it.
set -euo pipefail
. /sluice/tests/guest/lib.sh

nic 1500 on
mirror=(--nvme /dev/nvme0n2 --layout mirror --stage filter:drop-prefix=DROP)
record_start "${mirror[@]}"
send /out/sent
record_end
cp /out/summary.json /out/raw.json

record_start "${mirror[@]}" --format log --streams 4 --lba 200000
send_all 4
record_end

# both are as they were: what is there is not overwritten by mistake
! rx "$sluice" record --dev "$RX" --queue 1 --listen :8000 --nvme /dev/nvme0n2 \
	--lba 200000 2>/tmp/err || die "a recording was overwritten"
grep -q 'carries a recording' /tmp/err || die "unclear: $(cat /tmp/err)"
