// SPDX-License-Identifier: BSD-3-Clause
// Explicit congestion notification through a tunnel's exit: RFC 6040 section 4.2, figure 4. Pure but
// for the packet. Worker threads.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ECN_NOT_ECT 0
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3
#define ECN_MASK 3

// The inner ECN field after decapsulation, -1: drop the packet. ECT(1) outside wins over ECT(0)
// inside, CE over everything that can carry it.
static inline int ecn_decapsulate(uint8_t inner, uint8_t outer)
{
	if (inner == ECN_NOT_ECT)
		return outer == ECN_CE ? -1 : ECN_NOT_ECT;
	if (outer == ECN_CE || inner == ECN_CE)
		return ECN_CE;
	return outer == ECN_ECT1 ? ECN_ECT1 : inner;
}

static inline uint8_t ecn_get(const uint8_t *ip, bool six)
{
	return (six ? ip[1] >> 4 : ip[1]) & ECN_MASK;
}

// Writes the field; the IPv4 header checksum follows (RFC 1624).
static inline void ecn_set(uint8_t *ip, bool six, uint8_t ecn)
{
	uint8_t old = ip[1];
	uint32_t sum;

	if (six) {
		ip[1] = (uint8_t)((old & ~(ECN_MASK << 4)) | ecn << 4);
		return;
	}
	ip[1] = (uint8_t)((old & ~ECN_MASK) | ecn);
	sum = (uint16_t) ~(ip[10] << 8 | ip[11]);
	sum += (uint16_t) ~(uint16_t)old + (uint32_t)ip[1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}
