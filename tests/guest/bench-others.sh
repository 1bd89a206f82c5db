#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-others.sh: in the guest, the benchmarks' programs but for those that record:
# NVMe alone, servers, captures.  Each leaves what the host compares.
set -euo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh

peers=/sluice/build/vm/tests/bench/peers
jobs=/sluice/tests/bench
size=$((8 << 20))

# is JQ_FILTER FILE TEXT: the report in FILE, of what TEXT says, is so
is() {
	jq -e "$1" "$2" >/dev/null || die "not $1, but $(cat "$2"): $3"
	echo "ok - $3: $1"
}

# says JQ_FILTER COMMAND...: succeeds, and its report is so
says() {
	"${@:2}" >/tmp/report.json || die "failed: ${*:2}"
	is "$1" /tmp/report.json "${*:2}"
}

# refuses TEXT COMMAND...: exit code 1, and says why
refuses() {
	local rc=0
	"${@:2}" >/dev/null 2>/tmp/refused || rc=$?
	[ $rc = 1 ] || die "$rc: $(cat /tmp/refused) of ${*:2}"
	grep -q -- "$1" /tmp/refused || die "$(cat /tmp/refused) of ${*:2}"
	echo "ok - $(tail -n 1 /tmp/refused)"
}

# NVMe alone: each writes what the other verifies
generic=$(node sluice0 1) block=$(block "$(node sluice0 1)")
all=(--bytes "$size" --depth 32) odd=(--bytes "$size" --depth 7 --record-size 64K)
for node in "$generic" "$block"; do
	says ".written == $size" $peers/nvme-uring --nvme "$node" "${all[@]}" write
	says ".received == $size" $peers/nvme-rings --nvme "$generic" "${all[@]}" verify
	says ".written == $size" $peers/nvme-rings --nvme "$node" "${odd[@]}" write poll
	says ".received == $size" $peers/nvme-uring --nvme "$node" "${odd[@]}" verify
	says ".received == $size" $peers/nvme-uring --nvme "$node" "${odd[@]}" read
done
refuses "of $block: has number" $peers/nvme-rings --nvme "$block" \
	--bytes $size --record-size 8K verify
refuses "record-size 1000: .* whole blocks of 4096" $peers/nvme-rings --nvme "$block" \
	--bytes 10000 --record-size 1000 write
refuses "whole blocks of 4096" $peers/nvme-uring --nvme "$block" --bytes 512 \
	--record-size 512 write
refuses "cannot open /dev/nvme9n9" $peers/nvme-rings --nvme /dev/nvme9n9 --bytes 4K write
says ".written == $size" $peers/nvme-rings --nvme "$generic" "${all[@]}" write
says ".received == $size" $peers/nvme-rings --nvme "$block" "${all[@]}" read
says ".received == $size" $peers/nvme-rings --nvme "$block" "${all[@]}" read poll

# fio: what one job writes the other verifies
export BS=4k SIZE=8m DEPTH=32 BATCH=16
job() { # NAME NODE write|read
	NODE=$2 RW=$3 fio --verify=crc32c --do_verify=0 --verify_fatal=1 --verify_state_save=0 \
		--output-format=json "$jobs/$1.fio" >/tmp/fio.json 2>/tmp/fio.err ||
		die "$1 $3: $(cat /tmp/fio.err /tmp/fio.json)"
	is ".jobs[0] | .error == 0 and .$3.total_ios == 2048" /tmp/fio.json "$1"
}
generic=$(node sluice1 1) block=$(block "$(node sluice1 1)")
(
	cd /tmp
	job fio-cmd "$generic" write
	job fio-block "$block" read
	job fio-block "$block" write
	job fio-cmd "$generic" read
	says ".written == 4096" $peers/nvme-rings --nvme "$block" --bytes 4K write
	! (job fio-cmd "$generic" read) 2>/dev/null || die "fio does not verify"
)

# servers: the range ends within a block
generic=$(node sluice2 1) block=$(block "$(node sluice2 1)")
bytes=$(cat /out/bytes)
serve() { # NAME BYTES COMMAND...
	local name=$1 rc=0
	: >/tmp/serve.err
	nsenter --net=/run/netns/rx "${@:3}" >/tmp/serve.json 2>/tmp/serve.err &
	until_true 20 grep -q -e listening -e : /tmp/serve.err
	grep -q listening /tmp/serve.err || die "$(cat /tmp/serve.err)"
	says ".received == $2" tx $peers/sink $rx_ip $port "/out/served.$name"
	wait $! || die "$name: $(cat /tmp/serve.err)"
}
nic 1500 on
serve sendfile "$bytes" $peers/sendfile --nvme "$block" --bytes "$bytes"
is ".sent == $bytes" /tmp/serve.json sendfile
serve direct $((bytes / 512 * 512)) $peers/sendfile --nvme "$block" \
	--bytes $((bytes / 512 * 512)) direct
