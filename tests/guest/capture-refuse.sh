#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
. /sluice/tests/guest/capture-lib.sh

# refused PATTERN OPTION...: an error that matches, and nothing left behind
refused() {
	local pattern=$1 rc=0
	shift
	rx timeout 120 "$sluice" capture "$@" >/tmp/out 2>&1 || rc=$?
	[ $rc = 1 ] || [ $rc = 2 ] || die "exit code $rc of: capture $* ($(cat /tmp/out))"
	grep -q -e "$pattern" /tmp/out || die "'$pattern' is not what it says: $(cat /tmp/out)"
	[ "$(grep -c '^sluice: ' /tmp/out)" = 1 ] || die "more than one line: $(cat /tmp/out)"
	[ -n "${beside:-}" ] || no_trace
	echo "ok - $(head -n 1 /tmp/out)"
}

namespaces
pair_netdevsim
all=(--dev "$IF" --queue 0 --nvme "$dev")

refused 'needs --dev' --queue 0
refused "'more' is one argument too many" "${all[@]}" more
refused "no interface 'nope0'" --dev nope0 --queue 0 --nvme "$dev"
refused "--queue 'x' is no number" --dev "$IF" --queue x --nvme "$dev"
refused "--queue 2: $IF has 2" --dev "$IF" --queue 2 --nvme "$dev"
refused '--queue 0 is given twice' "${all[@]}" --queue 0
refused '/dev/null is no NVMe namespace' --dev "$IF" --queue 0 --nvme /dev/null
refused 'No such file' --dev "$IF" --queue 0 --nvme /dev/nvme9n9
refused 'none of auto|2048|4096' "${all[@]}" --frame-size 1000
refused 'none of auto|tight' "${all[@]}" --slots wide
refused 'not within 64 and 1792' "${all[@]}" --snaplen 1800
refused 'not within 64 and 3840' "${all[@]}" --snaplen 4000 --frame-size 4096
refused '64K is out of range' "${all[@]}" --region-size 64K
refused 'out of range' "${all[@]}" --duration 1000000001
refused 'none of auto|zerocopy|copy' "${all[@]}" --mode fast
refused "'off' is none of native|skb" "${all[@]}" --xdp off
refused 'needs --xdp native' "${all[@]}" --xdp skb --mode zerocopy
refused 'has no zero copy for AF_XDP' "${all[@]}" --mode zerocopy
refused "knows no 'color'" "${all[@]}" --filter color=red
refused 'not KEY=VALUE' "${all[@]}" --filter udp
refused 'host=nobody is no' "${all[@]}" --filter host=nobody
refused 'port=65536 is no' "${all[@]}" --filter port=65536
refused 'has port twice' "${all[@]}" --filter port=1,port=2
refused 'is empty' "${all[@]}" --filter ""
refused "',' is empty" "${all[@]}" --filter ,
refused '--lba 2097152: .* ends at block 2097151' "${all[@]}" --lba 2097152
refused 'has 10 behind --lba 2097142' "${all[@]}" --lba 2097142 --blocks 11
refused 'no room for a frame' "${all[@]}" --blocks 4
refused "is not 1 to 48" "${all[@]}" --name a/b

rx ethtool -G "$IF" tcp-data-split on
refused 'tcp-data-split off' "${all[@]}"
rx ethtool -G "$IF" tcp-data-split off
rx ip link set "$IF" down
refused "is down; 'ip link set $IF up'" "${all[@]}"
rx ip link set "$IF" up

# beside one that runs
capture_start first --queue 0 --nvme "$dev" --lba 100
beside=1
refused "'first' runs already" --dev "$IF" --queue 1 --nvme "$(disk 1)" --name first
refused "${dev#/dev/} is in use" --dev "$IF" --queue 1 --nvme "$dev" --name second
refused "queue 0 of $IF has another AF_XDP socket" --dev "$IF" --queue 0 --nvme "$(disk 1)" --name second
beside=''
# what was refused has taken nothing away from it
head -c 5000 /out/sent >/tmp/part
udp /tmp/part 1000 9001
await_matched 5
capture_end
"$sluice" export --nvme "$dev" --lba 100 -o /tmp/x -j | jq -e '.frames == 5' >/dev/null || die "export"
refused "$dev carries a capture at block 100; .*--force" "${all[@]}" --lba 100
refused "carries a capture at block 100" --dev "$IF" --queue 0 --nvme "$(node sluice0 1)" --lba 100

mkfs.ext4 -q "$dev"
refused 'file system (ext4)' "${all[@]}"
mkdir /tmp/mnt
mount "$dev" /tmp/mnt
refused 'is mounted on /tmp/mnt' "${all[@]}" --force
umount /tmp/mnt

# as nobody: it says what it needs
nsenter --net=/run/netns/rx setpriv --reuid 65534 --clear-groups \
	"$sluice" capture "${all[@]}" --force >/tmp/out 2>&1 && die "works for nobody"
grep -q "run as root" /tmp/out || die "nobody: $(cat /tmp/out)"
echo "ok - $(cat /tmp/out)"
