# SPDX-License-Identifier: GPL-2.0
#
# nvme-tcp.sh: for scripts in the guest.  The kernel's NVMe target on loopback.

nqn=nqn.2026-11.test.sluice:target
target=/sys/kernel/config/nvmet

# target_port N: export it by one more port, 4419 + N
target_port() {
	local port=$target/ports/$1
	mkdir "$port" || return
	echo tcp >"$port/addr_trtype"
	echo ipv4 >"$port/addr_adrfam"
	echo 127.0.0.1 >"$port/addr_traddr"
	echo $((4419 + $1)) >"$port/addr_trsvcid"
	ln -s "$target/subsystems/$nqn" "$port/subsystems/"
}

# target_start BLOCK_DEVICE [ATTRIBUTE=VALUE]...: export it as namespace 1, by port 1
target_start() {
	local ns=$target/subsystems/$nqn/namespaces/1
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	mkdir "$target/subsystems/$nqn" "$ns" || return
	echo 1 >"$target/subsystems/$nqn/attr_allow_any_host"
	echo sluicetcp >"$target/subsystems/$nqn/attr_serial"
	echo -n "$1" >"$ns/device_path"
	shift
	for attribute; do
		echo "${attribute#*=}" >"$ns/${attribute%%=*}" || return
	done
	echo 1 >"$ns/enable" || return
	target_port 1
}

# target_connect HOST [PORT [OPTION...]]: as a host of that number, until its node is
# there; prints the controller's name
target_connect() {
	local port=${2:-1}
	local id=00000000-0000-0000-0000-00000000000$1 ctrl node end=$((SECONDS + 20))
	ctrl=$(nvme connect -t tcp -a 127.0.0.1 -s $((4419 + port)) -n $nqn -o json "${@:3}" \
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
	rm "$target"/ports/*/subsystems/$nqn
	echo 0 >"$target/subsystems/$nqn/namespaces/1/enable"
	rmdir "$target"/ports/* "$target/subsystems/$nqn/namespaces/1" \
		"$target/subsystems/$nqn"
}
