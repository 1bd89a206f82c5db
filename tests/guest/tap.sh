#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tap.sh: in the guest, receive streams of a stock sender by sluice tap, whose
# output is a pipe or a file, is read slowly, or not at all any more.  The outputs
# are for the host to compare.  Then wordcount and wc of the same text.
set -euo pipefail
. /sluice/tests/guest/lib.sh

wrap=()
# tap_start [OPTION...]: in the background, until it listens; output is ours
tap_start() {
	: >/tmp/tap.err
	nsenter --net=/run/netns/rx "${wrap[@]}" "$sluice" tap --dev "$RX" \
		--queue $queue --listen $rx_ip:$port -j "$@" 2>/tmp/tap.err &
	tap=$!
	until_true 20 grep -q -e listening -e "^sluice: .*;" /tmp/tap.err
	grep -q listening /tmp/tap.err || die "$(cat /tmp/tap.err)"
}

# tap_end: its exit code.  The summary is what is JSON of what it says
tap_end() {
	local rc=0
	wait "$tap" || rc=$?
	sed -n '/^{/,/^}/p' /tmp/tap.err >/tmp/tap.json
	sed -i '/^{/,/^}/d; /listening/d' /tmp/tap.err
	cat /tmp/tap.err
	[ ! -e /sys/fs/bpf/sluice ] || die "left in bpffs: $(find /sys/fs/bpf/sluice)"
	! rx ip link show "$RX" | grep -q xdp || die "XDP is still attached"
	return $rc
}

summary() { # JQ_FILTER
	jq -e "$1" /tmp/tap.json >/dev/null || die "not so: $1 in $(cat /tmp/tap.json)"
	echo "ok - $1"
}

stat_of() { rx nstat -asz "$1" | awk -v n="$1" '$1 == n { print $2 }'; }

# send_small FILE: by a sender that does not hold much of it itself
send_small() { tx socat -u -b 65536 "OPEN:$1" TCP4:$rx_ip:$port,sndbuf=65536; }
send_endless() { tx bash -c "yes '' | tr '\n' x | socat -u - TCP4:$rx_ip:$port" 2>/dev/null; }

# stop_reading FILE: some of /tmp/data to FILE, the rest after a word in /tmp/go
stop_reading() {
	{
		dd bs=10000 count=1 iflag=fullblock status=none
		echo >/tmp/stopped
		cat /tmp/go >/dev/null
		cat
	} </tmp/data >"$1"
}

# the host's file system takes pieces of a segment slowly
mkdir /tmp/outputs
bytes=$(stat -c %s /out/sent)
conserved=".conserved and .in_flight_bytes == 0 and .failed_bytes == 0 and .lost_bytes == 0"
conserved+=" and .output_bytes == .passed_bytes"
conserved+=" and .received_bytes == .passed_bytes + .dropped_bytes"
mkfifo /tmp/data /tmp/go
nic 1500 off

# through a pipe, with a stage
cat /tmp/data >/tmp/outputs/filtered &
reader=$!
tap_start --stage filter:drop-prefix=DROP >/tmp/data
send /out/sent
tap_end || die "tap failed"
wait $reader
summary "$conserved and .received_bytes == $bytes and .dropped_bytes > 0"
summary '.dropped_records == .stages[0].counters.drop.records and .copied_bytes == 0'

# to a file, as the NIC delivers; the summary is on standard output then
tap_start --output /tmp/outputs/file --record-size 0 >/tmp/tap.out
send /out/sent
tap_end || die "tap failed"
cp /tmp/tap.out /tmp/tap.json
summary "$conserved and .output_bytes == $bytes"

# read slowly: reception stops, the sender waits, nothing is lost
slowly() { # FILE
	local before reader sender
	rm -f /tmp/stopped
	before=$(stat_of TcpExtTCPToZeroWindowAdv)
	stop_reading "$1" &
	reader=$!
	tap_start --region-size 2M >/tmp/data
	send_small /out/sent &
	sender=$!
	closed() { [ "$(stat_of TcpExtTCPToZeroWindowAdv)" -gt "$before" ]; }
	until_true 60 closed || die "TCP never closed its window"
	[ -e /tmp/stopped ] || die "the reader has not come so far"
	kill -0 $sender || die "the sender did not have to wait"
	echo >/tmp/go
	wait $sender || die "the sender failed"
	tap_end || die "tap failed"
	wait $reader
	summary "$conserved and .output_bytes == $bytes"
	[ "$(stat_of TcpExtTCPRcvQDrop)" = 0 ] || die "TCP dropped what it had received"
	dropped=$(rx ip -s -j link show "$RX" | jq '.[0].stats64.rx.dropped')
	[ "$dropped" = 0 ] || die "the NIC dropped $dropped packets: it ran out of buffers"
}
slowly /tmp/outputs/slow
# the same where writing to a full pipe is EAGAIN
wrap=(python3 -c 'import os, sys; os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])')
slowly /tmp/outputs/nonblock
wrap=()

