# SPDX-License-Identifier: GPL-2.0
#
# walk.sh: for tests that give sluice arguments, a line each:
#
#	t CODE TEXT ARGUMENT...
#	c CODE TEXT TOML ARGUMENT...	(with --config and a file of that)
#
# An error has to have the exit code, has to be one line of printable characters
# that has TEXT in it, and nothing may be on standard output; with CODE 0 TEXT has
# to be on standard output.  Whatever it is, it has to end by itself, without a
# complaint of a sanitizer, and to leave nothing behind.
#
# Run in a network namespace of its own, with $sluice built with sanitizers.

export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=halt_on_error=1:exitcode=99
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
walked=0 wrong=0

say_wrong() { # WHAT, of the last case
	printf 'not ok - %s\n  arguments:%s\n' "$1" "$(printf ' %.200q' "${last[@]}")"
	head -c 2000 "$work/err" | head -n 20 | sed 's/^/  stderr: /'
	head -c 500 "$work/out" | head -n 5 | sed 's/^/  stdout: /'
	wrong=$((wrong + 1))
}

# Of an error: one line, and what is in it
check_error() { # TEXT
	[ "$(wc -l <"$work/err")" = 1 ] || { say_wrong "not one line"; return; }
	[ "$(wc -c <"$work/err")" -le 1200 ] || { say_wrong "too long a line"; return; }
	LC_ALL=C.UTF-8 grep -qxE '[[:print:]]+' "$work/err" ||
		{ say_wrong "characters that are not for a terminal"; return; }
	grep -q '^sluice: ' "$work/err" || { say_wrong "does not say who"; return; }
	grep -qF -e "$1" "$work/err" || { say_wrong "does not say '$1'"; return; }
	[ ! -s "$work/out" ] || say_wrong "something on standard output"
}

# run COMMAND...: with its exit code in $rc
run() {
	walked=$((walked + 1))
	last=("$@")
	rc=0
	timeout --kill-after=5 30 "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
}

result() { # CODE TEXT
	if [ "$rc" != "$1" ]; then
		say_wrong "exit code $rc, not $1"
	elif [ "$1" != 0 ]; then
		check_error "$2"
	elif [ -n "$2" ] && ! grep -qF -e "$2" "$work/out"; then
		say_wrong "no '$2' on standard output"
	fi
	[ ! -e /sys/fs/bpf/sluice ] || say_wrong "left: $(find /sys/fs/bpf/sluice)"
}

t() {
	local code=$1 text=$2
	shift 2
	# shellcheck disable=SC2154 # set by who runs the test
	run "$sluice" "$@"
	result "$code" "$text"
}

c() {
	local code=$1 text=$2
	printf '%b' "$3" >"$work/config"
	shift 3
	run "$sluice" "$@" --config "$work/config"
	result "$code" "$text"
}

# done_walking MINIMUM: so many cases there have to be
done_walking() {
	echo "$walked cases, $wrong of them wrong"
	[ "$wrong" = 0 ] && [ "$walked" -ge "$1" ]
}