for depth in 1 5 64; do
	serve "sendzc-cmd.$depth" "$bytes" $peers/sendzc-cmd --nvme "$generic" --bytes "$bytes" \
		--depth $depth
	is ".sent == $bytes" /tmp/serve.json "sendzc-cmd, depth $depth"
	# where no two chunks share a packet the kernel's word is exact
	[ $depth != 1 ] || is ".copied == 0" /tmp/serve.json sendzc-cmd
done
# what the network alone costs: zeroes
serve floor "$bytes" $peers/sendfile --bytes "$bytes"
cmp -n "$bytes" /out/served.floor /dev/zero || die "not zeroes"
serve sluice "$bytes" "$sluice" serve --nvme "$block" --bytes "$bytes" --once \
	--listen $rx_ip:$port -q
refuses "sendfile of $block" rx $peers/sendfile --nvme "$block" --bytes 1000 direct &
until_true 5 eval "tx $peers/sink $rx_ip $port >/dev/null 2>&1"
wait $!
refuses "it has\|has [0-9]" $peers/sendfile --nvme "$block" --bytes 1G
refuses "cannot connect to $rx_ip port 1" tx $peers/sink $rx_ip 1

# captures, of frames for somebody else, as on a mirror port
ip netns del rx
ip netns del tx
echo 10 >/sys/bus/netdevsim/del_device
echo 20 >/sys/bus/netdevsim/del_device
. /sluice/tests/guest/capture-lib.sh
namespaces
pair_netdevsim
tx ethtool -L "$PEER" combined 1
tx ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:99 dev "$PEER"
generic=$(node sluice3 1)
capture() { # NAME COMMAND...
	local name=$1
	: >/tmp/capture.err
	nsenter --net=/run/netns/rx "${@:2}" >/tmp/capture.json 2>/tmp/capture.err &
	capture=$!
	until_true 20 grep -q -e capturing -e "^File:" -e "^$(basename "$2"): " /tmp/capture.err
	grep -q -e capturing -e "^File:" /tmp/capture.err || die "$name: $(cat /tmp/capture.err)"
}
end_capture() {
	wait $capture || die "$(cat /tmp/capture.err)"
	! grep lost /tmp/capture.err || die "lost frames"
}
# slots FIRST NR: of the namespace
slots() { dd if="$(block "$generic")" iflag=direct bs=2048 skip="$1" count="$2" status=none; }
has_slot() { [ "$(slots "$1" 1 | head -c 7)" = xsk-cmd ]; }

# more frames than there is memory for, in portions
capture xsk-cmd $peers/xsk-cmd --dev "$IF" --queue 0 --nvme "$generic" --buffers 2M 3000
for portion in 1 2 3; do
	says ".sent == 1000000" tx $peers/frames 192.0.2.9 $dport 1000 1000
	until_true 20 has_slot $((1000 * portion - 1)) || die "frames got lost"
done
end_capture
is ".written == 3000000 and .received == 3000000" /tmp/capture.json xsk-cmd
no_trace
slots 0 3000 >/out/xsk-cmd.slots
blkdiscard -z "$(block "$generic")"
# a command each, few of them, the smallest frames; ended by a signal
capture xsk-cmd.1 $peers/xsk-cmd --dev "$IF" --queue 0 --nvme "$generic" --depth 4 5000 1
says ".sent == 60000" tx $peers/frames 192.0.2.9 $dport 1000 60
until_true 20 has_slot 999 || die "frames got lost"
kill -INT $capture
end_capture
is ".written == 60000" /tmp/capture.json xsk-cmd
slots 0 1000 >/out/xsk-cmd.1.slots
# what AF_XDP alone costs: nothing is written
capture xsk-floor $peers/xsk-cmd --dev "$IF" --queue 0 1000
says ".sent == 1000000" tx $peers/frames 192.0.2.9 $dport 1000 1000
end_capture
is ".received == 1000000 and .written == 0" /tmp/capture.json xsk-floor
no_trace
refuses "no such interface" rx $peers/xsk-cmd --dev nothing --nvme "$generic" 1
refuses "AF_XDP on queue 9" rx $peers/xsk-cmd --dev "$IF" --queue 9 --nvme "$generic" 1
refuses "not within" tx $peers/frames 192.0.2.9 $dport 1 2000
no_trace
# ours of the same frames
capture_start capture --queue 0 --nvme "$(disk 3)" --lba 20000 --blocks 20000 --count 1000
tx $peers/frames 192.0.2.9 $dport 1000 1000 >/dev/null
capture_wait
# dumpcap, onto a file system
mke2fs -q -t ext4 "$(disk 4)"
mkdir /tmp/ext4
mount "$(disk 4)" /tmp/ext4
capture dumpcap dumpcap -i "$IF" -w /tmp/ext4/frames.pcapng -c 1000 -B 16 -q
says ".sent == 1000000" tx $peers/frames 192.0.2.9 $dport 1000 1000
end_capture
umount /tmp/ext4
mount -o ro "$(disk 4)" /tmp/ext4
cp /tmp/ext4/frames.pcapng /out/dumpcap.pcapng
