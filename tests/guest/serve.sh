#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# serve.sh NODE LBA BYTES: in the guest, serve a range to many stock clients, of
# whom one is slow, one closes its end first, and one resets the connection; then
# through stages; then cut off.  What they got is for the host to compare.
set -euo pipefail
. /sluice/tests/guest/lib.sh

node=$1 lba=$2 bytes=$3
client=/sluice/tests/guest/client.py
range=(--nvme "$node" --lba "$lba" --bytes "$bytes" --listen "$rx_ip:$port")
out=/out/$(basename "$node")

# the summary is as JQ_FILTER says
summary() { # JQ_FILTER
	jq -e "$1" /tmp/serve.json >/dev/null || die "not so: $1 in $(cat /tmp/serve.json)"
	echo "ok - $1"
}

serve_start() { # OPTION...
	: >/tmp/serve.err
	nsenter --net=/run/netns/rx "$sluice" serve "${range[@]}" -j "$@" \
		>/tmp/serve.json 2>/tmp/serve.err &
	serve=$!
	until_true 20 grep -q -e listening -e "^sluice: .*;" /tmp/serve.err
	grep -q listening /tmp/serve.err || { cat /tmp/serve.err >&2; return 1; }
}

serve_end() {
	local rc=0
	wait "$serve" || rc=$?
	grep -v listening /tmp/serve.err || :
	[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
	return $rc
}

# connected NAME: client NAME has got something
connected() { until_true 30 grep -q connected "/tmp/$1.log" || die "$1 is not served"; }

nic 1500 on
mkfifo /tmp/go

# small enough for the slow one to have only a part of it, whatever TCP holds
serve_start --clients 6 --depth 4 --chunk 64K
tx $client slow $rx_ip $port "$out.slow" /tmp/go >/tmp/slow.log &
slow=$!
connected slow
pids=()
for i in 1 2; do
	tx socat -u -b 65536 TCP4:$rx_ip:$port "CREATE:$out.$i" &
	pids+=($!)
done
tx nc -d $rx_ip $port >"$out.3" &
pids+=($!)
tx $client half $rx_ip $port "$out.4" >/dev/null &
pids+=($!)
tx $client reset $rx_ip $port >/tmp/reset.log || die "the one to reset"
for pid in "${pids[@]}"; do
	wait "$pid" || die "a client failed: $(cat /tmp/serve.err)"
done
kill -0 $slow || die "the slow one was not slow"
echo "ok - the others are done while one is slow"
# it listens no more, and gives the slow one the rest
kill -INT $serve
until_true 20 grep -q stopping /tmp/serve.err || die "SIGINT: $(cat /tmp/serve.err)"
tx nc -d -w 5 $rx_ip $port </dev/null 2>/dev/null && die "still accepts"
echo >/tmp/go
wait $slow || die "the slow one: $(cat /tmp/slow.log)"
serve_end || die "serve failed"
summary '.conserved and all(.clients[]; .conserved) and (.clients | length) == 6'
summary '.complete_clients == 5 and .gone_clients == 1 and .read_errors == 0'
summary "[.clients[] | select(.end == \"complete\") | .sent_bytes == $bytes and .acked_bytes == $bytes] | all"
summary '.clients[] | select(.end == "gone") | .sent_bytes < '"$bytes"' and (.reason | test("reset"))'
summary '.dropped_bytes == 0 and .nvme_cmds == .read_chunks and .copied_bytes == 0'

# through a stage, one client, which ends it
serve_start --once --chunk 4096 --stage filter:drop-prefix=DROP
tx socat -u -b 65536 TCP4:$rx_ip:$port "CREATE:$out.filtered"
serve_end || die "serve --once failed"
summary '.conserved and .complete_clients == 1 and .dropped_bytes > 0 and .lost_bytes == 0'
summary '.dropped_chunks == .stages[0].counters.drop.records'
cp /tmp/serve.json "$out.json"

# the same stage, attached while it runs
serve_start --once --chunk 4096
"$sluice" attach serve filter:drop-prefix=DROP || die "attach failed"
tx nc -d $rx_ip $port | cmp - "$out.filtered" || die "not what the stage leaves"
serve_end || die "serve failed"

# two at a time through a stage that changes what they get: each its own memory
serve_start --clients 2 --stage xor:key=secret
pids=()
for i in 1 2; do
	tx nc -d $rx_ip $port >"$out.xor$i" &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid" || die "a client failed: $(cat /tmp/serve.err)"
done
kill -INT $serve
serve_end || die "serve failed"
summary ".conserved and .complete_clients == 2 and .sent_bytes == 2 * $bytes"

# a client that never goes on is cut off by the second SIGINT, and sees that
serve_start --chunk 64K
tx $client stuck $rx_ip $port /tmp/stuck /tmp/go >/tmp/stuck.log &
stuck=$!
connected stuck
kill -INT $serve
until_true 20 grep -q stopping /tmp/serve.err || die "SIGINT: $(cat /tmp/serve.err)"
kill -INT $serve
! serve_end || die "a client cut off is no success"
grep -q "1 clients were cut off" /tmp/serve.err || die "$(cat /tmp/serve.err)"
summary '.conserved and .stopped_clients == 1 and .lost_bytes > 0'
echo >/tmp/go
! wait $stuck || die "the one cut off took it for the end"

# killed: nothing is left all the same
serve_start
kill -KILL $serve
wait $serve 2>/dev/null || :
until_true 20 test ! -e /sys/fs/bpf/sluice || die "left: $(find /sys/fs/bpf/sluice)"

# what record has obscured comes back, in other pieces than it was written in
if [ "$node" = /dev/nvme0n1 ]; then
	record_start --lba 100000 --stage xor:key=secret
	send /out/sent
	record_end || die "record failed: $(cat /tmp/record.err)"
	range=(--nvme "$node" --lba 100000 --bytes "$(stat -c %s /out/sent)"
		--listen "$rx_ip:$port")
	serve_start --once --chunk 12K --stage xor:key=secret
	tx nc -d $rx_ip $port | cmp - /out/sent || die "not what was recorded"
	serve_end || die "serve failed"
	serve_start --once
	tx nc -d $rx_ip $port >/tmp/obscured
	serve_end || die "serve failed"
	! cmp -s /tmp/obscured /out/sent || die "it was not obscured"
fi
echo "ok - $node"
