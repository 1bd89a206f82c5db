#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# config.sh: files of options.  Needs sluice in $sluice.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/unit/walk.sh

example=examples/record.toml
ok='dev = "nosuch0"\nqueue = 1\nnvme = "/dev/x"\nlisten = ":1"\n'

# The first thing that record looks for is the interface: what it says of that
# shows that everything was understood, and which value it got
t 1 "no interface 'nosuch0'" record --config $example --dev nosuch0
t 1 "no interface 'nosuch0'" record --dev nosuch0 --config $example
t 1 "no interface 'nosuch0'" record --dev=nosuch0 --config=$example
t 1 "no interface 'nosuch0'" --config $example record --dev nosuch0
t 1 "no interface 'nosuch0'" --config=$example record --dev nosuch0
t 1 "no interface 'nosuch0'" --config /nosuch record --dev nosuch0 --config $example
c 1 "no interface 'nosuch0'" "[record]\n$ok" record
c 1 "no interface 'nosuch1'" "[record]\n$ok" record --dev nosuch1
c 1 "no interface 'nosuch0'" "[show]\n[doctor]\nqueue = 1\n[record]\n$ok" record
c 1 "no interface 'nosuch0'" "[record]\n${ok}quiet = true\nforce = false\nstage = []" record
c 1 "no interface 'nosuch0'" "[record]\n${ok}stage = 'filter:drop-prefix=A'" record
c 1 "no interface 'nosuch0'" "[record]\n${ok}region-size = '64M'\nrecord-size = 0x1000" record
c 1 "no interface 'nosuch0'" "record = { dev = 'nosuch0', queue = 0, nvme = 'x', listen = 'x' }" record
c 1 "no interface 'nosuch0'" "record.dev = 'nosuch0'\nrecord.queue = 0\nrecord.nvme = 'x'\nrecord.listen = 'x'" record
c 0 '"sluice"' '[version]\njson = true' version
c 0 'libbpf' '[version]\njson = false' version

c 2 'needs --listen ADDR:PORT' '[record]\ndev = "x"' record
c 2 'needs --queue N' '[record]\ndev = "x"\nlisten = ":1"' record
c 1 "no interface 'nosuch0'" "[record]\n${ok/queue = 1/queue = [1, 2]}format = 'log'\n" record
c 2 'queue 1 is given twice' "[record]\n${ok/queue = 1/queue = [1, 1]}" record
c 2 "config:2: [record] has no key 'queu'; did you mean queue?" '[record]\nqueu = 3' record
c 2 "config:3: [record] has no key 'colour'; keys are what 'sluice record --help' lists" '[record]\ndev = "x"\ncolour = 3' record
c 2 "has no key 'record_size'; did you mean record-size?" '[record]\nrecord_size = 4096' record
c 2 "has no key 'help'" '[record]\nhelp = true' record
c 2 "has no key 'config'" '[record]\nconfig = "x"' record
c 2 "has no key 'd'" '[record]\nd = "x"' record
c 2 "has no key ''" '[record]\n"" = "x"' record
c 2 "has no key 'a\\x1b[31m'" '[record]\n"a\\u001b[31m" = "x"' record
c 2 "config:1: no verb has the name of table [recrod]; did you mean record?" '[recrod]\nqueue = 3' record
c 2 "config:2: no verb has the name of table [nonsense]; 'sluice help'" '[record]\n[nonsense]' record
c 2 "config:1: 'dev' stands in no table; put it below [record]" 'dev = "x"' record
c 2 "stands in no table" '[[record]]\ndev = "x"' record
c 2 "has no key 'x'; keys" '[record.x]\ndev = "x"' record
c 2 'config has no table [show]' "[record]\n$ok" show
c 2 'has no table [record]' '' record
c 2 'has no table [record]' '# nothing\n' record

