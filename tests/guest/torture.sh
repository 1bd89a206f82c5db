#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh KILLS MATRIX SEED: in the guest, tests/conformance/torture.c beside a sluice
# serve on another controller, which has nothing to do with it and may not notice.  What
# there was at the start is there at the end, and no more.
set -uo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh

event=/sluice/tests/guest/torture-event.sh
served=/tmp/served
bytes=4194304

# what is held of that which is counted: files, pinned pages, memory of regions that is
# mapped in pieces, BPF, and the pollers' threads
held() {
	cut -f1 /proc/sys/fs/file-nr
	awk '/^nr_foll_pin_acquired/ { n += $2 } /^nr_foll_pin_released/ { n -= $2 } END { print n }' /proc/vmstat
	grep -c -e io_region -e io_create_region /proc/vmallocinfo
	bpftool -j prog show | jq length
	bpftool -j map show | jq length
	bpftool -j link show | jq length
	pgrep -c iou-unified
}
# shellcheck disable=SC2317 # until_true calls it
same() { [ "$(held | paste -sd' ')" = "$before" ]; }

free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}

client() {
	while [ ! -e $served.end ]; do
		socat -u TCP4:127.0.0.1:9000 - | cmp -n $bytes - $served || : >$served.wrong
		echo >>$served.times
	done
}

$event new || die "no NIC, or no namespace"
other=$(block "$(node sluice1 1)")
head -c $bytes /dev/urandom >$served
dd if=$served of="$other" bs=1M oflag=direct status=none || die "cannot write $other"
within=()
before=$(held | paste -sd' ') free=$(free_kib)

"$sluice" serve --nvme "$other" --bytes $bytes --listen 127.0.0.1:9000 >/dev/null 2>/tmp/serve.err &
serve=$!
until_true 30 grep -q listening /tmp/serve.err || die "$(cat /tmp/serve.err)"
client &
client=$!

tap torture /run/torture/node "$programs/op.bpf.o" "$(cut -d' ' -f1 /run/torture/nic)" $queue \
	$rx_ip $port /run/netns/tx /run/netns/rx $event "$@"

: >$served.end
wait $client
kill -INT $serve
wait $serve
check "sluice serve has not noticed" test ! -e $served.wrong -a -s $served.times
echo "# served $(wc -l <$served.times) times"
# not by check itself, which has a file open while it waits
until_true 30 same
check "files, pinned pages, mappings, BPF and threads are as before: $before" test $? = 0
echo "# now $(held | paste -sd' ')"
now=$(free_kib)
check "as much memory is free, but for 16 MiB" test $((free - now)) -lt 16384
echo "# $free KiB at first, $now in the end"
check "no page pool is left with pages that somebody has" \
	bash -c '! dmesg | grep -e "stalled pool" -e "page_pool_release_retry"'
exit $failed
