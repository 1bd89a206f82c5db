# SPDX-License-Identifier: GPL-2.0
#
# tree.sh: for scripts that build more of the kernel than its image, and that
# change its source; to be sourced at the top of the checkout.

# own_tree NAME: sets $work to a folder of the cache, ours until we end, where
# src is this checkout's patched Linux.  Its files are links to those of the
# unpatched tree: what has to change is replaced.  What else is in $work, such as
# build trees, is left from last time.
own_tree() {
	local base

	base=$(tests/vm/kernel source)
	work=${base%/*}/$1
	mkdir -p "$work"
	exec 8>"$work/lock"
	flock 8
	rm -rf "$work/src" "$work/new"
	cp -al "$base" "$work/src"
	tests/vm/patched-files "$base" "$work/new" kernel/patches/*.patch tests/vm/*.patch
	(cd "$work/new" && find . -type f -print0 |
		xargs -0 cp --parents --remove-destination -t "$work/src")
	rm -rf "$work/new"
}
