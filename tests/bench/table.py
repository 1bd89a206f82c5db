#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py RESULTS [OPTION...]: tables in Markdown.

--into FILE puts them between the two markers in it.

With --baseline, exit code 1 when a cost of sluice is more than 5 % above that in FILE,
by name; --write-baseline makes such a file.  What counts there is what is repeatable
and ours: without the network, the scheduler and memory management.
"""
import argparse
import contextlib
import io
import json
import re
import sys

LIMIT = 1.05
MARKERS = "<!-- make bench -->", "<!-- end -->"
OURS = ("region: received data", "region: stages", "region: rings, commands", "BPF",
        "io_uring", "block layer", "NVMe driver")
REPEATABLE = ("record sluice 0", "record sluice 90", "record sluice 0 8",
              "nvme sluice write", "nvme sluice read")

NAMES = {
    "floor": "the network floor: zcrx, handed back at once",
    "discard": "its floor without zero copy: received, not copied",
    "sluice": "**sluice**",
    "zcrx-cmd": "zcrx + `uring_cmd`, fixed buffers",
    "zcrx-bpf": "the same by the kernel's BPF loop",
    "uring-fixed": "io_uring `recv`, `WRITE_FIXED`",
    "recv-pwrite": "`recv`, `pwrite` with O_DIRECT",
    "splice": "`splice`, without a filter",
    "sluicepoll": "sluice, only by its SQ, without a request",
    "nvme-uring": "`uring_cmd`, fixed buffers, the same loop",
    "fio-cmd": "fio, io_uring_cmd, fixed buffers",
    "fio-block": "fio, io_uring, block layer, fixed buffers",
    "sendfile": "`sendfile`",
    "sendzc-cmd": "`send_zc` + `uring_cmd`",
    "xsk-cmd": "AF_XDP + `uring_cmd`",
    "none": "nothing runs",
}

# who has no floor of zcrx's, for it lets sockets have what the NIC received
SOCKETS = ("discard", "recv-pwrite", "uring-fixed", "splice")

# what, ours, the peer's, at most so much of it
TARGETS = (
    ("record, nothing dropped", "record sluice 0", "record zcrx-cmd 0", 0.50),
    ("record, nothing dropped", "record sluice 0", "record zcrx-bpf 0", 0.60),
    ("record, nothing dropped", "record sluice 0", "record recv-pwrite 0", 0.25),
    ("record, 90 % dropped", "record sluice 90", "record zcrx-cmd 90", 0.35),
    ("NVMe, 4 KiB write", "nvme sluice write", "nvme fio-cmd write", 0.60),
    ("NVMe, 4 KiB read", "nvme sluice read", "nvme fio-cmd read", 0.60),
    ("serve, 64 KiB", "serve sluice", "serve sendfile", 0.60),
    ("capture", "capture sluice", "capture xsk-cmd", 0.70),
)
STAGES, STAGE_LIMIT = 8, 60

TITLES = (
    ("record 0", "Network to NVMe, records of 4 KiB, nothing dropped"),
    ("record 90", "Network to NVMe, records of 4 KiB, 90 % dropped by the filter"),
    ("nvme write", "NVMe alone, 4 KiB writes, 32 in flight"),
    ("nvme read", "NVMe alone, 4 KiB reads, 32 in flight"),
    ("serve", "NVMe to network, 64 KiB"),
    ("capture", "Capture, a frame"),
    ("idle", "Idle, a second"),
)


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def parse(name):
    """'record floor 0' is what the floor costs in the work 'record 0'."""
    work, who, *rest = name.split()
    return " ".join([work, *rest]), who


def floor_of(results, work, who):
    """What anybody pays who receives the same data the same way."""
    if work.startswith("record"):
        return results.get("record discard" if who in SOCKETS else "record floor")
    return None


# what a contender has in its hand; the rest is the same work for all, and differs by
# how sender and receiver happen to fall into step
OWN = OURS + ("user space", "copy")


def own(results, name):
    """What the contender adds to the floor, or without one all of it."""
    work, who = parse(name)
    floor = floor_of(results, work, who)
    if not floor:
        return results[name]["instructions"]
    return sum(results[name]["kinds"].get(k, 0) - floor["kinds"].get(k, 0) for k in OWN)


def ratio(a, b):
    return "%.2f x" % (a / b) if b > 0 else ""


def print_work(work, title, results):
    rows = {parse(n)[1]: n for n in results
            if parse(n)[0] == work or n in ("record floor", "record discard") and
            work.startswith("record")}
    if not rows or work.startswith("record") and len(rows) < 3:
        return
    print("\n### %s\n" % title)
    head = ["", "instructions", "system calls", "context switches", "interrupts"]
    if work.startswith("record"):
        head[2:2] = ["added to the floor", "sluice is"]
    elif work != "idle":
        head[2:2] = ["sluice is"]
    row(*head)
    row(*(["---"] + ["---:"] * (len(head) - 1)))
    for who, name in sorted(rows.items(), key=lambda i: results[i[1]]["instructions"]):
        r = results[name]
        cells = [NAMES.get(who, who), "%.0f" % r["instructions"]]
        compare = who not in ("floor", "discard", "sluice") and "sluice" in rows
        if work.startswith("record"):
            cells.append("" if who in ("floor", "discard") else "%.0f" % own(results, name))
        if work != "idle":
            cells.append(ratio(own(results, rows["sluice"]), own(results, name))
                         if compare else "")
        cells += ["%.2f" % v for v in r["events"].values()]
        row(*cells)


def print_kinds(results):
    names = [n for n in ("record floor", "record sluice 0", "record zcrx-cmd 0")
             if n in results]
    if len(names) < 2:
        return
    print("\n### Where they go, nothing dropped\n")
    row("", *(NAMES[parse(n)[1]] for n in names))
    row("---", *(["---:"] * len(names)))
    kinds = sorted(set().union(*(results[n]["kinds"] for n in names)),
                   key=lambda k: -max(results[n]["kinds"].get(k, 0) for n in names))
    for kind in kinds:
        cells = [results[n]["kinds"].get(kind, 0) for n in names]
        if max(map(abs, cells)) >= 10:
            row(kind, *("%.0f" % c for c in cells))


def print_targets(results):
    print("\n### Targets\n")
    row("work", "sluice", "peer", "", "ratio", "target", "")
    row("---", "---:", "---", "---:", "---:", "---:", "---")
    for what, ours, peer, limit in TARGETS:
        if ours not in results or peer not in results:
            continue
        a, b = own(results, ours), own(results, peer)
        row(what, "%.0f" % a, NAMES[parse(peer)[1]], "%.0f" % b, ratio(a, b),
            "%.2f" % limit, "met" if a <= b * limit else "**missed**")
    more = results.get("record sluice 0 %d" % STAGES)
    if more and "record sluice 0" in results:
        each = (more["instructions"] - results["record sluice 0"]["instructions"]) / STAGES
        row("one more empty stage", "%.0f" % each, "", "", "", STAGE_LIMIT,
            "met" if each <= STAGE_LIMIT else "**missed**")
    if "idle sluice" in results and "idle none" in results:
        each = results["idle sluice"]["instructions"] - results["idle none"]["instructions"]
        row("idle, a second", "%.0f" % each, "", "", "", 0, "")


def ours(result):
    return sum(result["kinds"].get(k, 0) for k in OURS)


def regressions(results, baseline):
    bad = 0
    for name, old in baseline.items():
        if name not in results:
            continue
        new = ours(results[name])
        print("%s: %.0f instructions in the region, BPF, io_uring and NVMe, %.0f before" %
              (name, new, old))
        if new > old * LIMIT:
            print("%s: %.0f instructions are more than %.0f and 5 %%" % (name, new, old),
                  file=sys.stderr)
            bad += 1
    return bad


def put_into(path, text):
    with open(path) as f:
        doc = f.read()
    begin, end = map(re.escape, MARKERS)
    doc, nr = re.subn("(?s)(?<=%s\n).*?(?=%s)" % (begin, end), lambda _: text + "\n", doc)
    if nr != 1:
        sys.exit("%s: not one place for the tables" % path)
    with open(path, "w") as f:
        f.write(doc)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("results")
    p.add_argument("--into", metavar="FILE")
    p.add_argument("--baseline")
    p.add_argument("--write-baseline")
    args = p.parse_args()
    with open(args.results) as f:
        results = json.load(f)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        for work, title in TITLES:
            print_work(work, title, results)
        print_kinds(results)
        print_targets(results)
    print(text.getvalue())
    if args.into:
        put_into(args.into, text.getvalue())
    if args.write_baseline:
        baseline = {n: round(ours(results[n])) for n in REPEATABLE if n in results}
        with open(args.write_baseline, "w") as f:
            json.dump(baseline, f, indent="\t")
            f.write("\n")
    if args.baseline:
        with open(args.baseline) as f:
            if regressions(results, json.load(f)):
                sys.exit(1)


if __name__ == "__main__":
    main()
