#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice tap: what a stock sender sent comes out, but for what a stage drops,
# however slowly it is read; a signal ends it in order.  And the example that
# counts words agrees with wc.
. "$(dirname "$0")/../lib.sh"
data 8000100
tests/vm/enter python3 - "$dir/text" <<-'PY'
	import random, sys
	r = random.Random(3)
	spaces = " " * 8 + "\n\t\v\f\r"
	letters = "abcdefghijklmnopqrstuvwxyz,.-\xe4"
	with open(sys.argv[1], "w", encoding="latin-1", newline="") as out:
	    # words of up to some pages, so that records and pieces end in them
	    for _ in range(300000):
	        n = r.choice((1, 3, 5, 9)) if r.random() < .9999 else r.randrange(20000)
	        out.write("".join(r.choices(letters, k=n)) + r.choice(spaces) * r.choice((1, 1, 2)))
PY
vm -- tests/guest/tap.sh

tests/vm/enter python3 - "$dir" <<-'PY'
	import sys
	def read(name):
	    return open(sys.argv[1] + "/" + name, "rb").read()
	sent = read("sent")
	recs = [sent[i:i + 4096] for i in range(0, len(sent), 4096)]
	if read("filtered") != b"".join(r for r in recs if r[:4] != b"DROP"):
	    sys.exit("not ok - what the stage left is not what came out")
	for name in "file", "slow", "nonblock":
	    if read(name) != sent:
	        sys.exit("not ok - %s: not what was sent" % name)
	got = read("stopped")
	if len(got) < 1000000 or got.strip(b"x"):
	    sys.exit("not ok - stopped: not what was sent")
	print("ok - the outputs")
PY
rm -f "$dir"/{sent,text,filtered,file,slow,nonblock,stopped}
