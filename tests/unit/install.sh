#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh: what `make install` leaves can be used: a program that knows
# pkg-config only is built against it, and the man pages have no mistakes.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
make -s install BUILD=build/vm DESTDIR="$out" PREFIX=/usr

export PKG_CONFIG_SYSROOT_DIR=$out PKG_CONFIG_PATH=$out/usr/lib/pkgconfig
read -ra cflags < <(pkg-config --cflags sluice)
read -ra libs < <(pkg-config --libs sluice)
(
	cd "$out"
	printf '#include <linux/io_uring/unified.h>\n#include <sluice/sluice.h>\nint main(void) { return sluice_query(&(struct io_uring_query_unified){}) == 1; }\n' >a.c
	gcc -Wall -Werror a.c "${cflags[@]}" "${libs[@]}" -o a
	./a
)
echo "a program is built by pkg-config, version $(pkg-config --modversion sluice)"
for page in "$out"/usr/share/man/man*/*; do
	mandoc -T lint -W warning "$page"
done
echo "$(find "$out/usr/share/man" -type f | wc -l) man pages without a mistake"
