#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Four connections to two namespaces in turn: both have about half of it, and from
# both together each stream is read back.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
streams 4 1000000
truncate -s 1G "$dir/second.img"
machine --more "$dir/second.img" -- tests/guest/record-log.sh 4
expect_streams "$dir/second.img,$dir/disk.img"
# on the images, not by what the recorder says
a=$(du -k "$dir/disk.img" | cut -f1) b=$(du -k "$dir/second.img" | cut -f1)
[ "$a" -gt 1000 ] && [ "$b" -gt 1000 ] || fail "one has $a KiB, the other $b"
! sluice list --nvme "$dir/disk.img" 2>"$dir/errors" || fail "half of a stripe is listed"
grep -q 'number 2 is not given' "$dir/errors" || fail "unclear: $(cat "$dir/errors")"
done_with_images
