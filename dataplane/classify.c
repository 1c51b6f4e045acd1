// SPDX-License-Identifier: BSD-3-Clause
// First look at a packet from a port. Nothing in it is trusted: lengths, checksums and addresses are
// checked before anything acts on them. One worker, its thread.
#include "classify.h"

#include "csum.h"
#include "flow.h"
#include "forward.h"
#include "handoff.h"
#include "icmp.h"
#include "multicast.h"
#include "punt.h"
#include "reassembly.h"

#include <rte_ether.h>

#include <netinet/icmp6.h>

#define IKE_PORT 500
#define NATT_PORT 4500
#define KEEPALIVE_BYTE 0xff
#define ND_HOP_LIMIT 255

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// What is not ours: on a shared port it is the host's, and not a loss.
static void not_ours(struct worker *w, uint16_t port, struct rte_mbuf *m, enum drop_reason reason)
{
	worker_drop(w, m, w->port[port].shared ? DROP_HOST : reason);
}

// Takes the Ethernet header off; the packet's type, or 0: dropped or taken.
static uint16_t ether_take(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	const struct worker_port *p = &w->port[port];
	const struct rte_ether_hdr *eth;
	uint16_t type;

	if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m)) {
		worker_drop(w, m, DROP_NO_MBUF);
		return 0;
	}
	if (unlikely(rte_pktmbuf_data_len(m) < sizeof(*eth) + 20)) {
		worker_drop(w, m, DROP_RUNT);
		return 0;
	}
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	if (unlikely(memcmp(eth->dst_addr.addr_bytes, p->mac, 6) &&
		    !rte_is_multicast_ether_addr(&eth->dst_addr))) {
		not_ours(w, port, m, DROP_NOT_OURS);
		return 0;
	}
	type = rte_be_to_cpu_16(eth->ether_type);
	if (unlikely(type == RTE_ETHER_TYPE_ARP)) {
		worker_to_main(w, m, PKT_STAGE_ARP);
		return 0;
	}
	if (unlikely(type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6)) {
		not_ours(w, port, m, DROP_NOT_IP);
		return 0;
	}
	rte_pktmbuf_adj(m, sizeof(*eth));
	return type;
}

// Length and header checks of the IP packet at the start of data, padding trimmed. False: dropped.
static bool ip_take(struct worker *w, struct rte_mbuf *m, struct pkt_meta *meta)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	int total;

	meta->flags = 0;
	total = flow_parse_mbuf(m, meta);
	if (unlikely(total <= 0)) {
		worker_drop(w, m, (enum drop_reason) - total);
		return false;
	}
	if (meta->family == AF_INET && unlikely(!csum_ip4_good(ip, (ip[0] & 0xfu) * 4))) {
		worker_drop(w, m, DROP_BAD_IP_HEADER);
		return false;
	}
	m->data_len = (uint16_t)total;
	m->pkt_len = (uint32_t)total;
	return true;
}

static bool local4(const struct locals *l, const uint8_t *addr)
{
	uint32_t a;

	memcpy(&a, addr, 4);
	for (uint32_t i = 0; i < l->n4; i++) {
		if (l->v4_be[i] == a)
			return true;
	}
	return false;
}

static bool local6(const struct locals *l, const uint8_t *addr)
{
	for (uint32_t i = 0; i < l->n6; i++) {
		if (!memcmp(l->v6[i], addr, 16))
			return true;
	}
	return false;
}

// Neighbour discovery, RFC 4861 sections 7.1.1 and 7.1.2: hop limit 255, code 0. Main reads the rest.
static bool is_nd(const struct rte_mbuf *m, const struct pkt_meta *meta)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	if (meta->family != AF_INET6 || meta->proto != IPPROTO_ICMPV6 ||
		!(meta->flags & PKT_PORTS) || ip[7] != ND_HOP_LIMIT)
		return false;
	return meta->src_port == ND_NEIGHBOR_SOLICIT << 8 ||
		meta->src_port == ND_NEIGHBOR_ADVERT << 8;
}

