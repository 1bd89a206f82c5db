#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Room for a page in each segment: a record is a buffer.
. "$(dirname "$0")/../lib.sh"
data 16000100
machine -- tests/guest/record.sh 4200 on send --stage filter:drop-prefix=DROP
expect --drop DROP
done_with_images
