#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-log.sh NR [RECORD_OPTION...]: in the guest, send /out/sent.1 to sent.NR at
# once by a stock tool to sluice record --format log, to a second namespace, too, if
# there is one.  What was recorded is for the host to check.
set -euo pipefail
. /sluice/tests/guest/lib.sh

nr=$1
shift
nic 1500 on
nvme=$(nsnode 1) second=$(nsnode 2)
record_start --format log --streams "$nr" --stage filter:drop-prefix=DROP \
	${second:+--nvme "$second"} "$@"
send_all "$nr"
record_end
# no trace left behind
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
unloaded "filter_rx|record_complete|place_|sluice_flow" || die "programs are still loaded"
