#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# export.sh: `sluice export`, built with address and undefined behaviour
# sanitizers, on images that export.py makes: good, cut off, damaged, hostile.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/main.c" <<'C'
#include <stddef.h>
#include "verbs.h"
const char *verb_name(size_t nr) { return nr ? NULL : "export"; }
int main(int argc, char **argv) { return do_export(argc, argv); }
C
sources=(export capture_reader capture_format crc32c pcapng config options suggest output)
build() { # OUTPUT LOADER OPTION...
	local out=$1 loader=$2
	shift 2
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Wno-missing-field-initializers -Werror \
		-D_GNU_SOURCE "$@" -I"$loader" "${sources[@]/#/$loader/}" "$work/main.c" \
		"$work/toml.o" -ljson-c -lstdc++ -o "$out"
}
sources=("${sources[@]/%/.c}")

# options.c reads files of options, too
g++ -std=c++17 -O1 -fno-exceptions -fno-rtti -Iloader -c loader/toml.cc -o "$work/toml.o"
build "$work/export" loader -fsanitize=address,undefined -fno-sanitize-recover=all
tests/unit/export.py "$work/export" "$work"
# checksums without the CPU's instruction
build "$work/by-table" loader -DCRC32C_BY_TABLE
QUICK=1 tests/unit/export.py "$work/by-table" "$work" >"$work/log" 2>&1 ||
	{ cat "$work/log"; exit 1; }
echo "ok - the same by the table"

# A check that is not made is noticed.  SED-COMMAND
broken() {
	rm -rf "$work/loader"
	cp -r loader "$work/loader"
	sed -E "$1" -i "$work/loader/capture_format.c" "$work/loader/capture_reader.c"
	! diff -rq loader "$work/loader" >/dev/null ||
		{ echo "not ok - '$1' changes nothing"; exit 1; }
	build "$work/broken" "$work/loader" -w \
		-fsanitize=address,undefined -fno-sanitize-recover=all
	if QUICK=1 tests/unit/export.py "$work/broken" "$work" >"$work/log" 2>&1; then
		echo "not ok - '$1' is not noticed"
		exit 1
	fi
	echo "ok - '$1' is noticed"
}
broken 's/slot->data_off \+ slot->cap_len <= slot->blocks \* super->block_size/1/'
broken 's/slot->data_off >= sizeof\(\*slot\) \&\&//'
broken 's/memcmp\(slot->id, super->uuid, sizeof\(slot->id\)\)/0/'
broken 's/le32toh\(slot->crc\) != crc32c\(0, slot, .*crc\)\)/0/'
broken 's/!is_block_size\(s->block_size\) \|\|//'
broken 's/s->used > s->blocks \|\|//'
broken 's/frame->slot.seq < r->seq/0/'
broken 's/frame->slot.blocks > end - pos/0/'
broken 's/pos - r->pos > r->super.window/0/'
broken 's/slot->blocks <= super->frame_size \/ super->block_size/1/'
