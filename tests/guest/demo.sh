#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [PREFIX [WORD [SECONDS [moving|lines]]]]: in the guest, record /out/sent.
set -euo pipefail
. /sluice/tests/guest/lib.sh

prefix=${1:-linux/fs/} word=${2:-torvalds} every=${3:-1} style=${4:-moving}

# One line with what sluice show says, over the last one or below it
watch() {
	local end='\n'
	[ "$style" = lines ] || end='   \r'
	while sleep "$every"; do
		"$sluice" show demo -j 2>/dev/null | jq -r '.[0] |
			select(.received_bytes > 0) | [.received_bytes, .dropped_bytes, .written_bytes] |
			map(. / 1048576 * 10 | round / 10 | tostring) |
			"demo: received \(.[0]) MiB, dropped \(.[1]), written \(.[2])"' |
			while read -r line; do printf "%s$end" "$line"; done
	done
}

[ -e /out/sent ] || die "no /out/sent; 'make demo' makes one"
nic 1500 on
record_start --name demo --stage "filter:drop-prefix=$prefix" \
	--stage "redact:pattern=$word" --stage meter
watch &
watcher=$!
send /out/sent
record_end
kill $watcher
[ "$style" = lines ] || echo
