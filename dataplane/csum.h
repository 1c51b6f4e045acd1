// SPDX-License-Identifier: BSD-3-Clause
// Internet checksums over contiguous headers and payloads (RFC 1071, 1624), done here rather than
// by a NIC, since not every port has one. Pure: any thread.
#pragma once

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// The header's own checksum field included: true when it is right.
static inline bool csum_ip4_good(const uint8_t *ip, uint32_t header_len)
{
	return rte_raw_cksum(ip, header_len) == 0xffff;
}

static inline void csum_ip4_set(uint8_t *ip, uint32_t header_len)
{
	uint16_t sum = 0;

	memcpy(ip + 10, &sum, 2);
	sum = (uint16_t)~rte_raw_cksum(ip, header_len);
	memcpy(ip + 10, &sum, 2);
}

// Unfolded sum of the pseudo header of the IP packet at `ip` (RFC 8200 section 8.1) for a next
// layer packet of `len` bytes.
static inline uint32_t csum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	bool v4 = ip[0] >> 4 == 4;

	return (uint32_t)rte_raw_cksum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32) +
		rte_cpu_to_be_16(proto) + rte_cpu_to_be_16((uint16_t)(len >> 16)) +
		rte_cpu_to_be_16((uint16_t)len);
}

// What belongs into the zeroed checksum field of a next layer packet.
static inline uint16_t csum_l4(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	return (uint16_t)~csum_fold(csum_pseudo(ip, proto, len) + rte_raw_cksum(l4, len));
}

// True when the checksum within is right.
static inline bool csum_l4_good(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	return csum_fold(csum_pseudo(ip, proto, len) + rte_raw_cksum(l4, len)) == 0xffff;
}

// A sender on the same machine leaves the checksum to a device that may not exist (veth): the field
// then holds the sum of the pseudo header. Completes such a one; `at` is where in the next layer
// header it stands. A right checksum that looks like that stays.
static inline void csum_complete(
	const uint8_t *ip, uint8_t proto, uint8_t *l4, uint32_t len, uint32_t at)
{
	uint16_t sum;

	memcpy(&sum, l4 + at, 2);
	if (likely(sum != csum_fold(csum_pseudo(ip, proto, len))) ||
		csum_l4_good(ip, proto, l4, len))
		return;
	memset(l4 + at, 0, 2);
	sum = csum_l4(ip, proto, l4, len);
	if (!sum && proto == IPPROTO_UDP)
		sum = 0xffff;
	memcpy(l4 + at, &sum, 2);
}

// Of a UDP datagram that ends here. A sender on the same machine may leave it to a device that does
// not exist: then the field holds the sum of the pseudo header.
static inline bool csum_udp_good(const uint8_t *ip, const uint8_t *udp, uint32_t len)
{
	uint16_t sum;

	memcpy(&sum, udp + 6, 2);
	if (!sum)
		return ip[0] >> 4 == 4; // RFC 8200 section 8.1
	return csum_l4_good(ip, IPPROTO_UDP, udp, len) ||
		sum == csum_fold(csum_pseudo(ip, IPPROTO_UDP, len));
}

// TTL less one, checksum corrected (RFC 1624).
static inline void csum_ip4_ttl_decrement(uint8_t *ip)
{
	uint16_t sum;
	uint32_t next;

	ip[8]--;
	memcpy(&sum, ip + 10, 2);
	next = (uint32_t)sum + rte_cpu_to_be_16(0x0100);
	sum = (uint16_t)(next + (next >> 16));
	memcpy(ip + 10, &sum, 2);
}
