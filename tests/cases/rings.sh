#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Both registration calls, the rings in both layouts, errors, a full CQ, and
# garbage in shared memory: tests/guest/ring.c
. "$(dirname "$0")/../lib.sh"
machine -- build/vm/tests/ring /dev/nvme0n1 /dev/ng0n1
done_with_images
