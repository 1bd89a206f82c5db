#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Frames that ping, socat and crafted packets make, captured on veth and netdevsim,
# native and generic XDP.  Exported here, from the image, when the machine is gone.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
. tests/lib-capture.sh
data 300000
truncate -s 64M "$dir/blocks.img"
machine --disk "$dir/blocks.img" --ns logical_block_size=4096,physical_block_size=4096 -- \
	tests/guest/capture.sh

export_capture all 1000
sound all
times all
payload all "udp.dstport == 9000" "$dir/sent"
for size in 0 1 17 18 19 200 255 256 257 500 1471 1472; do
	nr_is all 1 "icmp.type == 8 && frame.len == $((size + 42)) && frame.cap_len == $((size + 42))"
done
nr_is all 0 "icmp.checksum.status == \"Bad\" || icmp.type != 8"
nr_is all "$(tests/vm/enter jq .matched_frames "$dir/all.json")"
[ "$(fields all tcp.flags.syn -Y tcp.dstport==7 | head -n 1)" = True ] || fail "all: SYN"

clean all 1000

export_capture again 70000
sound again
head -c 100000 "$dir/sent" | cat "$dir/sent" "$dir/sent" "$dir/sent" - >"$dir/again"
payload again udp "$dir/again"
clean again 70000

head -c 50000 "$dir/sent" >"$dir/part"
export_capture filtered 20000
sound filtered
payload filtered udp "$dir/part"
nr_is filtered 50
summary filtered '.passed_frames > 50'
grep -q 'proto=udp,port=9000' "$dir/filtered.capinfos" || fail "filtered: no filter in the file"

export_capture cut 30000
nr_is cut 10 "frame.cap_len == 100 && frame.len == 1042"
nr_is cut 10
summary cut '.ended == "count reached" and .conserved and .xdp == "skb" and .timestamps == "xdp"'
summary cut '.dropped_frames == .dropped.limit and .written_wire_bytes == 10420'

clean cut 30000

cmp "$dir/cut.pcapng" "$dir/device.pcapng" || fail "cut: not the same from the device"

export_capture parser 40000
sound parser
nr_is parser 10
nr_is parser 10 'frame contains "MATCH"'
export_capture parser6 45000
sound parser6
nr_is parser6 5
nr_is parser6 5 'frame contains "HOST"'

export_capture queues 50000
sound queues
times queues frame.interface_queue==0
times queues frame.interface_queue==1
payload queues "udp.dstport == 9000" "$dir/part"
payload queues "udp.dstport == 9001" "$dir/part"
nr_is queues 0 'tcp.dstport == 8000 && frame.interface_queue != 1'
[ -n "$(fields queues frame.number -Y 'tcp.dstport == 8000')" ] || fail "queues: SYN"
nr_is queues "$(tests/vm/enter jq .matched_frames "$dir/queues.json")" "frame.interface_queue < 2"

clean queues 50000

export_capture clock 60000
sound clock
nr_is clock 0
summary clock '.ended == "duration over" and .duration_ns > 900000000 and .duration_ns < 9000000000'

export_capture blocks 10 blocks.img
sound blocks
summary blocks '.block_size == 4096 and .snaplen == 3840'
payload blocks udp "$dir/part"
clean blocks 10 blocks.img 4096
rm -f "$dir/blocks.img"
done_with_images
