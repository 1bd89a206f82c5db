#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What `sluice capture` refuses, how it says so, and that nothing stays behind.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
data 5000
truncate -s 64M "$dir/second.img"
machine --disk "$dir/second.img" -- tests/guest/capture-refuse.sh
rm -f "$dir/second.img"
done_with_images
