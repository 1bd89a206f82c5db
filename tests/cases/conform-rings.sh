#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The rings, as the documents' loops use them: tests/conformance/rings.c
. "$(dirname "$0")/../lib.sh"
machine -- build/vm/tests/conformance/rings /dev/nvme0n1 \
	build/vm/tests/conformance/loop.bpf.o
done_with_images
