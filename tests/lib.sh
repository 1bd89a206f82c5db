# SPDX-License-Identifier: GPL-2.0
#
# lib.sh: for the tests in tests/cases, which run on the host.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=$(basename "$0")
name=${name%.*}
dir=build/tests/$name.d		# the guest's /out
# most tests of user space set another, which is several times as fast
kernel=${KERNEL:-debug}
rm -rf "$dir"
mkdir -p "$dir"

fail() { echo "not ok - $*" >&2; exit 1; }

# vm [OPTIONS] -- COMMAND...: run it in a machine with the kernel of the tests
vm() {
	tests/vm/run --kernel "$kernel" --log "$dir/kernel.log" --out "$dir" "$@"
}

# machine [OPTIONS] -- COMMAND...: the same with a namespace of 1 GiB of which
# nothing is written
machine() {
	truncate -s 1G "$dir/disk.img"
	vm --disk "$dir/disk.img${disk_options:-}" "$@"
}

# data BYTES: something to send; every third record of 4096 bytes begins with
# DROP, the rest does not compress and does not repeat
data() {
	tests/vm/enter python3 - "$1" "$dir/sent" <<-'PY'
		import random, sys
		n, out = int(sys.argv[1]), open(sys.argv[2], "wb")
		r = random.Random(7)
		for i in range(0, n, 4096):
		    rec = bytearray(r.randbytes(min(4096, n - i)))
		    if i // 4096 % 3 == 0:
		        rec[:4] = b"DROP"[:len(rec)]
		    out.write(rec)
	PY
}

# Is in the image what should be?  Checked here, where the guest cannot help it
expect() {
	tests/vm/enter python3 tests/vm/expect.py "$dir/sent" "$dir/disk.img" \
		"$dir/summary.json" "$@"
}

# The images are large and, when the test has passed, of no use
done_with_images() { rm -f "$dir"/*.img "$dir"/sent*; }

# sluice with the sanitizers' checks, as build/asan/sluice
sanitized_sluice() {
	mkdir -p build/asan
	# tests that run at once build it once
	flock build/asan/lock tests/vm/enter make -s --no-print-directory \
		-j"$(nproc)" BUILD=build/asan \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer" \
		build/asan/sluice
}

# streams NR BYTES: the same for each of NR streams, all different, in sent.1 and
# so on; kept.list and, sorted, kept.sums are the checksums of what of each has to be
# there without the records to drop
streams() {
	tests/vm/enter python3 - "$1" "$2" "$dir" <<-'PY'
		import hashlib, random, sys
		nr, size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
		sums = []
		for s in range(1, nr + 1):
		    r, kept = random.Random(s), hashlib.sha256()
		    with open("%s/sent.%d" % (folder, s), "wb") as out:
		        # no two are equally long, and none is whole blocks
		        for i in range(0, size + 1001 * s, 4096):
		            rec = bytearray(r.randbytes(min(4096, size + 1001 * s - i)))
		            if (i // 4096 + s) % 3 == 0:
		                rec[:4] = b"DROP"[:len(rec)]
		            else:
		                kept.update(rec)
		            out.write(rec)
		    sums.append(kept.hexdigest())
		open(folder + "/kept.list", "w").write("\n".join(sums) + "\n")
		open(folder + "/kept.sums", "w").write("\n".join(sorted(sums)) + "\n")
	PY
}

sluice() { tests/vm/enter build/vm/sluice "$@"; }
list() { sluice list -j --nvme "$1" >"$dir/list.json"; }
json() { tests/vm/enter jq -r "$1" "$dir/${2:-list}.json"; }

# expect_streams IMAGE[,IMAGE...]: are all of them there, and nothing else?  Which
# number each has, is for who accepted them
expect_streams() {
	local id
	list "$1"
	[ "$(json '.streams | map(.state) | unique | .[]')" = complete ] ||
		fail "not all complete: $(json '.streams | map(.state)')"
	for id in $(json '.streams[].id'); do
		sluice read --nvme "$1" --stream "$id" --output - | sha256sum | cut -d' ' -f1
	done | sort >"$dir/read.sums"
	cmp "$dir/kept.sums" "$dir/read.sums" || fail "not what was sent"
	echo "$(wc -l <"$dir/read.sums") streams are what was sent"
}
