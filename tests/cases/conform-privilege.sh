#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who may do what: tests/conformance/privilege.c, whose table is the one of SECURITY.md;
# and what a region must not tell: tests/conformance/leaks.c
. "$(dirname "$0")/../lib.sh"
machine -- tests/guest/conform-privilege.sh
diff <(sed -n '/^| | root/,/^$/{/^|/p}' SECURITY.md) "$dir/table.md" ||
	fail "the table of SECURITY.md is not what the test found"
echo "ok - the table of SECURITY.md is what the test found"
done_with_images
