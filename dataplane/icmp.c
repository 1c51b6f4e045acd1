// SPDX-License-Identifier: BSD-3-Clause
// Builds ICMP errors and echo replies. One worker, its thread. RFC 792, 1191, 1812 section 4.3,
// 4443 section 2.4.
#include "icmp.h"

#include "csum.h"
#include "flow.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#define ERROR_RATE 1000 // a second
#define ERROR_BURST 100
#define ERROR_MAX4 576 // RFC 1812 section 4.3.2.3
#define ERROR_MAX6 1280 // RFC 4443 section 2.4 c
#define ERROR_TTL 64

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

// Only the type changes, so the checksum is corrected and the payload not read. RFC 1624.
static void type_replace(uint8_t *icmp, uint8_t type)
{
	uint16_t sum;
	uint32_t next;

	memcpy(&sum, icmp + 2, 2);
	next = (uint32_t)(uint16_t)~sum + (uint16_t)~rte_cpu_to_be_16((uint16_t)(icmp[0] << 8)) +
		rte_cpu_to_be_16((uint16_t)(type << 8));
	sum = (uint16_t)~csum_fold(next);
	memcpy(icmp + 2, &sum, 2);
	icmp[0] = type;
}

static void swap_bytes(uint8_t *a, uint8_t *b, uint32_t len)
{
	uint8_t tmp[16];

	memcpy(tmp, a, len);
	memcpy(a, b, len);
	memcpy(b, tmp, len);
}

bool icmp_echo_reply(struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *icmp = ip + meta->l4_off;
	bool v4 = meta->family == AF_INET;

	if (meta->flags & PKT_FRAGMENT || meta->proto != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) ||
		meta->l4_off + 8u > rte_pktmbuf_data_len(m) ||
		icmp[0] != (v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST) || icmp[1] != 0)
		return false;
	// A first fragment has an ICMP header too; a reply to it alone would be wrong.
	if (v4 && ip[6] & 0x20)
		return false;
	type_replace(icmp, v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
	if (v4) {
		swap_bytes(ip + 12, ip + 16, 4);
		ip[8] = ERROR_TTL;
		put16(ip + 6, 0);
		csum_ip4_set(ip, (ip[0] & 0xfu) * 4);
	} else {
		swap_bytes(ip + 8, ip + 24, 16);
		ip[7] = ERROR_TTL;
	}
	return true;
}

// No error about an error, about anything but a first fragment, or to a source or about a
// destination that does not name one host; of IPv6 groups a sender may learn the MTU (RFC 4443
// section 2.4 e).
static bool error_allowed(
	const struct rte_mbuf *m, const struct pkt_meta *meta, enum icmp_error error)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *icmp = ip + meta->l4_off;
	bool v4 = meta->family == AF_INET;
	bool icmp_there = !(meta->flags & PKT_FRAGMENT) && meta->l4_off < rte_pktmbuf_data_len(m);

	if (meta->flags & (PKT_FRAGMENT | PKT_LOCAL))
		return false;
	if (v4) {
		if (icmp_there && meta->proto == IPPROTO_ICMP && icmp[0] != ICMP_ECHO &&
			icmp[0] != ICMP_ECHOREPLY && icmp[0] != ICMP_TIMESTAMP &&
			icmp[0] != ICMP_TIMESTAMPREPLY)
			return false;
		return ip[12] != 0 && ip[12] != 127 && ip[12] < 224 && ip[16] < 224;
	}
	if (icmp_there && meta->proto == IPPROTO_ICMPV6 && !(icmp[0] & 0x80))
		return false;
	if (icmp_there && meta->proto == IPPROTO_ICMPV6 && icmp[0] == ND_REDIRECT)
		return false;
	return ip[8] != 0xff && (ip[24] != 0xff || error == ICMP_ERROR_TOO_BIG) &&
		!IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)(ip + 8));
}

// Our address on the inner network; a host without one (a client) speaks with the address that the
// packet was sent to, which its own stack will accept. False: that is a group.
static bool source_find(struct worker *w, const uint8_t *ip, uint8_t family, uint8_t *out)
{
	for (uint32_t i = 0; i < w->ports_n; i++) {
		const struct port *port = w->port[i].port;

		if (!w->port[i].active || w->port[i].outer || w->port[i].l3)
			continue;
		for (uint32_t k = 0; k < port->addr_n; k++) {
			const struct inet_addr *addr = &port->addr[k].addr;

			if (addr->family != family || inet_addr_is_link_local(addr))
				continue;
			memcpy(out, addr->bytes, family == AF_INET ? 4 : 16);
			return true;
		}
	}
	memcpy(out, family == AF_INET ? ip + 16 : ip + 24, family == AF_INET ? 4 : 16);
	return out[0] < (family == AF_INET ? 224 : 0xff);
}

