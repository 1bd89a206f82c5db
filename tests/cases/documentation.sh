#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tests, checks and files that the documents name are there:
# tests/unit/documentation.py
. "$(dirname "$0")/../lib.sh"
tests/vm/enter python3 tests/unit/documentation.py

# and a name that is wrong would be noticed
noticed() { # SED-SCRIPT WHAT
	sed "$1" Documentation/conformance.md >"$dir/wrong.md"
	! cmp -s Documentation/conformance.md "$dir/wrong.md" || fail "nothing to change: $1"
	! tests/vm/enter python3 tests/unit/documentation.py "$dir/wrong.md" >"$dir/wrong.tap" ||
		fail "not noticed: $2"
	grep -qF -e "$2" "$dir/wrong.tap" || fail "something else was noticed: $(cat "$dir/wrong.tap")"
	echo "ok - noticed: $2"
}
noticed 's/`conform-numa`/`conform-nodes`/' 'there is no test conform-nodes'
noticed 's/`conform-nvme`, `-formats`/`conform-nvme`, `-forms`/' 'there is no test conform-nvme-forms'
noticed 's/"a batch of 32"/"a batch of 33"/' 'conform-rings has no check "a batch of 33"'
noticed 's/`record-\*`/`rec-*`/' 'no test is rec-*'
noticed 's,examples/doc-ifq.c,examples/doc.c,' 'there is no file examples/doc.c'
noticed '/^| NUMA/d' 'does not name conform-numa'
noticed 's/`make check-clang`/`make check-clan`/' 'make check-clan'
