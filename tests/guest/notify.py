#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""notify.py SOCKET FILE: a service manager's end of sd_notify: one line of FILE for
each line of a datagram, with the process that sent it and when"""
import os
import socket
import struct
import sys
import time

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        data, ancillary, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
        pid = struct.unpack("3i", ancillary[0][2])[0]
        for line in data.decode().splitlines():
            out.write(f"{pid} {time.monotonic():.3f} {line}\n")
