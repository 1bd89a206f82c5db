#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All pipelines at once for hours, with faults: tests/guest/soak.  Each round is
# compared, what is taken comes back, memory does not grow.  SIGINT ends it early, and in
# order.
#
#   HOURS=N     so long (0.05; make soak: 2)
#   SEED=N      which sessions and faults (by chance, and printed)
#   INTERVAL=N  seconds between two samples (10)
. "$(dirname "$0")/../lib.sh"
hours=${HOURS:-0.05} seed=${SEED:-$RANDOM}
awk -v h="$hours" 'BEGIN { exit h ~ /^[0-9]+([.][0-9]+)?$/ && h >= 0.01 ? 0 : 1 }' ||
	fail "HOURS=$hours: how long, 0.01 at least"
rmdir "$dir"
dir=build/soak
rm -rf "$dir"
mkdir -p "$dir"
for nr in 0 1; do truncate -s 256M "$dir/disk$nr.img"; done
truncate -s 64M "$dir/disk2.img"
echo "soak: $hours hours, SEED=$seed, kernel $(basename "$kernel")"

limit=$(awk -v h="$hours" 'BEGIN { printf "%d", h * 3600 + 1800 }')
# a process group of its own, which the terminal's SIGINT does not reach
set -m
vm --disk "$dir/disk0.img" --disk "$dir/disk1.img" --disk "$dir/disk2.img" --timeout "$limit" \
	--append slab_nomerge \
	-- tests/guest/soak.sh "$hours" "$seed" "${INTERVAL:-10}" &
vm=$!
set +m
trap 'echo "soak: stopping"; : >"$dir/stop"' INT
trap 'kill -TERM -- -$vm 2>/dev/null; exit 143' TERM HUP
rc=0
# a signal that is trapped ends the wait
while :; do
	rc=0
	wait $vm || rc=$?
	kill -0 $vm 2>/dev/null || break
done
done_with_images
[ ! -s "$dir/soak.csv" ] || tests/vm/enter python3 tests/long/soak.py "$dir" || rc=1
exit $rc
