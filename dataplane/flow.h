// SPDX-License-Identifier: BSD-3-Clause
// Reads an IP packet's headers into struct pkt_meta: family, next layer protocol behind the IPv6
// extension headers (RFC 4301 section 4.4.1.1 skips 0, 43, 44 and 60), its offset, ports, ICMP type
// and code, fragments. And a hash of the flow, for who wants it. Bounds-checked: the packet is a stranger's.
// Any worker; pure but for the seed, which is written once before the workers start.
#pragma once

#include "pkt.h"

#include <rte_byteorder.h>
#include <rte_common.h>

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define FLOW_EXT_MAX                                                                               \
	8 // extension headers that are followed; behind more, the protocol stays unknown

extern uint64_t flow_seed[5];

// Makes the hashes of this process unpredictable. Main thread, before any worker runs.
void flow_seed_random(void);

// The whole work, for any header; flow_parse() is the same with the usual cases inline.
int flow_parse_any(const uint8_t *data, uint32_t avail, uint32_t len, struct pkt_meta *meta);

static inline uint64_t flow_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t flow_hash_fold(uint64_t addresses, uint32_t ports, uint8_t proto)
{
	uint64_t h = flow_mix(addresses ^ ports, flow_seed[4] ^ ((uint64_t)proto << 32));

	return (uint32_t)h ^ (uint32_t)(h >> 32);
}

// Over addresses, protocol and ports of the packet at `ip` that was parsed into `meta`. All fragments
// of a packet hash alike, and all ICMP messages between two hosts, so that they stay on one path.
static inline uint32_t flow_hash(const uint8_t *ip, const struct pkt_meta *meta)
{
	uint32_t ports = (uint32_t)meta->src_port << 16 | meta->dst_port;
	uint8_t proto = meta->proto;
	uint64_t a[4];

	if (unlikely(meta->flags & (PKT_FRAGMENT | PKT_FIRST_FRAGMENT))) {
		ports = 0;
		proto = 0;
	}
	if (unlikely(proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 || proto == IPPROTO_MH))
		ports = 0; // not ports
	if (meta->family == AF_INET) {
		memcpy(a, ip + 12, 8);
		return flow_hash_fold(a[0] ^ flow_seed[0], ports, proto);
	}
	memcpy(a, ip + 8, 32);
	return flow_hash_fold(flow_mix(a[0] ^ flow_seed[0], a[1] ^ flow_seed[1]) ^
			flow_mix(a[2] ^ flow_seed[2], a[3] ^ flow_seed[3]),
		ports, proto);
}

// The IP packet that starts at `data`: `avail` bytes of it are contiguous there, `len` is what there
// is in all (pkt_len). Writes family, proto, l4_off, src_port, dst_port and the flags PKT_FRAGMENT,
// PKT_FIRST_FRAGMENT and PKT_PORTS of `meta`, nothing else. Returns the length that the IP header
// states (what lies behind it is padding and the caller's to trim), or -enum drop_reason (0 is one of
// them: DROP_RUNT): so <= 0 means drop. Checksums are not looked at.
static __rte_always_inline int flow_parse(
	const uint8_t *data, uint32_t avail, uint32_t len, struct pkt_meta *meta)
{
	uint32_t total, l4_off, ports;
	uint16_t word;
	uint8_t proto, family, flags;

	if (unlikely(avail < 48))
		return flow_parse_any(data, avail, len, meta);
	if (data[0] >> 4 == 6) {
		memcpy(&word, data + 4, 2);
		total = 40u + RTE_BE16(word);
		proto = data[6];
		l4_off = 40;
		family = AF_INET6;
	} else {
		// Anything but an IPv4 header without options or fragmentation is for the general way.
		memcpy(&word, data + 6, 2);
		if (unlikely(data[0] != 0x45 || (word & RTE_BE16(0x3fff))))
			return flow_parse_any(data, avail, len, meta);
		memcpy(&word, data + 2, 2);
		total = RTE_BE16(word);
		proto = data[9];
		l4_off = 20;
		family = AF_INET;
	}
	if (unlikely(total > len || total < l4_off + 8))
		return flow_parse_any(data, avail, len, meta);
	flags = meta->flags & (uint8_t) ~(PKT_FRAGMENT | PKT_FIRST_FRAGMENT | PKT_PORTS);
	ports = 0;
	if (likely(proto == IPPROTO_UDP || proto == IPPROTO_TCP)) {
		memcpy(&ports, data + l4_off, 4);
		ports = RTE_BE32(ports);
		flags |= PKT_PORTS;
	} else if (proto != IPPROTO_ESP) {
		return flow_parse_any(data, avail, len, meta);
	}
	meta->family = family;
	meta->proto = proto;
	meta->l4_off = (uint16_t)l4_off;
	meta->src_port = (uint16_t)(ports >> 16);
	meta->dst_port = (uint16_t)ports;
	meta->flags = flags;
	return (int)total;
}

// The same for an mbuf whose data starts at the IP header.
static inline int flow_parse_mbuf(const struct rte_mbuf *m, struct pkt_meta *meta)
{
	return flow_parse(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m),
		rte_pktmbuf_pkt_len(m), meta);
}
