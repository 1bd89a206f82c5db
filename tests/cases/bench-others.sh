#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' programs but for those that record a stream: each does its job, on
# data that is compared here.  How fast they are, tests/bench says.
. "$(dirname "$0")/../lib.sh"

tests/vm/enter make -s --no-print-directory BUILD=build/vm bench-programs
# what is served ends within a block, and within a chunk of 64 KiB
bytes=6000321
echo $bytes >"$dir/bytes"
data $((bytes / 4096 * 4096 + 4096))
for disk in rings fio serve; do
	truncate -s 64M "$dir/$disk.img"
done
dd if="$dir/sent" of="$dir/serve.img" conv=notrunc status=none
vm --disk "$dir/rings.img" --ns logical_block_size=4096,physical_block_size=4096 \
	--disk "$dir/fio.img" --disk "$dir/serve.img" -- tests/guest/bench-others.sh

# records as nvme-rings writes them
tests/vm/enter python3 - "$dir/rings.img" <<-'PY'
	import struct, sys
	data = open(sys.argv[1], "rb").read()
	size, record = 8 << 20, 4096
	rest = b"".join(struct.pack("<Q", i * 0x9e3779b97f4a7c15 % 2**64)
			for i in range(1, record // 8))
	for i in range(size // record):
	    if data[i * record:(i + 1) * record] != struct.pack("<Q", i) + rest:
	        sys.exit("not ok - record %d is not what was written" % i)
	# what other sizes of records have left behind them
	print("ok - nvme-rings wrote %d records" % (size // record))
PY
head -c $bytes "$dir/sent" >"$dir/want"
for server in sendfile sendzc-cmd.1 sendzc-cmd.5 sendzc-cmd.64 sluice; do
	cmp "$dir/want" "$dir/served.$server"
done
head -c $((bytes / 512 * 512)) "$dir/want" | cmp - "$dir/served.direct"
echo "ok - what was served is what is on the namespace"
rm -f "$dir"/served.* "$dir/want"
done_with_images
