#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What cpn-lan offers: echo (TCP and UDP, port 7), HTTP (port 80), and an IPv6 multicast group.

HTTP: "/" is a line of text, "/bytes/N" is N bytes, whatever a client sends as a body is counted.
Multicast: a datagram to the group on port 7 is echoed to its sender; "send" is the other end:

	lan_server.py serve PIDFILE INTERFACE
	lan_server.py send INTERFACE TEXT [COUNT [SECONDS BETWEEN]]
"""
import http.server
import os
import socket
import struct
import sys
import threading
import time

GROUP = "ff0e::db8:7"
ECHO_PORT = 7


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/bytes/") and self.path[7:].isdigit():
            self.reply(b"\0" * min(int(self.path[7:]), 1 << 28))
        elif self.path == "/":
            self.reply(b"hello %s, this is cpn-lan\n" % self.client_address[0].encode())
        else:
            self.send_error(404)

    def do_POST(self):
        left = int(self.headers.get("Content-Length", 0))
        total = 0
        while left > 0:
            data = self.rfile.read(min(left, 65536))
            if not data:
                break
            total += len(data)
            left -= len(data)
        self.reply(b"%d\n" % total)

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def dual_stack(kind):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", ECHO_PORT))
    return sock


def echo_stream(conn):
    with conn:
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except OSError:
            pass


def echo_tcp(sock):
    while True:
        conn, _ = sock.accept()
        threading.Thread(target=echo_stream, args=(conn,), daemon=True).start()


def echo_udp(sock):
    while True:
        data, peer = sock.recvfrom(65536)
        try:
            sock.sendto(data, peer)
        except OSError:
            pass  # no route back to a client that has gone


def serve(pidfile, interface):
    tcp = dual_stack(socket.SOCK_STREAM)
    tcp.listen(64)
    udp = dual_stack(socket.SOCK_DGRAM)
    membership = socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack(
        "@I", socket.if_nametoindex(interface))
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    web = Server(("::", 80), Page)
    threading.Thread(target=echo_tcp, args=(tcp,), daemon=True).start()
    threading.Thread(target=echo_udp, args=(udp,), daemon=True).start()
    with open(pidfile, "w", encoding="ascii") as file:
        file.write("%d\n" % os.getpid())
    web.serve_forever()


def send(interface, text, count=1, seconds=0.1):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(interface))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 16)
    for number in range(count):
        sock.sendto(b"%s %d" % (text.encode(), number), (GROUP, ECHO_PORT))
        time.sleep(seconds)


def main(args):
    if len(args) == 3 and args[0] == "serve":
        serve(args[1], args[2])
    elif len(args) in (3, 4, 5) and args[0] == "send":
        send(args[1], args[2], int((args[3:4] or ["1"])[0]), float((args[4:5] or ["0.1"])[0]))
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)


main(sys.argv[1:])
