#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IORING_OP_UNIFIED: all combinations of network, BPF and NVMe, links,
# cancellation and errors: tests/conformance/op.c
. "$(dirname "$0")/../lib.sh"
machine -- tests/guest/conform-op.sh
done_with_images
