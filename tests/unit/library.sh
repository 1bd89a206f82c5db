#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# library.sh: include/sluice/sluice.h compiles without a warning as C and C++,
# for 64 and 32 bits; and its rings do what they should, with sanitizers, no
# kernel needed.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
inc=(-Iinclude -Ikernel/include/uapi)
warn=(-Wall -Wextra -Werror)

printf '#include <sluice/sluice.h>\nint main(void) { return 0; }\n' >"$out/a.c"
cp "$out/a.c" "$out/a.cc"
gcc -std=gnu11 "${warn[@]}" "${inc[@]}" -c "$out/a.c" -o "$out/a.o"
"${CLANG:-clang}" -std=gnu11 "${warn[@]}" "${inc[@]}" -c "$out/a.c" -o "$out/a.o"
g++ -std=gnu++17 "${warn[@]}" "${inc[@]}" -c "$out/a.cc" -o "$out/a.o"
gcc -m32 -std=gnu11 "${warn[@]}" "${inc[@]}" -c "$out/a.c" -o "$out/a.o"
echo "the header compiles as C, C++, and for 32 bits"

gcc "${warn[@]}" -D_GNU_SOURCE -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all "${inc[@]}" tests/unit/library.c -o "$out/library"
"$out/library"