static void nd_to_main(struct worker *w, struct rte_mbuf *m)
{
	// The Ethernet header was only skipped.
	if (!rte_pktmbuf_prepend(m, sizeof(struct rte_ether_hdr)))
		worker_drop(w, m, DROP_RUNT);
	else
		worker_to_main(w, m, PKT_STAGE_ND);
}

// The next layer is at ESP: owner and slot stand in the SPI.
static bool esp_take(struct worker *w, struct rte_mbuf *m, uint16_t off, bool encap)
{
	struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t spi_be, owner;

	if (unlikely(rte_pktmbuf_data_len(m) < off + 8u)) {
		worker_drop(w, m, DROP_ESP_SHORT);
		return false;
	}
	memcpy(&spi_be, ip + off, 4);
	meta->sa = rte_be_to_cpu_32(spi_be);
	meta->outer_off = m->data_off;
	meta->outer_tos = meta->family == AF_INET ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	meta->flags = encap ? PKT_ENCAP : 0;
	rte_pktmbuf_adj(m, off);
	owner = spi_worker(meta->sa);
	if (likely(owner == w->index))
		return true;
	handoff_put(w, owner, m, PKT_STAGE_ESP_IN, DROP_ESP_NO_SA);
	return false;
}

// ESP has an integrity check of its own, and its UDP checksum is ignored (RFC 3948 section 2.1).
static void ike_take(struct worker *w, struct rte_mbuf *m, uint32_t udp_len, uint32_t skip)
{
	struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	if (!csum_udp_good(ip, ip + meta->l4_off, udp_len)) {
		worker_drop(w, m, DROP_BAD_UDP);
		return;
	}
	punt_udp(w, m, skip, skip ? IPC_PUNT_NATT : 0);
}

static bool udp_take(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *udp = rte_pktmbuf_mtod_offset(m, const uint8_t *, meta->l4_off);
	uint32_t left = rte_pktmbuf_data_len(m) - meta->l4_off;
	uint32_t len;

	if (meta->dst_port != NATT_PORT && meta->dst_port != IKE_PORT) {
		not_ours(w, port, m, DROP_CLEAR_ON_OUTER);
		return false;
	}
	len = left < 8 ? 0 : get16(udp + 4);
	if (unlikely(len < 8 || len > left)) {
		worker_drop(w, m, DROP_BAD_UDP);
		return false;
	}
	m->data_len = (uint16_t)(meta->l4_off + len);
	m->pkt_len = m->data_len;
	if (meta->dst_port == IKE_PORT) {
		ike_take(w, m, len, 0);
		return false;
	}
	if (len == 9 && udp[8] == KEEPALIVE_BYTE) {
		worker_drop(w, m, DROP_KEEPALIVE);
		return false;
	}
	if (len >= 12 && !(udp[8] | udp[9] | udp[10] | udp[11])) {
		ike_take(w, m, len, 4);
		return false;
	}
	return esp_take(w, m, (uint16_t)(meta->l4_off + 8), true);
}

// ICMP to an address of ours on the outer network.
static void icmp_take(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	uint8_t type = (uint8_t)(meta->src_port >> 8);

	if (punt_too_big(w, m))
		return;
	if (w->port[port].shared) {
		worker_drop(w, m, DROP_HOST);
	} else if (icmp_echo_reply(m)) {
		meta->flags = PKT_LOCAL;
		meta->adj = ADJ_NONE;
		forward_outer_local(w, m);
	} else if (meta->family == AF_INET ? type == 3 || type == 11 || type == 12 : type < 128) {
		worker_drop(w, m, DROP_ICMP_ERROR_IN);
	} else {
		worker_drop(w, m, DROP_CLEAR_ON_OUTER);
	}
}

static void fragment_take(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t owner = reassembly_owner(ip, rte_pktmbuf_data_len(m), w->count);

	pkt_meta(m)->in_port = port;
	if (!w->reassembly) {
		worker_drop(w, m, DROP_FRAG_TABLE_FULL);
		return;
	}
	if (owner != w->index) {
		handoff_put(w, owner, m, PKT_STAGE_REASSEMBLE, DROP_FRAG_BAD);
		return;
	}
	m = reassembly_put(w->reassembly, m, w->now_tsc);
	if (!m)
		return;
	w->stats.reassembled++;
	if (classify_outer_ip(w, port, m))
		worker_esp_in(w, &m, 1);
}

