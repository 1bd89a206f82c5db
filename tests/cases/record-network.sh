#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A network that loses, reorders, repeats and damages packets: five streams, and what is
# recorded is what was sent.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
streams 5 400000
machine -- tests/guest/record-network.sh
expect_streams "$dir/disk.img"
[ "$(json '.conserved and .dropped_bytes > 0 and .failed_bytes == 0' summary)" = true ] ||
	fail "the recorder's counters are wrong"
done_with_images
