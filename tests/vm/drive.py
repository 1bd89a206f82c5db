#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
drive.py SOCKET IMAGE --seed N [--go FILE] [--commands K] [--lie]

A drive with a volatile write cache, as an NBD server for one client, whose power is
cut.  IMAGE is its medium: a write gets there by a flush or with FUA; the others are
acknowledged, and stay in the cache.

Once FILE is there, K more commands are answered, and then none: of each sector of the
cache the medium gets any of the versions that were written, or none, as the seed says.
Then the drive ends; its exit code is 0.  With --lie the drive acknowledges flushes and
FUA as well and does nothing, and all of the cache is lost: for a test of the test.
"""
import argparse
import os
import random
import socket
import struct
import sys

SECTOR = 512
OPTION, REPLY = 0x49484156454F5054, 0x3E889045565A9
REQUEST, ANSWER = 0x25609513, 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
READ, WRITE, DISCONNECT, FLUSH = range(4)
FUA = 1
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
EINVAL = 22


class Drive:
    def __init__(self, image, seed, lie):
        self.medium = open(image, "r+b")
        self.size = os.path.getsize(image)
        self.cache = {}         # sector: what has been written to it since
        self.random = random.Random(seed)
        self.lie = lie
        self.flushes = self.fuas = self.writes = 0

    def store(self, sector, data):
        self.medium.seek(sector * SECTOR)
        self.medium.write(data)

    def read(self, offset, length):
        self.medium.seek(offset)
        data = bytearray(self.medium.read(length))
        first = offset // SECTOR
        for i in range(length // SECTOR):
            versions = self.cache.get(first + i)
            if versions:
                data[i * SECTOR:(i + 1) * SECTOR] = versions[-1]
        return bytes(data)

    def write(self, offset, data, fua):
        first = offset // SECTOR
        self.writes += 1
        self.fuas += fua
        for i in range(len(data) // SECTOR):
            part = data[i * SECTOR:(i + 1) * SECTOR]
            if fua and not self.lie:
                self.cache.pop(first + i, None)
                self.store(first + i, part)
            else:
                self.cache.setdefault(first + i, []).append(part)

    def flush(self):
        self.flushes += 1
        if self.lie:
            return
        for sector, versions in self.cache.items():
            self.store(sector, versions[-1])
        self.cache.clear()

    def cut(self):
        kept = 0
        for sector in sorted(self.cache):
            if self.lie:
                continue
            versions = self.cache[sector]
            n = self.random.randrange(len(versions) + 1)
            if n:
                self.store(sector, versions[n - 1])
                kept += 1
        self.medium.close()
        print("cut after %d writes, %d of them with FUA, and %d flushes; of %d sectors in the cache %d survive"
              % (self.writes, self.fuas, self.flushes, len(self.cache), kept))


def get(sock, n):
    data = bytearray()
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def reply(sock, option, kind, data=b""):
    sock.sendall(struct.pack(">QIII", REPLY, option, kind, len(data)) + data)


def shake_hands(sock, size):
    flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
    sock.sendall(struct.pack(">8sQH", b"NBDMAGIC", OPTION, 3))
    get(sock, 4)
    while True:
        magic, option, length = struct.unpack(">QII", get(sock, 16))
        get(sock, length)
        if magic != OPTION or option == OPT_ABORT:
            sys.exit("drive: no client")
        if option == OPT_EXPORT_NAME:
            sock.sendall(struct.pack(">QH", size, flags))
            return
        if option not in (OPT_INFO, OPT_GO):
            reply(sock, option, REP_UNSUPPORTED)
            continue
        reply(sock, option, REP_INFO, struct.pack(">HQH", 0, size, flags))
        reply(sock, option, REP_INFO, struct.pack(">HIII", 3, SECTOR, 4096, 1 << 25))
        reply(sock, option, REP_ACK)
        if option == OPT_GO:
            return


def serve(sock, drive, go, commands):
    going = False
    while True:
        magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", get(sock, 28))
        if magic != REQUEST:
            sys.exit("drive: no request")
        data = get(sock, length) if kind == WRITE else b""
        going = going or (go and os.path.exists(go))
        if going:
            commands -= 1
        if commands < 0:
            return
        error, answer = 0, b""
        if kind == DISCONNECT:
            sys.exit("drive: the machine has ended before its power was cut")
        if kind == FLUSH:
            drive.flush()
        elif kind not in (READ, WRITE) or offset % SECTOR or length % SECTOR or \
                offset + length > drive.size:
            error = EINVAL
        elif kind == READ:
            answer = drive.read(offset, length)
        else:
            drive.write(offset, data, bool(flags & FUA))
        sock.sendall(struct.pack(">IIQ", ANSWER, error, cookie) + answer)


p = argparse.ArgumentParser()
p.add_argument("socket")
p.add_argument("image")
p.add_argument("--seed", type=int, required=True)
p.add_argument("--go")
p.add_argument("--commands", type=int, default=0)
p.add_argument("--lie", action="store_true")
args = p.parse_args()

listener = socket.socket(socket.AF_UNIX)
listener.bind(args.socket)
listener.listen(1)
sock, _ = listener.accept()
drive = Drive(args.image, args.seed, args.lie)
shake_hands(sock, drive.size)
try:
    serve(sock, drive, args.go, args.commands)
except EOFError:
    sys.exit("drive: the machine has ended before its power was cut")
drive.cut()
