#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# service.sh: in the guest, sluice record under a service manager that is a script,
# and as a user without any privilege.
set -euo pipefail
. /sluice/tests/guest/lib.sh

log=/tmp/notify.log
said() { # PATTERN [TIMES]
	[ "$(grep -c " $1" $log)" -ge "${2:-1}" ]
}
state() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$record/status"; }
running() { ps -e -o comm= | grep -c '^sluice' || :; }
nothing_left() {
	[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
	! rx ip link show "$RX" | grep -q xdp || die "XDP is still attached"
	[ "$(running)" = 0 ] || die "a process is left: $(ps -e)"
}
no_privileges() { # UID
	local set
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(state $set)" = 0000000000000000 ] || die "$set is $(state $set)"
	done
	[ "$(state NoNewPrivs)" = 1 ] || die "new privileges are possible"
	[ "$(state Uid)" = "$1	$1	$1	$1" ] || die "user $(state Uid)"
	[ "$(state Gid)" = "$2	$2	$2	$2" ] || die "group $(state Gid)"
}

python3 /sluice/tests/guest/notify.py /tmp/notify $log &
manager=$!
until_true 10 test -S /tmp/notify || die "no socket"

nic 1500 on
export NOTIFY_SOCKET=/tmp/notify WATCHDOG_USEC=3000000
record_start --user nobody --stage filter:drop-prefix=DROP
until_true 10 said READY=1 || die "not ready: $(cat $log)"
echo "ok - ready"
no_privileges 65534 "$(id -g nobody)"
echo "ok - no privilege is left"
# while it waits, and while data flows
until_true 20 said WATCHDOG=1 3 || die "no sign of life: $(cat $log)"
mkfifo /tmp/more
tx socat -u -b 65536 OPEN:/tmp/more TCP4:$rx_ip:$port &
sender=$!
exec 7>/tmp/more
cat /out/sent >&7
until_true 60 said "STATUS=received [1-9]" || die "no status: $(cat $log)"
now=$(grep -c WATCHDOG=1 $log)
until_true 20 said WATCHDOG=1 $((now + 2)) || die "no sign of life: $(cat $log)"
# root can look at it all the same
"$sluice" stat -1j record 7>&- | jq -e '.pipelines[0].received_bytes > 0' >/dev/null ||
	die "stat does not see it"
[ "$("$sluice" show -j 7>&- | jq '.[0].running')" = true ] || die "show does not see it"
kill -TERM $record
record_end
exec 7>&-
wait $sender || :
said STOPPING=1 || die "does not say that it ends: $(cat $log)"
[ "$(cut -d' ' -f1 $log | sort -u)" = $record ] || die "another process has said something: $(cat $log)"
# the longest time between two signs of life
awk '/WATCHDOG=1/ { if (last && $2 - last > max) max = $2 - last; last = $2 }
	END { if (max > 3) { print "silent for " max " s"; exit 1 } }' $log || die "too late: $(cat $log)"
nothing_left
echo "ok - says when it is ready, what it does, that it lives, and that it ends"

# killed: what it has set up is taken down all the same
unset NOTIFY_SOCKET WATCHDOG_USEC
kill $manager
record_start --lba 100000
no_privileges 0 0
kill -KILL $record
wait $record 2>/dev/null || :
until_true 20 test ! -e /sys/fs/bpf/sluice || die "left by a killed one: $(ls /sys/fs/bpf/sluice/*)"
until_true 20 test "$(running)" = 0 || die "a process is left: $(ps -e)"
nothing_left
# the first signal of a terminal goes to all of its processes
until_true 30 record_start --lba 100000 2>/dev/null || record_start --lba 100000
kill -INT $(pgrep -x 'sluice|sluice-undo')
wait $record || die "SIGINT to both: $?"
nothing_left
echo "ok - taken down, whatever ends it"

# the others as well: each in $record, for what looks at it
nobody() { # VERB OPTION...
	: >/tmp/nobody.err
	nsenter --net=/run/netns/rx "$sluice" "$@" --listen $rx_ip:$port --user nobody \
		>/tmp/nobody.out 2>/tmp/nobody.err &
	record=$!
	until_true 20 grep -q listening /tmp/nobody.err || die "$1: $(cat /tmp/nobody.err)"
	no_privileges 65534 "$(id -g nobody)"
}
nobody serve --nvme /dev/nvme0n1 --bytes 1M --once
tx socat -u TCP4:$rx_ip:$port CREATE:/tmp/served
wait $record || die "serve: $? $(cat /tmp/nobody.err)"
head -c 1M /dev/nvme0n1 | cmp - /tmp/served || die "serve sent something else"
nothing_left
nobody tap --dev "$RX" --queue $queue
send /out/sent
wait $record || die "tap: $? $(cat /tmp/nobody.err)"
cmp /out/sent /tmp/nobody.out || die "tap has received something else"
nothing_left
echo "ok - serve and tap without privileges"

rc=0
rx "$sluice" record --dev "$RX" --queue 1 --nvme /dev/nvme0n1 --listen :1 --user nosuch 2>/tmp/err || rc=$?
[ $rc = 1 ] && grep -q "'nosuch' is no user" /tmp/err || die "unclear: $rc $(cat /tmp/err)"
