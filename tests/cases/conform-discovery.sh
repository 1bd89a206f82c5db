#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a region shows of itself: tests/conformance/discovery.c, tracepoints
. "$(dirname "$0")/../lib.sh"
machine -- tests/guest/conform-discovery.sh
done_with_images
