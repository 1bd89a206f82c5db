#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-durable.sh: in the guest, what does the device get with and without
# --durable?  The driver's own tracepoint tells.
set -euo pipefail
. /sluice/tests/guest/lib.sh

trace=/sys/kernel/tracing
[ -d $trace/events ] || mount -t tracefs none $trace
[ -d $trace/events/nvme/nvme_setup_cmd ] || die "no tracepoint nvme_setup_cmd"
echo 1 >$trace/events/nvme/nvme_setup_cmd/enable

# writes FIRST: writes from block FIRST on, with FUA and without
writes() {
	sed -nE 's/.*nvme_cmd_write slba=([0-9]+), len=[0-9]+, ctrl=(0x[0-9a-f]+).*/\1 \2/p' \
		$trace/trace | {
		local fua=0 plain=0 slba ctrl
		while read -r slba ctrl; do
			[ "$slba" -ge "$1" ] || continue
			if ((ctrl & 0x4000)); then fua=$((fua + 1)); else plain=$((plain + 1)); fi
		done
		echo $fua $plain
	}
}

nic 1500 on
for how in log-durable log raw-durable raw; do
	options=(--force)
	[[ $how != *durable ]] || options+=(--durable)
	[[ $how != log* ]] || options+=(--format log)
	: >$trace/trace
	record_start "${options[@]}"
	send /out/sent
	record_end
	first=0
	[[ $how != log* ]] || first=$("$sluice" list -j --nvme /dev/nvme0n1 | jq .data_start)
	read -r fua plain <<<"$(writes "$first")"
	echo "$how: $fua writes with FUA, $plain without"
	if [[ $how = *durable ]]; then
		[ "$fua" -gt 5 ] && [ "$plain" = 0 ] || die "$how: not all with FUA"
	else
		[ "$plain" -gt 5 ] && [ "$fua" = 0 ] || die "$how: some with FUA"
	fi
done
