#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""soak.py FOLDER: what FOLDER/soak.csv has as FOLDER/soak.svg, by gnuplot, and the line
that FOLDER/summary.json comes to."""
import csv
import json
import os
import subprocess
import sys

COUNTERS = (("record_received_bytes", "record: received"), ("tap_received_bytes", "tap: received"),
            ("serve_sent_bytes", "serve: sent"))
HELD = (("files", "open files"), ("progs", "BPF programs"), ("maps", "BPF maps"),
        ("page_pools", "page pools"))


def plot(rows, path):
    quiet = [r for r in rows if int(r["quiet"])]

    def block(name, some, *exprs):
        return ["$%s << EOD" % name] + [" ".join(str(e(r)) for e in exprs) for r in some] + ["EOD"]

    def minutes(r):
        return float(r["seconds"]) / 60

    def mib(key):
        return lambda r: int(r[key]) / 1024
    script = ["set terminal svg size 1100,760 dynamic font 'sans,12' background '#ffffff'",
              "set output '%s'" % path]
    # gnuplot wants one
    script += block("rest", quiet or rows[:1], minutes, mib("UsedByKernel"), mib("SUnreclaim"))
    script += block("work", rows, minutes, mib("Used"))
    script += block("bytes", rows, minutes, *[
        lambda r, k=k: int(r[k]) / 1e9 for k, _ in COUNTERS])
    script += block("held", rows, minutes, *[lambda r, k=k: r[k] for k, _ in HELD])
    script += block("rounds", rows, minutes, lambda r: sum(
        int(r[v + "_rounds"]) for v in ("record", "tap", "serve")),
        lambda r: r["disturbed_rounds"])
    script += ["set multiplot layout 2,2", "set grid", "set key bottom right",
               "set xlabel 'minutes'", "set yrange [0:*]",
               "set title 'memory, MiB'", "set key center right",
               "plot $work using 1:2 with lines lc rgb '#cccccc' title 'used, at work, test included', "
               "$rest using 1:2 with linespoints pt 7 ps 0.5 title 'used by the kernel, at rest', "
               "$rest using 1:3 with linespoints pt 7 ps 0.5 title 'unreclaimable slab, at rest'",
               "set title 'held'", "set key top right",
               "plot " + ", ".join("$held using 1:%d with lines title '%s'" % (i + 2, t)
                                   for i, (_, t) in enumerate(HELD)),
               "set title 'GB'", "set key top left",
               "plot " + ", ".join("$bytes using 1:%d with lines title '%s'" % (i + 2, t)
                                   for i, (_, t) in enumerate(COUNTERS)),
               "set title 'rounds'",
               "plot $rounds using 1:2 with lines title 'compared', "
               "$rounds using 1:3 with lines title 'of them disturbed by a fault'",
               "unset multiplot"]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def size(n):
    return "%.2f GB" % (n / 1e9) if n >= 1e9 else "%.1f MB" % (n / 1e6)


def main():
    folder = sys.argv[1]
    with open(folder + "/soak.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    if rows:
        plot(rows, folder + "/soak.svg")
    if not os.path.exists(folder + "/summary.json"):
        return
    with open(folder + "/summary.json") as f:
        s = json.load(f)
    t = s["totals"]
    print("soak: %.2f hours, seed %d: %d rounds (%s), %d of them disturbed; faults: %s; "
          "%d stages attached" % (
              s["hours"], s["seed"], sum(s["rounds"].values()),
              ", ".join("%s %d" % r for r in s["rounds"].items()), s["disturbed_rounds"],
              ", ".join("%s %d" % f for f in s["faults"].items() if f[1]), s["stages_attached"]))
    print("soak: record received %s, dropped %s, wrote %s; tap received %s, passed %s; "
          "serve read %s, sent %s; compared %s, lost %s; copied %s" % (
              *(size(t[v].get(k + "_bytes", 0)) for v, k in (
                  ("record", "received"), ("record", "dropped"), ("record", "written"),
                  ("tap", "received"), ("tap", "passed"), ("serve", "read"), ("serve", "sent"))),
              size(sum(v.get("compared_bytes", 0) for v in t.values())),
              "?" if s["lost"] is None else s["lost"],
              size(sum(v.get("copied_bytes", 0) for v in t.values()))))
    if s["growth_UsedByKernel_kib"] is not None:
        print("soak: memory grew by %d KiB, unreclaimable slab by %d KiB" % (
            s["growth_UsedByKernel_kib"], s["growth_SUnreclaim_kib"]))


main()
