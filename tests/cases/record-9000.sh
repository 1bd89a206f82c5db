#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Jumbo frames, three buffers each.
. "$(dirname "$0")/../lib.sh"
data 16000100
machine -- tests/guest/record.sh 9000 on send --stage filter:drop-prefix=DROP
expect --drop DROP
done_with_images
