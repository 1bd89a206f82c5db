#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# library.sh: include/sluice, without a kernel.
#
# It compiles as C and C++, for 64 and 32 bits, by gcc and clang, without a
# warning; library.c finds nothing under the address, undefined behaviour and
# thread sanitizers; and with each barrier or check of the headers taken out it
# does find something.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -D_GNU_SOURCE
	-Iinclude -Ikernel/include/uapi)

# Every function is used, or a compiler might not look at it
{
	echo '#include <sluice/sluice.h>'
	echo 'extern void *const all[];'
	echo 'void *const all[] = {'
	sed -nE 's/^static inline .*[ *](sluice_[a-z0-9_]+)\(.*/\t(void *)\1,/p' \
		include/sluice/*.h
	echo '};'
} >"$work/all.c"
[ "$(grep -c '(void \*)sluice_' "$work/all.c")" -ge 50 ] ||
	{ echo "not ok - the list of functions is too short"; exit 1; }
# that a function becomes a void * is this list's doing, not the headers'
sed 's/(void \*)\(sluice_[a-z0-9_]*\)/__extension__ &/' -i "$work/all.c"

for how in "gcc -std=gnu11" "gcc -std=gnu11 -m32" "clang -std=gnu11" \
	"g++ -x c++ -std=gnu++17" "g++ -x c++ -std=gnu++20" \
	"clang++ -x c++ -std=gnu++17"; do
	command -v "${how%% *}" >/dev/null ||
		{ echo "not ok - no ${how%% *}"; exit 1; }
	$how "${flags[@]}" -O2 -c "$work/all.c" -o "$work/all.o" ||
		{ echo "not ok - $how"; exit 1; }
	echo "ok - $how"
done

build() { # FOLDER OPTION...: library.c with the headers in FOLDER
	local include=$1
	shift
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-tsan -D_GNU_SOURCE \
		-I"$include" -Ikernel/include/uapi "$@" tests/unit/library.c \
		-o "$work/library" -pthread
}
run() { timeout 120 setarch -R "$work/library"; }

for how in "-fsanitize=address,undefined -fno-sanitize-recover=all" \
	-fsanitize=thread; do
	# shellcheck disable=SC2086 # options are words
	build include $how
	run || { echo "not ok - $how"; exit 1; }
	echo "ok - $how"
done
# not linked for 32 bits: needs libraries that may not be there
if build include -m32 2>/dev/null; then
	run || { echo "not ok - 32 bits"; exit 1; }
	echo "ok - 32 bits"
fi

# A mistake in the headers is found.  FILE SED-COMMAND
broken() {
	rm -rf "$work/include"
	cp -r include "$work/include"
	sed -E "$2" -i "$work/include/sluice/$1"
	! cmp -s "$work/include/sluice/$1" "include/sluice/$1" ||
		{ echo "not ok - '$2' changes nothing"; exit 1; }
	build "$work/include" -fsanitize=thread
	if run >"$work/log" 2>&1; then
		echo "not ok - '$2' is not noticed"
		exit 1
	fi
	echo "ok - '$2' is noticed"
}
broken queue.h 's/io_uring_smp_store_release\(&sq->producer, (.*)\);/IO_URING_WRITE_ONCE(sq->producer, \1);/'
broken queue.h 's/io_uring_smp_store_release\(&cq->consumer, (.*)\);/IO_URING_WRITE_ONCE(cq->consumer, \1);/'
broken queue.h 's/cached_producer = io_uring_smp_load_acquire\(&cq->producer\)/cached_producer = IO_URING_READ_ONCE(cq->producer)/'
broken queue.h 's/cached_consumer = io_uring_smp_load_acquire\(&sq->consumer\)/cached_consumer = IO_URING_READ_ONCE(sq->consumer)/'
broken queue.h 's/next - sq->cached_consumer >= r->sq_entries/next >= sq->cached_consumer + r->sq_entries/'
broken queue.h 's/\tmemset\(sqe, 0, .*//'
broken prep.h 's/blocks - 1 >= SLUICE_MAX_BLOCKS/0/'
