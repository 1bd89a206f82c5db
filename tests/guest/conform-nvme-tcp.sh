#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# conform-nvme-tcp.sh paths|hosts
#
# paths: a namespace at hand, and the same one by NVMe over TCP through the
# kernel's target.  The rings give the same lines for both, but for what the
# target lacks.  A slow one by TCP after that, and one with two paths.
#
# hosts: reservations, which need two hosts.  This kernel is that if it joins no
# paths (nvme_core.multipath=N).
set -uo pipefail
. /sluice/tests/guest/nvme.sh
. /sluice/tests/guest/nvme-tcp.sh

# what the target has not got, as the lines of its checks begin
lacks='Compare|Verify|Copy|Namespace Management'

# lines TRANSPORT: without numbers, and without what only one of the two has
lines() {
	sed -E -n 's/^((not )?ok) [0-9]+ - /\1 - /p' "/out/$1.tap" |
		grep -vE "ok - ($lacks)"
}

compare() {
	local tcp pcie program
	pcie=$(node sluice1 1) || exit
	for program in nvme-io nvme-admin; do
		tap $program "$pcie"
		mv "/out/$program.tap" "/out/$program-pcie.tap"
	done
	target_start "$(block "$pcie")" && target_connect 1 >/dev/null || exit
	tcp=$(node sluicetcp 1) || exit
	for program in nvme-io nvme-admin; do
		tap $program "$tcp"
		mv "/out/$program.tap" "/out/$program-tcp.tap"
		lines $program-pcie >/tmp/pcie
		lines $program-tcp >/tmp/tcp
		check "$program: the same lines for both" diff /tmp/pcie /tmp/tcp
	done
	for feature in ${lacks//|/ }; do
		case $feature in
		Namespace | Management) continue ;;
		esac
		check "the target has no $feature and says so" \
			grep -q "^ok.* $feature.*# SKIP the device says Invalid Opcode" \
			/out/nvme-io-tcp.tap
		check "the PCIe device has $feature" \
			bash -c "! grep '^ok.* $feature.*# SKIP' /out/nvme-io-pcie.tap"
	done
	tap nvme-devs "$(node sluice0 1)" "$tcp"

	head -c 1048576 /dev/urandom >/out/written
	check "the rings write 1 MiB over TCP" \
		"$programs/nvme-rw" write "$tcp" 65536 1048576 </out/written
	"$programs/nvme-rw" read "$tcp" 65536 1048576 >/tmp/back
	check "the rings read it over TCP" cmp /tmp/back /out/written
	check "the block device of the target has it" \
		cmp -n 1048576 -i 33554432:0 "$(block "$pcie")" /out/written
	target_stop >/dev/null
	check "the target is gone" test ! -e "$tcp"
}

slow() {
	target_start "$(block "$(node sluice2 1)")" && target_connect 1 >/dev/null || exit
	tap nvme-slow "$(node sluicetcp 1)"
	tap nvme-gone "$(node sluicetcp 1)" "$(controller sluicetcp)"
	target_stop >/dev/null
}

two_paths() {
	target_start "$(block "$(node sluice1 1)")" && target_port 2 || exit
	for port in 1 2; do
		target_connect 1 $port --reconnect-delay 1 >/dev/null || exit
	done
	tap nvme-ana "$(node sluicetcp 1)" $nqn $target/ports/1 $target/ports/2
	target_stop >/dev/null
}

reservations() {
	local a b
	target_start "$(block "$(node sluice1 1)")" resv_enable=1 || exit
	a=$(target_connect 1) && b=$(target_connect 2) || exit
	tap nvme-resv "/dev/ng${a#nvme}n1" "/dev/ng${b#nvme}n1"
	target_stop >/dev/null
}

case $1 in
paths) compare; slow; two_paths ;;
hosts) reservations ;;
esac
exit $failed
