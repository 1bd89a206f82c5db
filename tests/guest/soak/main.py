#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""main.py HOURS SEED INTERVAL IF PEER: in the guest, record, tap and serve side by side
until the time is over, with faults, and all that they deliver is compared.

A session is one process of sluice, a round is what is sent through it at once.  Three
threads have one session after the other, a fourth makes the network bad.  From time to
time all of them pause: then whatever was taken has to have come back.

A round without a fault has to be complete.  One with a fault ends as sluice(8) says: with
an exit code and a line that fit it, what was reported is there, and of the rest a
beginning.  The counters of each process add up in any case.

Every INTERVAL seconds a line goes to /out/soak.csv, and in the end /out/summary.json."""
import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import traceback

from common import (SLAB_BOUND, USED_BOUND, Failed, accounted, current, deadline, fail, failures,
                    faults, hours, in_rx, interval, lock, over, rng_for, rounds, seed,
                    sluice_json, started, stop, totals, until)
from faults import network
from held import (held, kick, libc, meminfo, page_pools, release_freed, slabinfo, slabs,
                  used_by_kernel)
from process import COUNTS
from record import Recorder
from serve import Server
from tap import Tapper

# --- samples -------------------------------------------------------------------

FAULTS = ("kill", "interrupt", "cancel", "client-reset", "reader-gone", "reset-controller",
          "reset-queue", "link-down", "loss", "reorder", "duplicate", "corrupt")
MEMORY = ("MemFree", "MemAvailable", "Slab", "SUnreclaim", "PageTables", "KernelStack", "Percpu",
          "Shmem", "AnonPages", "VmallocUsed")
samples = []
table = csv.writer(open("/out/soak.csv", "w", newline="", buffering=1))


def sample(quiet):
    """quiet: nothing runs"""
    live = [] if quiet else sluice_json("stat", "-1").get("pipelines", [])
    now, mem, h = time.monotonic() - started, meminfo(), held()
    row = {"seconds": round(now, 1), "quiet": int(quiet)}
    row.update((k, mem[k]) for k in MEMORY)
    row["Used"] = mem["MemTotal"] - mem["MemAvailable"]
    row["UsedByKernel"] = used_by_kernel(mem)
    row.update(h)
    with lock:
        for verb, names in COUNTS.items():
            t = totals[verb].copy()
            for p in live:
                if p["kind"] != verb or p["pid"] in accounted or "received_bytes" not in p:
                    continue
                # a request that made is one that has read
                p["read_bytes"] = p["received_bytes"] + p.get("made_bytes", 0)
                for name in (*names, "copied"):
                    t[name + "_bytes"] += p.get(name + "_bytes", 0)
            for name in (*names, "copied"):
                row[f"{verb}_{name}_bytes"] = t[name + "_bytes"]
            row[f"{verb}_compared_bytes"] = t["compared_bytes"]
            row[f"{verb}_rounds"] = rounds[verb]
        row["disturbed_rounds"], row["stages"] = rounds["disturbed"], rounds["stages"]
        row.update((name, faults[name]) for name in FAULTS)
    if not samples:
        table.writerow(row.keys())
    table.writerow(row.values())
    samples.append(row)
    return row


def size(n):
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"


def progress(row):
    print(f"# {row['seconds'] / 60:5.1f} min: " + ", ".join(
        f"{v} {row[v + '_rounds']} rounds {size(row[v + '_compared_bytes'])}" for v in COUNTS) +
        f"; {row['disturbed_rounds']} disturbed, {sum(faults.values())} faults; "
        f"used {row['Used'] // 1024} MiB, unreclaimable {row['SUnreclaim'] // 1024} MiB",
        flush=True)


def sampler(done):
    while not done.wait(interval):
        try:
            row = sample(False)
        except (Failed, OSError, ValueError, subprocess.TimeoutExpired) as e:
            fail(f"a sample: {e!r}")
            return
        if time.monotonic() - current.said >= 60:
            current.said = time.monotonic()
            progress(row)


# --- all of it -----------------------------------------------------------------

def worker(name, what):
    for nr in itertools.count():
        if over():
            return
        try:
            what(rng_for(f"{name} {current.epoch} {nr}"))
        except Failed as e:
            fail(f"{name} {current.epoch} {nr}: {e}")
        except Exception as e:  # pylint: disable=broad-except
            traceback.print_exc()
            fail(f"{name} {current.epoch} {nr}: {e!r}")


def rest(before, quiet):
    """Nothing runs: all that is counted is as before; then a sample."""
    now = {}

    def same():
        now.update(held())
        return now == before
    if not until(same, 20):
        print(f"# not yet given back: {now}, page pools {in_rx(page_pools)}", flush=True)
        in_rx(kick)
        if not until(same, 120):
            raise Failed(f"not given back: {now}, it was {before}, page pools "
                         f"{in_rx(page_pools)}")
    if os.path.exists("/sys/fs/bpf/sluice"):
        raise Failed(f"left in bpffs: {os.listdir('/sys/fs/bpf/sluice')}")
    os.sync()
    libc.malloc_trim(0)
    release_freed()

    def settled():
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
        return not quiet or \
            used_by_kernel(meminfo()) <= quiet[-1]["UsedByKernel"] + 2048
    # a region's pages go when its last user's work has run, which nothing tells of
    began = time.monotonic()
    back = until(settled, 15)
    if not back or time.monotonic() - began > 1:
        print(f"# memory is {'' if back else 'not '}back after "
              f"{time.monotonic() - began:.1f} s", flush=True)
    slabs.append(slabinfo())
    return sample(True)


def run_epoch(seconds, jobs):
    current.epoch += 1
    current.pause = time.monotonic() + seconds
    threads = [threading.Thread(target=worker, args=(name, job.session), daemon=True)
               for name, job in jobs.items()]
    threads.append(threading.Thread(target=worker, args=(
        "network", network), daemon=True))
    done = threading.Event()
    sampling = threading.Thread(target=sampler, args=(done,), daemon=True)
    for t in (*threads, sampling):
        t.start()
    for t in threads:
        while t.is_alive():
            t.join(1)
            if os.path.exists("/out/stop") and not stop.is_set():
                print("# stopping", flush=True)
                stop.set()
    done.set()
    sampling.join()


def growth(quiet, key):
    """KiB by which the last quarter is above the first, of the samples at rest after
    the first two, by their medians"""
    rows = [r[key] for r in quiet[2:]] or [r[key] for r in quiet[-1:]]
    n = max(1, len(rows) // 4)
    return statistics.median(rows[-n:]) - statistics.median(rows[:n])


def summary(quiet, before):
    t = {v: dict(totals[v]) for v in COUNTS}
    out = {"hours": round((time.monotonic() - started) / 3600, 3), "seed": seed,
           "rounds": {v: rounds[v] for v in COUNTS}, "disturbed_rounds": rounds["disturbed"],
           "stages_attached": rounds["stages"], "faults": {f: faults[f] for f in FAULTS},
           "totals": t, "failures": failures, "lost": 0 if not failures else None,
           "held": before}
    for key in ("UsedByKernel", "SUnreclaim"):
        out["growth_" + key + "_kib"] = growth(quiet, key) if quiet else None
    if len(slabs) > 2:
        grown = {k: v - slabs[2].get(k, 0) for k, v in slabs[-1].items()}
        out["slab_growth_kib"] = {k: grown[k] for k in sorted(grown, key=grown.get)[-12:]}
    with open("/out/summary.json", "w") as f:
        json.dump(out, f, indent=1)
    return out


def main():
    jobs = {"record": Recorder(), "tap": Tapper(), "serve": Server()}
    before, quiet = held(), []
    length = min(600, max(20, hours * 3600 / 16))
    try:
        while not over_all():
            run_epoch(length, jobs)
            if failures:
                break
            quiet.append(rest(before, quiet))
    except (Failed, OSError, subprocess.TimeoutExpired) as e:
        fail(str(e))
    if samples:
        progress(samples[-1])
    out = summary(quiet, before)
    if failures:
        return 1
    print(f"ok - {sum(out['rounds'].values())} rounds are what they should be")
    print(f"ok - files, BPF, page pools, pinned pages and mappings are as before: {before}")
    for key, bound in (("UsedByKernel", USED_BOUND), ("SUnreclaim", SLAB_BOUND)):
        grown = out[f"growth_{key}_kib"]
        text = f"{key} grew by {grown:.0f} KiB, {bound} are allowed"
        print(f"{'ok' if grown <= bound else 'not ok'} - {text}")
        if grown > bound:
            return 1
    return 0


def over_all():
    return stop.is_set() or time.monotonic() >= deadline


sys.exit(main())
