#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stages-verifier.sh: in the guest, what the verifier says of the programs in
# tests/verifier, each with the mistake that its first line tells, is what its
# second line has; and it takes all stages that are built in.
set -uo pipefail
. /sluice/tests/guest/lib.sh
cd /sluice/tests/verifier || exit

failed=0 nr=0
not_ok() {
	echo "not ok - $*"
	failed=1
}

for file in *.bpf.c; do
	name=${file%.bpf.c}
	msg=$(sed -n 's|^/\* msg: \(.*\) \*/$|\1|p' "$file")
	rc=0
	"$sluice" stage check "/sluice/build/vm/tests/verifier/$name.bpf.o" >/tmp/out 2>/tmp/err || rc=$?
	nr=$((nr + 1))
	if [ "$msg" = - ]; then
		[ $rc = 0 ] || { not_ok "$name is rejected"; tail -n 20 /tmp/err; }
	elif [ $rc != 1 ]; then
		not_ok "$name: exit code $rc; the verifier takes it"
	elif [ -z "$msg" ] || ! head -n 1 /tmp/err | grep -qF -e "$msg"; then
		not_ok "$name: '$msg' is not what it says: $(head -n 1 /tmp/err)"
	elif ! head -n 1 /tmp/err | grep -q "^sluice: stage .*: the verifier rejects its program bad_"; then
		not_ok "$name: the program is not named: $(head -n 1 /tmp/err)"
	else
		echo "ok - $name: $msg"
	fi
done
[ $nr -ge 25 ] || not_ok "only $nr programs"

# with options at both ends of what they can be
takes() {
	if "$sluice" stage check "$@" >/tmp/out 2>/tmp/err; then
		echo "ok - $* ($(sed 1d /tmp/out | tr -s ' ' | cut -d' ' -f2,3 | paste -sd,))"
	else
		not_ok "$(cat /tmp/err)"
	fi
}
long=$(printf '%064d' 0)
takes filter:drop-prefix=D
takes "filter:drop-prefix=$long"
takes "filter:keep-prefix=$long,offset=65535,search=2G"
takes filter:keep-prefix=abc,search=0xffffffff
takes sample:one-in=1
takes sample:by-chance,one-in=0xffffffff
takes ratelimit:rate=1,burst=0xffffffff
takes ratelimit:rate=0xffffffffffffffff,burst=0
takes checksum
takes checksum:verify
takes redact:pattern=s
takes "redact:pattern=$long"
takes dedup:last=1
takes dedup:last=1M
takes tee
takes tee:one-in=10
takes meter
for at in rx tx submit complete; do
	takes inject:at=$at
	takes inject:at=$at,action=corrupt,offset=0xffffffff
done
takes inject:at=submit,action=delay
takes xor:key=k
takes "xor:key=$long"
takes record
exit $failed
