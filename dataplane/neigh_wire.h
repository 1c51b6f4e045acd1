// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery packets: read from bytes, written to bytes. RFC 826, 4861 sections 4.3,
// 4.4, 7.1, 5227. Pure: any thread.
#pragma once

#include "inet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEIGH_FRAME_MAX 90 // Ethernet, IPv6, advertisement with its option

enum neigh_kind {
	NEIGH_REQUEST, // ARP request, neighbour solicitation
	NEIGH_REPLY, // ARP reply, neighbour advertisement
};

// What both protocols say.
struct neigh_packet {
	enum neigh_kind kind;
	struct inet_addr target; // the address that is asked for, or that a reply is about
	struct inet_addr sender; // of a request; unspecified: an address probe (DAD, RFC 5227)
	bool has_mac;
	uint8_t mac[6]; // of the sender (request) or of the target (reply)
	bool solicited, override; // of a reply; an ARP reply counts as both
	bool unicast; // came to one address: a probe for reachability
	uint8_t ether_src[6];
};

// An Ethernet frame. 0, or -EINVAL: it is not a valid packet of this kind, to be ignored.
int neigh_read_arp(const uint8_t *frame, size_t len, struct neigh_packet *out);
int neigh_read_nd(const uint8_t *frame, size_t len, struct neigh_packet *out);

// Ethernet frames of at most NEIGH_FRAME_MAX bytes; their length. dst_mac NULL: the broadcast or the
// solicited-node multicast address. `src` unspecified: an address probe.
size_t neigh_write_request(uint8_t *frame, const uint8_t mac[6], const struct inet_addr *src,
	const struct inet_addr *target, const uint8_t *dst_mac);
// To `dst` at dst_mac; NULL both: to all, unsolicited (gratuitous ARP, all-nodes advertisement).
size_t neigh_write_reply(uint8_t *frame, const uint8_t mac[6], const struct inet_addr *target,
	const struct inet_addr *dst, const uint8_t *dst_mac);
