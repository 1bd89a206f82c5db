#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py FOLDER VMLINUX: what the runs of one machine cost, per record.

VMLINUX tells which source file a function is from.

FOLDER has what tests/bench/run left: runs, a line for each; counts/1, counts/2 and so
on, what count.c counted in each, or no counts, and how long each took is what counts;
found, what else was found in them, by their numbers;
latency.1 and so on, buckets of latency.bpf.c.  Each kind of run was made with two numbers of
records, several times.  Of each the run with the fewest instructions counts: how TCP
falls into step differs from run to run, and it is the same for all in its best case.
The cost
of a record is the difference of the two by the difference of the numbers, so that
what a process costs once is not in it.

Writes FOLDER/results.json, and a summary to standard output.
"""
import bisect
import collections
import json
import os
import subprocess
import sys

TEXT_END = 0xffffffffa0000000    # behind it: what BPF's compiler made

# the first that fits, by the source file that a function is in, or by its name
KINDS = (
    ("copy", ("rep_movs_alternative", "memcpy", "__memcpy", "memcpy_orig", "copy_page",
              "rep_stos_alternative", "memset", "__memset", "memset_orig", "memmove",
              "__memmove", "clear_page_rep", "clear_page_orig", "csum_partial",
              "csum_partial_copy_generic", "_copy_to_iter", "_copy_from_iter")),
    ("region: received data", ("io_uring/unified_zcrx", "io_uring/unified_stream",
                               "io_uring/unified_gather", "io_uring/unified_frags",
                               "io_uring/unified_op")),
    ("region: stages", ("io_uring/unified_bpf", "io_uring/unified_kfuncs")),
    ("region: rings, commands", ("io_uring/unified", "drivers/nvme/host/unified")),
    ("io_uring", ("io_uring/",)),
    ("BPF", ("kernel/bpf/",)),
    ("NVMe driver", ("drivers/nvme/",)),
    ("block layer", ("block/",)),
    ("NIC (netdevsim)", ("drivers/net/netdevsim/",)),
    ("network stack", ("net/",)),
    ("files, memory", ("fs/", "mm/")),
    ("interrupts, timers", ("kernel/irq/", "kernel/time/", "kernel/softirq", "drivers/",
                            "arch/x86/kernel/irq", "arch/x86/kernel/apic")),
    ("scheduler", ("kernel/sched/",)),
    ("other kernel", ("",)),
)


def functions_of(lines):
    """Addresses and names from what nm, or /proc/kallsyms, prints, in order."""
    rows = (line.split()[:3] for line in lines)
    return sorted((int(addr, 16), name) for addr, kind, name in rows if kind in "tTwW")


class Symbols:
    """The guest's functions, and the source file that each is from."""

    def __init__(self, kallsyms, vmlinux):
        with open(kallsyms) as f:
            rows = [r for r in functions_of(f) if r[0] < TEXT_END]
        self.addr, self.name = [r[0] for r in rows], [r[1] for r in rows]
        out = subprocess.run(["nm", vmlinux], capture_output=True, text=True, check=True)
        rows = functions_of(out.stdout.splitlines())
        files = subprocess.run(["addr2line", "-e", vmlinux], capture_output=True, text=True,
                               check=True, input="".join("%x\n" % r[0] for r in rows))
        self.file = {r[1]: f.split(":")[0].removeprefix("/linux/").removeprefix("./")
                     for r, f in zip(rows, files.stdout.splitlines())}

    def find(self, addr):
        return bisect.bisect(self.addr, addr) - 1

    def kind(self, n):
        name = self.name[n]
        for kind, places in KINDS:
            if name in places if kind == "copy" else \
                    self.file.get(name, "").startswith(places):
                return kind


def load(path):
    with open(path) as f:
        for line in f:
            addr, insns, times = line.split()
            yield int(addr, 16), int(insns), int(times)


def read_run(path, symbols):
    """Instructions by kind and by function, and events, of one run."""
    kinds, functions, events = (collections.Counter() for _ in range(3))
    for addr, insns, times in load(path):
        if not addr:
            kinds["user space"] += insns
        elif addr >= TEXT_END:
            kinds["BPF"] += insns
        else:
            n = symbols.find(addr)
            kinds[symbols.kind(n)] += insns
            functions[symbols.name[n]] += insns
            if addr == symbols.addr[n]:
                events[symbols.name[n]] += times
    return kinds, functions, events


EVENTS = {
    "system calls": "entry_SYSCALL_64",
    "context switches": "__switch_to_asm",
    "device interrupts": "asm_common_interrupt",
    "timer interrupts": "asm_sysvec_apic_timer_interrupt",
}

# as in latency.bpf.c
LATENCIES = ("system call", "interrupt", "record")
SHIFT = 4
BUCKETS = 64 << SHIFT


def bucket_end(n):
    """Where a bucket ends, in nanoseconds."""
    n += 1
    if n >> SHIFT < SHIFT:
        return n
    return (1 << SHIFT | n & (1 << SHIFT) - 1) << (n >> SHIFT) - SHIFT