static void error_fill4(uint8_t *out, const uint8_t *ip, const uint8_t *source, uint32_t quoted,
	enum icmp_error error, uint16_t mtu)
{
	static const uint8_t type_code[][2] = {
		[ICMP_ERROR_TOO_BIG] = {ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED},
		[ICMP_ERROR_TIME] = {ICMP_TIME_EXCEEDED, ICMP_EXC_TTL},
		[ICMP_ERROR_NO_ROUTE] = {ICMP_DEST_UNREACH, ICMP_NET_UNREACH},
		[ICMP_ERROR_PROHIBITED] = {ICMP_DEST_UNREACH, ICMP_PKT_FILTERED},
	};
	uint8_t *icmp = out + 20;
	uint16_t sum;

	memset(out, 0, 28);
	out[0] = 0x45;
	out[1] = 0xc0; // RFC 1812 section 4.3.2.5: internetwork control
	put16(out + 2, 28 + quoted);
	out[8] = ERROR_TTL;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, source, 4);
	memcpy(out + 16, ip + 12, 4);
	csum_ip4_set(out, 20);
	icmp[0] = type_code[error][0];
	icmp[1] = type_code[error][1];
	if (error == ICMP_ERROR_TOO_BIG)
		put16(icmp + 6, mtu);
	memcpy(icmp + 8, ip, quoted);
	sum = (uint16_t)~rte_raw_cksum(icmp, 8 + quoted);
	memcpy(icmp + 2, &sum, 2);
}

static void error_fill6(uint8_t *out, const uint8_t *ip, const uint8_t *source, uint32_t quoted,
	enum icmp_error error, uint16_t mtu)
{
	static const uint8_t type_code[][2] = {
		[ICMP_ERROR_TOO_BIG] = {ICMP6_PACKET_TOO_BIG, 0},
		[ICMP_ERROR_TIME] = {ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT},
		[ICMP_ERROR_NO_ROUTE] = {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE},
		[ICMP_ERROR_PROHIBITED] = {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN},
	};
	uint8_t *icmp = out + 40;
	uint16_t sum;

	memset(out, 0, 48);
	out[0] = 0x60;
	put16(out + 4, 8 + quoted);
	out[6] = IPPROTO_ICMPV6;
	out[7] = ERROR_TTL;
	memcpy(out + 8, source, 16);
	memcpy(out + 24, ip + 8, 16);
	icmp[0] = type_code[error][0];
	icmp[1] = type_code[error][1];
	if (error == ICMP_ERROR_TOO_BIG)
		put16(icmp + 6, mtu);
	memcpy(icmp + 8, ip, quoted);
	sum = csum_l4(out, IPPROTO_ICMPV6, icmp, 8 + quoted);
	memcpy(icmp + 2, &sum, 2);
}

struct rte_mbuf *icmp_error_new(
	struct worker *w, struct rte_mbuf *m, enum icmp_error error, uint16_t mtu)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	bool v4 = meta->family == AF_INET;
	uint32_t overhead = v4 ? 28 : 48;
	uint32_t quoted = RTE_MIN(
		(uint32_t)rte_pktmbuf_data_len(m), (v4 ? ERROR_MAX4 : ERROR_MAX6) - overhead);
	struct rte_mbuf *out;
	uint8_t *data, source[16];

	if (!error_allowed(m, meta, error) || !source_find(w, ip, meta->family, source))
		return NULL;
	if (!token_take(&w->icmp_tokens, w->now_tsc, w->tsc_hz, ERROR_RATE, ERROR_BURST)) {
		w->drops.n[DROP_ICMP_LIMIT]++;
		return NULL;
	}
	out = rte_pktmbuf_alloc(w->mbufs);
	data = out ? (uint8_t *)rte_pktmbuf_append(out, (uint16_t)(overhead + quoted)) : NULL;
	if (!data) {
		w->drops.n[DROP_NO_MBUF]++;
		rte_pktmbuf_free(out);
		return NULL;
	}
	if (v4)
		error_fill4(data, ip, source, quoted, error, mtu);
	else
		error_fill6(data, ip, source, quoted, error, mtu);
	memset(pkt_meta(out), 0, sizeof(struct pkt_meta));
	pkt_meta(out)->flags = PKT_LOCAL;
	pkt_meta(out)->in_port = meta->in_port;
	flow_parse_mbuf(out, pkt_meta(out));
	w->stats.icmp_sent++;
	return out;
}
