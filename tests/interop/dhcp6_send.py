#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Says something in DHCPv6 on a link, well-formed or not, and prints what is answered.

	dhcp6_send.py INTERFACE SOURCE DESTINATION MESSAGE...

MESSAGE is hexadecimal; "xxxxxx" in it is the transaction. For each one a line: "TYPE OPTIONS" of the answer
with the codes of its options, those inside of an IA_PD in brackets, or "-" when there is none for 0.7 s.
"""
import os
import select
import socket
import sys

IA_PD, IA_PREFIX, STATUS = 25, 26, 13


def options(data):
    out = []
    while len(data) >= 4:
        code, size = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        value = data[4:4 + size]
        if code == IA_PD:
            out.append("%d[%s]" % (code, " ".join(options(value[12:]))))
        elif code == IA_PREFIX:
            out.append("%d:%s/%d" % (code, socket.inet_ntop(socket.AF_INET6, value[9:25]), value[8]))
        elif code == STATUS:
            out.append("%d:%d" % (code, int.from_bytes(value[:2], "big")))
        else:
            out.append(str(code))
        data = data[4 + size:]
    return out


def main(interface, source, destination, *messages):
    scope = socket.if_nametoindex(interface)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
    sock.bind((source, 546, 0, scope))
    for message in messages:
        transaction = os.urandom(3)
        sock.sendto(bytes.fromhex(message.replace("xxxxxx", transaction.hex())), (destination, 547, 0, scope))
        answer = "-"
        while select.select([sock], [], [], 0.7)[0]:
            data = sock.recv(2000)
            if data[1:4] == transaction:
                answer = " ".join([str(data[0])] + options(data[4:]))
                break
        print(answer, flush=True)


main(*sys.argv[1:])
