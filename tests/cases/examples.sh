#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The two documents' example programs, from examples/.
. "$(dirname "$0")/../lib.sh"
machine -- tests/guest/examples.sh
# what the last one read is what the image has
cmp -n 4096 "$dir/want" "$dir/disk.img"
done_with_images
