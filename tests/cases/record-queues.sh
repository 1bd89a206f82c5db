#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Sixteen connections by two queues, each with a region of its own, to a stripe of two
# namespaces: each ring gets the connections of its queue, nothing is copied, and the
# second recording, six streams that SIGINT ends, can be read back.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
streams 16 300000
truncate -s 1G "$dir/second.img"
machine --more "$dir/second.img" -- tests/guest/record-queues.sh 16
[ "$(json '.conserved and .failed_bytes == 0 and .received_bytes > 4000000' summary)" = true ] ||
	fail "the recorder's counters are wrong"
[ "$(json '.queues | map(select(.streams > 0 and .received_bytes > 0)) | length' summary)" = 2 ] ||
	fail "not both queues were used: $(json '.queues' summary)"
[ "$(json '.queues | map(.napi_id) | unique | length' summary)" = 2 ] ||
	fail "the queues' NAPIs are not known: $(json '.queues' summary)"
# what is left of each stream's last block, and nothing else
[ "$(json '.copied_bytes' summary)" -lt $((16 * 512)) ] ||
	fail "$(json '.copied_bytes' summary) bytes were copied: connections went to the wrong queue"
written=$(json '.streams | map(.bytes) | add' summary)
[ "$written" = "$(json '.written_bytes' summary)" ] || fail "the index has $written bytes"

images=$dir/disk.img,$dir/second.img
expect_streams "$images"

# the second one is behind it
sluice() { tests/vm/enter build/vm/sluice "$@" --lba 1000000; }
list "$images"
for id in $(json '.streams[].id'); do
	sluice read --nvme "$images" --stream "$id" --output "$dir/read"
	size=$(stat -c %s "$dir/read")
	[ "$size" = "$(json ".streams[] | select(.id == $id) | .bytes")" ] || fail "stream $id: $size"
	cmp -n "$size" "$dir/read" <(seq 1 1000000000) || fail "stream $id is not what was sent"
done
done_with_images
