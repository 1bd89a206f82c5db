#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
expect.py SENT IMAGE SUMMARY [--drop PREFIX] [--redact WORD] [--lba N] [--may-copy] [--print]

Was what is in the disk image what should be?  SENT cut into records, without
those that begin with PREFIX and with stars for WORD, padded to whole blocks, byte for byte; and nothing
behind it.  SUMMARY is what the recorder says: its sums must agree with that.
This is a second implementation, which shares nothing with the first.
"""
import argparse
import json
import sys

p = argparse.ArgumentParser()
p.add_argument("sent")
p.add_argument("image")
p.add_argument("summary")
p.add_argument("--drop", default=None)
p.add_argument("--redact", default=None)
p.add_argument("--lba", type=int, default=0)
p.add_argument("--may-copy", action="store_true")
p.add_argument("--print", action="store_true")
a = p.parse_args()

s = json.load(open(a.summary))
size, block = s["record_size"], s["block_size"]
kept = dropped = records = dropped_records = redacted = 0
word = (a.redact or "").encode()
errors = []


def wrong(what):
    errors.append(what)


with open(a.sent, "rb") as sent, open(a.image, "rb") as image:
    image.seek(a.lba * block)
    while True:
        rec = sent.read(size)
        if not rec:
            break
        records += 1
        if a.drop and rec.startswith(a.drop.encode()):
            dropped += len(rec)
            dropped_records += 1
            continue
        if word:
            redacted += rec.count(word)
            rec = rec.replace(word, b"*" * len(word))
        if image.read(len(rec)) != rec and not errors:
            wrong(f"the image differs from what was sent at byte {kept} of what was kept")
        kept += len(rec)
    pad = -kept % block
    if image.read(pad).strip(b"\0"):
        wrong("the last block is not padded with zeroes")
    if image.read(block).strip(b"\0"):
        wrong("something was written behind the end")

for key, want in (("received_bytes", kept + dropped), ("written_bytes", kept),
                  ("dropped_bytes", dropped), ("failed_bytes", 0),
                  ("received_records", records),
                  ("dropped_records", dropped_records),
                  ("in_flight_bytes", 0), ("in_flight_records", 0),
                  ("nvme_errors", 0), ("stage_errors", 0),
                  ("padded_bytes", pad), ("blocks", (kept + pad) // block)):
    if s[key] != want:
        wrong(f"the summary says {key} {s[key]}, it should be {want}")
if s["received_bytes"] != s["dropped_bytes"] + s["written_bytes"] + \
        s["passed_bytes"] + s["failed_bytes"] + s["in_flight_bytes"] or not s["conserved"]:
    wrong("the summary does not add up")
# all but what is left of the last block
if not a.may_copy and s["copied_bytes"] > kept % block:
    wrong(f"{s['copied_bytes']} bytes were copied")
if a.may_copy and not s["copied_bytes"]:
    wrong("no byte was copied: this stream cannot go without")

if a.print:
    stars = f"""
  redacted  {redacted * len(word):12,} bytes, {redacted:,} times '{a.redact}', in place""" if word else ""
    print(f"""
  sent      {kept + dropped:12,} bytes by socat
  received  {s['received_bytes']:12,} bytes, {records:,} records of {size}
  dropped   {dropped:12,} bytes, {dropped_records:,} records, by the filter{stars}
  written   {kept:12,} bytes, {s['nvme_cmds']:,} NVMe commands
  copied    {s['copied_bytes']:12,} bytes
  time      {s['duration_ns'] / 1e9:12.2f} s (an emulated machine: no measure of speed)
  image     {'is byte for byte what should have been kept' if not errors else 'DIFFERS'}
""")
for e in errors:
    print(f"expect: {e}", file=sys.stderr)
sys.exit(1 if errors else 0)
