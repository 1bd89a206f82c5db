#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two pipelines on two queues of one port, which start and end at the same moment.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
rounds=5
for p in a b; do
	truncate -s 64M "$dir/disk-$p.img"
done
data 1500100
mv "$dir/sent" "$dir/sent-a"
# the other's data is another's
tail -c +700001 "$dir/sent-a" >"$dir/sent-b"
vm --disk "$dir/disk-a.img" --more "$dir/disk-b.img" -- tests/guest/record-two.sh $rounds
for round in $(seq $rounds); do
	for p in a b; do
		tests/vm/enter python3 tests/vm/expect.py "$dir/sent-$p" "$dir/disk-$p.img" \
			"$dir/$p-$round.json" --drop DROP --lba $((round * 10000)) ||
			fail "pipeline $p in round $round"
	done
done
rm -f "$dir"/disk-* "$dir"/sent-*
