# SPDX-License-Identifier: GPL-2.0
"""Sessions of sluice tap."""
import threading

from common import ADDRESS, LIMIT, RECORD, Failed, fault, round_done, rx_if, sluice_json, until
from faults import reset_queue
from process import Stages, finish, killed, start
from streams import Gate, Sender, compare, data


class Tapper:
    port, queue = 8001, 2

    def __init__(self):
        self.patient = False

    def session(self, rng):
        stages = Stages(rng, "tap")
        drop = stages.drop()
        what = rng.choice(("client-reset", "interrupt", "kill", "cancel", "reader-gone",
                           "reset-queue")) if rng.random() < 0.5 else None
        go = threading.Event()
        stuck = threading.Event()

        def hold(got):
            if what == "reader-gone" and got > 200000:
                return False
            if what == "cancel" and got > 200000 and not go.is_set():
                stuck.set()
                go.wait(LIMIT)
            return True

        args = ["--dev", rx_if, "--queue", str(self.queue), "--listen",
                f"{ADDRESS}:{self.port}", "--region-size", "4M",
                "--record-size", str(RECORD), *stages.args]
        # larger than all memory on the way, where it has to stop
        size = 12000000 if what in ("cancel", "reader-gone") else rng.randint(100, 8000000)
        sent = data(rng, size)
        p = start("tap", args, hold, self.patient)
        self.patient = False
        gate = Gate(size * rng.uniform(0.05, 0.6))
        sender = Sender(self.port, gate, sent, rng.choice((1000, 4096, 65536)),
                        rng.randint(0, size) if what == "client-reset" else None)
        sender.start()
        # one that ends at any moment can have none attached
        if rng.random() < 0.5 and what in (None, "kill", "interrupt", "reset-queue") and \
                size > 4000000:
            drop = self.churn(stages, p, drop)
        codes, pattern, whole = (0,), "", False
        if what == "cancel":
            # more has come than the pipe takes
            if not stuck.wait(LIMIT) or not until(lambda: sluice_json("show", "tap")[0].get(
                    "received_bytes", 0) > len(p.got) + 300000):
                raise Failed(f"tap: no more data: {len(p.got)} bytes; {p.says()}")
        else:
            gate.wait()
        if what == "kill":
            killed(p, self.counters(p))
            self.patient = True
        elif what == "interrupt":
            p.interrupt()
        elif what == "cancel":
            p.cancel()
            codes, pattern = (1,), "bytes received were not written"
        elif what == "reset-queue":
            reset_queue(self.queue)
        elif what == "reader-gone":
            fault(what)
            codes, pattern = (1,), "standard output: Broken pipe"
        if what != "cancel":
            sender.wait()
        if sender.end == "reset by us":
            fault("client-reset")
            codes, pattern = (1,), "ended early: Connection reset"
        elif what in (None, "reset-queue", "client-reset"):
            whole = True
            if sender.end != "ok":
                raise Failed(f"tap: the sender: {sender.end}; {p.says()}")
        if what != "kill":
            if what == "cancel":
                p.popen.wait(LIMIT)
                go.set()
            rc, s = finish(p, codes, pattern)
            if what != "reader-gone" and len(p.got) != s["output_bytes"]:
                raise Failed(f"tap: {len(p.got)} bytes came, of {s}")
        sender.wait()
        wrong = compare(sent, p.got, drop, whole)
        if wrong:
            raise Failed(f"tap after {what}, drop {drop}: {wrong}; {p.says()}")
        round_done("tap", not whole, len(p.got))

    @staticmethod
    def counters(p):
        try:
            return sluice_json("show", "tap")[0]
        except Failed:
            # it has ended, or is about to, with its only stream
            if not until(lambda: p.popen.poll() is not None, 60):
                raise
            return {}

    @staticmethod
    def churn(stages, p, drop):
        try:
            return stages.churn()
        except Failed:
            # it has ended, or is about to, with its only stream
            if not until(lambda: p.popen.poll() is not None, 60):
                raise
            return "maybe"
