# SPDX-License-Identifier: GPL-2.0
"""Data that goes through a pipeline, and the peers that send or receive it."""
import itertools
import socket
import struct
import threading

from common import ADDRESS, LIMIT, RECORD, TX, Failed, enter

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
