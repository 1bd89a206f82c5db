#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""openmetrics.py FILE: check the text format of OpenMetrics 1.0, print the
samples as JSON"""
import json
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = NAME + r'="(?:[^"\\\n]|\\[\\n"])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? ([0-9.eE+-]+)\Z")
SUFFIX = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket"]}

text = open(sys.argv[1]).read()
assert text.endswith("# EOF\n"), "no EOF"
samples, seen, family, kind = {}, set(), None, None
bucket = None
for line in text.split("\n")[:-2]:
    if line.startswith("# TYPE "):
        _, _, family, kind = line.split(" ")
        assert family not in seen, f"{family} twice"
        assert not family.endswith("_total"), family
        seen.add(family)
        continue
    if line.startswith("# HELP "):
        assert line.split(" ")[2] == family, line
        continue
    m = SAMPLE.match(line)
    assert m, f"no sample: {line}"
    name, labels, value = m.groups()
    assert name in [family + s for s in SUFFIX[kind]], f"{name} in {family}"
    key = f"{name}{{{labels}}}"
    assert key not in samples, f"{key} twice"
    value = float(value)
    if kind == "histogram":
        rest, le = re.fullmatch(r'(.*),le="([^"]*)"', labels).groups()
        if bucket and bucket[0] == rest and bucket[1] != float("inf"):
            assert float(le) > bucket[1] and value >= bucket[2], line
        bucket = (rest, float(le), value)
    samples[key] = value
json.dump(samples, sys.stdout)