# of the wrong type; also where the command line has a right one
for line in "" "--queue 1 --dev x --stage x --force --xdp off --region-size 4096"; do
	read -ra args <<<"$line"
	c 2 "config:2: queue is a string; give a number" '[record]\nqueue = "3"' record "${args[@]}"
	c 2 "lba is an array with a number; give a number" '[record]\nlba = [3]' record "${args[@]}"
	c 2 "queue is an array with a string; give a number or an array of numbers" '[record]\nqueue = ["3"]' record "${args[@]}"
	c 2 "queue is a number with a fraction; give a number" '[record]\nqueue = 3.0' record "${args[@]}"
	c 2 "queue is a date or time; give a number" '[record]\nqueue = 2026-11-21' record "${args[@]}"
	c 2 "queue is a table; give a number" '[record]\nqueue = { a = 1 }' record "${args[@]}"
	c 2 "queue is true or false; give a number" '[record]\nqueue = true' record "${args[@]}"
	c 2 "lba is an empty array; give a number" '[record]\nlba = []' record "${args[@]}"
	c 2 "queue '-1' is no number" '[record]\nqueue = -1' record "${args[@]}"
	c 2 "queue 4294967296 is out of range; it goes from 0 to 4294967295" '[record]\nqueue = 4294967296' record "${args[@]}"
	c 2 "dev is a number; give a string in quotes" '[record]\ndev = 0' record "${args[@]}"
	c 2 "dev is empty; give it a value, IF" '[record]\ndev = ""' record "${args[@]}"
	c 2 "dev is a string with a NUL; give a string" '[record]\ndev = "a\\u0000"' record "${args[@]}"
	c 2 "stage is an array with true or false; give a string, a number or an array of them" '[record]\nstage = [ "a", true ]' record "${args[@]}"
	c 2 "stage is an array with an array" '[record]\nstage = [ [ "a" ] ]' record "${args[@]}"
	c 2 "nvme is a number with a fraction; give a string, a number or an array" '[record]\nnvme = 1.5' record "${args[@]}"
	c 2 "force is a string; give true or false" '[record]\nforce = "yes"' record "${args[@]}"
	c 2 "force is a number; give true or false" '[record]\nforce = 1' record "${args[@]}"
	c 2 "quiet is a number; give true or false" '[record]\nquiet = 1' record "${args[@]}"
	c 2 "xdp 'natve' is none of native|skb|off; did you mean native?" '[record]\nxdp = "natve"' record "${args[@]}"
	c 2 "region-size is a number with a fraction; give a number of bytes, or \"64K\"" '[record]\nregion-size = 1e9' record "${args[@]}"
	c 2 "region-size '64X' is no number; give bytes, or 64K" '[record]\nregion-size = "64X"' record "${args[@]}"
	c 2 "region-size '-1' is no number" '[record]\nregion-size = -1' record "${args[@]}"
done
c 2 "interval 0 is out of range; it goes from 1 to 86400" '[stat]\ninterval = 0' stat
c 2 "interval '-1' is no number" '[stat]\ninterval = -1' stat
c 1 "no interface 'nosuch0'" "[record]\n${ok}stage = [ 1 ]" record
c 1 "no interface 'nosuch0'" "[record]\nqueue = [ 1 ]\n${ok/queue = 1/}" record
c 2 "stage is given more than" "[record]\nstage = [ $(printf '"x",%.0s' {1..300}) ]" record

# no TOML
c 2 'config:1: no TOML: ' '[record' record
c 2 'config:2: no TOML: ' '[record]\nregion-size = 64K' record
c 2 'config:3: no TOML: ' '[record]\nqueue = 1\nqueue = 1' record
c 2 'config:3: no TOML: ' '[record]\n\n[record]' record
c 2 'config:2: no TOML: ' '[record]\ndev = eth0' record
c 2 'config:2: no TOML: ' '[record]\nqueue = 99999999999999999999' record
c 2 'config:1: no TOML: ' '\xff\xfe\x00\x00' record
c 2 'config:1: no TOML: ' '\x00' record
c 2 'config:1: no TOML: ' '\x1b[31m' record
c 2 'config:1: no TOML: ' '[\\\\record]' record
c 2 'config:1: no TOML: ' '[]' record
c 2 'config:1: no TOML: ' 'a.\\xc6\\x80b = 1' record
c 2 'config:1: no TOML: ' 'a = { \\\\ = 1 }' record
c 2 'no TOML: ' "a = $(printf '[%.0s' {1..5000})" record

# no file
mkfifo "$work/fifo"
: >"$work/unreadable"
truncate -s 2M "$work/big"
t 2 'No such file' record --config /nosuch/file
t 2 'is no ordinary file' record --config /tmp
t 2 'is no ordinary file' record --config /dev/null
t 2 'is no ordinary file' record --config /dev/zero
t 2 'is no ordinary file' record --config "$work/fifo"
t 2 'at most 1048576 are read' record --config "$work/big"
t 2 'File name too long' record --config "$(printf 'x%.0s' {1..5000})"
t 2 '--config is empty' record --config ''
t 2 '--config needs a value' record --config
t 2 '--config needs a value' --config
t 2 '--config needs a value' record --config --force
done_walking 100
