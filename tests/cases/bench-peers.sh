#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The peers of the benchmark do what they say: a comparison with one that lost or
# reordered data, or wrote less, would say nothing.  The plain kernel will do: all that
# they use of it is upstream's.
KERNEL=${KERNEL:-plain}
. "$(dirname "$0")/../lib.sh"
data $((4 * 1024 * 1024 + 1001))

drop=--drop-prefix=DROP
# shellcheck disable=SC2054,SC2206 # the commas are what separates in a run
runs=(
	floor,4148,4096
	recv-pwrite,4148,4096,$drop
	recv-pwrite,1500,4000,$drop
	uring-fixed,4148,4096,$drop
	uring-fixed,4148,4096,$drop,--buffers=1M
	uring-fixed,9000,1000,$drop
	zcrx-cmd,4148,4096
	zcrx-cmd,4148,4096,$drop
	zcrx-cmd,1500,4096,$drop
	zcrx-cmd,9000,4096,$drop,--depth=4
	zcrx-cmd,1500,333,$drop,--buffers=1M
	zcrx-bpf,4148,4096
	zcrx-bpf,4148,4096,$drop
	zcrx-bpf,1500,4096,$drop
	zcrx-bpf,9000,1000,$drop,--depth=4
	zcrx-bpf,1500,333,$drop,--buffers=1M
	splice,4148,4096
)
# segments of 1449 bytes: what the SSD can take as it lies is rare
# shellcheck disable=SC2054,SC2206
runs+=(
	zcrx-cmd,1501,4096,$drop
	zcrx-bpf,1501,4096,$drop
	splice,1501,4096
)
if [ $# -gt 0 ]; then
	runs=("$@")
fi
disks=()
for nr in "${!runs[@]}"; do
	truncate -s 8M "$dir/disk$nr.img"
	if [ "$nr" = 0 ]; then
		disks+=(--disk "$dir/disk$nr.img")
	else
		disks+=(--more "$dir/disk$nr.img")
	fi
done
vm "${disks[@]}" -- tests/guest/bench-peers.sh "${runs[@]}"

tests/vm/enter python3 - "$dir" "${runs[@]}" <<-'PY'
	import json, sys

	folder, bad = sys.argv[1], 0
	sent = open(f"{folder}/sent", "rb").read()
	for nr, run in enumerate(sys.argv[2:]):
	    peer, mtu, size, *options = run.split(",")
	    size = int(size)
	    drop = b"DROP" if "--drop-prefix=DROP" in options else None
	    records = [sent[i:i + size] for i in range(0, len(sent), size)]
	    kept = b"".join(r for r in records if not (drop and r.startswith(drop)))
	    report = json.load(open(f"{folder}/report.{nr + 1}"))
	    want = {"received": len(sent), "dropped": len(sent) - len(kept), "written": len(kept)}
	    if peer == "floor":
	        kept, want = b"", {"received": len(sent), "dropped": len(sent), "written": 0}
	    errors = [f"{k} is {report[k]}, should be {v}" for k, v in want.items() if report[k] != v]
	    image = open(f"{folder}/disk{nr}.img", "rb").read()
	    if image != kept.ljust(len(image), b"\0"):
	        at = next(i for i in range(len(image)) if image[i] != (kept[i] if i < len(kept) else 0))
	        errors.append(f"the image differs at byte {at} of {len(kept)}")
	    # a page is a record, so that nothing has a reason to be copied but the last block
	    if mtu == "4148" and size == 4096 and report["copied"] > 65536:
	        errors.append(f"{report['copied']} bytes were copied")
	    print("not ok -" if errors else "ok -", run, "; ".join(errors))
	    bad += bool(errors)
	sys.exit(bad != 0)
PY
done_with_images
