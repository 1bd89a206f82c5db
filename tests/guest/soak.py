#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""soak.py HOURS SEED INTERVAL IF PEER: in the guest, record, tap and serve side by side
until the time is over, with faults, and all that they deliver is compared.

A session is one process of sluice, a round is what is sent through it at once.  Three
threads have one session after the other, a fourth makes the network bad.  From time to
time all of them pause: then whatever was taken has to have come back.

A round without a fault has to be complete.  One with a fault ends as sluice(8) says: with
an exit code and a line that fit it, what was reported is there, and of the rest a
beginning.  The counters of each process add up in any case.

Every INTERVAL seconds a line goes to /out/soak.csv, and in the end /out/summary.json."""
import collections
import csv
import ctypes
import errno
import itertools
import json
import os
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import traceback

SLUICE = "/sluice/build/vm/sluice"
COUNT = "/sluice/build/vm/examples/stage-count.bpf.o"
RX, TX = "/run/netns/rx", "/run/netns/tx"
ADDRESS, PEER_ADDRESS = "192.0.2.1", "192.0.2.2"
RECORD = 4096
LIMIT = 300		# seconds for what takes a few; a busy host is slower
USED_BOUND, SLAB_BOUND = 16384, 8192	# KiB that memory may grow by

hours, seed, interval = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
rx_if, tx_if = sys.argv[4:6]


class Failed(Exception):
    pass


def rng_for(name):
    return random.Random(f"{seed} {name}")


# --- what all share ------------------------------------------------------------

started = time.monotonic()
deadline = started + hours * 3600
pause = started			# when the threads are to pause
stop = threading.Event()	# the time is over, or something failed
failures = []
lock = threading.Lock()
starting = threading.Lock()	# the link stays up
faults = collections.Counter()
rounds = collections.Counter()
totals = collections.defaultdict(collections.Counter)
accounted = set()		# processes that are in totals


def fail(text):
    with lock:
        failures.append(text)
    print("not ok -", text[:6000], flush=True)
    stop.set()


def fault(name):
    with lock:
        faults[name] += 1


def until(what, seconds=LIMIT):
    """Try again until it is true."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end or failures:
            return False
        time.sleep(0.05)
    return True


def command(*argv, **options):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=LIMIT, **options)
    if p.returncode:
        raise Failed(f"{' '.join(argv)}: exit code {p.returncode}: {p.stderr.decode()}")
    return p.stdout


def sluice_json(*argv):
    return json.loads(command(SLUICE, *argv, "-j"))


def enter(netns):
    """This thread, and what it opens and starts, is there from now on."""
    fd = os.open(netns, os.O_RDONLY)
    os.setns(fd, os.CLONE_NEWNET)
    os.close(fd)


def in_rx(what):
    out = []

    def there():
        enter(RX)
        out.append(what())
    thread = threading.Thread(target=there)
    thread.start()
    thread.join()
    return out[0]


# --- data ----------------------------------------------------------------------

numbers = itertools.count()


def data(rng, size):
    """Of records that no other data has; a third of them begins with DROP."""
    nr, out = next(numbers), bytearray(rng.randbytes(size))
    for at in range(0, size, RECORD):
        tag = (b"KEEP", b"DROP")[rng.random() < 1 / 3] + struct.pack("<QI", nr, at)
        tag = tag[:size - at]
        out[at:at + len(tag)] = tag
    return bytes(out)


def compare(sent, got, drop, whole=True, holes=False, unit=RECORD):
    """Is got what is to be left of sent?  With drop "all" no record that begins with DROP,
    with "none" all of them, with "maybe" any.  If it is not whole, a beginning; with holes
    also one in which records are missing.  "" if it is right."""
    at = 0
    for i in range(0, len(sent), unit):
        rec = sent[i:i + unit]
        drops, rest = rec.startswith(b"DROP"), len(got) - at
        if rest >= len(rec) and got.startswith(rec, at):
            if drops and drop == "all":
                return f"record {i // unit} was not dropped"
            at += len(rec)
        # what the sender did not finish has no prefix perhaps
        elif not whole and rest < len(rec) and rec.startswith(got[at:]) and \
                (rest < 4 or not drops or drop != "all"):
            return ""
        elif not (drops and drop != "none" or holes):
            return f"byte {at} of {len(got)}, record {i // unit} of {len(sent) // unit}"
    return f"{len(got) - at} bytes too many, of {len(got)}" if at < len(got) else ""


# --- peers ---------------------------------------------------------------------

class Gate:
    """What is to happen when so many bytes have gone by, or no more will."""
    def __init__(self, threshold):
        self.left, self.event, self.lock = threshold, threading.Event(), threading.Lock()

    def add(self, n):
        with self.lock:
            self.left -= n
        if self.left <= 0:
            self.event.set()

    def wait(self):
        if not self.event.wait(LIMIT):
            raise Failed("the data does not get on")


