#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The same to two namespaces, the second of which is smaller: a raw stream, and a
# recording of four, which is read back from each of the two alone, also when one
# of them is damaged.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
data 1000100
streams 4 1000000
truncate -s 512M "$dir/second.img"
machine --more "$dir/second.img" -- tests/guest/record-mirror.sh
mv "$dir/summary.json" "$dir/log.json"
mv "$dir/raw.json" "$dir/summary.json"
expect --drop DROP
lba=200000
cmp -n $((lba * 512)) "$dir/disk.img" "$dir/second.img" || fail "the raw streams differ"
# but for the superblocks, which have the device's number
cmp -i $((lba * 512 + 4096)) -n $(((512 << 20) - lba * 512 - 4096)) "$dir/disk.img" \
	"$dir/second.img" || fail "the recordings differ"

sluice() { # VERB OPTION...
	tests/vm/enter build/vm/sluice "$@" --lba $lba
}
expect_streams "$dir/disk.img"
expect_streams "$dir/second.img"
first=$(json '.data_start * .block_size')
head -c 5000000 /dev/urandom |
	dd of="$dir/disk.img" bs=1M seek="$first" oflag=seek_bytes conv=notrunc status=none
expect_streams "$dir/disk.img,$dir/second.img"
done_with_images
