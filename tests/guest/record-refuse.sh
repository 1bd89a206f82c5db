#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
. /sluice/tests/guest/lib.sh

dev=/dev/nvme0n1
# refused PATTERN OPTION...: an error that matches, and nothing left behind
refused() {
	local pattern=$1 rc=0
	shift
	rx timeout 120 "$sluice" record "$@" >/tmp/out 2>&1 || rc=$?
	[ $rc = 1 ] || [ $rc = 2 ] || die "exit code $rc of: record $* ($(cat /tmp/out))"
	grep -q -e "$pattern" /tmp/out || die "'$pattern' is not what it says: $(cat /tmp/out)"
	[ ! -e /sys/fs/bpf/sluice ] || die "left behind: $(find /sys/fs/bpf/sluice)"
	echo "ok - $(head -n 1 /tmp/out)"
}

nic 1500 on
all=(--dev "$RX" --queue 1 --listen "$rx_ip:8000")

refused 'needs --dev' --queue 1
refused "record has no option --nonsense" --nonsense
refused "no interface 'nope0'" --dev nope0 --queue 1 --nvme $dev --listen :1
refused 'is no number' --dev "$RX" --queue x --nvme $dev --listen :1
refused '/dev/null is no NVMe namespace' "${all[@]}" --nvme /dev/null
refused 'No such file' "${all[@]}" --nvme /dev/nvme9n9
refused 'not within 512 and 65536' "${all[@]}" --nvme $dev --record-size 100
refused "no stage 'sieve'" "${all[@]}" --nvme $dev --stage sieve
refused 'filter needs drop-prefix= or keep-prefix=' "${all[@]}" --nvme $dev --stage filter:offset=3
refused 'only one of' "${all[@]}" --nvme $dev --stage filter:drop-prefix=a,keep-prefix=b
refused 'offset=70000 is not 0 to 65535' "${all[@]}" --nvme $dev --stage filter:drop-prefix=a,offset=70000
refused 'drop-prefix=0x6 is not 1 to 64 characters' "${all[@]}" --nvme $dev --stage filter:drop-prefix=0x6
refused 'is given twice' "${all[@]}" --nvme $dev --stage filter:drop-prefix=a,drop_prefix=b
refused 'record takes no arguments' "${all[@]}" --nvme $dev --stage record:a=b
refused './nope.bpf.o: No such file' "${all[@]}" --nvme $dev --stage ./nope.bpf.o
refused 'not a BPF object' "${all[@]}" --nvme $dev --stage /dev/null
refused "filter knows no 'color'" "${all[@]}" --nvme $dev --stage filter:color=red
refused 'none of native' "${all[@]}" --nvme $dev --xdp sometimes
refused 'region at least 1 MiB' "${all[@]}" --nvme $dev --region-size 64K
refused 'not ADDR:PORT' --dev "$RX" --queue 1 --nvme $dev --listen 8000
refused 'Cannot assign' --dev "$RX" --queue 1 --nvme $dev --listen 198.51.100.1:8000

rx ethtool -G "$RX" tcp-data-split off
refused 'tcp-data-split on' "${all[@]}" --nvme $dev
rx "$sluice" doctor --dev "$RX" --queue 1 --nvme $dev >/tmp/doctor && die "doctor is content"
grep -A1 'header split.*no$' /tmp/doctor | grep -q '^  *ethtool -G' || die "doctor: $(cat /tmp/doctor)"
rx ethtool -G "$RX" tcp-data-split on
rx "$sluice" doctor --dev "$RX" --queue 1 --nvme $dev >/tmp/doctor ||
	die "doctor: $(cat /tmp/doctor)"
rx "$sluice" doctor -j --dev "$RX" --nvme $dev | jq -e 'all(.[]; .result == "yes")' >/dev/null ||
	die "doctor -j"

echo 'label: gpt' | sfdisk -q $dev
refused 'partition table (gpt)' "${all[@]}" --nvme $dev
wipefs -qa $dev
mkfs.ext4 -q $dev
refused 'file system (ext4)' "${all[@]}" --nvme $dev
refused 'file system (ext4)' "${all[@]}" --nvme /dev/ng0n1
mkdir /tmp/mnt
mount $dev /tmp/mnt
refused 'is mounted on /tmp/mnt' "${all[@]}" --nvme $dev
refused 'is mounted on /tmp/mnt' "${all[@]}" --nvme /dev/ng0n1 --force
umount /tmp/mnt

# as nobody: it says what it needs
nsenter --net=/run/netns/rx setpriv --reuid 65534 --clear-groups \
	"$sluice" record "${all[@]}" --nvme $dev >/tmp/out 2>&1 && die "works for nobody"
echo "ok - $(cat /tmp/out)"
# the same, where the user insists
printf 'some data' | dd of=/tmp/sent bs=1M status=none
record_start --force
send /tmp/sent
record_end
