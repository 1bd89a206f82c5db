# SPDX-License-Identifier: GPL-2.0
#
# lib-capture.sh: for tests of captures, on the host: what is in the image is read by
# `sluice export`, and what comes of that by tshark and capinfos.

export_capture() { # NAME LBA [IMAGE]: checked by others' programs
	# shellcheck disable=SC2154 # of lib.sh
	local out=$dir/$1.pcapng
	tests/vm/enter build/vm/sluice export --nvme "$dir/${3:-disk.img}" --lba "$2" \
		--output "$out" -j >"$dir/$1.export.json" || fail "$1: no export"
	tests/vm/enter capinfos -M "$out" >"$dir/$1.capinfos" 2>"$dir/$1.complaint" ||
		fail "$1: capinfos"
	fields "$1" frame.number >/dev/null 2>>"$dir/$1.complaint" || fail "$1: tshark"
	[ ! -s "$dir/$1.complaint" ] || fail "$1: $(cat "$dir/$1.complaint")"
}

fields() { # NAME FIELD... [-Y FILTER]
	local file=$dir/$1.pcapng args=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -Y ]; do
		args+=(-e "$1")
		shift
	done
	tests/vm/enter tshark -n -r "$file" -T fields "${args[@]}" "$@" \
		2> >(grep -v "^Running as user" >&2)
}

# of the summary that capture printed: a condition
summary() { # NAME CONDITION
	[ "$(tests/vm/enter jq "$2" "$dir/$1.json")" = true ] ||
		fail "$1: not $2: $(cat "$dir/$1.json")"
}

payload() { # NAME FILTER FILE: of these datagrams together
	fields "$1" udp.payload -Y "$2" | tests/vm/enter busybox xxd -r -p |
		cmp - "$3" || fail "$1: payload of $2"
	echo "ok - $1: payload of $2"
}

nr_is() { # NAME NUMBER [FILTER]
	local nr
	nr=$(fields "$1" frame.number -Y "${3:-frame}" | wc -l)
	[ "$nr" = "$2" ] || fail "$1: $nr frames, not $2, are ${3:-there}"
	echo "ok - $1: $2 frames ${3:-}"
}

# all that matched is there, and all times are those of XDP
sound() {
	summary "$1" '.conserved and .dropped_frames == 0 and .matched_frames == .written_frames'
	summary "$1" '.timestamps == "xdp" and .mode == "copy" and .nvme_retries == 0'
	same_number "$1"
	echo "ok - $1: all that matched is there"
}

same_number() {
	[ "$(tests/vm/enter jq .written_frames "$dir/$1.json")" = \
	  "$(tests/vm/enter jq .frames "$dir/$1.export.json")" ] || fail "$1: export differs"
}

# in order, and when they were sent
times() { # NAME [FILTER]
	fields "$1" frame.time_epoch -Y "${2:-frame}" | awk -v from="$(cat "$dir/$1.from")" \
		-v to="$(cat "$dir/$1.to")" '
		$1 + 0 < last || $1 + 0 < from || $1 + 0 > to {
			print "not ok - time " $1 " of frame " NR, last, from, to; exit 1 }
		{ last = $1 + 0 }' || fail "$1: times"
	echo "ok - $1: times ${2:-}"
}

# nothing but headers and frames is in the slots, whatever was in their memory before
clean() { # NAME LBA [IMAGE [BLOCK_SIZE]]
	tests/vm/enter python3 - "$dir/${3:-disk.img}" "$2" "${4:-512}" <<-'PY' || fail "$1: not clean"
		import struct, sys
		path, lba, block = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		with open(path, "rb") as f:
		    f.seek(lba * block)
		    used = struct.unpack_from("<Q", f.read(block), 80)[0]
		    f.seek((lba + 1) * block)
		    data = f.read((used - 1) * block)
		at = nr = 0
		while at < len(data):
		    magic, cap_len, blocks, off = struct.unpack_from("<4s28xI4xIH", data, at)
		    if magic != b"SLOT":
		        sys.exit("no slot %d" % nr)
		    slot = data[at:at + blocks * block]
		    if any(slot[64:off]) or any(slot[off + cap_len:]):
		        sys.exit("slot %d has something else in it" % nr)
		    at, nr = at + len(slot), nr + 1
		if not nr:
		    sys.exit("no slots")
	PY
	echo "ok - $1: nothing else is in the slots"
}
