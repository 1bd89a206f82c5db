# SPDX-License-Identifier: GPL-2.0
"""Processes of sluice, what they say and count, and the stages of their pipelines."""
import json
import re
import signal
import subprocess
import threading
import time

from common import (COUNT, LIMIT, RX, SLUICE, Failed, accounted, command, fault, lock, rounds,
                    sluice_json, starting, totals)

SUMMARY = re.compile(r"^\{\n.*^\}\n", re.M | re.S)


class Process:
    """One process of sluice, until it listens."""
    def __init__(self, verb, args, hold=None):
        self.verb, self.hold, self.got, self.err = verb, hold, bytearray(), []
        self.listening, self.stopping = threading.Event(), threading.Event()
        self.popen = subprocess.Popen(
            ["nsenter", "--net=" + RX, SLUICE, verb, *args, "-j"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=t, daemon=True)
                        for t in (self.read_err, self.read_out)]
        for t in self.threads:
            t.start()

    def read_err(self):
        with self.popen.stderr as err:
            for line in err:
                self.err.append(line.decode())
                if b"listening" in line:
                    self.listening.set()
                if b"stopping" in line:
                    self.stopping.set()
        self.listening.set()
        self.stopping.set()

    def read_out(self):
        with self.popen.stdout as out:
            while part := out.read1(1 << 16):
                self.got += part
                if self.hold and not self.hold(len(self.got)):
                    return

    def wait(self):
        try:
            self.popen.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f"sluice {self.verb} does not end: {self.says()}") from None
        for t in self.threads:
            t.join(LIMIT)
        return self.popen.returncode

    def signal(self, sig):
        self.popen.send_signal(sig)

    def interrupt(self):
        fault("interrupt")
        self.signal(signal.SIGINT)

    def cancel(self):
        """The second signal ends what the first one lets come to its end."""
        fault("cancel")
        self.signal(signal.SIGINT)
        self.stopping.wait(LIMIT)
        self.signal(signal.SIGINT)

    def says(self):
        """But for tap's summary, which is there, too"""
        return re.sub(SUMMARY, "", "".join(self.err))

    def summary(self):
        return json.loads(self.got if self.verb != "tap" else
                          re.search(SUMMARY, "".join(self.err)).group())


def start(verb, args, hold=None, patient=False):
    """patient: what the one before had, comes back when its last command has ended."""
    end = time.monotonic() + LIMIT
    with starting:
        while True:
            p = Process(verb, args, hold)
            if not p.listening.wait(LIMIT):
                raise Failed(f"sluice {verb} {' '.join(args)} does not listen: {p.says()}")
            if "listening" in p.says():
                return p
            p.wait()
            if not patient or time.monotonic() > end:
                raise Failed(f"sluice {verb} {' '.join(args)}: {p.says()}")
            time.sleep(0.1)


COUNTS = {
    "record": ("received", "dropped", "written", "failed"),
    "tap": ("received", "dropped", "passed", "failed"),
    "serve": ("read", "dropped", "sent", "lost"),
}


def account(p, summary):
    with lock:
        accounted.add(p.popen.pid)
        t = totals[p.verb]
        t["sessions"] += 1
        t["copied_bytes"] += summary.get("copied_bytes", 0)
        for name in COUNTS[p.verb]:
            for unit in ("bytes", "chunks" if p.verb == "serve" else "records"):
                t[f"{name}_{unit}"] += summary.get(f"{name}_{unit}", 0)


def finish(p, codes, pattern=""):
    """It has ended, with one of the codes, a line that fits, and counters that add up."""
    rc, says = p.wait(), p.says()
    if rc not in codes:
        raise Failed(f"sluice {p.verb}: exit code {rc}, not {codes}: {says}")
    if rc and not re.search(pattern, says):
        raise Failed(f"sluice {p.verb}: '{pattern}' is not what it says: {says}")
    s = p.summary()
    for unit in ("bytes", "chunks" if p.verb == "serve" else "records"):
        def n(name):
            return s[f"{name}_{unit}"]
        if p.verb == "serve":
            # a chunk of which some was sent is also one of those that were lost
            more = n("sent") + n("dropped") + n("lost") - n("read")
            right = 0 <= more <= (0 if unit == "bytes" else s["gone_clients"] +
                                  s["failed_clients"] + s["stopped_clients"])
        else:
            right = n("in_flight") == 0 and n("received") + n("made") == sum(
                n(k) for k in ("dropped", "written", "passed", "sent", "failed"))
        if not right or not s["conserved"]:
            raise Failed(f"the counters do not add up: {s}")
    if p.verb == "tap" and s["passed_bytes"] != s["output_bytes"] + s["lost_bytes"]:
        raise Failed(f"passed is not output and lost: {s}")
    account(p, s)
    return rc, s


def killed(p, seen):
    p.signal(signal.SIGKILL)
    p.wait()
    account(p, seen)
    fault("kill")


class Stages:
    """Those of a pipeline, of which only a filter changes what comes out."""
    ASIDE = {"rx": ["meter", "checksum", "sample:one-in=1", "dedup:last=4096", COUNT,
                    COUNT + ":limit=5"],
             "tx": ["filter:drop-prefix=NEVER", "redact:pattern=0xffffffffffffffff"]}

    def __init__(self, rng, pipeline, way="rx", filtered=None):
        self.rng, self.pipeline, self.way = rng, pipeline, way
        self.filter = None
        self.args = []
        if filtered if filtered is not None else rng.random() < 0.6:
            self.args += ["--stage", "filter:drop-prefix=DROP"]
            self.filter = "filter1"
        # which change all, and change it back
        if rng.random() < 0.5:
            self.args += ["--stage", "xor:key=secret"] * 2
        if rng.random() < 0.5:
            self.args += ["--stage", rng.choice(self.ASIDE[way])]

    def drop(self):
        return "all" if self.filter else "none"

    def attach(self, stage, *args):
        name = sluice_json("attach", self.pipeline, stage, *args)["attached"]
        with lock:
            rounds["stages"] += 1
        return name

    def detach(self, stage):
        command(SLUICE, "detach", self.pipeline, stage)

    def toggle(self):
        if self.filter:
            self.detach(self.filter)
            self.filter = None
        else:
            self.filter = self.attach("filter:drop-prefix=DROP")

    def churn(self):
        """While data flows; what may be dropped then"""
        drop = self.drop()
        for _ in range(self.rng.randint(1, 3)):
            what = self.rng.random()
            if what < 0.3:
                self.toggle()
                drop = "maybe"
            elif what < 0.5 and self.filter:
                self.filter = self.attach("filter:drop-prefix=DROP", "--replace", self.filter)
            else:
                self.detach(self.attach(self.rng.choice(self.ASIDE[self.way])))
        return drop
