#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What sluice refuses, and how it says so: namespaces that are somebody's,
# options that make no sense; and what doctor tells.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
machine -- tests/guest/record-refuse.sh
done_with_images
