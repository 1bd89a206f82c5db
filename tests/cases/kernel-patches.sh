#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel side as its maintainers will look at it: checkpatch --strict has
# nothing to say, `git am` takes the series, and what it changes in files that
# exist stays small.
. "$(dirname "$0")/../lib.sh"
tests/vm/checkpatch
tests/vm/series
changed=$(tests/vm/upstream-lines | tee /dev/stderr | awk '/^lines changed/ { print $6 }')
[ "$changed" -lt 150 ] || fail "$changed lines changed in upstream files"

image=$(tests/vm/kernel plain)
tests/vm/enter -b "${image%/*}:/tmp/kernel" bash -euc '
	# the files that the series touches, as they came, are a repository
	git init -q /tmp/repo
	cp -r /tmp/kernel/orig/. /tmp/repo
	cd /tmp/repo
	git config user.name test
	git config user.email test@localhost
	git add -A
	git commit -qm base
	git am -q /sluice/build/series/*.patch
	# and what comes out is what the build makes: patches, and new files.  Not
	# by the tree it was built in, which another checkout may have used since.
	cp -r /tmp/kernel/orig /tmp/want
	for patch in /sluice/kernel/patches/*.patch; do
		patch -d /tmp/want -p1 -s --no-backup-if-mismatch -i "$patch"
	done
	cd /sluice/kernel
	find io_uring drivers include Documentation -type f -exec cp --parents {} /tmp/want \;
	diff -r --exclude=.git /tmp/want /tmp/repo'
