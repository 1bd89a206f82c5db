# SPDX-License-Identifier: GPL-2.0
"""The arguments of main.py, and what all share."""
import collections
import json
import os
import random
import subprocess
import sys
import threading
import time
import types

SLUICE = "/sluice/build/vm/sluice"
COUNT = "/sluice/build/vm/examples/stage-count.bpf.o"
RX, TX = "/run/netns/rx", "/run/netns/tx"
ADDRESS = "192.0.2.1"
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
stop = threading.Event()	# the time is over, or something failed
failures = []
lock = threading.Lock()
starting = threading.Lock()	# the link stays up
faults = collections.Counter()
rounds = collections.Counter()
totals = collections.defaultdict(collections.Counter)
accounted = set()		# processes that are in totals

# what is set anew
current = types.SimpleNamespace(
    epoch=0,
    pause=started,		# when the threads are to pause
    said=started)		# when progress was printed


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
    if not out:
        raise Failed(f"{what.__name__} failed, as said above")
    return out[0]


def over():
    return stop.is_set() or time.monotonic() >= min(current.pause, deadline)


def round_done(name, disturbed, compared):
    with lock:
        rounds[name] += 1
        rounds["disturbed"] += disturbed
        totals[name]["compared_bytes"] += compared
