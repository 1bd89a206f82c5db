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
SWEEP_MARKERS = "<!-- make bench BENCH=sweep -->", "<!-- end of sweep -->"
WALL_MARKERS = "<!-- make bench BENCH=wall -->", "<!-- end of wall -->"
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
    "dumpcap": "dumpcap, to a file on ext4",
    "none": "nothing runs",
}

# what one contender is called in one work
NAMES_OF = {
    ("serve", "floor"): "`sendfile` of one MiB, always from memory",
    ("capture", "floor"): "the floor: AF_XDP, handed back at once",
    ("idle", "sluice"): "**sluice**, a recorder without a connection",
    ("idle", "connected"): "**sluice**, a recorder whose connection says nothing",
    ("idle", "capture"): "**sluice**, a capture without frames",
    ("idle", "poller"): "a region's poller, asleep",
}

# who has no floor of zcrx's, for it lets sockets have what the NIC received
SOCKETS = ("discard", "recv-pwrite", "uring-fixed", "splice")

# copies of each byte that recv() makes, and the program does not count
KERNEL_COPIES = {"recv-pwrite": 1, "uring-fixed": 1}

FLOORS = ("floor", "discard")

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
STAGE_KINDS = "BPF", "region: stages", "region: received data"

TITLES = (
    ("record 0", "Network to NVMe, records of 4 KiB, nothing dropped"),
    ("record 90", "Network to NVMe, records of 4 KiB, 90 % dropped by the filter"),
    ("nvme write", "NVMe alone, 4 KiB writes, 32 in flight"),
    ("nvme read", "NVMe alone, 4 KiB reads, 32 in flight"),
    ("serve", "NVMe to network, 64 KiB"),
    ("capture", "Capture, a frame of 1514 bytes"),
    ("idle", "Idle, a second"),
)

# axis, what is in a column, bytes of one if it is not 4096, does what is done for one
# stay the same?
SWEEPS = (
    ("command", "NVMe alone: bytes of a command", True, False),
    ("depth", "NVMe alone: commands of 4 KiB in flight", False, True),
    ("record", "bytes of a record", True, False),
    ("connections", "connections", False, True),
    ("namespaces", "namespaces, striped", False, True),
    ("stages", "empty stages more", False, False),
    ("region", "bytes of the region", False, True),
    ("drop", "% dropped by the filter", False, False),
)


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def parse(name):
    """'record floor 0' is what the floor costs in the work 'record 0'."""
    work, who, *rest = name.split()
    return " ".join([work, *rest]), who


def name_of(work, who):
    return NAMES_OF.get((work.split()[0], who), NAMES.get(who, who))


def floor_of(results, work, who):
    """What anybody pays who moves the same data the same way."""
    if work.startswith("record"):
        return results.get("record discard" if who in SOCKETS else "record floor")
    return results.get(work + " floor") if work == "capture" else None


# what a contender has in its hand; the rest is the same work for all, and differs by
# how sender and receiver happen to fall into step
OWN = OURS + ("user space", "copy")


def own(results, name):
    """What the contender adds to the floor, or without one all of it."""
    work, who = parse(name)
    floor = floor_of(results, work, who)
    if not floor:
        return results[name]["instructions"]
    # how data gets out of AF_XDP is what these differ in
    if not work.startswith("record"):
        return results[name]["instructions"] - floor["instructions"]
    return sum(results[name]["kinds"].get(k, 0) - floor["kinds"].get(k, 0) for k in OWN)


def ratio(a, b):
    return ("%.2f x" if a / b >= 0.01 else "%.1g x") % (a / b) if b > 0 else ""


def columns_of(work):
    head = ["", "instructions", "system calls", "context switches", "interrupts"]
    if work.startswith("record"):
        head[2:2] = ["added to the floor", "sluice is", "copies"]
    elif work == "capture":
        head[2:2] = ["sluice is", "added to the floor", "sluice is"]
    elif work == "idle":
        head += ["timer interrupts", "times it ran"]
    else:
        head[2:2] = ["sluice is"]
    return head


def copies(result, who):
    """Of each byte that is received."""
    if "copied" not in result:
        return ""
    return "%.2f" % (result["copied"] / 4096 + KERNEL_COPIES.get(who, 0))


