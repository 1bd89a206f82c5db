# SPDX-License-Identifier: GPL-2.0
"""What is held in the machine: page pools, memory, sockets, BPF objects, slabs."""
import ctypes
import errno
import itertools
import os
import socket
import struct

from common import Failed, in_rx

libc = ctypes.CDLL(None, use_errno=True)
slabs = []		# what slabinfo() was at each rest


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


def release_freed():
    """KASAN keeps what has been freed for a while: 64 MiB of it, now more, now less"""
    for name in os.listdir("/sys/kernel/slab"):
        with open(f"/sys/kernel/slab/{name}/shrink", "w") as f:
            f.write("1")


def meminfo():
    with open("/proc/meminfo") as f:
        return {line.split(":")[0]: int(line.split()[1]) for line in f}


def used_by_kernel(mem):
    """What is neither free, nor a process's, nor could be dropped"""
    return mem["MemTotal"] - sum(mem[k] for k in (
        "MemFree", "Buffers", "Cached", "AnonPages", "SReclaimable"))


def pinned_pages():
    # what each CPU has not added yet; without, as many can seem to be missing
    with open("/proc/sys/vm/stat_refresh") as f:
        f.read()
    with open("/proc/vmstat") as f:
        v = dict(line.split() for line in f)
    return int(v["nr_foll_pin_acquired"]) - int(v["nr_foll_pin_released"])


def sockets():
    """Of TCP, but for those that only wait until their port is free (TIME_WAIT)"""
    with open("/proc/thread-self/net/tcp") as f:
        return sum(line.split()[3] not in ("st", "06") for line in f)


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


def slabinfo():
    """KiB by cache"""
    out = {}
    with open("/proc/slabinfo") as f:
        for line in itertools.islice(f, 2, None):
            words = line.split()
            out[words[0]] = int(words[14]) * int(words[5]) * 4
    return out
