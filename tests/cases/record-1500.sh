#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Ordinary segments of 1448 bytes, each in a buffer of its own: gathered, not
# copied.
. "$(dirname "$0")/../lib.sh"
data 8000100
machine -- tests/guest/record.sh 1500 off send --stage filter:drop-prefix=DROP
expect --drop DROP
done_with_images
