#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who has nothing to do, is not woken: no timer, no look at anything.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
for nr in 2 3 4 5; do
	truncate -s 64M "$dir/disk$nr.img"
	more+=(--more "$dir/disk$nr.img")
done
machine "${more[@]}" -- tests/guest/idle.sh
done_with_images
