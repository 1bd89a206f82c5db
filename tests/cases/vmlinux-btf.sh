#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vmlinux.h is kept by hand: does it still say what the patched kernel has?
. "$(dirname "$0")/../lib.sh"
machine -- cp /sys/kernel/btf/vmlinux /out/btf
tests/vm/enter tests/unit/vmlinux-btf.sh "$dir/btf"
# and it would be noticed
tests/vm/enter sh -euc '
	mkdir -p /tmp/t/tests/unit
	cp tests/unit/vmlinux-btf.sh /tmp/t/tests/unit
	sed "s/u64 stream_off;/u32 stream_off;/" vmlinux.h >/tmp/t/vmlinux.h
	! /tmp/t/tests/unit/vmlinux-btf.sh "$1"' sh "/sluice/$dir/btf"