def cells_of(work, who, name, results, sluice):
    """A line of a table, by the columns above."""
    r, floor = results[name], who in FLOORS
    compare = sluice and who not in FLOORS + ("sluice",)
    total = [results[n]["instructions"] for n in (sluice, name)] if compare else None
    added = [own(results, n) for n in (sluice, name)] if compare else None
    cells = [name_of(work, who), "%.0f" % r["instructions"]]
    events = ["%.2f" % r["events"][e] for e in
              ("system calls", "context switches", "device interrupts")]
    if work.startswith("record"):
        cells += ["" if floor else "%.0f" % own(results, name),
                  ratio(*added) if compare else "", copies(r, who)]
    elif work == "capture":
        cells += [ratio(*total) if compare else "", "" if floor else "%.0f" % own(results, name),
                  ratio(*added) if compare else ""]
    elif work == "idle":
        return cells + events + ["%.2f" % r["events"]["timer interrupts"],
                                 "%.2f" % r["switches"] if "switches" in r else ""]
    else:
        cells.append(ratio(*total) if compare else "")
    return cells + events


def print_work(work, title, results):
    rows = {parse(n)[1]: n for n in results
            if parse(n)[0] == work or n in ("record floor", "record discard") and
            work.startswith("record")}
    if not rows or work.startswith("record") and len(rows) < 3:
        return
    print("\n### %s\n" % title)
    head = columns_of(work)
    row(*head)
    row(*(["---"] + ["---:"] * (len(head) - 1)))
    for who, name in sorted(rows.items(), key=lambda i: results[i[1]]["instructions"]):
        row(*cells_of(work, who, name, results, rows.get("sluice")))


def latency(results, title, work, what):
    """Percentiles of one kind in one work, in microseconds and against sluice's."""
    rows = {parse(n)[1]: r["latency"][what] for n, r in results.items()
            if parse(n)[0] == "latency " + work and what in r["latency"]}
    if "sluice" not in rows:
        return
    for who, found in sorted(rows.items(), key=lambda i: i[1]["p50"]):
        cells = [title, name_of("latency", who)]
        for p in ("p50", "p99", "p99.9"):
            cells += ["%.1f" % (found[p] / 1000), "" if who == "sluice" else
                      ratio(rows["sluice"][p], found[p])]
        row(*cells)
        title = ""


def print_latency(results):
    if not any(n.startswith("latency") for n in results):
        return
    # not how long the device takes, which is the host's time and nobody's cost
    print("\n### Latency, µs: a thousand instructions each, and what has to be waited for\n")
    row("", "", "p50", "sluice is", "p99", "sluice is", "p99.9", "sluice is")
    row("---", "---", *(["---:"] * 6))
    for rw in ("write", "read"):
        latency(results, "a %s of 4 KiB, from the SSD's interrupt to the program" % rw, rw,
                "interrupt")
    latency(results, "a record, from send() until it is written", "record", "record")


def print_memory(results):
    rows = {parse(n)[1]: r["memory"] for n, r in results.items() if n.startswith("memory ")}
    if not rows:
        return
    print("\n### Memory beside the data\n")
    row("", "bytes for a buffer of 4 KiB", "% of the data area")
    row("---", "---:", "---:")
    for who, kib in sorted(rows.items()):
        # of a MiB of data
        row(name_of("memory", who), "%.0f" % ((kib - 1024) * 1024 / 256),
            "%.2f" % ((kib - 1024) / 1024 * 100))


def flatness(values):
    return "%.2f" % (max(values) / min(values)) if min(values) > 0 else ""


def size_of(value):
    return int(value[:-1]) << 10 * " KMG".index(value[-1]) if value[-1] in "KMG" else int(value)


def points(results, axis):
    """What was varied, and what it cost, in order."""
    found = {parse(n)[0].split()[1]: r for n, r in results.items()
             if parse(n)[1] == axis and n.startswith("sweep ")}
    return sorted(found.items(), key=lambda i: size_of(i[0]))


