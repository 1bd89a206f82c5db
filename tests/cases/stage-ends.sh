#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A stage that ends by itself: sluice says so in words while the pipeline goes on, or
# stops, as --on-stage-exit has it; record in both formats, and tap.
. "$(dirname "$0")/../lib.sh"
data 1000000
machine -- tests/guest/stage-ends.sh
expect
done_with_images
