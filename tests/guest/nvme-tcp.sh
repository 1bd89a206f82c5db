# SPDX-License-Identifier: GPL-2.0
#
# nvme-tcp.sh: for scripts in the guest.  The kernel's NVMe target on loopback.

nqn=nqn.2026-11.test.sluice:target
target=/sys/kernel/config/nvmet

# target_start BLOCK_DEVICE [ATTRIBUTE=VALUE]...: export it as namespace 1
target_start() {
	local ns=$target/subsystems/$nqn/namespaces/1
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	mkdir "$target/subsystems/$nqn" "$ns" "$target/ports/1" || return
	echo 1 >"$target/subsystems/$nqn/attr_allow_any_host"
	echo sluicetcp >"$target/subsystems/$nqn/attr_serial"
	echo -n "$1" >"$ns/device_path"
	shift
	for attribute; do
		echo "${attribute#*=}" >"$ns/${attribute%%=*}" || return
	done
	echo 1 >"$ns/enable" || return
	echo tcp >"$target/ports/1/addr_trtype"
	echo ipv4 >"$target/ports/1/addr_adrfam"
	echo 127.0.0.1 >"$target/ports/1/addr_traddr"
	echo 4420 >"$target/ports/1/addr_trsvcid"
	ln -s "$target/subsystems/$nqn" "$target/ports/1/subsystems/"
}

# target_connect HOST: as a host of that number, until its node is there; prints
# the controller's name
target_connect() {
	local id=00000000-0000-0000-0000-00000000000$1 ctrl node end=$((SECONDS + 20))
	ctrl=$(nvme connect -t tcp -a 127.0.0.1 -s 4420 -n $nqn -o json \
		--hostnqn "nqn.2014-08.org.nvmexpress:uuid:$id" --hostid "$id" |
		grep -o 'nvme[0-9]*' | head -n 1)
	[ -n "$ctrl" ] || return
	until node=$(ls -d /sys/class/nvme/"$ctrl"/nvme*n* 2>/dev/null) && [ -n "$node" ]; do
		[ $SECONDS -lt $end ] || return
		sleep 0.02
	done
	echo "$ctrl"
}

target_stop() {
	nvme disconnect -n $nqn
	rm "$target/ports/1/subsystems/$nqn"
	echo 0 >"$target/subsystems/$nqn/namespaces/1/enable"
	rmdir "$target/ports/1" "$target/subsystems/$nqn/namespaces/1" \
		"$target/subsystems/$nqn"
}
