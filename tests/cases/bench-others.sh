#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' programs but for those that record a stream: each does its job, on
# data that is compared here.  How fast they are, tests/bench says.  The plain kernel
# will do, which that is on.
KERNEL=${KERNEL:-plain}
. "$(dirname "$0")/../lib.sh"
. tests/lib-capture.sh

# what is served ends within a block, and within a chunk of 64 KiB
bytes=6000321
echo $bytes >"$dir/bytes"
data $((bytes / 4096 * 4096 + 4096))
for disk in rings fio serve capture files; do
	truncate -s 64M "$dir/$disk.img"
done
dd if="$dir/sent" of="$dir/serve.img" conv=notrunc status=none
vm --disk "$dir/rings.img" --ns logical_block_size=4096,physical_block_size=4096 \
	--disk "$dir/fio.img" --disk "$dir/serve.img" --disk "$dir/capture.img" \
	--disk "$dir/files.img" -- tests/guest/bench-others.sh

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

# frames as frames sends them; xsk-cmd's slots, and what others read of the rest
tests/vm/enter python3 - "$dir" <<-'PY'
	import struct, sys
	folder = sys.argv[1] + "/"
	def payload(nr, size):
	    pattern = bytes((j * 31 + (j >> 8)) % 256 for j in range(8, size - 42))
	    return struct.pack("<Q", nr) + pattern
	for name, frames, size in ("xsk-cmd", 3000, 1000), ("xsk-cmd.1", 1000, 60):
	    data = open(folder + name + ".slots", "rb").read()
	    for i in range(frames):
	        slot = data[i * 2048:(i + 1) * 2048]
	        magic, nr, time, length, off = struct.unpack_from("<8sQQII", slot)
	        if (magic, nr, length) != (b"xsk-cmd\0", i, size):
	            sys.exit("not ok - %s: slot %d has %s" % (name, i, slot[:32]))
	        # 1000 at a time, each from 0 on
	        if slot[off + 42:off + length] != payload(i % 1000, size):
	            sys.exit("not ok - %s: frame %d is not what was sent" % (name, i))
	    print("ok - %s: %d frames" % (name, frames))
	open(folder + "payload", "wb").write(b"".join(payload(i, 1000) for i in range(1000)))
PY
payload dumpcap udp "$dir/payload"
export_capture capture 20000 capture.img
payload capture udp "$dir/payload"
# what lies side by side goes in one command
summary capture '.nvme_cmds * 2 < .written_frames'
rm -f "$dir"/served.* "$dir/want" "$dir"/*.slots "$dir"/*.pcapng
done_with_images
