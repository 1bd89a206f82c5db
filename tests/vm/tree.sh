# SPDX-License-Identifier: GPL-2.0
#
# tree.sh: for scripts that build more of the kernel than its image, and that
# change its source; to be sourced at the top of the checkout.

# own_tree NAME: sets $work to a folder of the cache, ours until we end, where
# src is this checkout's patched Linux.  Its files are links to those of the
# unpatched tree: what has to change is replaced.  What else is in $work, such as
# build trees, is left from last time.
own_tree() {
	local base file

	base=$(tests/vm/kernel source)
	work=${base%/*}/$1
	mkdir -p "$work"
	exec 8>"$work/lock"
	flock 8
	rm -rf "$work/old" "$work/new"
	[ ! -e "$work/src" ] || mv "$work/src" "$work/old"
	cp -al "$base" "$work/src"
	tests/vm/patched-files "$base" "$work/new" kernel/patches/*.patch tests/vm/*.patch
	# make does not see that a file is as old as it was
	(cd "$work/new" && find . -type f) | sort >"$work/files.new"
	if [ -e "$work/files" ] && comm -23 "$work/files" "$work/files.new" | grep -q .; then
		find "$work" -mindepth 1 -maxdepth 1 -type d ! -name src ! -name new ! -name old \
			-exec rm -rf {} +
	fi
	mv "$work/files.new" "$work/files"
	# what is the same as last time has the same time, too
	while read -r file; do
		! cmp -s "$work/old/$file" "$work/new/$file" ||
			touch -r "$work/old/$file" "$work/new/$file"
	done <"$work/files"
	(cd "$work/new" && find . -type f -print0 |
		xargs -0 cp -p --parents --remove-destination -t "$work/src")
	rm -rf "$work/new" "$work/old"
}
