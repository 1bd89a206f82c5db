#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who may do what, and what nobody gets to see.
set -uo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
nic 1500 on
ng=$(node sluice0 1)
within=(nsenter --net=/run/netns/rx)

tap leaks "$(block "$ng")" "$programs/op.bpf.o" "$RX" $queue $rx_ip $port /run/netns/tx
# where the kernel has security modules, what they are asked
security=/sys/kernel/security modules=()
if mount -t securityfs securityfs $security 2>/dev/null; then
	modules=("$programs/module.bpf.o" /out/module-table.md)
fi
tap privilege "$ng" "$programs/op.bpf.o" "$RX" $queue /out/table.md "${modules[@]}"
exit $failed
