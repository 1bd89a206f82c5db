#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""export.py EXPORT FOLDER: images for `sluice export`, and what it makes of them.

The writer here follows Documentation/capture-format.md, not the loader's source.
"""
import json
import os
import random
import struct
import subprocess
import sys

EXPORT, FOLDER = sys.argv[1], sys.argv[2]
QUICK = bool(os.environ.get("QUICK"))
IMAGE, OUT = FOLDER + "/image", FOLDER + "/out.pcapng"
UUID = bytes(range(0x10, 0x20))
START = 1700000000123456789

table = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
    table.append(i)


def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 0xff]
    return crc ^ 0xffffffff


assert crc32c(b"123456789") == 0xe3069283


def superblock(block=512, **change):
    f = dict(magic=b"SLUICAP1", version=1, size=512, uuid=UUID, block_size=block,
             frame_size=max(2048, block), link_type=1, snaplen=1792, flags=0, window=64,
             start=START, end=0, blocks=10000, used=0, frames=0, bytes=0, orig=0,
             matched=0, passed=0, dropped=(0,) * 8, missed=0, ifname=b"eth0",
             filter=b"proto=udp")
    f.update(change)
    head = struct.pack("<8sII16s6I10Q", f["magic"], f["version"], f["size"], f["uuid"],
                       f["block_size"], f["frame_size"], f["link_type"],
                       f["snaplen"], f["flags"], f["window"], f["start"], f["end"],
                       f["blocks"], f["used"], f["frames"], f["bytes"], f["orig"],
                       f["matched"], f["passed"], f["dropped"][0])
    head += struct.pack("<8Q32s128s148x", *f["dropped"][1:], f["missed"], f["ifname"],
                        f["filter"])
    assert len(head) == 508
    return (head + struct.pack("<I", crc32c(head))).ljust(block, b"\0")


def slot(seq, data, block=512, **change):
    f = dict(magic=b"SLOT", flags=0, id=UUID[:8], seq=seq, time=START + seq % 2**32 * 1001,
             cap_len=len(data), orig_len=len(data) + 7,
             blocks=-(-(256 + len(data)) // block), data_off=256, queue=seq % 3)
    length = f["blocks"] * block
    f.update(change)
    head = struct.pack("<4sI8sQQIIIHH12x", f["magic"], f["flags"], f["id"], f["seq"],
                       f["time"], f["cap_len"], f["orig_len"], f["blocks"],
                       f["data_off"], f["queue"])
    head += struct.pack("<I", f.get("crc", crc32c(head)))
    return (head.ljust(256, b"\0") + data).ljust(length, b"\0")


def make_frames(n, seed=1):
    r = random.Random(seed)
    return [r.randbytes(r.choice([14, 60, 255, 256, 257, 1000, 1514, 1792]))
            for _ in range(n)]


def image(frames, block=512, complete=False, **change):
    slots = [slot(i, d, block) for i, d in enumerate(frames)]
    if complete:
        size = sum(map(len, frames))
        change = dict(flags=1, end=START + 10**9, used=1 + sum(map(len, slots)) // block,
                      frames=len(frames), bytes=size, orig=size + 7 * len(frames),
                      matched=len(frames) + 6, passed=100,
                      dropped=(1, 2, 3, 0, 0, 0, 0, 0), missed=9) | change
    return superblock(block, **change) + b"".join(slots)


def options(data):
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if not code:
            assert len(data) == 4
            break
        found[code] = data[4:4 + length]
        data = data[4 + -(-length // 4) * 4:]
    return found


def parse(data):
    """A strict reader of pcapng: [(time, bytes, orig_len, options)], IDB, ISB"""
    packets, idb, isb, first = [], None, None, True
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0 and 12 <= length <= len(data)
        assert struct.unpack_from("<I", data, length - 4)[0] == length
        body, data = data[8:length - 4], data[length:]
        assert first == (kind == 0x0a0d0d0a)
        first = False
        if kind == 0x0a0d0d0a:
            assert struct.unpack_from("<IHHq", body) == (0x1a2b3c4d, 1, 0, -1)
        elif kind == 1:
            assert idb is None
            idb = struct.unpack_from("<HHI", body), options(body[8:])
        elif kind == 6:
            number, hi, lo, cap, orig = struct.unpack_from("<IIIII", body)
            assert number == 0 and idb and isb is None
            end = 20 + -(-cap // 4) * 4
            packets.append((hi << 32 | lo, body[20:20 + cap], orig, options(body[end:])))
        else:
            assert kind == 5 and isb is None
            isb = options(body[12:])
    return packets, idb, isb


tests = 0


def ok(what):
    global tests
    tests += 1
    if not QUICK:
        print("ok -", what)


def run(*args, lba=0, out=OUT):
    if out == OUT and os.path.exists(OUT):
        os.unlink(OUT)
    cmd = [EXPORT, "--nvme", IMAGE, "--lba", str(lba), "--output", out, *args]
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    assert p.returncode in (0, 1, 2), f"{p.returncode}: {p.stderr}"
    assert "Sanitizer" not in p.stderr and "runtime error" not in p.stderr, p.stderr
    # one line that says what is wrong
    if p.returncode:
        assert p.stderr.startswith("sluice: "), p.stderr
    return p


def export(data, rc=0, says="", **kwargs):
    if data is not None:
        with open(IMAGE, "wb") as f:
            f.write(data)
    p = run(**kwargs)
    assert p.returncode == rc and says in p.stderr, (p.returncode, rc, says, p.stderr)
    return parse(open(OUT, "rb").read()) if os.path.exists(OUT) else None


def payloads(result):
    return [p[1] for p in result[0]]


def test_good():
    for block in (512, 4096):
        for lba in (0, 3):
            frames = make_frames(40)
            data = bytes(lba * block) + image(frames, block, complete=True)
            got, idb, isb = export(data, lba=lba)
            assert [p[1] for p in got] == frames
            assert [p[0] for p in got] == [START + i * 1001 for i in range(40)]
            assert all(p[2] == len(p[1]) + 7 for p in got)
            assert all(struct.unpack("<I", p[3][6])[0] == i % 3 for i, p in enumerate(got))
            assert idb[0] == (1, 0, 1792)
            assert idb[1] == {2: b"eth0", 9: b"\x09", 11: b"\0proto=udp"}
            counts = {k: struct.unpack("<Q", v)[0] for k, v in isb.items()}
            assert [counts[k] for k in (4, 5, 6, 7, 8)] == [146, 9, 46, 6, 40]
            ok(f"blocks of {block}, at {lba}")
    p = run("-j")
    j = json.loads(p.stdout) if p.returncode == 0 else None
    assert j is None or j["frames"] == 40
    got = export(image([], complete=True))
    assert not got[0] and got[2]
    ok("no frames")


def test_tools():
    frames = [bytes.fromhex("ffffffffffff0200000000010800") + d for d in make_frames(20)]
    frames = [f[:1700] for f in frames]
    export(image(frames, complete=True))
    p = subprocess.run(["capinfos", "-M", "-c", "-a", OUT], capture_output=True, text=True)
    assert not p.returncode and not p.stderr, p.stderr
    assert "packets:   20" in p.stdout, p.stdout
    p = subprocess.run(["tshark", "-r", OUT, "-T", "fields", "-e", "frame.time_epoch",
                        "-e", "frame.cap_len", "-e", "frame.interface_name"],
                       capture_output=True, text=True)
    lines = [line.split("\t") for line in p.stdout.splitlines()]
    assert not p.returncode and [int(x[1]) for x in lines] == [len(f) for f in frames]
    assert lines[1][0] == "1700000000.123457790" and lines[0][2] == "eth0", lines[:2]
    ok("capinfos and tshark")


def test_cut_off():
    frames = make_frames(30)
    assert payloads(export(image(frames), says="cut off")) == frames
    old = image(make_frames(60, seed=2), uuid=UUID)
    new = image(frames)
    # what an earlier capture has left behind it
    old_slots = b"".join(slot(i, d, id=b"earlier!") for i, d in enumerate(make_frames(60)))
    assert payloads(export(new + old_slots[:len(old)])) == frames
    ok("cut off, before what an earlier one left")
    # the same UUID, but from before: no number comes twice
    assert payloads(export(new + slot(3, b"x" * 60))) == frames
    ok("a number that was there")


def without(slots, missing):
    return [bytes(len(s)) if i in missing else s for i, s in enumerate(slots)]


def test_gaps():
    frames = make_frames(40)
    slots = without([slot(i, d) for i, d in enumerate(frames)], {5, 6, 20})
    left = [f for i, f in enumerate(frames) if i not in (5, 6, 20)]
    got = export(superblock() + b"".join(slots), says="3 frames between")
    assert payloads(got) == left
    assert struct.unpack("<Q", got[0][5][3][4])[0] == 2 and 4 not in got[0][6][3]
    ok("slots missing within the window")
    slots = [slot(i, d) for i, d in enumerate(frames)]
    slots.insert(10, bytes(65 * 512))
    for gap, nr in ((64, 40), (65, 10)):
        slots[10] = bytes(gap * 512)
        assert len(payloads(export(superblock() + b"".join(slots)))) == nr
        used = 1 + len(b"".join(slots)) // 512
        whole = superblock(flags=1, used=used, frames=40) + b"".join(slots)
        assert payloads(export(whole)) == frames
    ok("the window ends one that was cut off, not one that is complete")
    whole = superblock(flags=1, used=used, frames=41) + b"".join(slots)
    assert payloads(export(whole, rc=1, says="is damaged: 40 of 41")) == frames
    ok("damaged")
    # the capture ends where it says, whatever follows
    whole = image(frames[:10], complete=True) + slot(10, frames[10])
    assert payloads(export(whole)) == frames[:10]
    # two slots of four blocks each: the second ends with the capture, or behind it
    for blocks, nr in ((9, 2), (8, 1)):
        assert len(payloads(export(image([b"x" * 1514] * 2, blocks=blocks)))) == nr
    ok("nothing behind the end, nor across it")


def test_truncated():
    frames = make_frames(6)
    whole = image(frames, complete=True)
    part = image(frames)
    ends = [512]
    for i, d in enumerate(frames):
        ends.append(ends[-1] + len(slot(i, d)))
    step = 512 if QUICK else 128
    for at in sorted(set(range(512, len(whole), step)) | {e - 1 for e in ends[1:]} |
                     {e + 1 for e in ends[:-1]}):
        nr = sum(e <= at for e in ends) - 1
        got = export(whole[:at], rc=1, says=f"ends before the capture does: {nr} of 6")
        assert payloads(got) == frames[:nr]
        assert payloads(export(part[:at])) == frames[:nr]
    for at in (0, 1, 7, 8, 100, 511):
        export(whole[:at], rc=1, says="no capture at block 0")
    ok("truncated anywhere")


def test_hostile_slots():
    frames = make_frames(8)
    slots = [slot(i, d) for i, d in enumerate(frames)]
    cases = [dict(blocks=0), dict(blocks=5), dict(blocks=2**32 - 1), dict(blocks=2**23),
             dict(data_off=0), dict(data_off=63), dict(data_off=65535),
             dict(cap_len=2**32 - 1), dict(cap_len=2049), dict(cap_len=2**32 - 256),
             dict(data_off=2047, cap_len=2), dict(magic=b"SLOP"), dict(id=b"somebody"),
             dict(crc=0), dict(data_off=2048 - 64, cap_len=65, blocks=4)]
    for case in cases:
        bad = slots[:4] + [slot(4, frames[4], **case)] + slots[5:]
        got = payloads(export(superblock() + b"".join(bad)))
        assert got == frames[:4] + frames[5:], case
    ok(f"{len(cases)} headers that make no sense")
    # these are allowed
    for case in (dict(orig_len=0), dict(orig_len=2**32 - 1), dict(time=2**64 - 1),
                 dict(flags=2**32 - 1), dict(queue=65535)):
        got = export(superblock() + b"".join(slots[:4] + [slot(4, frames[4], **case)]))
        assert payloads(got) == frames[:5] and got[0][4][2] >= len(frames[4]), case
    got = export(superblock() + slot(2**64 - 1, frames[0]) + slots[0])
    assert payloads(got) == frames[:1], "no number comes behind the last there is"
    got = export(superblock() + slot(2**64 - 2, frames[0]) + slots[0])
    assert payloads(got) == frames[:1]
    ok("odd, but allowed")


def test_hostile_super():
    frames = make_frames(4)
    rest = b"".join(slot(i, d) for i, d in enumerate(frames))
    for change in (dict(block_size=0), dict(block_size=3), dict(block_size=2**31),
                   dict(block_size=256), dict(block_size=2**17), dict(blocks=0),
                   dict(blocks=2**63), dict(blocks=2**64 - 1), dict(used=10001),
                   dict(frame_size=2**32 - 1), dict(frame_size=65537),
                   dict(window=2**32 - 1)):
        export(superblock(**change) + rest, rc=1, says="makes no sense")
    for change in (dict(version=2), dict(size=511)):
        export(superblock(**change) + rest, rc=1, says="version")
    export(b"X" + superblock()[1:] + rest, rc=1, says="no capture")
    bad = bytearray(superblock() + rest)
    bad[300] ^= 1
    export(bytes(bad), rc=1, says="wrong checksum")
    ok("superblocks that make no sense")
    got = export(superblock(ifname=b"x" * 32, filter=b"y" * 128, frame_size=2048) + rest)
    assert got[1][1][2] == b"x" * 31 and got[1][1][11] == b"\0" + b"y" * 127
    got = export(superblock(ifname=b"a\x1b[2J\xff", filter=b"\n") + rest, says="a?[2J?")
    assert got[1][1][2] == b"a?[2J?" and got[1][1][11] == b"\0?"
    assert payloads(export(superblock(frame_size=0) + rest)) == []
    assert payloads(export(superblock(blocks=2**52) + rest)) == frames
    ok("strings without an end, no frame size, no end")


def test_errors():
    export(image([]), lba=7, rc=1, says="no capture at block 7")
    export(image([]), lba=2**63, rc=1, says="no capture at block")
    export(image([]), lba=2**54, rc=1, says="no capture at block")
    p = subprocess.run([EXPORT, "--nvme", FOLDER + "/nothing"], capture_output=True, text=True)
    assert p.returncode == 1 and "No such file" in p.stderr
    for path, says in ((FOLDER, "neither a file"), ("/dev/null", "generic node")):
        p = subprocess.run([EXPORT, "--nvme", path], capture_output=True, text=True)
        assert p.returncode == 1 and says in p.stderr, p.stderr
    frames = make_frames(2000 if not QUICK else 10)
    with open(IMAGE, "wb") as f:
        f.write(image(frames, complete=True))
    for out in ("/dev/full", "/nowhere/x"):
        p = run(out=out)
        assert p.returncode == 1 and out in p.stderr, p.stderr
    p = run("-j", out="-")
    assert p.returncode == 2 and "--output FILE" in p.stderr
    for args in ([], ["--nvme"], ["--lba", "x", "--nvme", IMAGE], ["--nvme", IMAGE, "more"]):
        p = subprocess.run([EXPORT, *args], capture_output=True, text=True)
        assert p.returncode == 2, args
    p = subprocess.run([EXPORT, "--nvme", IMAGE], capture_output=True)
    assert p.returncode == 0 and payloads(parse(p.stdout)) == frames
    ok("errors")


def fix(data, at, size):
    data[at + size - 4:at + size] = struct.pack("<I", crc32c(data[at:at + size - 4]))


def test_fuzz():
    rounds = 400 if not QUICK else 0
    r = random.Random(42)
    frames = make_frames(12)
    good = [image(frames), image(frames, complete=True)]
    starts = [512]
    for i, d in enumerate(frames):
        starts.append(starts[-1] + len(slot(i, d)))
    for i in range(rounds):
        data = bytearray(r.choice(good))
        at, size = (0, 512) if r.random() < 0.5 else (r.choice(starts[:-1]), 64)
        for _ in range(r.choice([1, 1, 2, 8])):
            pos = at + r.randrange(8 if r.random() < 0.9 else 0, size - 4)
            data[pos] = r.choice([0, 1, 0x7f, 0x80, 0xff, r.randrange(256)])
        if r.random() < 0.9:
            fix(data, at, size)
        with open(IMAGE, "wb") as f:
            f.write(data[:r.choice([len(data), r.randrange(len(data))])])
        run()
        if os.path.exists(OUT):
            parse(open(OUT, "rb").read())
    ok(f"{rounds} random changes, checksums put right")


test_good()
if not QUICK:
    test_tools()
test_cut_off()
test_gaps()
test_truncated()
test_hostile_slots()
test_hostile_super()
test_errors()
test_fuzz()
print(f"{tests} tests passed")
