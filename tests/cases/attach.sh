#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Stages that are attached to a pipeline, replaced and detached while it receives:
# for which records each was asked, shows in the image.
. "$(dirname "$0")/../lib.sh"
tests/vm/enter python3 - "$dir" <<'PY'
import random, sys
r = random.Random(5)
for part in range(7):
    with open(f"{sys.argv[1]}/part.{part}", "wb") as f:
        for i in range(100):
            f.write(b"DROP" * (i % 3 == 0) + r.randbytes(4096 - 4 * (i % 3 == 0)))
PY
machine -- tests/guest/attach.sh
tests/vm/enter python3 - "$dir" <<'PY'
import json, sys
d = sys.argv[1]
want = b""
for part in range(7):
    data = open(f"{d}/part.{part}", "rb").read()
    for i in range(0, len(data), 4096):
        rec = data[i:i + 4096]
        if not (part == 1 and rec.startswith(b"DROP") or
                part == 2 and not rec.startswith(b"DROP")):
            want += rec
s = json.load(open(f"{d}/summary.json"))
image = open(f"{d}/disk.img", "rb").read(len(want) + 4096)
assert image[:len(want)] == want, "the image differs"
assert not image[len(want):].strip(b"\0"), "something was written behind the end"
assert s["written_bytes"] == len(want) and s["conserved"], s
PY
rm -f "$dir"/disk.img "$dir"/part.*
