#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Prints by how many kHz this CPU's time stamp counter counts, which is QEMU's, too, where
it emulates CPUs.  Linux on them finds out by itself, and on a busy host comes to an eighth
of it now and then; then its time runs that much too fast.  Nothing on other than x86-64."""
import ctypes
import mmap
import platform
import sys
import time

if platform.machine() != "x86_64":
    sys.exit()
# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3")
rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))


def both():
    """The counter, and the time in ns, of the attempt that nothing has come between"""
    best = None
    for _ in range(20):
        before = rdtsc()
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        after = rdtsc()
        if not best or after - before < best[0]:
            best = after - before, (before + after) / 2, now
    return best[1:]


ticks, ns = both()
time.sleep(0.05)
more_ticks, more_ns = both()
print(round((more_ticks - ticks) * 1e6 / (more_ns - ns)))
