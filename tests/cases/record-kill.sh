#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice is killed in mid-stream, three times: commands are in flight, nobody
# cleans up.  The kernel gives NIC queue and namespace back by itself, without a
# word in its log, and the next pipeline takes over what was pinned.
. "$(dirname "$0")/../lib.sh"
data 4000100
machine -- tests/guest/record-kill.sh
expect --drop DROP --lba 1000000
done_with_images
