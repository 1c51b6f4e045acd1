#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A peer that may say anything: IKEv2 as far as the configuration payload and child SAs, with whatever
attributes, selectors and LINK_ID a test wants. It checks what it can (AUTH, ICVs) and judges nothing.

	ike_peer.py LOCAL GATEWAY IDENTITY SECRET STEP...     begins; each STEP is an exchange
	ike_peer.py --gateway LOCAL SECRET ATTRIBUTES [TSI,...]   gw.example.org: answers whoever comes with these
	                                                      attributes, and says what it was asked

STEPs:
	auth:ATTRIBUTES   IKE_AUTH with a configuration request, TYPE=HEX[,TYPE=HEX]..., "-": without any
	child:WORDS       CREATE_CHILD_SA: link=HEX a LINK_ID, or the link's: link=own, link=flipped, link=longer;
	                  protocol=N spi=HEX for it; rekey: of the last child SA; local=PREFIX, remote=PREFIX
	                  (several): its selectors; TYPE=HEX: an attribute of a configuration request
	new               none: the next ones are of another IKE SA
	info              INFORMATIONAL that is empty, to see that the IKE SA stands
	delete            the IKE SA ends
Each answer is one line of JSON: notify, attributes (type: values), tsi, tsr, spi of the child SA.

One suite: AES-GCM with 128 bits, HMAC-SHA2-256, X25519; ESP the same without a group. RFC 7296, 8031.
"""
import hashlib
import hmac
import ipaddress
import json
import os
import socket
import struct
import sys

from esp_forge import gcm_seal

SA, KE, IDI, IDR, AUTH, NONCE, NOTIFY, DELETE, TSI, TSR, SK, CP = 33, 34, 35, 36, 39, 40, 41, 42, 44, 45, 46, 47
INIT, IKE_AUTH, CREATE_CHILD, INFORMATIONAL = 34, 35, 36, 37
LINK_ID, REKEY_SA = 16414, 16393
NAMES = {7: "INVALID_SYNTAX", 14: "NO_PROPOSAL_CHOSEN", 24: "AUTHENTICATION_FAILED", 34: "SINGLE_PAIR_REQUIRED",
         35: "NO_ADDITIONAL_SAS", 36: "INTERNAL_ADDRESS_FAILURE", 37: "FAILED_CP_REQUIRED",
         38: "TS_UNACCEPTABLE", 43: "TEMPORARY_FAILURE", 44: "CHILD_SA_NOT_FOUND", LINK_ID: "LINK_ID",
         16439: "IP4_ALLOWED", 16440: "IP6_ALLOWED"}
P25519 = 2**255 - 19


def x25519(scalar, point):
    """RFC 7748 section 5: the ladder."""
    k = int.from_bytes(scalar, "little") & ~(1 << 255) & ~7 | 1 << 254
    u = int.from_bytes(point, "little") & ~(1 << 255)
    x2, z2, x3, z3 = 1, 0, u, 1
    for i in reversed(range(255)):
        if k >> i & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x3, z3 = (da + cb)**2 % P25519, u * (da - cb)**2 % P25519
        x2, z2 = aa * bb % P25519, (aa - bb) * (aa + 121665 * (aa - bb)) % P25519
        if k >> i & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P25519) % P25519).to_bytes(32, "little")


def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key, seed, size):
    out = last = b""
    while len(out) < size:
        last = prf(key, last + seed + bytes((len(out) // 32 + 1,)))
        out += last
    return out[:size]


def chain(payloads):
    """(number of the first, bytes) of [(number, body)]."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, len(body) + 4) + body
    return payloads[0][0] if payloads else 0, out


def unchain(number, data):
    out = []
    while number:
        following, _, size = struct.unpack("!BBH", data[:4])
        out.append((number, data[4:size]))
        number, data = following, data[size:]
    return out


def proposal(protocol, spi, group):
    transforms = [struct.pack("!BBHHH", 1, 0, 20, 0x800e, 128)]
    if protocol == 1:
        transforms.append(struct.pack("!BBH", 2, 0, 5))
    if group:
        transforms.append(struct.pack("!BBH", 4, 0, 31))
    if protocol == 3:
        transforms.append(struct.pack("!BBH", 5, 0, 0))
    body = b""
    for i, t in enumerate(transforms):
        body += struct.pack("!BBH", 3 if i + 1 < len(transforms) else 0, 0, len(t) + 4) + t
    return struct.pack("!BBHBBBB", 0, 0, 8 + len(spi) + len(body), 1, protocol, len(spi), len(transforms)) + spi + body


def selectors(prefixes):
    body = b""
    for text in prefixes:
        net = ipaddress.ip_network(text)
        packed = net[0].packed + net[-1].packed
        body += struct.pack("!BBHHH", 7 if net.version == 4 else 8, 0, 8 + len(packed), 0, 65535) + packed
    return struct.pack("!B3x", len(prefixes)) + body


def read_selectors(body):
    out, data = [], body[4:]
    while data:
        size = struct.unpack("!H", data[2:4])[0]
        half = (size - 8) // 2
        nets = ipaddress.summarize_address_range(ipaddress.ip_address(data[8:8 + half]),
                                                 ipaddress.ip_address(data[8 + half:size]))
        out.append("+".join(str(net) for net in nets))
        data = data[size:]
    return out


