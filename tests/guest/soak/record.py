# SPDX-License-Identifier: GPL-2.0
"""Sessions of sluice record, raw or with an index."""
import signal

from common import (ADDRESS, SLUICE, Failed, accounted, command, fault, over, round_done, rx_if,
                    sluice_json, until)
from faults import node, reset_controller, reset_queue
from process import Stages, finish, killed, start
from streams import Gate, Sender, compare, data


class Recorder:
    port, queue = 8000, 1

    def __init__(self):
        self.patient = False

    def session(self, rng):
        self.rng = rng
        self.nodes = [node(nr) for nr in (0, 1)]
        args = ["--dev", rx_if, "--queue", str(self.queue), "--force",
                "--listen", f"{ADDRESS}:{self.port}"]
        if rng.random() < 0.25:
            self.raw(args)
        else:
            self.log(args)

    def choose(self, *which):
        return self.rng.choice(which) if self.rng.random() < 0.5 else None

    def send(self, nr, most, reset=False):
        rng = self.rng
        sent = [data(rng, rng.randint(100, most)) for _ in range(nr)]
        gate = Gate(sum(map(len, sent)) * rng.uniform(0.05, 0.6))
        self.senders = [
            Sender(self.port, gate, s, rng.choice((1000, 4096, 65536, 1 << 20)),
                   rng.randint(0, len(s)) if reset and not i else None)
            for i, s in enumerate(sent)]
        for s in self.senders:
            s.start()
        return gate

    # one stream, and no index

    def raw(self, args):
        rng, lba = self.rng, self.rng.randint(0, 100000)
        stages = Stages(rng, "record")
        mirror = rng.random() < 0.3
        nodes = self.nodes if mirror else [rng.choice(self.nodes)]
        for n in nodes:
            args += ["--nvme", n]
        args += ["--lba", str(lba), "--region-size", "16M", *stages.args]
        if mirror:
            args += ["--layout", "mirror"]
        p = start("record", args, patient=self.patient)
        self.patient = False
        what = self.choose("client-reset", "interrupt", "reset-queue")
        gate = self.send(1, 6000000, what == "client-reset")
        gate.wait()
        if what == "interrupt":
            p.interrupt()
        elif what == "reset-queue":
            reset_queue(self.queue)
        sender, = self.senders
        sender.wait()
        reset = sender.end == "reset by us"
        if reset:
            fault("client-reset")
        rc, s = finish(p, (1,) if reset else (0,), "ended early: Connection reset")
        if not reset and what != "interrupt" and sender.end != "ok":
            raise Failed(f"the sender: {sender.end}; {p.says()}")
        for n in nodes:
            got = command("dd", "if=" + n, "bs=512", f"skip={lba}", "iflag=direct,count_bytes",
                          f"count={(s['written_bytes'] + 511) // 512 * 512}", "status=none")
            wrong = compare(sender.sent, got[:s["written_bytes"]], stages.drop(),
                            not reset and what != "interrupt")
            if wrong:
                raise Failed(f"record, raw on {n} after {what}: {wrong}; {s}")
        round_done("record", reset or what == "interrupt", s["written_bytes"])

    # any number, with an index

    def log(self, args):
        rng = self.rng
        self.stages = Stages(rng, "record")
        layout = rng.choice(("one", "stripe", "mirror"))
        self.used = [0, 1] if layout != "one" else [rng.randint(0, 1)]
        self.image = ",".join(self.nodes[nr] for nr in self.used)
        for nr in self.used:
            args += ["--nvme", self.nodes[nr]]
        if layout == "mirror":
            args += ["--layout", "mirror"]
        if rng.random() < 0.2:
            args += ["--durable"]
        args += ["--format", "log", "--streams", "0", "--rotate", "--region-size", "32M",
                 *self.stages.args]
        self.p = start("record", args, patient=self.patient)
        self.patient = False
        self.bad = 0		# streams that have not ended well
        for _ in range(rng.randint(1, 6)):
            if over() or not self.log_round():
                break
        if self.p.popen.poll() is None and self.p.popen.pid not in accounted:
            self.p.signal(signal.SIGINT)
            self.ended((1,) if self.bad else (0,))

    def ended(self, codes):
        rc, s = finish(self.p, codes, "streams ended early|writing the index")
        if not rc and any(t["result"] not in ("ok", "stopped") for t in s["streams"]):
            raise Failed(f"exit code 0, but {s['streams']}")
        return rc, s

    def listed(self):
        """What the index has of our senders"""
        want = {s.name_there: s for s in self.senders}
        return {want[t["peer"]]: t for t in sluice_json("list", "--nvme", self.image)["streams"]
                if t["peer"] in want}

    def read(self, stream, *args):
        return command(SLUICE, "read", "--nvme", self.image, "--stream", str(stream["id"]),
                       "--output", "-", *args)

    def check(self, drop, end="whole"):
        """What can be read of each sender is right.  end is how this round ended: whole; cut,
        of which there is a beginning; killed, of which that may be, but what is complete; failed
        or canceled, where also some in the middle may be missing."""
        compared, there = 0, self.listed()
        for s in self.senders:
            t = there.get(s, {"state": "missing", "readable_bytes": 0})
            whole = end == "whole" or \
                end in ("killed", "failed") and t["state"] == "complete" and s.end == "ok"
            if whole and t["state"] != "complete":
                raise Failed(f"record: the stream of {s.name_there} is {t}; {self.p.says()}")
            if not whole and not t["readable_bytes"]:
                continue
            # an open one ends where the first hole is
            holes = end in ("failed", "canceled") and not whole and t["state"] != "open"
            got = self.read(t, *(["--partial"] if holes else []))
            wrong = compare(s.sent, got, drop, whole, holes)
            if wrong or len(got) != t["readable_bytes"]:
                raise Failed(f"record: {t}, {len(got)} of {len(s.sent)} bytes, drop {drop}, "
                             f"{end}: {wrong}; {self.p.says()}")
            compared += len(got)
        return compared

    def settled(self, states):
        there = {}

        def look():
            there.update(self.listed())
            return len(there) == len(self.senders) and \
                all(t["state"] in states for t in there.values())
        if not until(look):
            raise Failed(f"record: not {states}: {there}; {self.p.says()}")

    def log_round(self):
        """False: the session is over"""
        rng, p = self.rng, self.p
        if rng.random() < 0.2:
            self.stages.toggle()
        drop = self.stages.drop()
        what = self.choose("client-reset", "client-reset", "reset-queue", "reset-controller",
                           "kill", "interrupt", "cancel")
        gate = self.send(rng.randint(1, 5), rng.choice((50000, 1000000, 3000000)),
                         what == "client-reset")
        if rng.random() < 0.5:
            drop = self.stages.churn()
        gate.wait()
        go_on, disturbed = getattr(self, "with_" + (what or "nothing").replace("-", "_"))(drop)
        round_done("record", disturbed[0], disturbed[1])
        return go_on

    def all_end(self):
        for s in self.senders:
            s.wait()

    def with_nothing(self, drop):
        self.all_end()
        for s in self.senders:
            if s.end != "ok":
                raise Failed(f"a sender: {s.end}; {self.p.says()}")
        self.settled(("complete",))
        return True, (False, self.check(drop))

    def with_reset_queue(self, drop):
        reset_queue(self.queue)
        return self.with_nothing(drop)

    def with_client_reset(self, drop):
        self.all_end()
        first, *others = self.senders
        if first.end != "reset by us":
            return self.with_nothing(drop)
        fault("client-reset")
        self.senders = others
        if others:
            self.with_nothing(drop)
        self.senders = [first]
        # it may have gone before it was accepted
        cut = {}

        def look():
            cut.update(self.listed())
            return not cut or cut[first]["state"] != "open"
        if not until(look):
            raise Failed(f"record: after a reset: {cut}")
        self.bad += any(t["state"] == "cut off" for t in cut.values())
        compared = self.check(drop, "cut")
        self.senders = [first, *others]
        return True, (True, compared)

    def with_interrupt(self, drop):
        self.p.interrupt()
        self.ended((1,) if self.bad else (0,))
        self.all_end()
        return False, (True, self.check(drop, "cut"))

    def with_cancel(self, drop):
        self.p.cancel()
        self.ended((0, 1))
        self.all_end()
        return False, (True, self.check(drop, "canceled"))

    def with_kill(self, drop):
        before = self.listed()
        seen = sluice_json("show", "record")[0]
        killed(self.p, seen)
        self.patient = True
        self.all_end()
        after = self.listed()
        for s, t in before.items():
            if s not in after or after[s]["readable_bytes"] < t["readable_bytes"]:
                raise Failed(f"record: there was {t}, and now {after.get(s)}")
        return False, (True, self.check(drop, "killed"))

    def with_reset_controller(self, drop):
        for nr in self.rng.sample(self.used, self.rng.randint(1, len(self.used))):
            reset_controller(nr)
        # those that got an error are closed; the others go on
        self.all_end()
        self.p.signal(signal.SIGINT)
        rc, s = self.ended((0, 1))
        self.patient = True
        if not rc and not self.bad and any(t.end != "ok" for t in self.senders):
            raise Failed(f"exit code 0, but senders: {[t.end for t in self.senders]}")
        if not rc:
            return False, (False, self.check(drop))
        return False, (True, self.check(drop, "failed"))
