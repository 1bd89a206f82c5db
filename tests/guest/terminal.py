#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""terminal.py COMMAND...: run it in a terminal of 24 and then of 10 rows, end it by
Ctrl-C; what it draws has to fit, and the terminal has to be left as it was"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios


def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


pid, fd = pty.fork()
if not pid:
    size(0, 24, 80)
    os.execv(sys.argv[1], sys.argv[1:])
out = b""


def read_until(what, times):
    """until it has been written so many times from here on"""
    global out
    start = len(out)
    while out.count(what, start) < times:
        if not select.select([fd], [], [], 120)[0]:
            sys.exit(f"{times} of {what} did not come: {out[start:]!r}")
        out += os.read(fd, 65536)


read_until(b"\x1b[J", 2)
big = out.split(b"\x1b[H")[2].split(b"\x1b[J")[0]
size(fd, 10, 60)
start = len(out)
read_until(b"\x1b[J", 2)
small = out[start:].split(b"\x1b[H")[-1].split(b"\x1b[J")[0]
for text, rows, columns in (big, 24, 80), (small, 10, 60):
    lines = text.decode().replace("\x1b[K", "").split("\r\n")
    if len(lines) > rows or max(map(len, lines)) > columns:
        sys.exit(f"does not fit {rows} rows of {columns}: {lines}")
if b"received" not in big or b"written" not in big:
    sys.exit(f"not the table: {big!r}")
os.write(fd, b"\x03")
try:
    while True:
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        out += chunk
except OSError:
    pass
_, status = os.waitpid(pid, 0)
if status:
    sys.exit(f"Ctrl-C: status {status}")
# the terminal echoes Ctrl-C once it has sent the signal: before or after what the program writes
out = out.replace(b"^C", b"")
if not out.startswith(b"\x1b[?1049h\x1b[?25l") or not out.endswith(b"\x1b[?25h\x1b[?1049l"):
    sys.exit(f"the terminal is not as it was: {out[:40]!r} {out[-40:]!r}")