def read_attributes(body):
    out, data = {}, body[4:]
    while data:
        number, size = struct.unpack("!HH", data[:4])
        out.setdefault(str(number & 0x7fff), []).append(data[4:4 + size].hex())
        data = data[4 + size:]
    return out


def attributes(text):
    """TYPE=HEX,TYPE=HEX... as TLVs; a TYPE with the reserved bit is the caller's to say."""
    out = b""
    for one in filter(None, text.split(",")):
        number, value = one.split("=")
        value = bytes.fromhex(value)
        out += struct.pack("!HH", int(number), len(value)) + value
    return out


def find(payloads, number):
    return next((body for n, body in payloads if n == number), None)


def describe(payloads):
    out = {"notify": [], "attributes": {}, "tsi": [], "tsr": [], "spi": None}
    for number, body in payloads:
        if number == NOTIFY:
            kind = struct.unpack("!H", body[2:4])[0]
            out["notify"].append(NAMES.get(kind, str(kind)))
        elif number == CP:
            out["attributes"] = read_attributes(body)
        elif number in (TSI, TSR):
            out["tsi" if number == TSI else "tsr"] = read_selectors(body)
        elif number == SA:
            out["spi"] = body[8:8 + body[6]].hex()
    return out


class Peer:
    """One IKE SA, seen from either end."""

    def __init__(self, local, responder):
        self.responder = responder
        self.sock = socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((local, 500 if responder else 0))
        self.private, self.nonce = os.urandom(32), os.urandom(32)
        self.spi = [os.urandom(8), bytes(8)]
        self.message, self.child_spi, self.rekeyed = 0, None, None

    def derive(self, peer_public, ni, nr):
        shared = x25519(self.private, peer_public)
        keys = prf_plus(prf(ni + nr, shared), ni + nr + b"".join(self.spi), 32 + 20 + 20 + 32 + 32)
        self.encrypt = [keys[32:52], keys[52:72]]
        self.authenticate = [keys[72:104], keys[104:136]]

    def header(self, first, exchange, message, size, response):
        flags = (0 if self.responder else 8) | (0x20 if response else 0)
        return b"".join(self.spi) + struct.pack("!BBBBII", first, 0x20, exchange, flags, message, size)

    def seal(self, exchange, message, payloads, response=False):
        first, text = chain(payloads)
        key = self.encrypt[self.responder]
        iv = os.urandom(8)
        size = 28 + 4 + 8 + len(text) + 1 + 16
        head = self.header(SK, exchange, message, size, response) + struct.pack("!BBH", first, 0, size - 28)
        return head + iv + gcm_seal(key[:16], key[16:] + iv, head, text + b"\0")

    def open(self, datagram):
        first, size = struct.unpack("!BxH", datagram[28:32])
        key = self.encrypt[not self.responder]
        nonce, head = key[16:] + datagram[32:40], datagram[:32]
        sealed = datagram[40:28 + size]
        # GCM is its own inverse, but for the ICV.
        text = gcm_seal(key[:16], nonce, head, sealed[:-16])[:-16]
        if gcm_seal(key[:16], nonce, head, text) != sealed:
            sys.exit("an answer with a wrong ICV")
        return unchain(first, text[:-1 - text[-1]])

    def auth(self, initiator, secret, message, nonce, id_body):
        signed = message + nonce + prf(self.authenticate[0 if initiator else 1], id_body)
        return struct.pack("!B3x", 2) + prf(prf(secret.encode(), b"Key Pad for IKEv2"), signed)


