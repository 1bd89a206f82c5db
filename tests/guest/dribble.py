#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""dribble.py ADDRESS PORT FILE: send it in writes of 1 to 5000 bytes."""
import random
import socket
import sys

data = open(sys.argv[3], "rb").read()
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
rand, pos = random.Random(5), 0
while pos < len(data):
    n = rand.randint(1, 5000)
    sock.sendall(data[pos:pos + n])
    pos += n
sock.close()
