#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fuzz.sh PROGRAM,... [OPTION...]: fuzzers of tests/fuzz in the machine, one after the
# other, with the pair of ports as network and two namespaces.
set -uo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
nic 1500 on
# faults are the fuzzer's, at any allocation, and nothing to report
for dir in /sys/kernel/debug/fail{slab,_page_alloc,_usercopy}; do
	[ -d "$dir" ] || continue
	echo 0 >"$dir/verbose"
	[ ! -e "$dir/ignore-gfp-wait" ] || echo N >"$dir/ignore-gfp-wait"
	[ ! -e "$dir/min-order" ] || echo 0 >"$dir/min-order"
done
within=(nsenter --net=/run/netns/rx)
programs=/sluice/build/vm/tests/fuzz

for program in ${1//,/ }; do
	options=("${@:2}")
	[ "$program" != calls ] ||
		options+=(--corpus /sluice/tests/fuzz/corpus --found /out/corpus)
	tap "$program" "${options[@]}" "$(node sluice0 1)" "$programs/fuzz.bpf.o" \
		"$RX" $queue $rx_ip $port /run/netns/tx "$(node sluice1 1)"
done
exit $failed