class Initiator(Peer):
    def __init__(self, local, gateway, identity, secret):
        super().__init__(local, False)
        self.sock.connect((gateway, 500))
        self.sock.settimeout(1)
        self.id_body = struct.pack("!B3x", 3) + identity.encode()
        self.secret = secret
        public = x25519(self.private, (9).to_bytes(32, "little"))
        first, body = chain([(SA, proposal(1, b"", True)), (KE, struct.pack("!HH", 31, 0) + public), (NONCE, self.nonce)])
        self.first = self.header(first, INIT, 0, 28 + len(body), False) + body
        answer = self.talk(self.first, INIT)
        self.spi[1] = answer[8:16]
        payloads = unchain(answer[16], answer[28:])
        if find(payloads, KE) is None:
            sys.exit("IKE_SA_INIT: %s" % describe(payloads))
        self.peer_nonce = find(payloads, NONCE)
        self.derive(find(payloads, KE)[4:], self.nonce, self.peer_nonce)

    def talk(self, datagram, exchange):
        """The answer to this message of ours; its requests are not answered."""
        for _ in range(5):
            self.sock.send(datagram)
            try:
                while True:
                    answer = self.sock.recv(65536)
                    if answer[18] == exchange and answer[19] & 0x20 and answer[20:24] == datagram[20:24]:
                        return answer
            except TimeoutError:
                pass
        sys.exit("no answer")

    def exchange(self, kind, payloads):
        self.message += 1
        answer = self.open(self.talk(self.seal(kind, self.message, payloads), kind))
        out = describe(answer)
        if out["spi"] and len(out["spi"]) == 8:
            self.child_spi = self.offered
        return out

    def esp(self):
        self.offered = os.urandom(4)
        return (SA, proposal(3, self.offered, False))

    def step_auth(self, asked):
        payloads = [(IDI, self.id_body), (AUTH, self.auth(True, self.secret, self.first, self.peer_nonce, self.id_body))]
        if asked != "-":
            payloads.append((CP, bytes((1, 0, 0, 0)) + attributes(asked)))
        everything = selectors(["::/0", "0.0.0.0/0"])
        out = self.exchange(IKE_AUTH, payloads + [self.esp(), (TSI, everything), (TSR, everything)])
        self.own = bytes.fromhex(out["attributes"].get("17", [""])[0])[8:]
        return out

    def link_id(self, text):
        if text == "own":
            return self.own
        if text == "longer":
            return self.own + b"\0"
        if text == "flipped":
            return self.own[:-1] + bytes((self.own[-1] ^ 1,))
        return bytes.fromhex(text)

    def step_child(self, words):
        sides = {"local": [], "remote": []}
        link, protocol, spi, what, asked = None, 0, b"", None, b""
        for word in filter(None, words.split(",")):
            name, _, value = word.partition("=")
            if name in sides:
                sides[name].append(value)
            elif name == "link":
                link = self.link_id(value)
            elif name == "protocol":
                protocol = int(value)
            elif name == "spi":
                spi = bytes.fromhex(value)
            elif name.isdigit():
                asked += attributes(word)
            else:
                what = name
        payloads = []
        if link is not None:
            payloads.append((NOTIFY, struct.pack("!BBH", protocol, len(spi), LINK_ID) + spi + link))
        if what == "rekey":
            payloads.append((NOTIFY, struct.pack("!BBH", 3, 4, REKEY_SA) + self.child_spi))
        if asked:
            payloads.append((CP, bytes((1, 0, 0, 0)) + asked))
        payloads += [self.esp(), (NONCE, os.urandom(32))]
        payloads += [(TSI, selectors(sides["local"] or ["::/0"])), (TSR, selectors(sides["remote"] or ["::/0"]))]
        return self.exchange(CREATE_CHILD, payloads)

    def step_info(self, _):
        return self.exchange(INFORMATIONAL, [])

    def step_delete(self, _):
        return self.exchange(INFORMATIONAL, [(DELETE, struct.pack("!BBH", 1, 0, 0))])


class Responder(Peer):
    """One client after the other; a new IKE_SA_INIT is a new one."""

    def __init__(self, local, secret, given, tsi):
        super().__init__(local, True)
        self.secret, self.given, self.tsi = secret, attributes(given), tsi
        self.id_body = struct.pack("!B3x", 2) + b"gw.example.org"

    def init(self, datagram):
        payloads = unchain(datagram[16], datagram[28:])
        self.private, self.nonce = os.urandom(32), os.urandom(32)
        self.spi = [datagram[:8], os.urandom(8)]
        self.peer_nonce = find(payloads, NONCE)
        self.derive(find(payloads, KE)[4:], self.peer_nonce, self.nonce)
        public = x25519(self.private, (9).to_bytes(32, "little"))
        first, body = chain([(SA, proposal(1, b"", True)), (KE, struct.pack("!HH", 31, 0) + public), (NONCE, self.nonce)])
        self.first = self.header(first, INIT, 0, 28 + len(body), True) + body
        return self.first

    def answer(self, datagram):
        kind, message = datagram[18], struct.unpack("!I", datagram[20:24])[0]
        if kind == INIT:
            return self.init(datagram)
        payloads = self.open(datagram)
        print(json.dumps({"exchange": kind, "payloads": [n for n, _ in payloads], **describe(payloads)}), flush=True)
        answer = []
        if kind == IKE_AUTH:
            answer = [(IDR, self.id_body), (AUTH, self.auth(False, self.secret, self.first, self.peer_nonce, self.id_body)),
                      (CP, bytes((2, 0, 0, 0)) + self.given), (SA, proposal(3, os.urandom(4), False)),
                      (TSI, selectors(self.tsi)), (TSR, selectors(["::/0"]))]
        return self.seal(kind, message, answer, True)


def respond(local, secret, given, tsi="::/0"):
    peer = Responder(local, secret, given, tsi.split(","))
    while True:
        datagram, source = peer.sock.recvfrom(65536)
        if len(datagram) > 28 and not datagram[19] & 0x20:
            peer.sock.sendto(peer.answer(datagram), source)


def initiate(local, gateway, identity, secret, *steps):
    peer = Initiator(local, gateway, identity, secret)
    for step in steps:
        if step == "new":
            peer = Initiator(local, gateway, identity, secret)
            continue
        name, _, rest = step.partition(":")
        print(json.dumps(getattr(peer, "step_" + name)(rest)), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--gateway":
        respond(*sys.argv[2:])
    else:
        initiate(*sys.argv[1:])
