#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice serve: several stock clients at a time get a range of a namespace, byte
# for byte, with blocks of 512 and of 4096 bytes; a slow one, one that goes away
# and a stage's drops are its own business, or as they should be.
. "$(dirname "$0")/../lib.sh"

bytes=2500100
for block in 512 4096; do
	truncate -s 1G "$dir/disk$block.img"
	data $((bytes / 4096 * 4096 + 4096))
	dd if="$dir/sent" of="$dir/disk$block.img" bs=$block seek=1000 conv=notrunc status=none
done
vm --disk "$dir/disk512.img" --more "$dir/disk4096.img" \
	--ns logical_block_size=4096,physical_block_size=4096 -- \
	bash -c "tests/guest/serve.sh /dev/nvme0n1 1000 $bytes &&
		ip netns del rx && ip netns del tx &&
		echo 10 >/sys/bus/netdevsim/del_device && echo 20 >/sys/bus/netdevsim/del_device &&
		rm /tmp/go && tests/guest/serve.sh /dev/nvme0n2 1000 $bytes"

head -c $bytes "$dir/sent" >"$dir/want"
for node in nvme0n1 nvme0n2; do
	for client in slow 1 2 3 4; do
		cmp "$dir/want" "$dir/$node.$client"
	done
	tests/vm/enter python3 - "$dir/want" "$dir/$node.filtered" <<-'PY'
		import sys
		data = open(sys.argv[1], "rb").read()
		recs = (data[i:i + 4096] for i in range(0, len(data), 4096))
		if b"".join(r for r in recs if r[:4] != b"DROP") != open(sys.argv[2], "rb").read():
		    sys.exit("not ok - what the stage left is not what was received")
		print("ok - the stage's drops")
	PY
	tests/vm/enter python3 - "$dir/want" "$dir/$node.xor1" "$dir/$node.xor2" <<-'PY'
		import sys
		data = open(sys.argv[1], "rb").read()
		# the key begins again every 64 bytes
		pad = (b"secret" * 11)[:64] * (len(data) // 64 + 1)
		want = int.from_bytes(data) ^ int.from_bytes(pad[:len(data)])
		for name in sys.argv[2:]:
		    if open(name, "rb").read() != want.to_bytes(len(data)):
		        sys.exit("not ok - not what the stage makes of it: " + name)
		print("ok - the stage's changes")
	PY
done
rm -f "$dir"/*.img "$dir/sent" "$dir/want" "$dir"/nvme0n[12].*
