#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The ABI is the same in every language, for 32 bits, for BPF and in the kernel:
# tests/unit/layout.sh; and a 32-bit program can use it: tests/conformance/layout.c
. "$(dirname "$0")/../lib.sh"
machine -- bash -euc '
	cp /sys/kernel/btf/vmlinux /out/btf
	for bits in 64 32; do
		suffix=-32
		[ $bits = 32 ] || suffix=
		echo "# $bits bits"
		build/vm/tests/conformance/layout$suffix /dev/nvme0n1 |
			tee /out/layout-$bits.tap
		[ "${PIPESTATUS[0]}" = 0 ]
	done'
diff "$dir/layout-64.tap" "$dir/layout-32.tap" || fail "32 bits differ from 64"
tests/vm/enter tests/unit/layout.sh "/sluice/$dir/btf"

# and a difference would be noticed
sed 's/__u32	flags;		\/\* enum io_unified_sqe_flags/__u64	flags;	\/* enum/;
	s/__IO_UNIFIED_ASSERT(expr)	.*/__IO_UNIFIED_ASSERT(expr)	_Static_assert(1, "")/' \
	kernel/include/uapi/linux/io_uring/unified.h >"$dir/other.h"
! tests/vm/enter tests/unit/layout.sh -H "/sluice/$dir/other.h" >"$dir/other.tap" ||
	fail "a longer member was not noticed"
grep '^not ok' "$dir/other.tap" | grep -v TODO | sed 's/^not ok [0-9]* - //' >"$dir/noticed"
[ "$(cat "$dir/noticed")" = "32 bits, gcc: all offsets, sizes and values are those of gcc" ] ||
	fail "something else was noticed: $(cat "$dir/noticed")"
echo "ok - a longer member in one of them is noticed"
done_with_images
