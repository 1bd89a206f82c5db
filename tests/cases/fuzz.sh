#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The fuzzers of tests/fuzz, for a moment: rewritten shared memory, and calls with
# wrong arguments.  `make fuzz` lets them run for longer.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
truncate -s 64M "$dir/second.img"
machine --disk "$dir/second.img" -- tests/guest/fuzz.sh memory,calls --ops 10000 --seed 1
done_with_images