def read_latency(path):
    """Percentiles of each kind of latency there is."""
    with open(path) as f:
        rows = sorted(map(tuple, json.load(f)))
    found = {}
    for what, name in enumerate(LATENCIES):
        mine = [(key % BUCKETS, n) for key, n in rows if key // BUCKETS == what]
        total = sum(n for _, n in mine)
        if not total:
            continue
        found[name] = {"times": total}
        for percent in (50, 99, 99.9):
            seen = 0
            for key, n in mine:
                seen += n
                if seen * 100 >= total * percent:
                    found[name]["p%g" % percent] = bucket_end(key)
                    break
    return found


def read_found(path):
    """What else is known of each run."""
    found = collections.defaultdict(dict)
    with open(path) as f:
        for line in f:
            nr, what, value = line.split()
            found[int(nr)][what] = float(value)
    return found


def least(runs, what):
    """Of several values the least, or None."""
    return min((found[what] for *_, found in runs if what in found), default=None)


def total(run):
    return sum(run[0].values())


def per_unit(few, many, units):
    return {k: (many.get(k, 0) - few.get(k, 0)) / units for k in set(few) | set(many)}


def read_runs(folder):
    """Of each run that counts its number, its name, units, and microseconds."""
    with open(os.path.join(folder, "runs")) as f:
        for nr, line in enumerate(f, 1):
            if not line.startswith("warm-up "):
                work, who, units, *rest, took = line.split()
                yield nr, " ".join([work, who, *rest]), int(units), float(took)


def by_clock(folder):
    """Microseconds for a unit: of each size the run that took the least."""
    runs = collections.defaultdict(list)
    for _, name, units, took in read_runs(folder):
        runs[name].append((units, took))
    results = {}
    for name, all_runs in runs.items():
        n1, n2 = min(all_runs)[0], max(all_runs)[0]
        few, many = (sorted(us for u, us in all_runs if u == n) for n in (n1, n2))
        results[name] = {
            "microseconds": round((many[0] - few[0]) / (n2 - n1), 3),
            "slowest": round(many[-1] / many[0], 2),
            # of the middle one
            "median": round((many[len(many) // 2] - few[len(few) // 2]) / (n2 - n1), 3),
            "units": [n1, n2],
            "repeated": len(many),
        }
    return results


def write(folder, results):
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump(results, f, indent="\t")
        f.write("\n")


def main():
    folder, vmlinux = sys.argv[1:]
    if not os.path.exists(os.path.join(folder, "counts")):
        write(folder, by_clock(folder))
        return
    symbols = Symbols(os.path.join(folder, "kallsyms"), vmlinux)
    runs = collections.defaultdict(list)
    latencies = {}
    found = read_found(os.path.join(folder, "found"))
    for nr, name, units, _ in read_runs(folder):
        runs[name].append((units, read_run(os.path.join(folder, "counts", str(nr)), symbols),
                           found[nr]))
        latency = os.path.join(folder, "latency.%d" % nr)
        if os.path.exists(latency):
            latencies[name] = read_latency(latency)
    results = {name: {"latency": what} for name, what in latencies.items()}
    for name, all_runs in runs.items():
        sizes = sorted({u for u, *_ in all_runs})
        if len(sizes) < 2:
            continue
        n1, n2 = sizes[0], sizes[-1]
        few, many = ([r for u, r, _ in all_runs if u == n] for n in (n1, n2))
        of_size = [[r for r in all_runs if r[0] == n] for n in (n1, n2)]
        best = [min(runs, key=total) for runs in (few, many)]
        kinds, functions, events = (per_unit(best[0][i], best[1][i], n2 - n1)
                                    for i in range(3))
        spread = [total(max(runs, key=total)) - total(min(runs, key=total))
                  for runs in (few, many)]
        results[name] = {
            "instructions": (total(best[1]) - total(best[0])) / (n2 - n1),
            "spread": max(spread) / (n2 - n1),
            "units": [n1, n2],
            "repeated": len(many),
            "kinds": {k: round(v, 1) for k, v in sorted(kinds.items(), key=lambda i: -i[1])},
            "events": {k: round(events.get(v, 0), 3) for k, v in EVENTS.items()},
            "functions": {k: round(v, 1) for k, v in
                          sorted(functions.items(), key=lambda i: -i[1])[:60]},
        }
        for what in ("copied", "memory", "switches"):
            values = [least(runs, what) for runs in of_size]
            if None not in values:
                results[name][what] = round((values[1] - values[0]) / (n2 - n1), 3)
    write(folder, results)
    for name, r in results.items():
        if "latency" in r:
            print("%-28s" % name, r["latency"])
            continue
        print("%-28s %8.0f  +-%.0f" % (name, r["instructions"], r["spread"]))
        print("   " + ", ".join("%s %.0f" % i for i in r["kinds"].items() if abs(i[1]) >= 5))
        print("   " + ", ".join("%s %.2f" % i for i in r["events"].items()))


main()
