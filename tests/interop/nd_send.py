#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends hand-made ICMPv6 out of an interface, past the kernel's IPv6: what a hostile host on a link might.

	nd_send.py INTERFACE KIND KEY=VALUE...

KIND is ns, na, rs, ra or redirect. Keys: source, destination, target; hop (255), code (0), flags (the four
octets of an NA), options and cut in hexadecimal and octets (what follows the message; what is cut off
its end), sum=bad. With count=N and target=PREFIX:: it asks for N addresses of the prefix, gap seconds (0.05)
apart. A destination that is not given is the target's solicited-node group for an NS, all routers for
an RS, all nodes for the rest.
"""
import ipaddress
import socket
import struct
import sys
import time

ETH_P_IPV6 = 0x86dd
TYPES = {"rs": 133, "ra": 134, "ns": 135, "na": 136, "redirect": 137}


def packed(text):
    return ipaddress.IPv6Address(text).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def message(kind, arguments):
    """Everything behind type, code and checksum."""
    target = packed(arguments.get("target", "::"))
    if kind == "rs":
        return bytes(4)
    if kind == "ra":  # a router, and a prefix of its own
        prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 1800, 1800, 0) + packed("2001:db8:bad::")
        return struct.pack("!BBHII", 64, 0, 1800, 0, 0) + prefix
    if kind == "redirect":
        return bytes(4) + target + packed(arguments["instead"])
    return struct.pack("!I", int(arguments.get("flags", "0"), 16)) + target


def packet(kind, arguments):
    groups = {"ns": "ff02::1:ff00:0", "rs": "ff02::2"}
    source = packed(arguments["source"])
    destination = packed(arguments.get("destination", groups.get(kind, "ff02::1")))
    if kind == "ns" and "destination" not in arguments:
        destination = destination[:13] + packed(arguments["target"])[13:]
    body = struct.pack("!BBH", TYPES[kind], int(arguments.get("code", 0)), 0)
    body += message(kind, arguments) + bytes.fromhex(arguments.get("options", ""))
    body = body[:len(body) - int(arguments.get("cut", 0))]
    total = checksum(source + destination + struct.pack("!II", len(body), 58) + body)
    if arguments.get("sum") == "bad":
        total ^= 0x1234
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return (struct.pack("!IHBB", 6 << 28, len(body), 58, int(arguments.get("hop", 255))) +
            source + destination + body)


def main(interface, kind, *pairs):
    arguments = dict(pair.split("=", 1) for pair in pairs)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    for number in range(int(arguments.get("count", 1))):
        one = dict(arguments)
        if "count" in arguments:
            one["target"] = arguments["target"] + "%x" % (0x1000 + number)
            time.sleep(float(arguments.get("gap", 0.05)))
        sock.sendto(packet(kind, one), (interface, ETH_P_IPV6))


main(*sys.argv[1:])
