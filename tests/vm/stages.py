#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
stages.py make|check DIR: pipelines with stages, what is sent to them, and whether
the disk image has what it should.

make writes DIR/plan, a line each: name, first block, whether it fails, stages; and
what to send as DIR/sent.NAME.  check compares DIR/disk.img with what the stages'
second implementation, here, leaves of that, and the summaries DIR/NAME.json and the
maps DIR/NAME.maps with what it has counted.
"""
import json
import random
import struct
import sys

RECORD = 4096
SPACE = 4096		# blocks between two pipelines
rand = random.Random(11)

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data, crc=0):
    crc ^= 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


assert crc32c(b"123456789") == 0xe3069283


def noise(nr=100):
    return [rand.randbytes(RECORD) for _ in range(nr)]


def marked(nr=100):
    return [b"DROP" + r[4:] if i % 3 == 0 else r for i, r in enumerate(noise(nr))]


def needles(nr=100):
    out = []
    for r in noise(nr):
        r = bytearray(r)
        for _ in range(rand.randrange(4)):
            at = rand.randrange(RECORD - 5)
            r[at:at + 6] = b"secret"[:RECORD - at]
        out.append(bytes(r))
    out[7] = (b"sec" * 2 + b"secretsecret" + out[7])[:RECORD - 6] + b"secret"
    return out


def repeated():
    different = noise(40)
    return different + [rand.choice(different) for _ in range(60)]


def sealed():
    out = [r[:-4] + struct.pack("<I", crc32c(r[:-4])) for r in noise(40)]
    for i in (3, 17, 39):
        out[i] = out[i][:100] + bytes([out[i][100] ^ 1]) + out[i][101:]
    return out


def redact(r):
    return r.replace(b"secret", b"******")


def xor(r):
    key = b"key\x01"
    pad = bytes(key[i % 64 % 4] for i in range(RECORD))
    return (int.from_bytes(r, "big") ^ int.from_bytes(pad, "big")).to_bytes(RECORD, "big")


def first_ones(records):
    seen = set()
    return [r for r in records if not (r in seen or seen.add(r))]


def corrupt(records):
    return [r[:2000] + bytes([r[2000] ^ 255]) + r[2001:] if i % 5 == 4 else r
            for i, r in enumerate(records)]


def same(records):
    return list(records)


# Name, stages, what is sent, what is left of it; None: see below
PLAN = [
    ("filter", ["filter:keep-prefix=secret,offset=10,search=2000"], needles,
     lambda rs: [r for r in rs if 0 <= r.find(b"secret", 10) < 2010]),
    ("sample", ["sample:one-in=3"], noise, lambda rs: rs[::3]),
    ("redact", ["redact:pattern=secret"], needles, lambda rs: [redact(r) for r in rs]),
    ("xor", ["xor:key=0x6b657901"], noise, lambda rs: [xor(r) for r in rs]),
    ("dedup", ["dedup:last=1000,seed=0x123"], repeated, first_ones),
    ("verify", ["checksum:verify", "checksum"], sealed,
     lambda rs: [r for r in rs if crc32c(r[:-4]) == struct.unpack("<I", r[-4:])[0]]),
    ("meter", ["meter"], noise, same),
    ("ratelimit", ["ratelimit:rate=100K,burst=200K"], noise, None),
    ("corrupt", ["inject:at=rx,action=corrupt,one-in=5,offset=2000"], noise, corrupt),
    ("lose", ["inject:at=rx,one-in=4,count=10"], noise,
     lambda rs: [r for i, r in enumerate(rs) if i % 4 != 3 or i // 4 >= 10]),
    ("retry", ["inject:at=complete,one-in=2,count=5"], noise, same),
    ("delay", ["inject:at=submit,action=delay,one-in=1,count=3,delay-ms=50"], noise, same),
    ("fail", ["inject:at=submit,one-in=1,count=1"], noise, None),
    ("tee", ["tee:one-in=10,user-data=77"], noise, same),
    ("all", ["filter:drop-prefix=DROP", "sample:one-in=2", "redact:pattern=secret",
             "checksum", "xor:key=0x6b657901", "meter"],
     lambda: [b"DROP" + r[4:] if i % 3 == 0 else r for i, r in enumerate(needles())],
     lambda rs: [xor(redact(r)) for r in
                 [r for r in rs if not r.startswith(b"DROP")][::2]]),
]


def make(folder):
    with open(f"{folder}/plan", "w") as plan:
        for nr, (name, stages, source, _) in enumerate(PLAN):
            print(name, nr * SPACE, int(name == "fail"), *stages, file=plan)
            with open(f"{folder}/sent.{name}", "wb") as sent:
                sent.write(b"".join(source()))


def cut(data):
    return [data[i:i + RECORD] for i in range(0, len(data), RECORD)]


def map_value(folder, name, map_name):
    """The sum over the CPUs of each member of the first entry"""
    total = {}
    with open(f"{folder}/{name}.maps") as f:
        maps = json.load(f)
    entry = maps[map_name][0]["formatted"]
    values = entry["values"] if "values" in entry else [{"value": entry["value"]}]
    for v in values:
        for key, n in v["value"].items():
            old = total.get(key)
            total[key] = [a + b for a, b in zip(old or [0] * len(n), n)] \
                if isinstance(n, list) else (old or 0) + n
    return total


class Check:
    def __init__(self, folder):
        self.folder = folder
        self.image = open(f"{folder}/disk.img", "rb")
        self.failed = False

    def wrong(self, what):
        print(f"not ok - {self.name}: {what}", file=sys.stderr)
        self.failed = True

    def equal(self, what, have, want):
        if have != want:
            self.wrong(f"{what} is {have}, it should be {want}")

    def counters(self, records, left):
        """Each stage that sees records sees what the one before it has let through"""
        seen = records
        for stage in self.summary["stages"]:
            c = stage.get("counters")
            if not c:
                continue
            self.equal(f"what {stage['name']} has seen",
                       sum(v["records"] for v in c.values()), seen)
            self.equal(f"{stage['name']}'s bytes",
                       sum(v["bytes"] for v in c.values()), seen * RECORD)
            seen = c["next"]["records"]
        self.equal("what is behind the last stage", seen, left)

    def written(self, want, left):
        want = b"".join(want)
        s = self.summary
        self.equal("the exit code", s["exit_code"], 0)
        self.equal("written_bytes", s["written_bytes"], len(want))
        self.equal("failed_bytes", s["failed_bytes"], 0)
        self.equal("conserved", s["conserved"], True)
        self.image.seek(s["start_lba"] * s["block_size"])
        have = self.image.read(len(want))
        if have != want:
            at = next(i for i, (a, b) in enumerate(zip(have, want)) if a != b)
            self.wrong(f"the image differs at byte {at} of {left} records")
        if self.image.read(4096).strip(b"\0"):
            self.wrong("something was written behind the end")

    def ratelimit(self, sent):
        """Some of the records, in order; not fewer nor more than the bucket gives"""
        s = self.summary
        self.image.seek(s["start_lba"] * s["block_size"])
        rest = iter(sent)
        kept = cut(self.image.read(s["written_bytes"]))
        if not all(r in rest for r in kept):
            self.wrong("the image has what was not sent, or in another order")
        most = 50 + s["duration_ns"] / 1e9 * 102400 / RECORD + 1
        if not 50 <= len(kept) <= most:
            self.wrong(f"{len(kept)} records were let through, not 50 to {most}")
        self.written(kept, len(kept))

    def fail(self):
        s = self.summary
        self.equal("the exit code", s["exit_code"], 1)
        self.equal("conserved", s["conserved"], True)
        self.equal("the result", s["result"], "Input/output error")
        if not s["failed_bytes"]:
            self.wrong("nothing has failed")

    def maps(self, sent, left):
        if self.name == "verify":
            v = map_value(self.folder, self.name, "checksum2-map-checksum_streams")
            self.equal("crc of the stream", v["crc"], crc32c(b"".join(left)))
            self.equal("crc of the last record", v["last"], crc32c(left[-1]))
            self.equal("records of the stream", v["records"], len(left))
            v = map_value(self.folder, self.name, "checksum1-map-checksum_streams")
            self.equal("bad records", v["bad"], len(sent) - len(left))
        elif self.name == "meter":
            v = map_value(self.folder, self.name, "meter1-map-meter_sizes")["slots"]
            self.equal("records of 4096 bytes", v[12], len(sent))
            self.equal("of all sizes", sum(v), len(sent))
            v = map_value(self.folder, self.name, "meter1-map-meter_gaps")["slots"]
            self.equal("pauses", sum(v), len(sent) - 1)
            v = map_value(self.folder, self.name, "meter1-map-meter_latency")["slots"]
            if not 0 < sum(v) <= self.summary["nvme_cmds"] or sum(v[:10]):
                self.wrong(f"{sum(v)} latencies of {self.summary['nvme_cmds']} commands: {v}")
        elif self.name == "tee":
            v = map_value(self.folder, self.name, "tee1-map-tee_counts")
            self.equal("tee's counts", v, {"passed": 10, "no_memory": 0, "refused": 0})
            self.equal("passed_records", self.summary["passed_records"], 10)

    def run(self):
        for self.name, _, _, leave in PLAN:
            with open(f"{self.folder}/{self.name}.json") as f:
                self.summary = json.load(f)
            with open(f"{self.folder}/sent.{self.name}", "rb") as f:
                sent = cut(f.read())
            if leave:
                left = leave(sent)
                assert left and (leave == same or left != sent)
                self.counters(len(sent), len(left))
                self.written(left, len(left))
                self.maps(sent, left)
            elif self.name == "fail":
                self.fail()
            else:
                self.counters(len(sent), self.summary["written_bytes"] // RECORD)
                self.ratelimit(sent)
            if self.name == "delay" and self.summary["duration_ns"] < 50e6:
                self.wrong("no command has waited")
            print(f"{self.name}: {self.summary['received_bytes']} bytes, "
                  f"{self.summary['written_bytes']} written")
        return self.failed


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    sys.exit(Check(sys.argv[2]).run())
