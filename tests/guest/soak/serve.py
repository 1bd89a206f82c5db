# SPDX-License-Identifier: GPL-2.0
"""Sessions of sluice serve."""
import os
import signal

from common import ADDRESS, LIMIT, Failed, accounted, fault, over, rng_for, round_done, until
from faults import node, reset_controller
from process import Stages, finish, killed, start
from streams import Client, Gate, compare, data


class Server:
    port, lba, size = 8002, 2000, 3000000

    def __init__(self):
        self.patient = False
        self.range = data(rng_for("serve"), self.size)
        with open(node(2), "r+b") as f:
            f.seek(self.lba * 512)
            f.write(self.range)
            f.flush()
            os.fsync(f.fileno())

    def session(self, rng):
        stages = Stages(rng, "serve", "tx")
        # a chunk is what a stage decides about
        unit = rng.choice((4096, 16384, 131072))
        p = start("serve", ["--nvme", node(2), "--lba", str(self.lba), "--bytes", str(self.size),
                            "--listen", f"{ADDRESS}:{self.port}", "--chunk", str(unit),
                            "--clients", "4", "--depth", "4", *stages.args],
                  patient=self.patient)
        self.patient = False
        for _ in range(rng.randint(1, 8)):
            if over() or not self.round(rng, p, stages, unit):
                break
        if p.popen.pid not in accounted:
            p.signal(signal.SIGINT)
            finish(p, (0,))

    def round(self, rng, p, stages, unit):
        what = rng.choice(("client-reset", "client-reset", "interrupt", "kill", "cancel",
                           "reset-controller")) if rng.random() < 0.5 else None
        if rng.random() < 0.3:
            stages.toggle()
        nr = rng.randint(1, 4)
        gate = Gate(nr * self.size * rng.uniform(0.05, 0.5))
        clients = [Client(self.port, gate, rng.choice(("whole", "whole", "half", "slow")))
                   for _ in range(nr)]
        if what == "client-reset":
            clients[0].how, clients[0].at = "reset", rng.randint(0, self.size // 2)
        elif what == "cancel":
            clients[0].how = "stuck"
        for c in clients:
            c.start()
        drop = stages.churn() if rng.random() < 0.5 else stages.drop()
        if what == "cancel":
            # the others are done, and it is in the middle
            for c in clients[1:]:
                c.wait()
            if not until(lambda: clients[0].got or clients[0].end):
                raise Failed(f"serve: a client waits: {p.says()}")
        gate.wait()
        codes, pattern, go_on = None, "", True
        if what == "kill":
            got = sum(len(c.got) for c in clients)
            killed(p, {"read_bytes": got, "sent_bytes": got})
            self.patient, go_on = True, False
        elif what == "interrupt":
            # all have to be connected for the rest
            if not until(lambda: all(c.got or c.end for c in clients)):
                raise Failed(f"serve: clients wait: {p.says()}")
            p.interrupt()
            codes = (0,)
        elif what == "cancel":
            p.cancel()
            codes, pattern = (1,), "clients were cut off"
        elif what == "reset-controller":
            reset_controller(2)
        elif what == "client-reset":
            fault(what)
        if what == "cancel":
            p.popen.wait(LIMIT)
            clients[0].go.set()
        for c in clients:
            c.wait()
        if what == "reset-controller":
            p.signal(signal.SIGINT)
            codes, pattern = (0, 1), "clients did not get all of it"
        if codes:
            rc, s = finish(p, codes, pattern)
            go_on = False
        self.look(clients, what, drop, unit, what == "reset-controller" and rc == 1, p)
        round_done("serve", what in ("kill", "cancel", "client-reset") or
                   what == "reset-controller" and rc == 1, sum(len(c.got) for c in clients))
        return go_on

    def look(self, clients, what, drop, unit, failed, p):
        for c in clients:
            if what == "kill":
                whole = False
            elif what == "cancel" and c.how == "stuck":
                whole = False
                if c.end == "ok":
                    raise Failed("serve: one who was cut off took it for the end")
            elif c.how == "reset" and c.end == "reset by us":
                whole = False
            elif failed and c.end != "ok":
                whole = False
            else:
                whole = True
                if c.end != "ok":
                    raise Failed(f"serve: a client: {c.end} ({c.how}, {what}): {p.says()}")
            wrong = compare(self.range, c.got, drop, whole, unit=unit)
            if wrong:
                raise Failed(f"serve: a client ({c.how}) after {what}, drop {drop}: {wrong}; "
                             f"{p.says()}")
