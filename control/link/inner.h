// SPDX-License-Identifier: BSD-3-Clause
// Inner IPv6 packets as control sees them on a link: taken apart, and put together. RFC 8200. Pure.
#pragma once

#include "inet.h"

#include <stddef.h>
#include <stdint.h>

#define INNER_IP6_HEADER 40
#define INNER_ICMP6 58
#define INNER_UDP 17

struct inner_packet {
	struct inet_addr src, dst;
	uint8_t hop_limit;
	uint8_t proto; // behind a hop-by-hop header, if there is one
	bool router_alert; // in that header
	const uint8_t *payload; // lends
	size_t payload_len;
	uint16_t src_port, dst_port; // INNER_UDP: then payload is behind the UDP header
};

// Lengths and, for ICMPv6 and UDP, the checksum are right when it says 0. -EBADMSG.
int inner_parse(const uint8_t *data, size_t len, struct inner_packet *out);
// Whole packets with their checksum. The length, 0: does not fit. The payload may lie in `out` at its
// place already.
size_t inner_write_icmp6(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *dst, uint8_t hop_limit, const uint8_t *icmp, size_t len);
// ICMPv6 with hop limit 1 behind a hop-by-hop header with MLD's router alert; `icmp` lies elsewhere.
size_t inner_write_mld(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *dst, const uint8_t *icmp, size_t len);
size_t inner_write_udp(uint8_t *out, size_t max, const struct inet_addr *src, uint16_t src_port,
	const struct inet_addr *dst, uint16_t dst_port, const uint8_t *data, size_t len);
