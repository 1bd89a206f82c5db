#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What Documentation/tutorial.md says, word for word.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
{
	echo 'set -ex'
	awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' Documentation/tutorial.md
} >"$dir/commands"
[ "$(wc -l <"$dir/commands")" -gt 25 ] || fail "the tutorial has no commands"
# a wait for what does not come is a failure
machine -- timeout 400 bash /out/commands | tee "$dir/output"
said() { grep -qF -e "$1" "$dir/output" || fail "it does not say '$1'"; }
said 'ok - 13 checks'
said './count/count.bpf.o: the verifier takes it'
said 'record: count1 is attached'
said 'prio 100000  attached; next '
said 'prio 100000  ended by itself: has counted enough (100); next 100, drop 0, write 0'
said 'count        count records by their first byte'
said 'record: count1 is attached'
said 'record: end of stream in'
done_with_images
