#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record-crowd.sh NR: in the guest, record NR connections that come and go.
set -euo pipefail
. /sluice/tests/guest/lib.sh

files() { ls /proc/"$record"/fd | wc -l; }

nic 1500 on
# those that have closed are remembered, all of them: the recorder, which may read later,
# is not told that there is no such connection
tx sysctl -qw net.ipv4.tcp_max_tw_buckets=100000
record_start --format log --streams 0 --stage meter
before=$(files)
tx python3 /sluice/tests/guest/crowd.py $rx_ip $port "$1" 40 >/out/crowd
# all have ended: so has what each of them took
settled() { [ "$("$sluice" show record -j | jq '.[0].in_flight_bytes // 0')" = 0 ] && [ "$(files)" -le "$before" ]; }
until_true 60 settled || die "$(files) descriptors, before it were $before: $(ls -l /proc/"$record"/fd)"
kill -INT "$record"
rc=0
record_end || rc=$?
# that some are reset is what the exit code says
[ $rc = 1 ] || die "exit code $rc"
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
