#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Nothing of ours costs 5 % more instructions than tests/bench/baseline.json has it.
# When that is meant, 'make bench BENCH="--short --write-baseline"' makes it anew.
. "$(dirname "$0")/../lib.sh"
tests/bench/run --short | tee "$dir/tables"
for name in 'record sluice 0' 'record sluice 90' 'nvme sluice write' 'nvme sluice read'; do
	grep -q "^$name: [0-9]* instructions in the region" "$dir/tables" ||
		fail "nothing was measured of '$name'"
done
