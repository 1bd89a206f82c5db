#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A recorder that is killed: what was in the index before is there afterwards, two
# streams without an end, and all that can be read is what was sent.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
machine -- tests/guest/record-log-kill.sh
list "$dir/disk.img"
for id in 1 2; do
	[ "$(json ".streams[] | select(.id == $id) | .state")" = open ] ||
		fail "stream $id: $(json ".streams[] | select(.id == $id)")"
	before=$(json ".streams[] | select(.id == $id) | .readable_bytes" before)
	sluice read --nvme "$dir/disk.img" --stream $id --output "$dir/read"
	[ "$(stat -c %s "$dir/read")" -ge "$before" ] || fail "stream $id lost what it had"
	cmp -n "$(stat -c %s "$dir/read")" "$dir/read" <(seq 1 1000000000) || fail "stream $id"
done
done_with_images
