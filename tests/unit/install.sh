#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh: what `make install` leaves is all that a program needs.
#
# Needs the loader and the examples built in $BUILD.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build/vm}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "not ok - $*"; exit 1; }

make -s install DESTDIR="$work/root" PREFIX=/usr
# a pattern must not stop to match unnoticed
[ "$(cd "$work/root" && find . -type f -name '*.[0-9]' | wc -l)" -ge 4 ] ||
	fail "man pages are missing"
installed=$(cd "$work/root" && find . -type f | sort)
echo "$installed"

# Out of here, by pkg-config alone
cp "$work/root/usr/share/sluice/examples/tcp2nvme.c" bpf/filter.bpf.c "$work"
cd "$work"
export PKG_CONFIG_PATH=$work/root/usr/share/pkgconfig
pkg-config --validate sluice
read -ra flags < <(pkg-config --define-variable=includedir="$work/root/usr/include" --cflags sluice)
read -ra libs < <(pkg-config --libs sluice)
gcc -Wall -Wextra -Werror -D_GNU_SOURCE "${flags[@]}" tcp2nvme.c "${libs[@]}" -o tcp2nvme
# shellcheck disable=SC1003 # a backslash
gcc -M -D_GNU_SOURCE "${flags[@]}" tcp2nvme.c | tr -s ' \\' '\n' | grep -E 'sluice|unified' >headers
! grep -v "^$work/" headers || fail "headers from elsewhere"
for header in sluice/sluice.h linux/io_uring/unified.h; do
	grep -q "/$header$" headers || fail "no $header"
	for compiler in "gcc -x c" "g++ -x c++"; do
		echo "#include <$header>" |
			$compiler -Wall -Wextra -Werror -D_GNU_SOURCE "${flags[@]}" -fsyntax-only - ||
			fail "$header by itself, $compiler"
	done
done
# and a stage
clang -target bpf -mcpu=v3 -O2 -g -Wall -Werror -I"$work/root/usr/include/sluice" \
	-c filter.bpf.c -o filter.bpf.o
# and one of a user's, from its beginning to the folder of stages
sluice=$work/root/usr/sbin/sluice
"$sluice" stage new 2>/dev/null && fail "a stage without a name"
"$sluice" stage new Bad 2>/dev/null && fail "a stage named Bad"
"$sluice" stage new mine
"$sluice" stage new mine 2>err && fail "a folder is overwritten"
grep -q 'mine: File exists' err || fail "unclear: $(cat err)"
PKG_CONFIG="pkg-config --define-variable=includedir=$work/root/usr/include" \
	make -s -C mine check install DESTDIR="$work/root" >out 2>&1 || fail "$(cat out)"
! grep -i warning out || fail "it does not compile without warnings"
grep -q 'ok - 3 checks' out || fail "its test does not run: $(cat out)"
sed -i 's/buf->len < shortest/buf->len > shortest/' mine/mine.bpf.c
! make -s -C mine check PKG_CONFIG="pkg-config --define-variable=includedir=$work/root/usr/include" \
	>out 2>&1 || fail "its test does not notice a mistake"
grep -q '^not ok - test.c:' out || fail "unclear: $(cat out)"
# and the example
cp -r "$work/root/usr/share/sluice/examples/stage-count" .
PKG_CONFIG="pkg-config --define-variable=includedir=$work/root/usr/include" \
	make -s -C stage-count check >out 2>&1 || fail "$(cat out)"
grep -q 'ok - 13 checks' out || fail "its test does not run: $(cat out)"
export SLUICE_STAGES=$work/root/usr/lib/sluice/stages
"$sluice" stage list | grep -q '^mine  *drop records that are too short$' || fail "mine is not listed"
"$sluice" stage help mine -j | jq -e '.options == [{ "name": "shortest",
	"type": "0 to 4294967295", "default": "64", "help": "drop records of fewer bytes" }]' \
	>/dev/null || fail "$("$sluice" stage help mine -j)"
rm -r "$work/root/usr/lib"
# every stage that is built in says what it does, and what its options are
"$sluice" stage list -j | jq -e 'length >= 10 and all(.about != "" and
	(.options | all(.help != null and (.type | length > 0))))' >/dev/null ||
	fail "a stage without a description: $("$sluice" stage list -j)"
cd - >/dev/null

for page in "$work"/root/usr/share/man/man*/*; do
	mandoc -T lint -W style "$page" || fail "$page"
	name=${page##*/}
	[ "$(sed -n 's/^\.TH \([^ ]*\) \([1-9]\) .*/\1.\2/p' "$page")" = "${name^^}" ] ||
		fail "$page is titled otherwise"
done
# every function of the library is in the manual
sed -nE 's/^static inline .*[ *](sluice_[a-z0-9_]+)\(.*/\1/p; s/^#define (sluice_[a-z_]+)\(.*/\1/p' \
	include/sluice/*.h | sort -u >"$work/functions"
while read -r name; do
	grep -qw "$name" Documentation/sluice.3 || echo "$name"
done <"$work/functions" >"$work/undocumented"
[ "$(wc -l <"$work/functions")" -ge 50 ] || fail "the list of functions is too short"
[ ! -s "$work/undocumented" ] ||
	fail "sluice.3 does not mention $(tr '\n' ' ' <"$work/undocumented")"
# and every number and flag of the ABI in one of its pages
grep -ohE '\b(IORING_(UN)?REGISTER_UNIFIED|IORING_UNIFIED|IO_UNIFIED|IORING_OP_UNIFIED|IORING_MAP_OFF_UNIFIED|IO_URING_QUERY_UNIFIED)[A-Z0-9_]*' \
	kernel/include/uapi/linux/io_uring/unified.h | sort -u >"$work/constants"
while read -r name; do
	cat Documentation/*.[27] | grep -w "$name" >/dev/null || echo "$name"
done <"$work/constants" >"$work/undocumented"
[ "$(wc -l <"$work/constants")" -ge 40 ] || fail "the list of constants is too short"
[ ! -s "$work/undocumented" ] ||
	fail "no page mentions $(tr '\n' ' ' <"$work/undocumented")"

make -s uninstall DESTDIR="$work/root" PREFIX=/usr
left=$(find "$work/root" -type f)
[ -z "$left" ] || fail "uninstall leaves $left"
