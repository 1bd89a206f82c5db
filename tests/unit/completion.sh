#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# completion.sh: what bash offers behind a line, with words split as readline does.
# Needs sluice in $sluice; to be run in a network namespace of its own.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. loader/sluice.bash

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong=0 nr=0
# only while readline completes
compopt() { :; }

# offers LINE WORD...: behind LINE those words, and no others; "..." allows others
offers() {
	local line=$1 rest=$1 others='' missing
	shift
	nr=$((nr + 1))
	COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=()
	while [[ $rest =~ ^[[:space:]]*([=:]+|[^[:space:]=:]+) ]]; do
		COMP_WORDS+=("${BASH_REMATCH[1]}")
		rest=${rest#"${BASH_REMATCH[0]}"}
	done
	[ -z "$rest" ] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	# shellcheck disable=SC2154 # set by who runs this
	_sluice "$sluice" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" \
		2>"$work/err"
	[ "${*: -1}" != ... ] || { others=yes; set -- "${@:1:$# - 1}"; }
	printf '%s\n' "${COMPREPLY[@]:-}" | sort >"$work/is"
	printf '%s\n' "${@:-}" | sort >"$work/wanted"
	missing=$(comm -13 "$work/is" "$work/wanted")
	[ -z "$others" ] || : >"$work/is"
	if [ -n "$missing$(comm -23 "$work/is" "$work/wanted")" ] || [ -s "$work/err" ]; then
		echo "not ok - behind '$line': ${COMPREPLY[*]:-nothing} $(cat "$work/err")"
		wrong=$((wrong + 1))
	fi
}

offers "sluice rec" record
offers "sluice " record show stat doctor help version ...
offers "sluice nosuch"
offers "sluice --conf" --config
offers "sluice --config examples/record.toml rec" record
offers "sluice help sho" show
offers "sluice nosuch --"
offers "sluice record --reg" --region-size
offers "sluice record --" --dev --queue --nvme --stage --config --json --help ...
offers "sluice record --dev x --de"
offers "sluice record --dev x --d" --durable
offers "sluice record --stage x --sta" --stage
offers "sluice record --force --xdp " native skb off
offers "sluice record --xdp n" native
offers "sluice record --xdp=" native skb off
offers "sluice record --xdp=n" native
offers "sluice record --dev " lo ...
offers "sluice record -d l" lo
offers "sluice record --dev=l" lo
offers "sluice record --queue "
offers "sluice record --user nobo" nobody
offers "sluice record --user=nobo" nobody
offers "sluice record --config examples/rec" examples/record.toml
offers "sluice record --config=examples/rec" examples/record.toml
offers "sluice stat --openmetrics tests/unit/compl" tests/unit/completion.sh
offers "sluice stat --once nosuch"
offers "sluice show --j" --json

# stages, and words that are a verb's own
offers "sluice record --stage fil" filter
offers "sluice stage " list help check new
offers "sluice stage ne" new
offers "sluice stage help fil" filter
offers "sluice stage check " filter xor ...
offers "sluice stage help --q" --quiet
offers "sluice attach nosuch fil" filter
offers "sluice attach --prio 3 nosuch fil" filter
offers "sluice attach --replace=fil" filter
offers "sluice attach nosuch filter fil"

# every option of every verb
for verb in $("$sluice" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	mapfile -t options < <("$sluice" "$verb" --help | grep -oP '^  (-., |    )\K--[a-z-]+')
	[ ${#options[@]} -ge 4 ] || wrong=$((wrong + 1))
	offers "sluice $verb --" "${options[@]}"
done

# as bash itself has it
bash -c '. loader/sluice.bash; complete -p sluice' | grep -qx 'complete -F _sluice sluice' || wrong=$((wrong + 1))
echo "$nr cases, $wrong of them wrong"
[ $wrong = 0 ] && [ $nr -ge 40 ]
