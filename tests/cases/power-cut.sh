#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The power is cut while sluice records to a drive with a volatile write cache
# (tests/vm/drive.py), each time somewhere in the first 300 commands after something has
# been reported durable.  All of that has to be on the medium.  Which of the ways to
# record of tests/guest/power-cut.sh it is changes from one cut to the next.
#
# Last, and not counted, the power of a drive is cut that has no flush and no FUA, though
# it says so: that has to be noticed.
#
#   CUTS=N    so many, each in a machine of its own (3; make powercut: 200)
#   FIRST=N   the number of the first, from which all that is random follows (1)
#   CONTROL=  do without the last one
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}

cuts=${CUTS:-3} first=${FIRST:-1}
ways=(runs raw log)
where=$dir

# cut NR WAY [OPTION...]: what is left is in $dir
cut() {
	local nr=$1 way=$2 vm drive rc=0
	shift 2
	RANDOM=$nr
	dir=$where/$nr
	mkdir -p "$dir"
	truncate -s 512M "$dir/disk.img"
	seq 1 60000 >"$dir/sent"
	tests/vm/enter python3 tests/vm/drive.py "$dir/socket" "$dir/disk.img" --seed "$nr" \
		--go "$dir/go" --commands $((RANDOM % 300)) "$@" >"$dir/drive.log" 2>&1 &
	drive=$!
	until [ -S "$dir/socket" ]; do
		kill -0 $drive 2>/dev/null || fail "no drive: $(cat "$dir/drive.log")"
		sleep 0.1
	done
	# not by vm(): the signal is for the script itself, not for a shell around it
	tests/vm/run --kernel "$kernel" --log "$dir/kernel.log" --out "$dir" --disk "$dir/socket" \
		-- tests/guest/power-cut.sh "$way" >"$dir/guest.log" 2>&1 &
	vm=$!
	wait $drive || rc=$?
	# else it has ended by itself, and leaves its kernel's log
	[ $rc != 0 ] || kill -TERM $vm 2>/dev/null || :
	wait $vm 2>/dev/null || :
	[ $rc = 0 ] || fail "cut $nr, $way: $(cat "$dir/drive.log" "$dir/guest.log")"
}

# check_raw BYTES BEGUN: the writes of the first BEGUN bytes had been sent, and BYTES of
# them had ended, which may be any
check_raw() {
	tests/vm/enter python3 - "$dir/disk.img" "$@" <<-'PY'
		import itertools, sys
		image, ended, begun = open(sys.argv[1], "rb"), int(sys.argv[2]), int(sys.argv[3])
		numbers, want, got = itertools.count(1), b"", 0
		for i in range(0, begun, 4096):
		    while len(want) < 4096:
		        want += b"".join(b"%d\n" % next(numbers) for _ in range(512))
		    if image.read(4096) == want[:4096]:
		        got += 4096
		    want = want[4096:]
		print("%d of %d bytes were reported, %d are there" % (ended, begun, got))
		sys.exit(got < ended)
	PY
}

# check_log ID:BYTES...
check_log() {
	local stream id n
	list "$dir/disk.img" || return
	for stream; do
		id=${stream%:*}
		sluice read --nvme "$dir/disk.img" --stream "$id" --output "$dir/read" || return
		n=$(stat -c %s "$dir/read")
		echo "stream $id: ${stream#*:} bytes were reported, $n are there"
		[ "$n" -ge "${stream#*:}" ] && cmp -n "$n" "$dir/read" <(seq 1 1000000000) || return
	done
}

# check_runs NUMBER of recordings
check_runs() {
	local i
	for ((i = 0; i < $1; i++)); do
		sluice read --nvme "$dir/disk.img" --lba $((i * 32768)) --stream 1 --output "$dir/read" ||
			return
		cmp "$dir/read" "$dir/sent" || return
	done
	echo "$1 recordings were reported and are there"
}

check() { # WAY
	local report
	read -r -a report <"$dir/report"
	"check_$1" "${report[@]}"
}

for ((nr = first; nr < first + cuts; nr++)); do
	way=${ways[nr % 3]}
	cut "$nr" "$way"
	echo "# $nr, $way: $(cat "$dir/drive.log")"
	check "$way" || fail "cut $nr, $way: what was reported durable is not there; all that is left is in $dir"
	rm -rf "$dir"
done
if [ "${CONTROL-yes}" ]; then
	cut 0 raw --lie
	! check raw || fail "nothing was ever flushed, and nobody has noticed"
	rm -rf "$dir"
fi
echo "ok - $cuts power cuts, nothing lost that was reported durable"
