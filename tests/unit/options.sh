#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# options.sh: how the loader finds a stage's options, sets and refuses them.
#
# Needs the loader built in $BUILD, and no kernel.
set -euo pipefail
cd "$(dirname "$0")/../.."
sluice=$PWD/${BUILD:-build/vm}/sluice

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "not ok - $*"; exit 1; }

clang -target bpf -mcpu=v3 -O2 -g -Wall -I. -Ibpf -c tests/unit/options.bpf.c \
	-o "$work/options.bpf.o"
cd "$work"
[ "$("$sluice" stage help ./options.bpf.o -j | jq -r '[.options[].name] | join(" ")')" = \
	"bytes color entries flag left right s-16 s-32 s-64 s-8 text u-16 u-32 u-64 u-8" ] ||
	fail "these are not its options: $("$sluice" stage help ./options.bpf.o)"
[ "$("$sluice" stage help ./options.bpf.o -j | jq -r '[.options[].default] | join(" ")')" = \
	" red 5 no 0 0 -2 -3 -4 -1 abc 2 3 4 1" ] ||
	fail "these are not its defaults: $("$sluice" stage help ./options.bpf.o)"

sets() { # KEY VALUE [SHOWN]: is set, and then shown so
	local shown
	shown=$("$sluice" stage help "./options.bpf.o:left=1,$1=$2" -j |
		jq -r ".options[] | select(.name == \"$1\").value") || fail "$1=$2 is refused"
	[ "$shown" = "${3-$2}" ] || fail "$1=$2 is set to $shown"
	echo "ok - $1=$2"
}
refuses() { # WHAT ARGS
	local rc=0
	"$sluice" stage help "./options.bpf.o:$2" >out 2>&1 || rc=$?
	[ $rc = 1 ] || fail "$2: exit code $rc: $(cat out)"
	[ "$(wc -l <out)" = 1 ] || fail "$2: more than a line: $(cat out)"
	grep -qF -e "$1" out || fail "$2: '$1' is not what it says: $(cat out)"
	echo "ok - $(cat out)"
}

for bits in 8 16 32 64; do
	max=$(printf '%u' $(((1 << (bits - 1)) - 1)))
	umax=$(printf '%u' $(((1 << (bits - 1)) * 2 - 1)))
	[ $bits != 64 ] || umax=18446744073709551615
	sets u-$bits "$umax"
	sets u-$bits 0
	sets s-$bits "$max"
	sets s-$bits -$((max))
	sets s-$bits "$(printf '%d' $((-max - 1)))"
	refuses "u-$bits=-1 is not 0 to $umax" left=1,u-$bits=-1
	[ $bits = 64 ] || refuses "u-$bits=$((umax + 1)) is not 0 to $umax" left=1,u-$bits=$((umax + 1))
	[ $bits = 64 ] || refuses "s-$bits=$((max + 1)) is not -$((max + 1)) to $max" left=1,s-$bits=$((max + 1))
done
refuses "is not 0 to 18446744073709551615" left=1,u-64=18446744073709551616
refuses "is not 0 to 18446744073709551615" left=1,u-64=17179869184G
refuses "s-64=9223372036854775808 is not" left=1,s-64=9223372036854775808
sets u-32 0x1f 31
sets u-32 4K 4096
sets u-32 3m 3145728
sets u-64 8G 8589934592
sets s-32 -1K -1024
for bad in '' x 1x 1KB 0x '- 1' ' 1' K 1.5 --1; do
	refuses "u-32=$bad is not 0 to 4294967295" "left=1,u-32=$bad"
done
for yes in yes on true 1 YES; do sets flag $yes yes; done
for no in no off false 0; do sets flag $no no; done
[ "$("$sluice" stage help ./options.bpf.o:left=1,flag -j |
	jq -r '.options[] | select(.name == "flag").value')" = yes ] || fail "flag alone"
refuses "flag=maybe is not yes|no" left=1,flag=maybe
sets color dark-green
sets color DARK_GREEN dark-green
sets color COLOR_BLUE blue
sets color blue
refuses "color=7 is not red|dark-green|blue" left=1,color=7
# a length of its own; a zero at the end
sets bytes abcd
sets bytes 0x00ff
sets bytes 0x6162 ab
refuses "bytes=abcde is not 1 to 4 characters" left=1,bytes=abcde
refuses "bytes=0x0102030405 is not" left=1,bytes=0x0102030405
refuses "bytes=0x123 is not" left=1,bytes=0x123
refuses "bytes=0xzz is not" left=1,bytes=0xzz
refuses "bytes= is not" left=1,bytes=
sets text 1234567
refuses "text=12345678 is not 1 to 7 characters" left=1,text=12345678
sets entries 100
refuses "entries=0 is no number of entries" left=1,entries=0
refuses "needs left= or right=" u-8=1
refuses "needs only one of left= or right=" left=1,right=1
refuses "u-8 is given twice" left=1,u-8=1,u-8=2
refuses "'u-8' is not KEY=VALUE" left=1,u-8
refuses "knows no 'bytes_len'; there is bytes=BYTES, color=red|dark-green|blue, entries=0 to" left=1,bytes_len=3
refuses "knows no 'constant'" left=1,constant=3
refuses "knows no 'variable'" left=1,variable=3

# what is no stage
echo 'int x;' | clang -target bpf -g -O2 -x c -c - -o none.o
"$sluice" stage help none.o 2>out && fail "an object without a stage"
grep -q "none.o: its object has no struct io_unified_ops" out || fail "$(cat out)"
clang -target bpf -O2 -I"$OLDPWD" -I"$OLDPWD/bpf" -c "$OLDPWD/tests/unit/options.bpf.c" -o nobtf.o
"$sluice" stage help ./nobtf.o 2>out && fail "an object without BTF"
[ "$(cat out)" = "sluice: stage ./nobtf.o: not a BPF object with BTF; compile it with clang -target bpf -g" ] ||
	fail "$(cat out)"
sed 's/^UNIFIED_STAGE.*/&\nUNIFIED_STAGE(more, .rx = (void *)options_rx);/' \
	"$OLDPWD/tests/unit/options.bpf.c" >two.bpf.c
clang -target bpf -O2 -g -I"$OLDPWD" -I"$OLDPWD/bpf" -c two.bpf.c -o two.o
"$sluice" stage help ./two.o 2>out && fail "an object with two stages"
grep -q "has more than one struct io_unified_ops" out || fail "$(cat out)"
head -c 1000 options.bpf.o >short.o
"$sluice" stage help ./short.o 2>out && fail "half an object"
[ "$(cat out)" = "sluice: stage ./short.o: not a BPF object with BTF; compile it with clang -target bpf -g" ] ||
	fail "$(cat out)"
