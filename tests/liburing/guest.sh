#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh: in the guest, runs the tests listed in /out/todo (a test and its
# arguments a line) in a tmpfs and appends "RESULT SECONDS TEST ARGUMENTS" to
# /out/results.  What a result is: liburing's runtests.sh, which also looks at
# the kernel's log after each test.
set -uo pipefail

limit=$1
bad='kernel BUG at|WARNING:|BUG:|Oops:|possible recursive locking|Internal error|suspicious RCU|possible circular locking|general protection fault'

mkdir /tmp/suite
tar xf /out/suite.tar -C /tmp/suite
cd /tmp/suite || exit
: >/out/started
ulimit -c 0 -l unlimited
echo 64 >/proc/sys/vm/nr_hugepages

while read -r -a test; do
	dmesg --clear
	start=$SECONDS
	timeout -s INT -k 5 "$limit" "./${test[0]}" "${test[@]:1}" </dev/null >log 2>&1
	rc=$?
	case $rc in
	0) result=pass ;;
	77) result=skip ;;
	124 | 137) result=timeout ;;
	*) result=fail:$rc ;;
	esac
	# a test that is there to fail
	case ${test[0]}:$result in
	xfail*:fail:1) result=pass ;;
	xfail*:pass) result=fail:0 ;;
	esac
	if dmesg | grep -E "$bad" >>log; then
		result=splat
	fi
	if [ $result != pass ]; then
		echo "--- ${test[*]}: $result"
		tail -n 15 log
	fi
	echo "$result $((SECONDS - start)) ${test[*]}" >>/out/results
done </out/todo