class Peer(threading.Thread):
    def __init__(self, port, gate):
        super().__init__(daemon=True)
        self.port, self.gate, self.end, self.name_there = port, gate, None, None
        self.sock = None

    def run(self):
        enter(TX)
        try:
            self.sock = socket.socket()
            self.sock.settimeout(LIMIT)
            self.prepare()
            self.sock.connect((ADDRESS, self.port))
            self.name_there = "%s:%u" % self.sock.getsockname()
            self.end = self.work() or "ok"
        except OSError as e:
            self.end = "timeout" if isinstance(e, TimeoutError) else e.strerror or str(e)
        finally:
            self.gate.event.set()
            self.sock.close()

    def prepare(self):
        pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "reset by us"

    def wait(self):
        self.join(2 * LIMIT)
        if self.is_alive() or self.end == "timeout":
            raise Failed(f"a peer of port {self.port} waits for ever")


class Sender(Peer):
    def __init__(self, port, gate, sent, piece, reset_at=None):
        super().__init__(port, gate)
        self.sent, self.piece, self.reset_at = sent, piece, reset_at

    def work(self):
        view = memoryview(self.sent)
        for at in range(0, len(view), self.piece):
            if self.reset_at is not None and at >= self.reset_at:
                return self.reset()
            part = view[at:at + self.piece]
            self.sock.sendall(part)
            self.gate.add(len(part))
        self.sock.shutdown(socket.SHUT_WR)
        # until the other side has closed, too
        self.sock.recv(1)
        return None


class Client(Peer):
    def __init__(self, port, gate, how="whole", at=0):
        super().__init__(port, gate)
        self.how, self.at, self.got, self.go = how, at, bytearray(), threading.Event()

    def prepare(self):
        if self.how != "whole":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)

    def work(self):
        if self.how == "half":
            self.sock.shutdown(socket.SHUT_WR)
        while part := self.sock.recv(3000 if self.how == "slow" else 1 << 16):
            self.got += part
            self.gate.add(len(part))
            if self.how == "reset" and len(self.got) >= self.at:
                return self.reset()
            if self.how == "stuck" and not self.go.is_set():
                self.gate.event.set()
                self.go.wait(LIMIT)
        return None


# --- sluice --------------------------------------------------------------------

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


# --- devices and network -------------------------------------------------------

def controller(nr):
    for name in os.listdir("/sys/class/nvme"):
        folder = "/sys/class/nvme/" + name
        if open(folder + "/serial").read().strip() == f"sluice{nr}":
            return folder
    raise Failed(f"no controller {nr}")


def node(nr):
    for name in os.listdir(controller(nr)):
        if m := re.fullmatch(r"(nvme\d+)(c\d+)?(n\d+)", name):
            return f"/dev/{m[1]}{m[3]}"
    raise Failed(f"controller {nr} has no namespace")


def reset_controller(nr):
    fault("reset-controller")
    folder = controller(nr)
    with open(folder + "/reset_controller", "w") as f:
        f.write("1")
    if not until(lambda: open(folder + "/state").read().strip() == "live"):
        raise Failed(f"controller {nr} does not come back")


def reset_queue(queue):
    fault("reset-queue")
    path = "/sys/kernel/debug/netdevsim/netdevsim10/ports/0/queue_reset"
    with starting, open(path, "w") as f:
        f.write(f"{queue} 1")


def network(rng):
    """Nothing of this may be seen but in the time that it takes."""
    bad = ("loss 1%", "loss 3%", "delay 2ms reorder 30% 50%", "duplicate 10%",
           "loss 1% duplicate 3% delay 1ms 1ms", "corrupt 2%")
    while not over():
        stop.wait(rng.uniform(2, 15))
        if over():
            return
        if rng.random() < 0.3:
            # the NIC lets go of all that it has, and begins again
            with starting:
                fault("link-down")
                for state in "down", "up":
                    command("ip", "-n", "rx", "link", "set", rx_if, state)
            continue
        ns, dev = rng.choice((("tx", tx_if), ("tx", tx_if), ("rx", rx_if)))
        how = rng.choice(bad)
        for word in ("loss", "reorder", "duplicate", "corrupt"):
            if word in how:
                fault(word)
        command("tc", "-n", ns, "qdisc", "replace", "dev", dev, "root", "netem",
                "limit", "1000", *how.split())
        stop.wait(rng.uniform(1, 8))
        command("tc", "-n", ns, "qdisc", "del", "dev", dev, "root")


def over():
    return stop.is_set() or time.monotonic() >= min(pause, deadline)


def round_done(name, disturbed, compared):
    with lock:
        rounds[name] += 1
        rounds["disturbed"] += disturbed
        totals[name]["compared_bytes"] += compared


# --- record --------------------------------------------------------------------

class Recorder:
    port, queue, name = 8000, 1, "record"

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


# --- tap -----------------------------------------------------------------------

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
            killed(p, sluice_json("show", "tap")[0] if p.popen.poll() is None else {})
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
    def churn(stages, p, drop):
        try:
            return stages.churn()
        except Failed:
            # it has ended, or is about to, with its only stream
            if not until(lambda: p.popen.poll() is not None, 60):
                raise
            return "maybe"


# --- serve ---------------------------------------------------------------------

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


# --- samples -------------------------------------------------------------------

