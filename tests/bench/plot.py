#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""plot.py RESULTS FOLDER: pictures of the tables, as SVG, by gnuplot."""
import json
import subprocess
import sys

from table import SWEEPS, TITLES, ours, parse, points, size_of

GROUPS = (
    ("network, NIC", ("network stack", "NIC (netdevsim)", "copy")),
    ("scheduler, interrupts", ("scheduler", "interrupts, timers")),
    ("user space", ("user space",)),
    ("io_uring", ("io_uring",)),
    ("BPF", ("BPF", "region: stages")),
    ("region", ("region: received data", "region: rings, commands")),
    ("block layer, NVMe", ("block layer", "NVMe driver")),
    ("memory, other", ("files, memory", "other kernel")),
)
SHORT = {"floor": "floor", "discard": "floor, sockets", "sluicepoll": "sluice, SQ only"}


def plot(title, rows, path):
    rows = sorted(rows, key=lambda r: r[1]["instructions"])
    data = []
    for who, result in rows:
        kinds = result["kinds"]
        name = SHORT.get(who, who)
        data.append(" ".join(['"%s"' % name] + [
            "%.0f" % max(0, sum(kinds.get(k, 0) for k in group)) for _, group in GROUPS]))
    columns = ", ".join("$data using %d%s title '%s' noenhanced" %
                        (i + 2, ":xtic(1)" if not i else "", name)
                        for i, (name, _) in enumerate(GROUPS))
    script = """
$data << EOD
%s
EOD
set terminal svg size 900,480 dynamic font 'sans,13' background '#ffffff'
set output '%s'
set title "%s" noenhanced
set style data histograms
set style histogram rowstacked
set style fill solid 0.85 border -1
set boxwidth 0.7
set key outside right invert
set ylabel 'instructions'
set yrange [0:*]
set grid ytics
set xtics rotate by -20
plot %s
""" % ("\n".join(data), path, title, columns)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def plot_sweep(results, path):
    """All axes in one picture, each by itself."""
    script = ["set terminal svg size 1100,640 dynamic font 'sans,11' background '#ffffff'",
              "set output '%s'" % path, "set multiplot layout 2,4",
              "set style fill solid 0.85 border -1", "set boxwidth 0.6",
              "set yrange [0:*]", "set grid ytics", "unset key"]
    for axis, title, sized, _ in SWEEPS:
        found = points(results, axis)
        if not found:
            continue
        rows = ['"%s" %.0f' % (v, ours(r) * (size_of(v) / 4096 if sized else 1))
                for v, r in found]
        script += ["$%s << EOD" % axis, *rows, "EOD", "set title \"%s\" noenhanced" % title,
                   "plot $%s using 2:xtic(1) with boxes" % axis]
    script.append("unset multiplot")
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def main():
    results, folder = sys.argv[1:]
    with open(results) as f:
        results = json.load(f)
    if any(n.startswith("sweep ") for n in results):
        plot_sweep(results, folder + "/sweep.svg")
    for work, title in TITLES:
        if work == "idle":
            continue
        rows = [(parse(n)[1], r) for n, r in results.items()
                if parse(n)[0] == work or work.startswith("record") and
                parse(n)[0] == "record"]
        if len(rows) > 1 and any(w == "sluice" for w, _ in rows):
            plot(title, rows, "%s/%s.svg" % (folder, work.replace(" ", "-")))


main()
