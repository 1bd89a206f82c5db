#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The rings, as the documents' loops use them: tests/conformance/rings.c; and as a
# BPF program uses them, without user space: tests/conformance/loop-region.c
. "$(dirname "$0")/../lib.sh"
machine -- bash -euc '
	cd build/vm/tests/conformance
	./rings /dev/nvme0n1 loop.bpf.o
	./loop-region /dev/nvme0n1 loop-region.bpf.o loop-wrong.bpf.o'
done_with_images
