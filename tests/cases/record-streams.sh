#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Eight connections at once, by one queue to one namespace: each is read back from
# the image as what was sent of it, without the records that the filter dropped.
. "$(dirname "$0")/../lib.sh"
streams 8 1000000
machine -- tests/guest/record-log.sh 8
expect_streams "$dir/disk.img"
[ "$(json '.conserved and .dropped_bytes > 0 and .failed_bytes == 0' summary)" = true ] ||
	fail "the recorder's counters are wrong"
[ "$(json '.written_bytes' summary)" = "$(json '.streams | map(.bytes) | add')" ] ||
	fail "what was written is not what the index has"
[ "$(json '.streams[0].peer')" != - ] || fail "no peer"

# one byte of a stream is not what it was: it is noticed, and told where
first=$(json '.data_start * .block_size')
printf '\xa5\x5a\xa5' | dd of="$dir/disk.img" bs=1 seek=$((first + 5000)) conv=notrunc status=none
bad=0
for id in $(json '.streams[].id'); do
	sluice read --nvme "$dir/disk.img" --stream "$id" --output - >/dev/null 2>>"$dir/errors" || bad=$((bad + 1))
done
[ $bad = 1 ] || fail "$bad streams are reported as damaged"
grep -q 'wrong checksum' "$dir/errors" || fail "unclear: $(cat "$dir/errors")"
done_with_images
