#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A namespace of 12 MiB gets about three times as much: the newest streams are there,
# of the older ones the end or nothing, and what is delivered was sent so.  Without
# --rotate it ends when the space is used up, and what was before is there.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
nr=12
streams $nr 4000000
truncate -s 12M "$dir/disk.img" "$dir/second.img"
vm --disk "$dir/disk.img" --more "$dir/second.img" -- tests/guest/record-rotate.sh $nr

# the sums by number; the streams came one after the other
complete() { # IMAGE ID: is it all there?
	local sum
	sum=$(sluice read --nvme "$1" --stream "$2" --output - | sha256sum | cut -d' ' -f1)
	[ "$sum" = "$(sed -n "$2p" "$dir/kept.list")" ]
}
tail_of() { # ID: is partial.ID the end of what was kept of it?
	tests/vm/enter python3 - "$dir/sent.$1" "$dir/partial" <<-'PY'
		import sys
		sent, part = (open(p, "rb").read() for p in sys.argv[1:3])
		recs = (sent[i:i + 4096] for i in range(0, len(sent), 4096))
		kept = b"".join(r for r in recs if r[:4] != b"DROP")
		sys.exit(not part or not kept.endswith(part))
	PY
}

list "$dir/disk.img"
ids=$(json '.streams[].id')
parts=0
for id in $ids; do
	case $(json ".streams[] | select(.id == $id) | .state") in
	complete)
		complete "$dir/disk.img" "$id" || fail "stream $id is not what was sent" ;;
	overwritten)
		[ "$id" -lt $((nr - 1)) ] || fail "stream $id is new, and overwritten"
		! sluice read --nvme "$dir/disk.img" --stream "$id" --output "$dir/partial" 2>/dev/null ||
			fail "stream $id is read without its beginning"
		sluice read --nvme "$dir/disk.img" --stream "$id" --partial --output "$dir/partial"
		[ ! -s "$dir/partial" ] || { parts=$((parts + 1)); tail_of "$id" || fail "stream $id is not what was sent"; } ;;
	*)	fail "stream $id is $(json ".streams[] | select(.id == $id) | .state")" ;;
	esac
done
for id in $((nr - 1)) $nr; do
	[ "$(json ".streams[] | select(.id == $id) | .state")" = complete ] ||
		fail "stream $id is not there"
done
[ "$(json '.streams | map(select(.id < 4 and .readable_bytes > 0)) | length')" = 0 ] ||
	fail "the first ones are still there: it did not wrap"
[ "$parts" -ge 1 ] || fail "no stream is there in part"

list "$dir/second.img"
# no filter was there
for id in 1 2 3; do
	[ "$(json ".streams[] | select(.id == $id) | .state")" = complete ] ||
		fail "stream $id is not complete"
	sluice read --nvme "$dir/second.img" --stream $id --output - | cmp - "$dir/sent.$id" ||
		fail "stream $id is not what was sent"
done
[ "$(json '[.streams[].result] | contains(["No space left on device"])')" = true ] ||
	fail "no stream is reported as cut off: $(json '.streams')"
done_with_images
