#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""slots.py PIN NR FIRST SLOT=COUNT...: fill a map of NR numbers by bpftool, the
slots of which start at number FIRST"""
import subprocess
import sys

pin, nr, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
values = [0] * nr
for arg in sys.argv[4:]:
    slot, count = arg.split("=")
    values[first + int(slot)] = int(count)
data = [str(b) for v in values for b in v.to_bytes(8, "little")]
subprocess.run(["bpftool", "map", "update", "pinned", pin, "key"] + ["0"] * 4 +
               ["value"] + data, check=True)
