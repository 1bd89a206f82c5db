#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# serve-refuse.sh: in the guest, what serve refuses; and a device that cannot read
# a block of the range, the second controller's: its client must not take what it got for all.
set -euo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh

# which of the two is nvme0, differs from boot to boot
dev=$(block "$(node sluice0 1)") bad=$(block "$(node sluice1 1)")
# refused PATTERN OPTION...: an error that matches, and nothing left behind
refused() {
	local pattern=$1 rc=0
	shift
	timeout 120 "$sluice" serve "$@" >/tmp/out 2>&1 || rc=$?
	[ $rc = 1 ] || [ $rc = 2 ] || die "exit code $rc of: serve $* ($(cat /tmp/out))"
	grep -q -e "$pattern" /tmp/out || die "'$pattern' is not what it says: $(cat /tmp/out)"
	[ ! -e /sys/fs/bpf/sluice ] || die "left behind: $(find /sys/fs/bpf/sluice)"
	echo "ok - $(head -n 1 /tmp/out)"
}
all=(--nvme "$dev" --listen 127.0.0.1:8000)

refused 'needs --nvme' --listen :8000
refused 'needs --listen' --nvme "$dev"
refused '/dev/null is no NVMe namespace' --nvme /dev/null --listen :8000
refused 'no multiple of the blocks' "${all[@]}" --chunk 1000
refused 'more than a command' "${all[@]}" --chunk 1M
refused 'from 1 to 64' "${all[@]}" --depth 0
refused 'from 1 to 1024' "${all[@]}" --clients 2000
refused 'more than 16384 chunks' "${all[@]}" --clients 1024 --depth 64
refused 'exclude each other' "${all[@]}" --blocks 1 --bytes 1
refused 'ends at block' "${all[@]}" --lba 100000000
refused 'from block 2097000 on' "${all[@]}" --lba 2097000 --blocks 200
refused 'from block 2097000 on' "${all[@]}" --lba 2097000 --bytes 1G
refused 'give more of it' "${all[@]}" --region-size 1M
refused 'sieve' "${all[@]}" --stage sieve
refused 'Cannot assign' --nvme "$dev" --listen 198.51.100.1:8000
mkfs.ext4 -q "$dev"
mkdir /tmp/mnt
mount "$dev" /tmp/mnt
refused 'is mounted on /tmp/mnt' "${all[@]}"
umount /tmp/mnt
setpriv --reuid 65534 --clear-groups "$sluice" serve "${all[@]}" >/tmp/out 2>&1 &&
	die "works for nobody"
echo "ok - $(cat /tmp/out)"

"$sluice" serve --nvme "$bad" --bytes 4M --listen 127.0.0.1:8000 -j \
	>/tmp/serve.json 2>/tmp/serve.err &
serve=$!
until_true 20 grep -q listening /tmp/serve.err || die "$(cat /tmp/serve.err)"
! tests/guest/client.py whole 127.0.0.1 8000 /tmp/got || die "took a part for all"
kill -INT $serve
! wait $serve || die "a read error is no success"
cat /tmp/serve.err
grep -q "1 clients did not get all of it: the last, because of reading .* of $bad: unrecovered read error" /tmp/serve.err
jq -e '.conserved and .failed_clients == 1 and .read_errors > 0 and
	.nvme_errors == .read_errors and .sent_bytes <= 1048576' /tmp/serve.json >/dev/null ||
	die "$(cat /tmp/serve.json)"
[ "$(stat -c %s /tmp/got)" -le 1048576 ] || die "got what could not be read"
