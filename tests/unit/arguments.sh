#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# arguments.sh: each verb with arguments that are wrong, missing or hostile, as far
# as that needs no kernel with unified regions.  Needs sluice in $sluice.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/unit/walk.sh

many=$(printf 'x%.0s' {1..100000})
digits=$(printf '9%.0s' {1..1000})
# shellcheck disable=SC1003 # a backslash
hostile=(' ' $'\n' $'a\nb' $'\t' $'\e[2J\e]0;x\a' $'\xff\xfe' $'\xc2\x9b31m' $'\xed\xa0\x80' $'\xe0\x80\xaf' $'\xf4\x90\x80\x80' \
	. .. ../../etc /etc/passwd '%s%n%999999d' '$(id)' '`id`' "'" '"' '\' ünïcödé "$many")

# f CODE TEXT REDIRECTION ARGUMENT...: with a redirection of the shell's; standard
# output need not be empty
f() {
	local code=$1 text=$2 how=$3
	shift 3
	run bash -c "exec \"\$@\" $how" sh "$sluice" "$@"
	[ "$rc" = "$code" ] || say_wrong "exit code $rc, not $code, with $how"
	[ -z "$text" ] || grep -qF -e "$text" "$work/err" "$work/out" ||
		say_wrong "does not say '$text'"
}

# Verbs
t 2 "no verb; 'sluice help' lists them"
t 2 "no verb ''" ''
t 2 "'-' is no verb" -
t 2 "'--' is no verb" --
t 2 "'-j' is no verb" -j show
t 2 "'--nonsense' is no verb" --nonsense
t 2 "did you mean record?" recrod
t 2 "did you mean record?" rec
t 2 "did you mean doctor?" docter
t 2 "did you mean stat?" stats
t 2 "did you mean show?" shwo
t 2 "'sluice help' lists them" RECORD
t 2 "'sluice help' lists them" nonsense
t 2 "'sluice help' lists them" 0
for text in "${hostile[@]}"; do
	t 2 "no verb '" "$text"
	t 2 "no verb '" help "$text"
done
t 0 'Usage: sluice VERB' help
t 0 'Usage: sluice VERB' --help
t 0 'Usage: sluice VERB' -h
t 0 'libbpf' version
t 0 'libbpf' --version
t 0 '"libbpf"' version -j
t 0 '"libbpf"' --version --json
t 2 "version: 'x' is one argument too many" version x
t 2 "version: 'x' is one argument too many" --version x
t 2 "help: 'show' is one argument too many" help record show
t 2 "help has no option --all" help --all

# Help is there, fits a terminal, and is no error
for verb in $("$sluice" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	t 0 "Usage: sluice $verb" "$verb" --help
	[ "$(wc -L <"$work/out")" -le 80 ] || say_wrong "wider than 80 columns"
	t 0 "Usage: sluice $verb" "$verb" -h
	t 0 "Usage: sluice $verb" help "$verb"
	t 2 "$verb has no option --nonsense; 'sluice $verb --help' lists them" "$verb" --nonsense
	t 2 "$verb has no option --nonsense; 'sluice $verb --help' lists them" "$verb" --nonsense=1
	t 2 "$verb has no option -Z" "$verb" -Z
	t 2 "did you mean --quiet?" "$verb" --queit
	t 2 "did you mean --help?" "$verb" --hel
	t 2 "--json takes no value, here 'yes'" "$verb" --json=yes
	t 2 "--config needs a value" "$verb" --config
	t 2 "$verb has no option --" "$verb" "--$many"
	t 2 "$verb has no option -" "$verb" $'-\e[2J'
	t 2 "$verb has no option --" "$verb" $'--\e[2J'
done

# record: options
all=(--dev nosuch0 --queue 1 --nvme /dev/nosuch --listen :1)
most=(--dev lo --queue 0 --listen :1)		# all but --nvme
t 2 'record needs --dev IF' record
t 2 'record needs --listen ADDR:PORT' record --dev lo
t 2 'record needs --queue N' record --dev lo --listen :1
t 2 'record needs --nvme DEV' record --dev lo --queue 0 --listen :1
t 2 'did you mean --queue?' record --queu 1
t 2 'did you mean --queue?' record --qeue 1
t 2 'did you mean --region-size?' record --region_size 1
t 2 "record: 'surplus' is one argument too many" record "${all[@]}" surplus
t 2 "record: '--force' is one argument too many" record "${all[@]}" -- --force
t 2 "--dev needs a value, IF" record --dev
t 2 "--dev needs a value, IF" record --dev --force
t 2 "--dev needs a value, IF" record --dev --queue 1
t 2 "--dev needs a value, IF" record --dev --
t 2 "--dev needs a value, IF" record -d
t 2 "--dev is empty" record --dev ''
t 2 "--dev is empty" record --dev=
t 2 "--force takes no value, here '1'" record --force=1
t 2 "has no option --no-dev" record --no-dev
t 2 "has no option --no-" record --no-
t 2 "--xdp 'nativ' is none of native|skb|off; did you mean native?" record --xdp nativ
t 2 "--xdp '' is none of native|skb|off" record --xdp ''
t 2 "--xdp 'native|skb' is none of" record --xdp 'native|skb'
t 1 "no interface 'nosuch0'" record "${all[@]}"
t 1 "no interface 'nosuch0'" record "${all[@]}" --force --no-force
t 1 "no interface 'nosuch0'" record -d nosuch0 --queue=1 -n/dev/x -l :1
t 1 "no interface 'nosuch1'" record "${all[@]}" --dev nosuch1
t 1 "no interface '-f'" record "${all[@]}" --dev -f
t 1 "No such file" record "${most[@]}" --nvme /dev/nosuch
stages=()
for i in {1..300}; do
	stages+=(--stage filter:drop-prefix=A)
done
t 2 '--stage is given more than' record "${all[@]}" "${stages[@]}"

# numbers and sizes
for text in -1 +1 ' 1' '1 ' $'1\n' 0x 0xg 1e3 1.5 1,5 abc '' 1T 1KK 1k K 18446744073709551616 \
	"$digits" 0x1ffffffffffffffff ١ NaN "$many"; do
	t 2 '--region-size' record "${all[@]}" "--region-size=$text"
	t 2 'is no number' record "${all[@]}" --lba "$text"
	t 2 'is no number' stat --once --interval "$text"
done
t 2 'is no number; give bytes, or 64K' record "${all[@]}" --region-size 17179869184G
for text in 1K -1 '' x 0x 4294967296 18446744073709551615 18446744073709551616 '1,' ,1 "$many"; do
	t 2 '--queue' record --dev lo --listen :1 --nvme /dev/nosuch --queue "$text"
	t 2 '--queue' tap --dev lo --listen :1 --queue "$text"
done
t 1 'is not within 512 and 65536' record "${all[@]}" --record-size 511
t 1 'is not within 512 and 65536' record "${all[@]}" --record-size 65537
t 1 "no interface 'nosuch0'" record "${all[@]}" --lba 0xffffffffffffffff
t 1 "no interface 'nosuch0'" record --dev nosuch0 --nvme x --listen :1 --lba 0xffffffffffffffff --queue 4294967295
t 2 "--queue '1,2' is no number" record --queue 1,2
t 2 '--queue 0x1 is given twice' record --queue 1 --queue 0x1
queues=()
for i in {1..17}; do
	queues+=(--queue "$i")
done
t 2 '--queue is given more than 16 times' record "${queues[@]}"

# what a format can do
t 2 "--format 'rwa' is none of raw|log" record --format rwa
t 2 "--layout 'raid5' is none of stripe|mirror" record --layout raid5
t 2 '--layout mirror needs more than one namespace' record "${all[@]}" --layout mirror
t 2 'to stripe use --format log' record "${all[@]}" --nvme /dev/other
t 2 'give --queue once' record "${all[@]}" --queue 2
t 2 'for --streams 0 use --format log' record "${all[@]}" --streams 0
t 2 '--rotate needs an index' record "${all[@]}" --rotate
t 2 '--index-size needs --format log' record "${all[@]}" --index-size 1M
t 1 "no interface 'nosuch0'" record "${all[@]}" --format log --queue 2 --nvme /dev/other \
	--streams 0 --rotate --index-size 1M --durable --layout mirror

# list, read
t 2 'list needs --nvme' list
t 2 "list: 'surplus' is one argument too many" list --nvme x surplus
t 2 'read needs --stream N' read --nvme x --output -
t 2 'read needs --output FILE' read --nvme x --stream 1
t 2 'is no number' read --nvme x --output - --stream one
t 2 'is no number' list --nvme x --lba 1K
for text in "${hostile[@]}" ',' 'x,' ,x; do
	t 1 '' list --nvme "$text"
	t 1 '' read --nvme "$text" --stream 1 --output -
done
printf 'no recording' >"$work/file"
for lba in 0 1 0xffffffffffffffff; do
	t 1 'has no recording at block' list --nvme "$work/file" --lba $lba
done

# names of things
for text in "${hostile[@]}"; do
	t 1 "no interface '" record "${all[@]}" --dev "$text"
	t 1 '' record "${most[@]}" --nvme "$text"
	t 1 "no pipeline '" show "$text"
	t 1 "no pipeline '" stat "$text"
	t 1 "no pipeline '" show -j "$text"
done
for file in /dev/null /dev/zero /dev/full /dev/tty /tmp /proc/self/mem "$work/config" /dev/fd/0; do
	: >"$work/config"
	t 1 "$file" record "${most[@]}" --nvme "$file"
	t 1 "$file" list --nvme "$file"
done

# show, stat
t 2 "show: 'b' is one argument too many" show a b
t 2 "stat: 'b' is one argument too many" stat a b
t 1 "no pipeline ''" show ''
t 0 '[' show -j
t 0 '' show -q
t 2 '--interval 0 is out of range; it goes from 1 to 86400' stat --interval 0
t 2 '--interval 86401 is out of range' stat -i 86401
t 2 '--openmetrics is empty' stat -o ''
t 2 'exclude each other' stat -j -o -
t 0 '"pipelines"' stat -1j
t 0 'no pipeline runs' stat -1
t 0 '# EOF' stat -1o -
mkfifo "$work/fifo"
for file in /dev/null /tmp /proc/version "$work/fifo" /nosuch/file "$many"; do
	t 1 '--openmetrics' stat -1o "$file"
done
[ -c /dev/null ] && [ -p "$work/fifo" ] || say_wrong "a device is gone"

# doctor
t 2 "doctor: 'x' is one argument too many" doctor x
t 2 '--queue' doctor --queue -1
t 2 '--dev is empty' doctor --dev ''
for text in "${hostile[@]}"; do
	f 1 'ip link' '' doctor --dev "$text" --queue 0
	LC_ALL=C.UTF-8 grep -qvE '^[[:print:]]+$' "$work/out" && say_wrong "characters that are not for a terminal"
done

# serve, tap, list, read
t 2 'serve needs --nvme DEV' serve
t 2 'serve needs --listen ADDR:PORT' serve --nvme x
t 2 'tap needs --dev IF' tap
t 2 'tap needs --listen ADDR:PORT' tap --dev lo
t 2 'tap needs --queue N' tap --dev lo --listen :1
t 2 'list needs --nvme' list
t 2 'read needs --nvme' read
t 2 'read needs --stream N' read --nvme x
t 2 'read needs --output FILE' read --nvme x --stream 1
t 2 "serve: 'surplus' is one argument too many" serve --nvme x --listen :1 surplus
t 2 "tap: 'surplus' is one argument too many" tap --dev lo --queue 0 --listen :1 surplus
t 2 "list: 'surplus' is one argument too many" list --nvme x surplus
t 2 "read: 'surplus' is one argument too many" read --nvme x --stream 1 --output - surplus
for text in "${hostile[@]}"; do
	t 1 '' serve --nvme "$text" --listen :1
	t 1 'no interface' tap --dev "$text" --queue 0 --listen :1
	t 1 '' list --nvme "$text"
	t 1 '' read --nvme "$text" --stream 1 --output -
	t 1 'is no user' tap --dev lo --queue 0 --listen :1 --user "$text"
done
for file in /dev/null /dev/zero /dev/full /dev/tty /tmp /proc/self/mem "$work/config"; do
	t 1 "$file" serve --nvme "$file" --listen :1
	t 1 "$file" list --nvme "$file"
	t 1 "$file" read --nvme "$file" --stream 1 --output -
done
for text in -1 1e3 abc '' 18446744073709551616 "$many"; do
	t 2 'is no number' serve --nvme x --listen :1 --lba "$text"
	t 2 'is no number' serve --nvme x --listen :1 --clients "$text"
	t 2 'is no number' serve --nvme x --listen :1 --chunk "$text"
	t 2 'is no number' list --nvme x --lba "$text"
	t 2 'is no number' read --nvme x --output - --stream "$text"
done
t 2 'is out of range' serve --nvme x --listen :1 --depth 0
t 2 'is out of range' serve --nvme x --listen :1 --clients 0

# stage, attach, detach
t 2 'stage needs one of list' stage
t 2 "stage knows no 'nosuch'" stage nosuch
t 2 "is one argument too many" stage list x
t 2 'takes one name' stage help
t 2 'takes one name' stage help a b
t 2 'takes one name' stage check
t 2 'takes one name' stage new
t 2 'takes a pipeline and a stage' attach
t 2 'takes a pipeline and a stage' attach a
t 2 'takes a pipeline and a stage' attach a b c
t 2 '--prio' attach --prio -1 a b
t 2 '--prio' attach --prio 2147483648 a b
t 2 'takes a pipeline and a stage' detach
t 2 'takes a pipeline and a stage' detach a
for text in '' "${hostile[@]}"; do
	t 2 'is not 1 to 15 lower case letters' stage new "$text"
	t 1 '' stage help "$text"
	t 1 'no pipeline' attach "$text" filter
	t 1 'no pipeline' detach "$text" filter
done
for text in filter: filter:= filter:drop-prefix filter:drop-prefix= filter:drop-prefix=0xg \
	filter:drop-prefix=A,offset=-1 filter:drop-prefix=A,colour=red 'filter:,' "filter:$many"; do
	t 1 'filter' stage check "$text"
done

# capture, export
frames=(--dev nosuch0 --queue 1 --nvme /dev/nosuch)
t 2 'capture needs --dev IF' capture
t 2 'capture needs --queue N' capture --dev lo
t 2 'capture needs --nvme DEV' capture --dev lo --queue 0
t 2 "capture: 'surplus' is one argument too many" capture "${frames[@]}" surplus
t 1 "no interface 'nosuch0'" capture "${frames[@]}"
t 2 'export needs --nvme' export
t 2 "export: 'surplus' is one argument too many" export --nvme x surplus
for text in "${hostile[@]}"; do
	t 1 '' capture "${frames[@]}" --dev "$text"
	t 1 '' export --nvme "$text"
	t 1 '' export --nvme /dev/zero --output "$text"
done
for file in /dev/null /dev/zero /dev/full /tmp /proc/self/mem "$work/config" /nosuch/file; do
	t 1 "$file" export --nvme "$file"
done
for text in -1 1e3 abc '' 18446744073709551616 "$many"; do
	t 2 'is no number' capture "${frames[@]}" --count "$text"
	t 2 'is no number' capture "${frames[@]}" --duration "$text"
	t 2 'is no number' export --nvme x --lba "$text"
done

# serve, tap
range=(--nvme /dev/nosuch --listen 127.0.0.1:1)
stream=(--dev nosuch0 --queue 0 --listen 127.0.0.1:1)
t 2 'serve needs --nvme DEV' serve --listen :1
t 2 'serve needs --listen ADDR:PORT' serve --nvme x
t 2 "serve: 'surplus' is one argument too many" serve "${range[@]}" surplus
t 1 '/dev/nosuch: No such file' serve "${range[@]}"
t 1 '/dev/nosuch: No such file' serve "${range[@]}" --stream 1
t 1 '--stream 1 and --bytes exclude each other' serve "${range[@]}" --stream 1 --bytes 1
t 2 'it goes from 1 to 64' serve "${range[@]}" --depth 65
t 2 'it goes from 1 to 1024' serve "${range[@]}" --clients 0
t 2 'tap needs --dev IF' tap --queue 0 --listen :1
t 2 'tap needs --queue N' tap --dev lo --listen :1
t 2 "tap: 'surplus' is one argument too many" tap "${stream[@]}" surplus
t 1 "no interface 'nosuch0'" tap "${stream[@]}"
for text in "${hostile[@]}"; do
	t 1 '' serve --nvme "$text" --listen :1
	t 1 '' serve --nvme "$text" --listen :1 --stream 1
	t 1 '' tap "${stream[@]}" --dev "$text"
done
for file in /dev/null /dev/zero /tmp /proc/self/mem "$work/config" /nosuch/file; do
	t 1 "$file" serve --nvme "$file" --listen :1
	t 1 "$file" serve --nvme "$file" --listen :1 --stream 1
done
for option in lba blocks bytes stream chunk depth clients region-size; do
	for text in -1 1e3 abc '' 18446744073709551616 "$many"; do
		t 2 "--$option" serve "${range[@]}" --$option "$text"
	done
done

# standard descriptors that are closed, full, or of the wrong kind
for how in '>&-' '>/dev/full' '</dev/full >/dev/full' '1</dev/null'; do
	f 1 'standard output' "$how" help
	f 1 'standard output' "$how" version -j
	f 1 'standard output' "$how" record --help
	f 1 'standard output' "$how" show -j
	f 1 'standard output' "$how" stat -1
	f 1 'standard output' "$how" stat -1j
	f 1 'standard output' "$how" stat -1o -
	f 1 'standard output' "$how" doctor -j
done
f 0 'libbpf' '<&-' version
f 0 'libbpf' '2>&-' version
f 2 '' '2>&-' nonsense
f 2 '' '2>/dev/full' nonsense
f 2 '' '<&- >&- 2>&-' nonsense
f 1 '' '<&- >&- 2>&-' help
f 1 "no interface 'nosuch0'" '<&- >&-' record "${all[@]}"

done_walking 950
