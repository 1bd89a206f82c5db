# SPDX-License-Identifier: GPL-2.0
#
# nvme.sh: for scripts in the guest that run the conformance programs.

programs=/sluice/build/vm/tests/conformance
failed=0
within=()	# a command that the programs run within

# node SERIAL NSID: the generic node of a namespace.  The numbers in its name are
# those of no controller, and change from boot to boot.
node() {
	local ns
	for ns in /sys/class/nvme-generic/ng*; do
		if [ "$(tr -d ' ' <"$ns/device/serial")" = "$1" ] &&
			[ "$(cat "/sys/block/nvme${ns##*/ng}/nsid")" = "$2" ]; then
			echo "/dev/${ns##*/}"
			return
		fi
	done
	echo "no namespace $2 of $1" >&2
	return 1
}

# The block node for a generic node
block() { echo "/dev/nvme${1#/dev/ng}"; }

# controller SERIAL: its folder in sysfs
controller() {
	local ctrl
	for ctrl in /sys/class/nvme/nvme*; do
		[ "$(tr -d ' ' <"$ctrl/serial")" != "$1" ] || echo "$ctrl"
	done
}

# tap PROGRAM [ARG]...: its output is shown, and left in /out/PROGRAM.tap
tap() {
	echo "# $*"
	"${within[@]}" "$programs/$1" "${@:2}" | tee "/out/$1.tap" || failed=1
}

# check TEXT COMMAND...: a check that is a command
check() {
	local text=$1
	shift
	if "$@" >/tmp/check.log 2>&1; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		sed 's/^/# /' /tmp/check.log
		# shellcheck disable=SC2034 # for the script's end
		failed=1
	fi
}