def page_pools():
    """Those there are, by generic netlink, in this network namespace: their attributes"""
    def attr(kind, value):
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    def ask(sock, family, cmd, flags, attrs=b""):
        body = struct.pack("=BBH", cmd, 1, 0) + attrs
        sock.send(struct.pack("=IHHII", 16 + len(body), family, flags, 1, 0) + body)
        while True:
            answer = sock.recv(1 << 16)
            while answer:
                size, kind = struct.unpack_from("=IH", answer)
                if kind == 3:
                    return
                yield kind, answer[16:size]
                answer = answer[(size + 3) & ~3:]
                if not flags & 0x300:
                    return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as sock:
        sock.settimeout(10)
        sock.bind((0, 0))
        family = None
        for _, body in ask(sock, 16, 3, 1, attr(2, b"netdev\0")):
            at = 4
            while at < len(body):
                size, kind = struct.unpack_from("=HH", body, at)
                if kind == 1:
                    family, = struct.unpack_from("=H", body, at + 4)
                at += (size + 3) & ~3
        return [attributes(body) for kind, body in ask(sock, family, 5, 0x301)
                if kind == family]


def attributes(body):
    names = {1: "id", 2: "ifindex", 3: "napi", 4: "inflight", 5: "inflight_mem", 6: "detached",
             8: "io_uring"}
    out, at = {}, 4
    while at < len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        kind &= 0x3fff
        if kind in names:
            out[names[kind]] = int.from_bytes(body[at + 4:at + length], "little")
        at += (length + 3) & ~3
    return out


def kick():
    """Each CPU receives something: until then it keeps packets that others have freed, and
    with them their page pool"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        for cpu in os.sched_getaffinity(0):
            os.sched_setaffinity(0, (cpu,))
            sock.sendto(b"x", sock.getsockname())


def meminfo():
    with open("/proc/meminfo") as f:
        return {line.split(":")[0]: int(line.split()[1]) for line in f}


def used_by_kernel(mem):
    """What is neither free, nor a process's, nor could be dropped"""
    return mem["MemTotal"] - sum(mem[k] for k in (
        "MemFree", "Buffers", "Cached", "AnonPages", "SReclaimable"))


def pinned_pages():
    with open("/proc/vmstat") as f:
        v = dict(line.split() for line in f)
    return int(v["nr_foll_pin_acquired"]) - int(v["nr_foll_pin_released"])


def sockets():
    """Of TCP, but for those that only wait until their port is free (TIME_WAIT)"""
    with open("/proc/thread-self/net/tcp") as f:
        return sum(line.split()[3] not in ("st", "06") for line in f)


libc = ctypes.CDLL(None, use_errno=True)


def bpf_objects(cmd):
    """How many, by bpf(BPF_*_GET_NEXT_ID): bpftool fails for what goes away meanwhile"""
    nr, attr = 0, (ctypes.c_uint32 * 3)()
    while not libc.syscall(321, cmd, attr, ctypes.sizeof(attr)):
        nr, attr[0] = nr + 1, attr[1]
    if ctypes.get_errno() != errno.ENOENT:
        raise Failed(f"bpf: {os.strerror(ctypes.get_errno())}")
    return nr


def held():
    """What is held of that which is counted, and not memory"""
    with open("/proc/sys/fs/file-nr") as f:
        h = {"files": int(f.read().split()[0])}
    for what, cmd in ("progs", 11), ("maps", 12), ("links", 31):
        h[what] = bpf_objects(cmd)
    h["page_pools"] = len(in_rx(page_pools))
    h["pinned_pages"] = pinned_pages()
    with open("/proc/vmallocinfo") as f:
        h["mapped_regions"] = sum("io_region" in line or "io_create_region" in line for line in f)
    h["sockets"] = in_rx(sockets)
    return h


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
        f"used {row['Used'] // 1024} MiB, unreclaimable {row['SUnreclaim'] // 1024} MiB", flush=True)


said = started


def sampler(done):
    global said
    while not done.wait(interval):
        try:
            row = sample(False)
        except (Failed, OSError, ValueError, subprocess.TimeoutExpired) as e:
            fail(f"a sample: {e!r}")
            return
        if time.monotonic() - said >= 60:
            said = time.monotonic()
            progress(row)


# --- all of it -----------------------------------------------------------------

def worker(name, what):
    for nr in itertools.count():
        if over():
            return
        try:
            what(rng_for(f"{name} {epoch} {nr}"))
        except Failed as e:
            fail(f"{name} {epoch} {nr}: {e}")
        except Exception as e:  # pylint: disable=broad-except
            traceback.print_exc()
            fail(f"{name} {epoch} {nr}: {e!r}")


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


slabs = []


def slabinfo():
    """KiB by cache"""
    out = {}
    with open("/proc/slabinfo") as f:
        for line in itertools.islice(f, 2, None):
            words = line.split()
            out[words[0]] = int(words[14]) * int(words[5]) * 4
    return out


def run_epoch(seconds, jobs):
    global pause, epoch
    epoch += 1
    pause = time.monotonic() + seconds
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


epoch = 0


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
