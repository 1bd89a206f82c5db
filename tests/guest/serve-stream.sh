#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# serve-stream.sh NR: in the guest, record NR streams at once to two namespaces, and
# serve each to a stock client; what that got is for the host to compare.
set -euo pipefail
. /sluice/tests/guest/lib.sh
nr=$1

serve_start() { # OPTION...
	: >/tmp/serve.err
	nsenter --net=/run/netns/rx "$sluice" serve --listen "$rx_ip:$port" --once -j "$@" \
		>/tmp/serve.json 2>/tmp/serve.err &
	serve=$!
	until_true 20 grep -q -e listening -e "^sluice: .*;" /tmp/serve.err
	grep -q listening /tmp/serve.err || die "$(cat /tmp/serve.err)"
}

record_all() { # RECORD_OPTION...
	record_start --format log --streams "$nr" --nvme /dev/nvme1n1 --force \
		--stage filter:drop-prefix=DROP "$@"
	send_all "$nr"
	record_end || die "record failed"
}

serve_all() { # LAYOUT NODES
	"$sluice" list -j --nvme "$2" >/tmp/list.json
	mapfile -t ids <<<"$(jq ".streams[].id" /tmp/list.json)"
	for ((i = 0; i < nr; i++)); do
		serve_start --nvme "$2" --stream "${ids[i]}" --chunk 16K
		tx nc -d $rx_ip $port >"/out/$1.$((i + 1))"
		wait $serve || die "serve failed: $(cat /tmp/serve.err)"
		jq -e --argjson id "${ids[i]}" '.conserved and .complete_clients == 1 and
			.stream == $id and .sent_bytes == .range_bytes and
			.lost_bytes == 0' /tmp/serve.json >/dev/null || die "$(cat /tmp/serve.json)"
	done
	echo "ok - $1"
}

refused() { # PATTERN OPTION...
	local pattern=$1 rc=0
	shift
	timeout 120 "$sluice" serve --listen :8000 "$@" >/tmp/out 2>&1 || rc=$?
	[ $rc = 1 ] || [ $rc = 2 ] || die "exit code $rc of: serve $* ($(cat /tmp/out))"
	grep -q -e "$pattern" /tmp/out || die "'$pattern' is not what it says: $(cat /tmp/out)"
	echo "ok - $(head -n 1 /tmp/out)"
}

nic 1500 on
record_all
serve_all stripe /dev/nvme1n1,/dev/nvme0n1
refused 'is not given' --nvme /dev/nvme0n1 --stream "${ids[0]}"
refused 'there is none' --nvme /dev/nvme0n1,/dev/nvme1n1 --stream 12345
refused 'exclude each other' --nvme /dev/nvme0n1,/dev/nvme1n1 --stream 1 --bytes 1
record_all --layout mirror
serve_all mirror /dev/nvme1n1