# standard output may be a file, too, and others write there before and behind
{
	echo before
	tap_start
	send /out/sent
	tap_end >/dev/null || die "tap failed"
	echo behind
} >/tmp/stdout
{ echo before; cat /out/sent; echo behind; } | cmp - /tmp/stdout || die "standard output"

# SIGINT: what has been received is written
tap_start --output /tmp/outputs/stopped >/tmp/tap.out
send_endless &
sender=$!
enough() { [ "$(stat -c %s /tmp/outputs/stopped)" -gt 1000000 ]; }
until_true 30 enough || die "nothing comes out"
kill -INT $tap
tap_end || die "SIGINT is no error"
cp /tmp/tap.out /tmp/tap.json
summary "$conserved and .output_bytes == $(stat -c %s /tmp/outputs/stopped)"
wait $sender || :

# nobody reads any more: an error that says so, and an end
head -c 100000 /tmp/data >/dev/null &
tap_start >/tmp/data
send_endless &
sender=$!
! tap_end || die "a reader that is gone is no success"
grep -q 'standard output: Broken pipe' /tmp/tap.err || die "$(cat /tmp/tap.err)"
summary '.conserved and .passed_bytes == .output_bytes + .lost_bytes'
wait $sender || :

# the reader is stuck: the second SIGINT ends it all the same
rm -f /tmp/stopped
stop_reading /dev/null &
reader=$!
tap_start >/tmp/data
send_endless &
sender=$!
until_true 30 test -e /tmp/stopped || die "nothing comes out"
kill -INT $tap
until_true 20 grep -q stopping /tmp/tap.err || die "SIGINT: $(cat /tmp/tap.err)"
kill -INT $tap
! tap_end || die "cut off is no success"
summary '.conserved and .passed_bytes == .output_bytes + .lost_bytes'
wait $sender || :
echo >/tmp/go
wait $reader

# a peer that resets, and nobody hears of it: keepalive asks, in the time that is set
rx sysctl -q -w net.ipv4.tcp_keepalive_time=1 net.ipv4.tcp_keepalive_intvl=1
tap_start >/tmp/tap.out
tx python3 - "$rx_ip" "$port" "$TX" <<'PY'
import fcntl, socket, struct, subprocess, sys, termios
def tc(*what):
    subprocess.check_call(["tc", "qdisc", what[0], "dev", sys.argv[3], "root", *what[1:]])
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.sendall(bytes(100000))
    # all of it has arrived, so there is nothing that a lost packet would be sent again for
    while struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)))[0]:
        pass
    tc("add", "netem", "loss", "100%")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
tc("del")
PY
! tap_end || die "a stream that was cut off is no success"
grep -q 'ended early: Connection reset' /tmp/tap.err || die "$(cat /tmp/tap.err)"
[ "$(stat -c %s /tmp/tap.out)" = 100000 ] || die "of 100000 bytes came $(stat -c %s /tmp/tap.out)"
echo "ok - a reset that was lost is noticed"

cp /tmp/outputs/* /out/

# refused before anything is touched
refused() { # PATTERN OPTION...
	local pattern=$1 rc=0
	shift
	rx timeout 120 "$sluice" tap "$@" >/tmp/out 2>&1 || rc=$?
	[ $rc = 1 ] || [ $rc = 2 ] || die "exit code $rc of: tap $* ($(cat /tmp/out))"
	grep -q -e "$pattern" /tmp/out || die "'$pattern' is not what it says: $(cat /tmp/out)"
	[ ! -e /sys/fs/bpf/sluice ] || die "left behind: $(find /sys/fs/bpf/sluice)"
	echo "ok - $(head -n 1 /tmp/out)"
}
all=(--dev "$RX" --queue "$queue" --listen "$rx_ip:$port")
refused 'needs --dev' --queue 1 --listen :8000
refused 'one argument too many' "${all[@]}" file
refused 'not within 512' "${all[@]}" --record-size 100
refused '/nowhere/file: No such file' "${all[@]}" --output /nowhere/file
refused 'a region of' "${all[@]}" --region-size 64K

# words in records, in pieces of 1448 bytes, across both; it waits without time-out
for record in 0 4096; do
	: >/tmp/words.err
	nsenter --net=/run/netns/rx /sluice/build/vm/examples/wordcount "$RX" $queue \
		$port $record >/tmp/words 2>/tmp/words.err &
	words=$!
	until_true 20 grep -q listening /tmp/words.err || die "$(cat /tmp/words.err)"
	send /out/text
	wait $words || die "$(cat /tmp/words.err)"
	LC_ALL=C wc </out/text >/tmp/wc
	read -r -a got </tmp/words
	read -r -a want </tmp/wc
	[ "${got[*]}" = "${want[*]}" ] || die "wordcount: ${got[*]}, wc: ${want[*]}"
	grep -q "failed 0 in flight 0 copied 0" /tmp/words.err || die "$(cat /tmp/words.err)"
	echo "ok - lines, words, bytes: ${got[*]}"
done
