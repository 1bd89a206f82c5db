#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The documents' example programs and tcp2nvme run, and what they wrote is on the
# disk: with blocks of 512 bytes, and of 4096, for which the example was printed.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
data 3000001

for block in 512 4096; do
	rm -f "$dir/disk.img"
	machine --ns "logical_block_size=$block,physical_block_size=$block" -- \
		tests/guest/examples.sh
	tests/vm/enter python3 - "$dir/disk.img" "$dir/sent" <<-'PY'
		import sys
		image = open(sys.argv[1], "rb")
		MIB = 1 << 20
		ifq = bytes((i * 31 + i // 4096 * 7) & 255 for i in range(16 * 4096))
		region = bytes((i * 13 + i // 256) & 255 for i in range(4096))
		for mib, want in enumerate((ifq, ifq, region, region)):
		    image.seek(mib * MIB)
		    got = image.read(MIB)
		    if got != want.ljust(MIB, b"\0"):
		        sys.exit("not ok - MiB %d is not what the example wrote" % mib)
		image.seek(4 * MIB)
		sent = open(sys.argv[2], "rb").read()
		if image.read(3 * MIB) != sent.ljust(3 * MIB, b"\0"):
		    sys.exit("not ok - the stream is not what was sent")
		while chunk := image.read(MIB):
		    if chunk.strip(b"\0"):
		        sys.exit("not ok - something else was written")
		print("ok - the image")
	PY
done
done_with_images
