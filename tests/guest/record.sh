#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record.sh MTU TSO SENDER [RECORD_OPTION...]: in the guest, send /out/sent by a
# stock tool to sluice record.  SENDER is send, or a command that gets the
# address, port and file.  What was recorded is for the host to check.
set -euo pipefail
. /sluice/tests/guest/lib.sh

mtu=$1 tso=$2 sender=$3
shift 3
nic "$mtu" "$tso"
record_start "$@"
if [ "$sender" = send ]; then
	send /out/sent
else
	# shellcheck disable=SC2086 # a command and its options
	tx $sender $rx_ip $port /out/sent
fi
record_end
# no trace left behind
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
! rx ip link show "$RX" | grep -q xdp || die "XDP is still attached"
unloaded "filter_rx|record_complete|sluice_flow" || die "programs are still loaded"