def print_sweep(results):
    for axis, title, sized, flat in SWEEPS:
        found = points(results, axis)
        if not found:
            continue
        scale = [size_of(v) / 4096 if sized else 1 for v, _ in found]
        mine = [ours(r) * n for (_, r), n in zip(found, scale)]
        total = [r["instructions"] * n for (_, r), n in zip(found, scale)]
        print("\n### By %s\n" % title)
        row("", *(v for v, _ in found), *(["largest / smallest"] if flat else []))
        row("---", *(["---:"] * (len(found) + flat)))
        for what, values in (("region, BPF, io_uring, NVMe", mine), ("all", total)):
            row(what, *("%.0f" % v for v in values), *([flatness(values)] if flat else []))
        row("all, by how much runs differ",
            *("%.0f" % (r["spread"] * n) for (_, r), n in zip(found, scale)),
            *([""] if flat else []))


def print_wall(results):
    """By the clock, the best and the middle of the runs, beside ours in the same run."""
    row("work", "", "µs", "sluice is", "by medians", "slowest run / fastest")
    row("---", "---", "---:", "---:", "---:", "---:")
    for work, title in TITLES:
        rows = {parse(n)[1]: r for n, r in results.items() if parse(n)[0] == work}
        mine = rows.get("sluice")
        for who, r in sorted(rows.items(), key=lambda i: i[1]["microseconds"]):
            compare = mine is not r and who not in FLOORS
            row(title, name_of(work, who), "%.2f" % r["microseconds"],
                *(ratio(mine[k], r[k]) if compare else "" for k in ("microseconds", "median")),
                "%.2f" % r["slowest"])
            title = ""


def print_kinds(results):
    names = [n for n in ("record floor", "record sluice 0", "record zcrx-cmd 0")
             if n in results]
    if len(names) < 2:
        return
    print("\n### Where they go, nothing dropped\n")
    row("", *(name_of(*parse(n)) for n in names))
    row("---", *(["---:"] * len(names)))
    kinds = sorted(set().union(*(results[n]["kinds"] for n in names)),
                   key=lambda k: -max(results[n]["kinds"].get(k, 0) for n in names))
    for kind in kinds:
        cells = [results[n]["kinds"].get(kind, 0) for n in names]
        if max(map(abs, cells)) >= 10:
            row(kind, *(round(c) for c in cells))


def print_targets(results):
    if not any(t[1] in results for t in TARGETS):
        return
    print("\n### Targets\n")
    row("work", "sluice", "peer", "", "ratio", "target", "")
    row("---", "---:", "---", "---:", "---:", "---:", "---")
    for what, ours, peer, limit in TARGETS:
        if ours not in results or peer not in results:
            continue
        a, b = (results[n]["instructions"] if what.startswith(("serve", "capture")) else
                own(results, n) for n in (ours, peer))
        row(what, "%.0f" % a, NAMES[parse(peer)[1]], "%.0f" % b, ratio(a, b),
            "%.2f" % limit, "met" if a <= b * limit else "**missed**")
    more = results.get("record sluice 0 %d" % STAGES)
    if more and "record sluice 0" in results:
        each = sum(more["kinds"].get(k, 0) - results["record sluice 0"]["kinds"].get(k, 0)
                   for k in STAGE_KINDS) / STAGES
        row("one more empty stage", "%.0f" % each, "", "", "", STAGE_LIMIT,
            "met" if each <= STAGE_LIMIT else "**missed**")
    for who in ("sluice", "connected", "capture"):
        times = results.get("idle " + who, {}).get("switches")
        if times is not None:
            row("idle, times it runs in a second (%s)" % who, "%.2f" % times, "", "", "", 0,
                "met" if times <= 0 else "**missed**")


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


def put_into(path, text, markers):
    with open(path) as f:
        doc = f.read()
    begin, end = map(re.escape, markers)
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
    wall = all("instructions" not in r and "latency" not in r for r in results.values())
    with contextlib.redirect_stdout(text):
        if wall:
            print_wall(results)
        else:
            for work, title in TITLES:
                print_work(work, title, results)
            print_latency(results)
            print_memory(results)
            print_kinds(results)
            print_targets(results)
            print_sweep(results)
    print(text.getvalue())
    if args.into:
        sweep = any(n.startswith("sweep ") for n in results)
        put_into(args.into, text.getvalue(),
                 WALL_MARKERS if wall else SWEEP_MARKERS if sweep else MARKERS)
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
