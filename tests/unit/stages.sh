#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stages.sh [NAME]...: the stages, compiled natively by gcc with the address and
# undefined behaviour sanitizers, and by clang with the latter, which has no library
# for the former; and their tests in tests/stages.
# Then each stage is broken, and its test has to notice.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "not ok - $*"; exit 1; }
# shellcheck disable=SC2046 # a list of names
[ $# -gt 0 ] || set -- $(cd tests/stages && ls -- *.c | sed 's/\.c$//')

# of all stages, or one could be without
for stage in bpf/*.bpf.c; do
	name=$(basename "$stage" .bpf.c)
	grep -q '^UNIFIED_ABOUT' "$stage" || continue
	[ -e "tests/stages/$name.c" ] || fail "no test of $name"
done

# what a stage can call, but for what only a ring's loop can
grep -oE '^[a-z_].*\bbpf_io_unified_[a-z0-9_]+\(|^bpf_io_unified_[a-z0-9_]+\(' bpf/unified.bpf.h |
	grep -oE 'bpf_io_unified_[a-z0-9_]+' | grep -v -e '_submit$' -e '_get_region$' |
	sort -u >"$work/kfuncs"
[ "$(wc -l <"$work/kfuncs")" -ge 14 ] || fail "the list of kfuncs is too short"
while read -r kfunc; do
	grep -qE "^[a-z_].*\b$kfunc\(" include/sluice/stage-test.h ||
		fail "sluice/stage-test.h does not stand in for $kfunc()"
done <"$work/kfuncs"

sanitize() {
	case $1 in
	gcc) echo -fsanitize=address,undefined -fno-sanitize-recover=all ;;
	clang) echo -fsanitize=undefined -fsanitize-trap=all ;;
	esac
}

# COMPILER FOLDER-OF-STAGES NAME; no warning, but for attributes that only BPF has
build() {
	# shellcheck disable=SC2046 # options are words
	$1 -g -O1 -Wall -Wextra -Werror -Wno-attributes -Wno-unknown-attributes \
		-Wno-unknown-pragmas -Wno-unused-function -Wno-unused-parameter \
		-Wno-sign-compare -Wno-missing-field-initializers \
		$(sanitize "$1") -Iinclude -I. -I"$2" -Ibpf "tests/stages/$3.c" -o "$work/test"
}
run() { timeout 120 setarch -R "$work/test"; }

for name; do
	for compiler in gcc clang; do
		build "$compiler" bpf "$name" || fail "$name does not compile by $compiler"
		start=$(date +%s%N)
		run >"$work/log" 2>&1 || { cat "$work/log"; fail "$name, $compiler"; }
		echo "ok - $name, $compiler: $(tail -n 1 "$work/log") in $((($(date +%s%N) - start) / 1000000)) ms"
	done
done

# NAME SED-COMMAND
broken() {
	mkdir -p "$work/bpf"
	sed -E "$2" "bpf/$1.bpf.c" >"$work/bpf/$1.bpf.c"
	! cmp -s "bpf/$1.bpf.c" "$work/bpf/$1.bpf.c" || fail "'$2' changes nothing in $1"
	build gcc "$work/bpf" "$1" || fail "'$2' does not compile"
	! run >"$work/log" 2>&1 || fail "'$2' in $1 is not noticed"
	echo "ok - $1: '$2' is noticed"
}
broken filter 's/return unified_find.*/return unified_find(buf, 0, search, pattern, len) >= 0;/'
broken filter 's/i < UNIFIED_PATTERN \&\& i < len/i < UNIFIED_PATTERN/'
broken sample 's/one_in == 0/one_in == 1/'
broken ratelimit 's/r->full > now \? r->full : now/r->full/'
broken ratelimit 's/\tr->full = full;//'
broken checksum 's/0x48674bc7/0x48674bc6/'
broken checksum 's/buf, s->crc\)/buf, 0)/'
broken redact 's/unified_overwrite\(buf, at/unified_overwrite(buf, from/'
broken dedup 's/seed \^ buf->len \* DEDUP_M/0/'
broken dedup 's/\.hash = .*/.hash = 0,/; s/\.crc = .*/.crc = 0,/'
broken tee 's/else if \(bpf_io_unified_buf_pass.*/else if (!clone)/'
broken meter 's/bpf_map_delete_elem.*//'
broken inject 's/\+ 1\) % one_in/+ 0) % one_in/'
broken xor 's/buf->len - off, pad/1, pad/'
broken record 's/c->done\+\+;//'
