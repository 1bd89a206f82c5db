#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# CONNECTIONS (10000) that come and go, up to 40 at a time, some without a byte, some
# reset: each has an entry in the index, those that were closed are whole, and the
# recorder has as many descriptors as before.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
nr=${CONNECTIONS:-10000}
machine -- tests/guest/record-crowd.sh "$nr"
list "$dir/disk.img"
tests/vm/enter python3 - "$dir" "$nr" <<-'PY'
	import json, random, subprocess, sys
	folder, total = sys.argv[1], int(sys.argv[2])
	there = {s["peer"]: s for s in json.load(open(folder + "/list.json"))["streams"]}
	sent = [line.split() for line in open(folder + "/crowd")]
	assert len(sent) == total, f"{len(sent)} connections"
	assert len(there) <= total, f"{len(there)} streams in the index"

	def read(stream):
	    return subprocess.run(["build/vm/sluice", "read", "--nvme", folder + "/disk.img",
	                           "--stream", str(stream["id"]), "--output", "-"],
	                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
	                          check=True).stdout

	wrong, whole, cut, compared = [], 0, 0, 0
	look = set(random.sample([peer for peer, *_ in sent], 200))
	for nr, (peer, size, end, number) in enumerate(sent):
	    size, s = int(size), there.get(peer)
	    if end == "closed":
	        good = s and s["state"] == "complete" and s["bytes"] == s["readable_bytes"] == size
	        whole += 1
	    else:
	        # it may have gone before it was accepted, and may have been read before
	        good = not s or s["state"] in ("cut off", "complete") and \
	            s["bytes"] == s["readable_bytes"] <= size
	        cut += bool(s and s["state"] == "cut off")
	    if s and good and peer in look:
	        good = read(s) == (b"%s " % number.encode() * size)[:s["bytes"]]
	        compared += 1
	    if not good:
	        wrong.append((peer, size, end, s))
	assert not wrong, f"{len(wrong)}, as {wrong[:3]}"
	print(f"{whole} streams are complete, {cut} cut off, {compared} compared")
	sys.exit(not (whole and cut and compared))
PY
[ "$(json '.conserved and .failed_bytes == 0' summary)" = true ] ||
	fail "the recorder's counters are wrong: $(cat "$dir/summary.json")"
done_with_images
