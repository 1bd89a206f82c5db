#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice serve of recorded streams: what was recorded of each connection, striped
# over two namespaces or mirrored on them, is what a stock client gets.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
streams 3 1000000
truncate -s 1G "$dir/second.img"
machine --disk "$dir/second.img" -- tests/guest/serve-stream.sh 3
for layout in stripe mirror; do
	for id in 1 2 3; do
		sha256sum <"$dir/$layout.$id" | cut -d' ' -f1
	done | sort >"$dir/got.sums"
	cmp "$dir/kept.sums" "$dir/got.sums" || fail "$layout: not what was recorded"
done
echo "ok - the streams"
done_with_images
rm "$dir"/{stripe,mirror}.*
