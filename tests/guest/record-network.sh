#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-network.sh: in the guest, streams over a network that loses, reorders, repeats or
# damages packets, one by one; all that TCP makes good is recorded.
set -euo pipefail
. /sluice/tests/guest/lib.sh

faults=("loss 3%" "delay 2ms reorder 30% 50%" "duplicate 10%"
	"loss 1% duplicate 3% delay 1ms 1ms" "corrupt 5%")
nic 1500 on
record_start --format log --streams ${#faults[@]} --stage filter:drop-prefix=DROP
for i in "${!faults[@]}"; do
	read -r -a netem <<<"${faults[i]}"
	tx /usr/sbin/tc qdisc replace dev "$TX" root netem limit 1000 "${netem[@]}"
	send "/out/sent.$((i + 1))"
	tx /usr/sbin/tc -s qdisc show dev "$TX" | sed 's/^/# /'
	tx /usr/sbin/tc qdisc del dev "$TX" root
done
record_end
