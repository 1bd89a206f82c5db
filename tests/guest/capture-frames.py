#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""capture-frames.py IF: send frames that a filter has to tell from each other.

The payload says what a frame is for proto=udp,port=53: MATCH or OTHER; and whether
it is from or to 2001:db8::1: HOST."""
import socket
import struct
import sys

s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
MAC = b"\x02\0\0\0\0\x01" b"\x02\0\0\0\0\x02"
PEER = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
ELSE = socket.inet_pton(socket.AF_INET6, "2001:db8::1:1")


def ip4(payload, proto=17, options=b"", frag=0):
    return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                       20 + len(options) + len(payload), 1, frag, 64, proto, 0,
                       b"\xc0\0\x02\x02", b"\xc0\0\x02\x63") + options + payload


def ip6(payload, proto=17, src=PEER, dst=ELSE):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + src + dst + payload


def udp(text, sport=1000, dport=53):
    return struct.pack("!HHHH", sport, dport, 8 + len(text), 0) + text


def send(ethertype, packet, tags=(), size=60):
    frame = MAC
    for tag in tags:
        frame += struct.pack("!HH", tag, 5)
    frame += struct.pack("!H", ethertype) + packet
    # padding is no part of the packet
    s.send(frame.ljust(size, b"\0"))


def ext(nxt, size, first=0):
    """An extension header of @size bytes"""
    return bytes([nxt, size // 8 - 1]) + struct.pack("!H", first) + bytes(size - 4)


V4, V6 = 0x800, 0x86dd
send(V4, ip4(udp(b"MATCH 4")))
send(V4, ip4(udp(b"MATCH source", 53, 1000)))
send(V4, ip4(udp(b"MATCH options"), options=b"\x01" * 40))
send(V4, ip4(udp(b"MATCH vlan")), (0x8100,))
send(V4, ip4(udp(b"MATCH two vlans")), (0x88a8, 0x8100))
send(V4, ip4(udp(b"MATCH first fragment"), frag=0x2000))
send(V6, ip6(udp(b"MATCH HOST 6")))
send(V6, ip6(udp(b"MATCH HOST to"), src=ELSE, dst=PEER))
send(V6, ip6(ext(60, 8) + ext(17, 24) + udp(b"MATCH HOST extensions"), proto=0))
send(V6, ip6(ext(17, 8, 1) + udp(b"MATCH first fragment"), proto=44, src=ELSE))
send(V4, ip4(udp(b"OTHER port", 54, 540)))
send(V4, ip4(udp(b"OTHER fragment, 53 by chance"), frag=0x2001))
send(V4, ip4(udp(b"OTHER tcp" + bytes(20)), proto=6))
send(V4, ip4(b"\0\x35", proto=17), size=0)
send(V4, ip4(udp(b"OTHER three vlans")), (0x8100, 0x8100, 0x8100))
send(V6, ip6(ext(17, 8, 8) + udp(b"OTHER HOST fragment"), proto=44))
send(V6, ip6(udp(b"OTHER HOST icmp"), proto=58))
send(0x806, b"\0\x01\x08\0\x06\x04\0\x01" + MAC + b"OTHER arp")
send(0x88b5, udp(b"OTHER ethertype"))
