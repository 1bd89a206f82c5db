#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# power-cut.sh raw|log|runs: in the guest, record until somebody cuts the power, and
# leave in /out/report what has been reported durable so far.  /out/go says that there
# is something.
#
#   raw    one endless stream, --durable: so many bytes were counted as written when no
#          more than so many had been received
#   log    two endless streams, --durable: the index had so many bytes of each, and then
#          a flush ended
#   runs   one recording after the other, every second one without --durable: so many
#          have ended well
#
# QEMU's controller makes nothing of Force Unit Access.  Linux's target does, over TCP,
# and a loop device, which has a cache but no FUA, makes flushes of it.
set -euo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
. /sluice/tests/guest/nvme-tcp.sh

report() {
	echo "$*" >/out/report.new
	mv /out/report.new /out/report
}

endless() { tx bash -c "seq 1 1000000000 | socat -u - TCP4:$rx_ip:$port" & }

count() { "$sluice" show record -j | jq ".[0].$1_bytes // 0"; }

# These say whether they have reported something; none does when the device has gone
written() {
	local n all
	n=$(count written) && all=$(count received) && [ "${n:-0}" -gt 0 ] && report "$n $all"
}

indexed() {
	local now
	now=$("$sluice" list -j --nvme "$nvme" |
		jq -r '.streams | map("\(.id):\(.readable_bytes)") | join(" ")') &&
		[[ $now = 1:[1-9]*\ 2:[1-9]* ]] &&
		nvme flush "$nvme" -n 1 >/dev/null && report "$now"
}

# 16 MiB for each: the index takes half of that
ran() {
	local options=(--format log --force --streams 1 --lba $((runs * 32768)))
	((runs % 2)) || options+=(--durable)
	record_start "${options[@]}" && send /out/sent && record_end || return
	runs=$((runs + 1))
	report $runs
}

loop=$(losetup --find --show --direct-io=on /dev/nvme0n1)
target_start "$loop" && target_connect 1 >/dev/null || die "no target"
nvme=$(block "$(node sluicetcp 1)")
nic 1500 on
case $1 in
raw) record_start --durable --force; endless; next=written ;;
log) record_start --durable --force --format log --streams 0; endless; endless; next=indexed ;;
runs) runs=0 next=ran ;;
*) die "no such way to record: $1" ;;
esac
until_true 120 $next || die "nothing is durable: $(cat /out/report /tmp/record.err)"
: >/out/go
while :; do $next || :; done
