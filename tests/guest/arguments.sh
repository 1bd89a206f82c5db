#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# arguments.sh: in the guest, what is refused when a pipeline is set up; the rest
# of tests/unit/arguments.sh.
set -euo pipefail
. /sluice/tests/guest/lib.sh

if [ "${1:-}" != inside ]; then
	nic 1500 on
	exec nsenter --net=/run/netns/rx "$0" inside "$RX"
fi

set +e
RX=$2
plain=$sluice sanitized=/sluice/build/asan/sluice
. /sluice/tests/unit/walk.sh

many=$(printf 'x%.0s' {1..100000})
nic=(--dev "$RX" --queue 1)
most=(--dev "$RX" --nvme /dev/nvme0n1 --listen "$rx_ip:$port")	# all but --queue
# a small region is made in less time
all=("${nic[@]}" --nvme /dev/nvme0n1 --listen "$rx_ip:$port" --region-size 1M)

# r TEXT OPTION...: refused, with all of that taken back
r() {
	# they take their time in here
	sluice=$plain
	[ $((walked % 8)) != 0 ] || sluice=$sanitized
	t 1 "$@"
	! ip link show "$RX" | grep -q xdp || say_wrong "XDP is still attached"
}

for q in 2 255 4294967295; do
	r "queue $q: $RX has 2" record "${most[@]}" --queue $q
done
r 'ends at block 2097151' record "${all[@]}" --lba 2097152
r 'ends at block 2097151' record "${all[@]}" --lba 0xffffffffffffffff
for size in 4K 64K; do
	r 'region at least 1 MiB' record "${all[@]}" --region-size $size
done
for size in 1 4095 1048577 18446744073709551615; do
	r 'is no multiple of a page' record "${all[@]}" --region-size $size
done
for size in 1024G 17179869183G; do
	r '' record "${all[@]}" --region-size $size
done

for text in . .. ../x a/b /etc 'a b' ' ' $'\n' $'\e[2J' $'\xff' ünïcödé a.b '*' "$many" \
	"$(printf 'x%.0s' {1..49})"; do
	r "is not 1 to 48 letters" record "${all[@]}" --name "$text"
done

for where in 8000 : x: $rx_ip "$rx_ip:" '[::1' '[::1]x:1' '[]]:1' "[::1]8000"; do
	r '--listen' record "${all[@]}" --listen "$where"
done
for where in 192.0.2.1:x 192.0.2.999:1 "$rx_ip:65536" "$rx_ip:-1" "$rx_ip:99999999999" \
	"$rx_ip: 1" '%s%n:1' $'\e[2J:1' "$many:1" "$rx_ip:$many" 198.51.100.1:8000; do
	r '--listen' record "${all[@]}" --listen "$where"
done

for stage in '' : ',' = nosuch ../nosuch /etc/passwd "$many" "nosuch:$many" $'\e[2J' '%s%n' \
	filter filter: filter:= 'filter:,' filter:drop-prefix filter:drop-prefix= \
	filter:drop-prefix=0x filter:drop-prefix=0xg filter:drop-prefix=0x123 \
	"filter:drop-prefix=$(printf 'x%.0s' {1..65})" "filter:drop-prefix=$many" \
	filter:drop-prefix=A,offset= filter:drop-prefix=A,offset=-1 \
	filter:drop-prefix=A,offset=65537 filter:drop-prefix=A,offset=1x \
	filter:drop-prefix=A,colour=red; do
	r '' record "${all[@]}" --stage "$stage"
done
r '' record "${all[@]}" --stage filter:drop-prefix=A --stage nosuch
r '' record "${all[@]}" --stage filter:drop-prefix=A --stage filter

# what is missing is not what was asked for
for fds in 4 5 6 7 8; do
	run bash -c "ulimit -n $fds; exec \"\$@\"" sh "$sluice" record "${all[@]}"
	result 1 ''
done
run setpriv --reuid 65534 --clear-groups "$sluice" record "${all[@]}"
result 1 'run as root'
run unshare --mount sh -c 'umount /sys/fs/bpf && exec "$@"' sh "$sluice" record "${all[@]}"
result 1 'mount -t bpf bpf /sys/fs/bpf'
done_walking 80
