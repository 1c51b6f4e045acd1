#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends one ESP packet (AES-GCM, tunnel mode) made with the keys of a gateway's key log: what a client
with a hostile kernel, or somebody on another outer address, might send.

	esp_forge.py KEYLOG SPI SEQUENCE OUTER-DESTINATION INNER-SOURCE INNER-DESTINATION [flip]

The inner packet is an ICMPv6 echo request; "flip" changes one bit of the ICV.
"""
import csv
import ctypes
import ctypes.util
import ipaddress
import socket
import struct
import sys


def key_of(path, spi):
    """Key and salt of the SA, from a line of Wireshark's esp_sa table."""
    with open(path, encoding="ascii") as file:
        for row in csv.reader(file):
            if len(row) >= 6 and row[3].startswith("0x") and int(row[3], 16) == spi:
                data = bytes.fromhex(row[5][2:])
                return data[:-4], data[-4:]
    sys.exit("no SA 0x%08x in %s" % (spi, path))


def gcm_seal(key, nonce, aad, text):
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_256_gcm"):
        getattr(crypto, name).restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(
        crypto.EVP_aes_128_gcm() if len(key) == 16 else crypto.EVP_aes_256_gcm())
    size = ctypes.c_int(0)
    out = ctypes.create_string_buffer(len(text) + 16)
    tag = ctypes.create_string_buffer(16)
    crypto.EVP_EncryptInit_ex(ctx, cipher, None, key, nonce)
    crypto.EVP_EncryptUpdate(ctx, None, ctypes.byref(size), aad, len(aad))
    crypto.EVP_EncryptUpdate(ctx, out, ctypes.byref(size), text, len(text))
    crypto.EVP_EncryptFinal_ex(ctx, None, ctypes.byref(size))
    crypto.EVP_CIPHER_CTX_ctrl(ctx, 0x10, 16, tag)  # EVP_CTRL_AEAD_GET_TAG
    crypto.EVP_CIPHER_CTX_free(ctx)
    return out.raw[:len(text)] + tag.raw


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def echo(source, destination):
    """An IPv6 packet with an ICMPv6 echo request; lengths are even."""
    body = struct.pack("!BBHHH", 128, 0, 0, 0x4242, 1) + b"forged by esp_forge.py  "
    ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(destination).packed
    total = checksum(ends + struct.pack("!II", len(body), 58) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), 58, 64) + ends + body


def main(keylog, spi, sequence, outer, source, destination, *flip):
    spi = int(spi, 16)
    sequence = int(sequence)
    key, salt = key_of(keylog, spi)
    inner = echo(source, destination)
    pad = -(len(inner) + 2) % 4
    text = inner + bytes(range(1, pad + 1)) + bytes((pad, 41))
    iv = struct.pack("!Q", sequence | 1 << 62)  # not one that the client has used
    # Extended sequence numbers: the upper half, zero here, is under the ICV.
    sealed = gcm_seal(key, salt + iv, struct.pack("!IQ", spi, sequence), text)
    if flip:
        sealed = sealed[:-1] + bytes((sealed[-1] ^ 1,))
    family = socket.AF_INET6 if ":" in outer else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_RAW, 50)
    sock.sendto(struct.pack("!II", spi, sequence) + iv + sealed, (outer, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
