#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""client.py HOW ADDRESS PORT [FILE [FIFO]]: a client of a server that sends.

whole   reads everything
slow    reads a little at a time, and after the first bytes waits for a word in
        FIFO: the server is not to wait for it meanwhile
half    closes its own end first, then reads everything
reset   reads a little, then resets the connection
stuck   reads a little, then nothing more until it is killed; its connection has
        been reset if a last read says so
What was received is written to FILE.  Exit code 0: the stream ended in order.
"""
import socket
import struct
import sys

how, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
sock = socket.socket()
# a small window: what is not read is not with us
if how != "half":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
sock.connect((address, port))
if how == "half":
    sock.shutdown(socket.SHUT_WR)
first = sock.recv(10000, socket.MSG_WAITALL)
print("connected", flush=True)

if how == "reset":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    sys.exit(0)
if how in ("slow", "stuck"):
    open(sys.argv[5]).read()
with open(sys.argv[4], "wb") as out:
    out.write(first)
    try:
        while data := sock.recv(3000 if how == "slow" else 1 << 20):
            out.write(data)
    except ConnectionResetError:
        sys.exit(1)
sock.close()
