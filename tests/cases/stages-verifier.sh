#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the verifier says of mistakes in stages, each a program in tests/verifier
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
machine -- tests/guest/stages-verifier.sh
done_with_images
