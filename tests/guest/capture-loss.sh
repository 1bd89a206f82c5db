#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# capture-loss.sh: in the guest, captures that cannot have everything, and some that
# end before their time.
set -euo pipefail
. /sluice/tests/guest/capture-lib.sh

slow=$(disk 1) bad=$(disk 2)

namespaces
pair_veth

# more than the memory holds until the device has it: nobody writes before all of it was sent
capture_start slow --queue 0 --nvme "$slow" --region-size 1M
kill -STOP "$capture"
udp /out/sent 1000
await_matched 2000
kill -CONT "$capture"
capture_end

# no room: it says so and ends
capture_start full --queue 0 --nvme "$dev" --lba 1000 --blocks 50 --slots tight
udp /out/sent 1000
capture_wait
# and no further than that: what is in block 1050?
dd if="$dev" bs=512 skip=1050 count=1000 status=none | cmp -n 512000 - /dev/zero ||
	die "it wrote beyond --blocks"

# the same where a command writes several slots, which have more blocks
capture_start wide --queue 0 --nvme "$dev" --lba 2000 --blocks 50
udp /out/sent 1000
capture_wait
dd if="$dev" bs=512 skip=2050 count=1000 status=none | cmp -n 512000 - /dev/zero ||
	die "it wrote beyond --blocks"

# commands to one block fail
capture_start bad --queue 0 --nvme "$bad" --lba 4000
udp /out/sent 1000
await_matched 300
capture_end 1
grep -q "frames were not written to $bad" /tmp/capture.err || die "bad: $(cat /tmp/capture.err)"

# killed while commands are in flight; the next one takes over
head -c 500000 /out/sent >/tmp/part
capture_start killed --queue 0 --nvme "$slow" --lba 10000
udp /tmp/part 1000
await_matched 300
kill -KILL "$capture"
wait "$capture" 2>/dev/null || :
again() { capture_start again --queue 0 --nvme "$slow" --lba 20000 --force; }
until_true 60 eval '(again; kill -INT $capture; wait $capture) 2>/dev/null' ||
	die "nothing comes back: $(cat /tmp/capture.err)"
no_trace
head -c 20000 /out/sent >/tmp/part
again
udp /tmp/part 1000
await_matched 20
capture_end

# the interface goes away
capture_start gone --queue 0 --nvme "$dev" --lba 5000
udp /tmp/part 1000
await_matched 20
rx ip link del vrx
wait "$capture" || die "gone: exit code $?: $(cat /tmp/capture.err)"
[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
