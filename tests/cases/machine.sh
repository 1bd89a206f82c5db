#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The runner that all other tests believe: exit codes, the time limit, the look at
# the kernel's log, and that no QEMU is left, however it ends.
. "$(dirname "$0")/../lib.sh"
kernel=$(tests/vm/kernel plain)
# not those of others who use this machine
left() { pgrep -f "qemu-system.*sluice-test-$$" >/dev/null; }
# it goes with its parent, a moment later
gone() {
	for _ in $(seq 100); do left || return 0; sleep 0.1; done
	return 1
}
mark=(--append "sluice-test-$$")

rc=0; out=$(vm "${mark[@]}" -- bash -c 'echo "said \"this\""; exit 7') || rc=$?
[ $rc = 7 ] || fail "exit code $rc, not 7"
[ "${out%$'\r'}" = 'said "this"' ] || fail "it said: $out"

# it knows how fast time goes; on others than x86-64 it has to find out
khz=$(tests/vm/enter python3 tests/vm/tsc.py)
mhz=$(vm "${mark[@]}" -- sh -c 'dmesg | sed -n "s/.*tsc: Detected \([0-9]*\).*/\1/p" | head -n 1')
mhz=${mhz%$'\r'}
[ -z "$khz" ] || [ $((mhz - khz / 1000)) = 0 ] || [ $((mhz - khz / 1000)) = -1 ] ||
	fail "$mhz MHz, which are $khz kHz"

rc=0; vm "${mark[@]}" -- sh -c 'echo "<4>WARNING: a test" >/dev/kmsg' || rc=$?
[ $rc = 3 ] || fail "exit code $rc, not 3, after a warning"
vm "${mark[@]}" --allow-warnings -- sh -c 'echo "<4>WARNING: a test" >/dev/kmsg' ||
	fail "--allow-warnings does not"

rc=0; vm "${mark[@]}" --timeout 15 -- sleep 100 || rc=$?
[ $rc = 124 ] || fail "exit code $rc, not 124, when time is up"
gone || fail "QEMU is left after the time limit"

rc=0; vm "${mark[@]}" -- sh -c 'echo c >/proc/sysrq-trigger' 2>/dev/null || rc=$?
[ $rc = 125 ] || fail "exit code $rc, not 125, after a panic"

for signal in INT TERM KILL; do
	setsid env --default-signal=INT tests/vm/run --kernel "$kernel" --log "$dir/kernel.log" --out "$dir" \
		"${mark[@]}" -- sleep 100 &
	pid=$!
	for _ in $(seq 300); do left && break; sleep 0.1; done
	left || fail "QEMU did not start"
	[ $signal = INT ] && target=-$pid || target=$pid
	kill -$signal -- "$target"
	wait $pid 2>/dev/null || :
	gone || fail "QEMU is left after SIG$signal"
done
