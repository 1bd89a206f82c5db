#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Captures that lose frames, each counted with its reason, and captures that are cut
# off: by SIGKILL, or because the interface is gone.
. "$(dirname "$0")/../lib.sh"
. tests/lib-capture.sh
data 2000000
truncate -s 64M "$dir/slow.img" "$dir/bad.img"
machine --disk "$dir/slow.img,throttling.bps-write=150000" \
	--disk "$dir/bad.img" --inject iotype=write,sector=4100 -- \
	tests/guest/capture-loss.sh

# Each datagram of the capture is one that was sent, in this order, none twice
in_order() {
	fields "$1" udp.payload -Y udp | tests/vm/enter python3 -c '
import sys
sent = open(sys.argv[1], "rb").read()
chunks = [sent[i:i + 1000] for i in range(0, len(sent), 1000)]
at = 0
for line in sys.stdin:
    at = chunks.index(bytes.fromhex(line), at) + 1
' "$dir/sent" || fail "$1: order"
	echo "ok - $1: in order, none twice"
}

export_capture slow 0 slow.img
same_number slow
summary slow '.conserved and .matched_frames == 2000 and .dropped.no_memory > 0'
summary slow '.written_frames + .dropped.no_memory + .dropped.ring_full == 2000'
in_order slow

export_capture full 1000
same_number full
summary full '.conserved and .ended == "no room left" and .dropped.no_space > 0'
summary full '.written_frames == 16 and .blocks == 49'
in_order full

# slots of four blocks, but for the last of a command, which has three
export_capture wide 2000
same_number wide
summary wide '.conserved and .ended == "no room left" and .dropped.no_space > 0'
summary wide '.written_frames >= 12 and .written_frames <= 16 and .blocks > 46 and .blocks <= 50'
in_order wide

# the frame that block 100 is of
export_capture bad 4000 bad.img
same_number bad
summary bad '.conserved and .dropped.device == 1'
[ "$(tests/vm/enter jq .missing_frames "$dir/bad.export.json")" = 1 ] || fail "bad: missing"
in_order bad

export_capture killed 10000 slow.img
[ "$(tests/vm/enter jq '.complete == false and .frames > 10' "$dir/killed.export.json")" = true ] ||
	fail "killed: $(cat "$dir/killed.export.json")"
in_order killed

export_capture again 20000 slow.img
sound again
nr_is again 20

export_capture gone 5000
summary gone '.ended == "interface lost" and .written_frames == 20'
nr_is gone 20
rm -f "$dir/slow.img" "$dir/bad.img"
done_with_images
