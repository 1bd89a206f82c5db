#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who may do what: tests/conformance/privilege.c, whose table is the one of SECURITY.md;
# and what a region must not tell: tests/conformance/leaks.c
. "$(dirname "$0")/../lib.sh"
machine -- tests/guest/conform-privilege.sh

# table NUMBER NAME: the one of SECURITY.md with that number is what the test found
table() {
	diff <(awk -v nr="$1" '/^\| \|/ && ++n, !/^\|/ { if (n == nr && /^\|/) print }' SECURITY.md) \
		"$dir/$2.md" || fail "table $1 of SECURITY.md is not what the test found"
	echo "ok - table $1 of SECURITY.md is what the test found"
}
table 1 table
# of kernels that have none the second has nothing to say
case $(basename "$kernel") in
debug | debug-* | kasan*) [ -e "$dir/module-table.md" ] || fail "$kernel has no security modules" ;;
esac
[ ! -e "$dir/module-table.md" ] || table 2 module-table
done_with_images
