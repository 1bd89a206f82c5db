#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# layout.sh [-H HEADER] [BTF]: is the ABI the same for everybody?
#
# Every struct and enum of the ABI header is compiled as C and C++ by gcc and
# clang, for 32 bits, and for BPF.  Offsets, sizes and values, as pahole reads
# them from the objects, must be those of gcc, and nothing may be left to the
# compiler: no hole, no padding at the end.  With BTF, a kernel's
# (/sys/kernel/btf/vmlinux), the structs in there must be the same, too.
# HEADER replaces what one of them, the 32-bit build, includes.
set -euo pipefail
cd "$(dirname "$0")/../.."

uapi=kernel/include/uapi/linux/io_uring/unified.h
other=
[ "${1:-}" != -H ] || { other=$2; shift 2; }
btf=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nr=0 failed=0
declare -A compared

ok() { # WHAT: the last command's exit code says whether
	local rc=$? not=
	nr=$((nr + 1))
	[ $rc = 0 ] || { not='not '; failed=$((failed + 1)); }
	echo "${not}ok $nr - $1"
}

mapfile -t structs < <(sed -nE 's/^struct ([a-z_0-9]+) \{.*/\1/p' "$uapi")
mapfile -t enums < <(sed -nE 's/^enum ([a-z_0-9]+) \{.*/\1/p' "$uapi")
[ ${#structs[@]} -gt 5 ] && [ ${#enums[@]} -gt 5 ] ||
	{ echo "layout.sh: found no types in $uapi" >&2; exit 1; }

# An object has only the types that something is of
{
	echo '#include <linux/io_uring.h>'
	echo '#include <linux/io_uring/unified.h>'
	# shellcheck disable=SC2046,SC2183 # twice each name
	printf 'struct %s s_%s;\n' $(for s in "${structs[@]}"; do echo "$s" "$s"; done)
	# shellcheck disable=SC2046,SC2183
	printf 'enum %s e_%s;\n' $(for e in "${enums[@]}"; do echo "$e" "$e"; done)
} >"$work/types.c"
cp "$work/types.c" "$work/types.cc"

# types OBJECT [PAHOLE_OPTION...]: one line a member or value, whatever the
# language calls the type.  A pointer's own size is the one thing that may
# differ: what lies under it, region_uptr, may not.  The definition of a type
# without a name, which pahole shows beside its member, is left out.
types() {
	local object=$1 t
	shift
	for t in "${structs[@]}"; do
		echo "struct $t"
		pahole "$@" --expand_types -C "$t" "$object" |
			awk '/^\t(struct|union).*\{$/ { inner = 1; block = "" }
			     !inner { print; next }
			     { block = block $0 "\n" }
			     /^\t}/ { if (/\/\*/) printf "%s", block; inner = 0 }' |
			sed -nE -e 's/.*(XXX|\/\* padding:).*/hole or padding/p;t' \
				-e 's/.*\* *region_ptr;.*\/\* +([0-9]+) +.*/region_ptr \1/p;t' \
				-e 's/.*[ *}]([a-z_0-9]+)(\[[0-9]+\])?; *\/\* +([0-9]+) +([0-9]+) .*/\1\2 \3 \4/p' \
				-e 's/.*\/\* size: ([0-9]+),.*/size \1/p'
	done
	for t in $with_enums; do
		echo "enum $t"
		pahole "$@" -C "$t" "$object" |
			sed -nE 's/^[[:space:]]+([A-Z_0-9]+) += +(-?[0-9]+),.*/\1 \2/p'
	done
}
with_enums=${enums[*]}

inc=(-Ikernel/include/uapi)
flags=(-g -Wall -Wextra -Werror -fno-eliminate-unused-debug-types)
clang=${CLANG:-clang}
compile() { # NAME WHAT SOURCE COMPILER...
	local name=$1 what=$2 source=$3
	shift 3
	[ "$name" = c ] || compared["$name"]=$what
	"$@" "${flags[@]}" "${inc[@]}" -c "$work/$source" -o "$work/$name.o"
	ok "$what: the header compiles without a warning"
	types "$work/$name.o" >"$work/$name.txt" 2>"$work/$name.err" || :
}

set +e
compile c "C, gcc" types.c gcc -std=gnu11
members=$(grep -c ' [0-9]* [0-9]*$' "$work/c.txt")
[ "$members" -gt 80 ]
ok "pahole shows the members"
# shellcheck disable=SC2251 # ok looks at $?
! grep -h -B 20 'hole or padding' "$work/c.txt" | grep -e struct -e hole
ok "C, gcc: no struct has a hole or padding"
compile clang "C, clang" types.c "$clang" -std=gnu11
compile cc "C++, g++" types.cc g++ -std=gnu++17
compile clangcc "C++, clang++" types.cc "$clang++" -std=gnu++17
if [ -n "$other" ]; then
	mkdir -p "$work/inc/linux/io_uring"
	cp "$other" "$work/inc/linux/io_uring/unified.h"
	inc=(-I"$work/inc")
fi
compile m32 "32 bits, gcc" types.c gcc -std=gnu11 -m32
inc=(-Ikernel/include/uapi)
compile clang32 "32 bits, clang" types.c "$clang" -std=gnu11 -m32
flags=(-g -O2 -Wall -Wextra -Werror -I/usr/include/x86_64-linux-gnu)
compile bpf "BPF, clang" types.c "$clang" -target bpf
types "$work/bpf.o" -F btf >"$work/bpf.txt"

# The patched headers reserve the numbers, as enumerators; with the names of our
# macros, including ours first would be a syntax error
for header in io_uring io_uring/query; do
	mkdir -p "$work/patched/linux/io_uring"
	{
		echo "#include_next <linux/$header.h>"
		echo "enum {"
		sed -n "/^+++ .*uapi\/linux\/${header//\//\\/}.h/,/^diff/s/^+\([^+]\)/\1/p" \
			kernel/patches/*-io_uring-*.patch | grep -v -e _LAST -e _MAX
		echo "};"
	} >"$work/patched/linux/$header.h"
	grep -q UNIFIED "$work/patched/linux/$header.h"
	bad=$?
	for order in "$header io_uring/unified" "io_uring/unified $header"; do
		# shellcheck disable=SC2086 # two names
		printf '#include <linux/%s.h>\n' $order |
			gcc "${flags[@]}" -I"$work/patched" -Ikernel/include/uapi \
				-x c -c - -o "$work/order.o" 2>"$work/order.err" || bad=1
	done
	[ $bad = 0 ]
	ok "the header goes before and after a patched linux/$header.h"
done

for name in clang cc clangcc m32 clang32 bpf; do
	diff "$work/c.txt" "$work/$name.txt" | sed 's/^/# /'
	[ "${PIPESTATUS[0]}" = 0 ]
	ok "${compared[$name]}: all offsets, sizes and values are those of gcc"
done
if [ -n "$btf" ]; then
	with_enums=
	types "$work/c.o" >"$work/c-structs.txt"
	types "$btf" -F btf >"$work/kernel.txt"
	diff "$work/c-structs.txt" "$work/kernel.txt" | sed 's/^/# /'
	[ "${PIPESTATUS[0]}" = 0 ]
	ok "the kernel: all offsets and sizes are those of gcc"
fi
echo "1..$nr"
exit $((failed > 0))
