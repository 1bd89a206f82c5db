#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stages-vm.sh: in the guest, run the pipelines of /out/plan, which
# tests/vm/stages.py has made, and keep their summaries and maps for it.
set -euo pipefail
. /sluice/tests/guest/lib.sh

received() { # NAME BYTES
	[ "$("$sluice" show "$1" -j | jq '.[0].received_bytes // 0')" = "$2" ]
}

# NAME: all maps of its stages, as {"pin": [entries]}
maps() {
	local map sep='{'
	for map in /sys/fs/bpf/sluice/"$1"/*[0-9]-map-*; do
		printf '%s"%s":' "$sep" "${map##*/}"
		bpftool -j map dump pinned "$map"
		sep=,
	done
	echo '}'
}

run() { # NAME LBA FAILS STAGE...
	local name=$1 lba=$2 fails=$3 stage rc=0
	local options=()
	shift 3
	for stage; do options+=(--stage "$stage"); done
	record_start --name "$name" --lba "$lba" "${options[@]}"
	tx socat -u -b 65536 OPEN:/tmp/fifo TCP4:$rx_ip:$port 2>/tmp/socat &
	sender=$!
	exec 9>/tmp/fifo
	cat "/out/sent.$name" >&9 || [ "$fails" = 1 ]
	if [ "$fails" = 0 ]; then
		until_true 60 received "$name" "$(stat -c %s "/out/sent.$name")" ||
			die "$name has not received all: $("$sluice" show "$name" -j)"
		maps "$name" >"/out/$name.maps"
	fi
	exec 9>&-
	record_end || rc=$?
	wait $sender || [ "$fails" = 1 ] || die "socat: $(cat /tmp/socat)"
	jq ". + { exit_code: $rc }" /out/summary.json >"/out/$name.json"
	[ ! -e /sys/fs/bpf/sluice ] || die "$name left $(find /sys/fs/bpf/sluice)"
}

nic 1500 on
mkfifo /tmp/fifo
while read -r line; do
	run $line </dev/null
	echo "ok - ${line%% *}"
done </out/plan
