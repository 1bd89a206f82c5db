#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture-event.sh new|break|mend [NAME]: for tests/conformance/torture.c, what happens
# to the NIC and to the first controller's namespace.  new makes the NIC and notes what
# there is.  break fails when something else has happened before; mend makes all of it
# work again, whatever it was.
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
state=/run/torture

note_nvme() {
	local ng
	ng=$(node sluice0 1) 2>/dev/null || return
	ln -sfn "$(block "$ng")" $state/node
	controller sluice0 >$state/controller
	readlink -f "$(cat $state/controller)/device" >$state/pci
	cat "$(cat $state/controller)/cntlid" >$state/cntlid
	[ -b "$(readlink $state/node)" ]
}

note_nic() {
	nic 1500 on
	echo "$RX $TX" >$state/nic.new
	cmp -s $state/nic $state/nic.new || [ "$1" = new ] || die "the NIC has another name"
	mv $state/nic.new $state/nic
}

nic_there() { rx ip -o link show "$(cut -d' ' -f1 $state/nic)" 2>/dev/null | grep -q 'state UP'; }

mend_nic() {
	local id
	! nic_there || return 0
	for id in 10 20; do
		[ ! -e /sys/bus/netdevsim/devices/netdevsim$id ] ||
			echo $id >/sys/bus/netdevsim/del_device
		until_true 20 test ! -e /sys/bus/netdevsim/devices/netdevsim$id || die "port $id stays"
	done
	[ ! -e /run/netns/rx ] || ip netns del rx
	[ ! -e /run/netns/tx ] || ip netns del tx
	note_nic again
}

attached() { nvme list-ns "/dev/$(basename "$(controller sluice0)")" -o json | jq -e '.nsid_list[] | select(.nsid == 1)' >/dev/null; }
live() { [ "$(cat "$(controller sluice0)/state")" = live ]; }

mend_nvme() {
	local dev
	[ -n "$(controller sluice0)" ] || echo 1 >/sys/bus/pci/rescan
	until_true 30 live || die "the controller is $(cat "$(controller sluice0)/state")"
	dev=/dev/$(basename "$(controller sluice0)")
	attached || nvme attach-ns "$dev" -n 1 -c "$(cat $state/cntlid)" >/dev/null
	nvme ns-rescan "$dev"
	until_true 30 note_nvme || die "the namespace stays away"
}

case $1-${2:-} in
new-)
	mkdir -p $state
	note_nic new && note_nvme ;;
break-reset-queue)
	echo "$queue 1" >/sys/kernel/debug/netdevsim/netdevsim10/ports/0/queue_reset ;;
break-reset-controller)
	echo 1 >"$(cat $state/controller)/reset_controller" ;;
break-remove-controller)
	echo 1 >"$(cat $state/pci)/remove" ;;
break-detach-namespace)
	nvme detach-ns "/dev/$(basename "$(cat $state/controller)")" -n 1 -c "$(cat $state/cntlid)" ;;
break-delete-port)
	echo 10 >/sys/bus/netdevsim/del_device ;;
break-delete-netns)
	ip netns del rx ;;
mend-*)
	mend_nic && mend_nvme ;;
*) die "what is $*?" ;;
esac
