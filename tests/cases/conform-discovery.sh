#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a region shows of itself: tests/conformance/discovery.c, tracepoints.  The
# second drive is slow, so that commands can be seen in flight.
. "$(dirname "$0")/../lib.sh"
truncate -s 64M "$dir/slow.img"
machine --disk "$dir/slow.img,throttling.iops-write=4" -- tests/guest/conform-discovery.sh
done_with_images