bool classify_outer_ip(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	bool v4;

	if (!ip_take(w, m, meta))
		return false;
	meta->in_port = port;
	v4 = meta->family == AF_INET;
	if (unlikely(v4 ? !local4(w->locals, ip + 16) : !local6(w->locals, ip + 24))) {
		if (is_nd(m, meta) && ip[24] == 0xff)
			nd_to_main(w, m);
		else
			not_ours(w, port, m, DROP_NOT_OURS);
		return false;
	}
	// The quick test first: neither offset nor more-fragments, no extension header.
	if (unlikely(v4 ? (ip[6] & 0x3f) || ip[7]
			: ip[6] != meta->proto || ip[6] == IPPROTO_FRAGMENT) &&
		reassembly_is_fragment(ip, rte_pktmbuf_data_len(m))) {
		fragment_take(w, port, m);
		return false;
	}
	if (meta->proto == IPPROTO_ESP)
		return esp_take(w, m, meta->l4_off, false);
	if (meta->proto == IPPROTO_UDP)
		return udp_take(w, port, m);
	if (is_nd(m, meta)) {
		nd_to_main(w, m);
	} else if (meta->proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		icmp_take(w, port, m);
	} else {
		not_ours(w, port, m, DROP_CLEAR_ON_OUTER);
	}
	return false;
}

bool classify_outer(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	pkt_meta(m)->in_port = port;
	return ether_take(w, port, m) && classify_outer_ip(w, port, m);
}

// Our own link-local address on the inner port is not routed to: it is answered here.
static void inner_link_local(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	const struct port *p = w->port[port].port;
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	for (uint32_t i = 0; p && i < p->addr_n; i++) {
		if (p->addr[i].addr.family != AF_INET6 ||
			memcmp(p->addr[i].addr.bytes, ip + 24, 16))
			continue;
		if (!icmp_echo_reply(m))
			break;
		pkt_meta(m)->flags = PKT_LOCAL;
		forward_on_link(w, port, m);
		return;
	}
	worker_drop(w, m, DROP_SCOPE);
}

// The host at the other end of a veth pair may count on a device to finish its checksums.
static void checksum_take(struct rte_mbuf *m, const struct pkt_meta *meta)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len = rte_pktmbuf_data_len(m) - meta->l4_off;
	bool fragment =
		meta->family == AF_INET ? (ip[6] & 0x3f) || ip[7] : ip[6] == IPPROTO_FRAGMENT;

	if (fragment)
		return;
	if (meta->proto == IPPROTO_TCP && len >= 20)
		csum_complete(ip, IPPROTO_TCP, ip + meta->l4_off, len, 16);
	else if (meta->proto == IPPROTO_UDP && len >= 8 && get16(ip + meta->l4_off + 4) == len)
		csum_complete(ip, IPPROTO_UDP, ip + meta->l4_off, len, 6);
}

bool classify_inner(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip;

	meta->in_port = port;
	if (w->port[port].l3) {
		if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m)) {
			worker_drop(w, m, DROP_NO_MBUF);
			return false;
		}
	} else if (!ether_take(w, port, m)) {
		return false;
	}
	if (!ip_take(w, m, meta))
		return false;
	if (w->port[port].kernel_peer)
		checksum_take(m, meta);
	if (w->port[port].l3)
		return true;
	ip = rte_pktmbuf_mtod(m, const uint8_t *);
	if (unlikely(ip[meta->family == AF_INET ? 16 : 24] >= 0xe0) && multicast_is_membership(m)) {
		punt_port(w, m);
		return false;
	}
	if (meta->family == AF_INET)
		return true;
	if (is_nd(m, meta)) {
		nd_to_main(w, m);
		return false;
	}
	if (unlikely(ip[24] == 0xfe && (ip[25] & 0xc0) == 0x80)) {
		inner_link_local(w, port, m);
		return false;
	}
	return true;
}
