#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# recording.sh: the reader of recordings, without a kernel: recording.c under the
# address and undefined behaviour sanitizers, and with each of the reader's checks
# taken out it finds something.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # FOLDER OPTION...: with the reader in FOLDER
	local from=$1
	shift
	# shellcheck disable=SC2046 # options are words
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE "$@" -Iinclude \
		-I"$from" -Iloader $(pkg-config --cflags json-c) tests/unit/recording.c \
		"$from/recording.c" loader/crc32c.c loader/output.c -o "$work/test" \
		$(pkg-config --libs json-c)
}
run() { timeout 300 setarch -R "$work/test" "$work" 2>"$work/errors"; }

build loader -fsanitize=address,undefined -fno-sanitize-recover=all
run || { tail -n 30 "$work/errors"; echo "not ok - the reader"; exit 1; }
echo "ok - the reader"

# A mistake in the reader is found.  SED-COMMAND
mkdir "$work/loader"
broken() {
	sed -E "$1" loader/recording.c >"$work/loader/recording.c"
	! cmp -s "$work/loader/recording.c" loader/recording.c ||
		{ echo "not ok - '$1' changes nothing"; exit 1; }
	build "$work/loader" -w -fsanitize=address,undefined -fno-sanitize-recover=all
	if run >"$work/log"; then
		echo "not ok - '$1' is not noticed"
		exit 1
	fi
	echo "ok - '$1' is noticed"
}
broken 's/\? 0 : -EBADMSG/? 0 : 0/'
broken 's/e->pos >= head - s->data_blocks/true/'
broken 's/e->block != s->data_start \+ off \|\| //'
broken 's/off \+ e->blocks > s->data_blocks/false/'
broken 's/e->dev >= rec->super.nr_devs \|\| //'
broken 's/return crc32c\(crc, &copy, sizeof\(copy\)\) == le32toh\(raw->crc\)/return true/'
broken 's/crc32c\(0, &copy, header\) != le32toh\(raw->crc\)/false/'
broken 's/s->dev < s->nr_devs && //'
broken 's/e->vblock < next \|\| //'
