#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""crowd.py ADDRESS PORT NR AT_ONCE: NR connections, never more than AT_ONCE at a time, that
send a few bytes or kilobytes and close, or are reset; some say nothing at all.  Prints a line
for each: its address as the other side sees it, its bytes, how it ended, and its number, of
which its data is made."""
import random
import selectors
import socket
import struct
import sys

address, port, total, at_once = sys.argv[1], *map(int, sys.argv[2:])
rand = random.Random(9)


class Guest:
    """One connection.  Its data is its number, again and again."""
    def __init__(self, nr):
        self.nr = nr
        self.size = 0 if nr % 25 == 0 else rand.randint(1, 6000)
        self.reset = nr % 20 == 1
        self.left = (b"%d " % nr * self.size)[:self.size]
        self.sock = socket.socket()
        self.sock.setblocking(False)
        # no two have the same, also where one was reset
        self.sock.bind(("", 10000 + nr))
        self.sock.connect_ex((address, port))
        if self.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def go_on(self):
        """It has ended"""
        try:
            if self.left:
                self.left = self.left[self.sock.send(self.left):]
        except BlockingIOError:
            pass
        return not self.left

    def close(self):
        print("%s:%u" % self.sock.getsockname(), self.size, "reset" if self.reset else "closed",
              self.nr)
        self.sock.close()


there = selectors.DefaultSelector()
for number in range(total):
    while len(there.get_map()) >= at_once:
        for key, _ in there.select():
            if key.data.go_on():
                there.unregister(key.fileobj)
                key.data.close()
    guest = Guest(number)
    there.register(guest.sock, selectors.EVENT_WRITE, guest)
while there.get_map():
    for key, _ in there.select():
        if key.data.go_on():
            there.unregister(key.fileobj)
            key.data.close()
