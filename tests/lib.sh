# SPDX-License-Identifier: GPL-2.0
#
# lib.sh: for the tests in tests/cases, which run on the host.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=$(basename "$0")
name=${name%.*}
dir=build/tests/$name.d		# the guest's /out
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
done_with_images() { rm -f "$dir/disk.img" "$dir/sent"; }

# sluice with the sanitizers' checks, as build/asan/sluice
sanitized_sluice() {
	tests/vm/enter make -s --no-print-directory BUILD=build/asan \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer" \
		build/asan/sluice
}
