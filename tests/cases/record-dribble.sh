#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A sender that writes 1 to 5000 bytes at a time: the pieces do not fit what the
# device can gather.  They are copied and counted, and all of it arrives.
. "$(dirname "$0")/../lib.sh"
data 4000001
machine -- tests/guest/record.sh 1500 on tests/guest/dribble.py \
	--stage filter:drop-prefix=DROP
expect --drop DROP --may-copy
done_with_images
