#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Segmentation offload: the NIC fills buffers, the pieces have many lengths.
. "$(dirname "$0")/../lib.sh"
data 16000100
machine -- tests/guest/record.sh 1500 on send --stage filter:drop-prefix=DROP
expect --drop DROP
done_with_images
