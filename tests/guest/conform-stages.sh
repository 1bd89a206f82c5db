#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Stages in the machine, with the pair of ports as network.
set -uo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
nic 1500 on
within=(nsenter --net=/run/netns/rx)

for program in stages stages-ends; do
	tap $program "$(block "$(node sluice0 1)")" "$programs/stages.bpf.o" \
		"$(block "$(node sluice1 1)")" 4096 \
		"$RX" $queue $rx_ip $port /run/netns/tx
done
exit $failed
