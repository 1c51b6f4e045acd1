// SPDX-License-Identifier: BSD-3-Clause
// The route decision for inner packets and the last steps of every packet. What no pool, route or
// SA names is dropped; nothing passes between inner and outer ports but through ESP. One worker, its
// thread. RFC 4301 section 5, 4007 section 9, 1812 section 5.3.1, 8200.
#include "forward.h"

#include "csum.h"
#include "flow.h"
#include "fragment.h"
#include "handoff.h"
#include "icmp.h"
#include "multicast.h"
#include "punt.h"
#include "reassembly.h"

#include <rte_prefetch.h>
#include <rte_random.h>

#define IPV6_MTU_MIN 1280
#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547 // a relay agent's too

// Where a packet goes next.
enum verdict {
	GONE, // dropped, sent or taken
	TO_SA, // meta->sa
};

static const uint8_t *ip_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *);
}

static struct fib_key dst_key(const struct rte_mbuf *m, uint8_t family)
{
	return family == AF_INET ? fib_key4(ip_of(m) + 16) : fib_key6(ip_of(m) + 24);
}

// Drops the packet and tells its sender why, if that may be told.
static void reject(struct worker *w, struct rte_mbuf *m, enum icmp_error error, uint16_t mtu,
	enum drop_reason reason)
{
	struct rte_mbuf *answer = icmp_error_new(w, m, error, mtu);

	worker_drop(w, m, reason);
	if (answer)
		forward_burst(w, &answer, 1); // PKT_LOCAL: never rejected in its turn
}

// ---- sending ----

static void l2_send(struct worker *w, struct rte_mbuf *m, const struct adj *adj)
{
	char *header;

	if (unlikely(!w->port[adj->port].active)) {
		worker_drop(w, m, DROP_NO_PORT);
		return;
	}
	header = rte_pktmbuf_prepend(m, ADJ_L2_LEN);
	if (unlikely(!header)) {
		worker_drop(w, m, DROP_NO_MBUF);
		return;
	}
	memcpy(header, adj->header, ADJ_L2_LEN);
	worker_tx(w, adj->port, m);
}

// The neighbour behind a next hop, ADJ_NONE: main has to find it.
static uint32_t hop_adj(
	const struct worker *w, struct fib_hop hop, const struct rte_mbuf *m, uint8_t family)
{
	if (hop.kind == FIB_GATEWAY) {
		const struct gateway *g = &w->gateway[hop.arg];

		return adj_find(w->adj, g->port, g->addr.family, g->addr.bytes);
	}
	return adj_find(w->adj, hop.port, family, ip_of(m) + (family == AF_INET ? 16 : 24));
}

// The packet waits in the main thread until the neighbour is known.
static void resolve(struct worker *w, struct rte_mbuf *m, struct fib_hop hop)
{
	struct pkt_meta *meta = pkt_meta(m);

	meta->in_port = hop.port;
	meta->adj = hop.kind == FIB_GATEWAY ? hop.arg : ADJ_NONE;
	worker_to_main(w, m, PKT_STAGE_RESOLVE);
}

static void hop_send(struct worker *w, struct rte_mbuf *m, struct fib_hop hop)
{
	const struct adj *adj = adj_use(w->adj, hop_adj(w, hop, m, pkt_meta(m)->family));

	if (likely(adj))
		l2_send(w, m, adj);
	else
		resolve(w, m, hop);
}

// Fragments of a packet that does not fit; its sender is told when it may not be cut. Takes m, the
// number of fragments is returned.
static int cut_or_reject(struct worker *w, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out)
{
	struct pkt_meta *meta = pkt_meta(m);
	bool may_cut =
		meta->family == AF_INET ? !(ip_of(m)[6] & 0x40) : (meta->flags & PKT_LOCAL) != 0;
	int n;

	if (!may_cut) {
		reject(w, m, ICMP_ERROR_TOO_BIG,
			meta->family == AF_INET6 ? RTE_MAX(mtu, IPV6_MTU_MIN) : mtu, DROP_TOO_BIG);
		return 0;
	}
	n = fragment_make(m, mtu, (uint32_t)rte_rand(), w->mbufs, out);
	if (n < 0) {
		worker_drop(w, m, n == -ENOBUFS ? DROP_NO_MBUF : DROP_TOO_BIG);
		return 0;
	}
	rte_pktmbuf_free(m);
	for (int i = 0; i < n; i++) {
		struct pkt_meta *piece = pkt_meta(out[i]);

		piece->flags &= (uint8_t)~PKT_PORTS;
		flow_parse_mbuf(out[i], piece);
		piece->inner_len = (uint16_t)rte_pktmbuf_data_len(out[i]);
	}
	return n;
}

static void inner_send(struct worker *w, struct rte_mbuf *m, struct fib_hop hop)
{
	struct rte_mbuf *piece[FRAGMENT_MAX];
	uint16_t mtu = w->port[hop.port].mtu;
	int n;

	if (likely(rte_pktmbuf_pkt_len(m) <= mtu)) {
		hop_send(w, m, hop);
		return;
	}
	n = cut_or_reject(w, m, mtu, piece);
	for (int i = 0; i < n; i++)
		hop_send(w, piece[i], hop);
}

void forward_on_link(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	inner_send(w, m, (struct fib_hop){.kind = FIB_CONNECTED, .port = port});
}

// The interface of the host that the packet is for: with several, the one whose prefix it is in.
static struct worker_port *hostif_find(
	struct worker *w, const struct rte_mbuf *m, uint8_t family, uint16_t *index)
{
	struct inet_addr dst = {.family = family};
	struct worker_port *first = NULL;

	memcpy(dst.bytes, ip_of(m) + (family == AF_INET ? 16 : 24), family == AF_INET ? 4 : 16);
	for (uint16_t i = CONFIG_PORTS; i < w->ports_n; i++) {
		struct worker_port *p = &w->port[i];

		if (!p->active || !p->l3)
			continue;
		for (uint32_t k = 0; k < p->prefix_n; k++) {
			if (inet_prefix_contains(&p->prefix[k], &dst)) {
				*index = i;
				return p;
			}
		}
		if (!first) {
			first = p;
			*index = i;
		}
	}
	return first;
}

void forward_to_host(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *piece[FRAGMENT_MAX];
	uint16_t index = 0;
	struct worker_port *p = hostif_find(w, m, pkt_meta(m)->family, &index);
	int n;

	if (!p) {
		worker_drop(w, m, DROP_NO_PORT);
		return;
	}
	if (likely(rte_pktmbuf_pkt_len(m) <= p->mtu)) {
		worker_tx(w, index, m);
		return;
	}
	n = cut_or_reject(w, m, p->mtu, piece);
	for (int i = 0; i < n; i++)
		worker_tx(w, index, piece[i]);
}

// Route of an outer packet: the neighbour, ADJ_NONE with the port when main has to find it, or a
// hop that leads nowhere.
static uint32_t outer_route(const struct worker *w, const struct rte_mbuf *m, struct fib_hop *hop)
{
	uint8_t family = ip_of(m)[0] >> 4 == 4 ? AF_INET : AF_INET6;

	*hop = fib_lookup(w->outer, family, dst_key(m, family));
	if (hop->kind != FIB_CONNECTED && hop->kind != FIB_GATEWAY)
		return ADJ_NONE;
	return hop_adj(w, *hop, m, family);
}

// What esp_out_burst made. The next hop is remembered by the SA; here it is looked up once.
static void outer_send(struct worker *w, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	const struct adj *adj = adj_use(w->adj, meta->adj);
	struct fib_hop hop;
	uint32_t index;

	if (likely(adj)) {
		l2_send(w, m, adj);
		return;
	}
	index = outer_route(w, m, &hop);
	if (hop.kind != FIB_CONNECTED && hop.kind != FIB_GATEWAY) {
		worker_drop(w, m, DROP_NO_ROUTE);
		return;
	}
	adj = adj_use(w->adj, index);
	if (!adj) {
		resolve(w, m, hop);
		return;
	}
	esp_out_adj(w->esp, meta->sa, index, w->port[hop.port].mtu);
	l2_send(w, m, adj);
}

void forward_inner_local(struct worker *w, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	struct fib_hop hop = fib_lookup(w->inner, meta->family, dst_key(m, meta->family));

	if (hop.kind == FIB_CONNECTED || hop.kind == FIB_GATEWAY)
		inner_send(w, m, hop);
	else
		worker_drop(w, m, DROP_NO_ROUTE);
}

void forward_outer_local(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *piece[FRAGMENT_MAX];
	uint16_t mtu, port = pkt_meta(m)->in_port;
	struct fib_hop hop;
	int n;

	pkt_meta(m)->sa = 0; // of no SA
	outer_route(w, m, &hop);
	// A link-local destination is on the link that the question came by.
	if (hop.kind == FIB_NONE && port < PORT_MAX && w->port[port].active &&
		ip_of(m)[0] >> 4 == 6 && ip_of(m)[24] == 0xfe && (ip_of(m)[25] & 0xc0) == 0x80)
		hop = (struct fib_hop){.kind = FIB_CONNECTED, .port = port};
	if (hop.kind != FIB_CONNECTED && hop.kind != FIB_GATEWAY) {
		worker_drop(w, m, DROP_NO_ROUTE);
		return;
	}
	mtu = w->port[hop.port].mtu;
	if (rte_pktmbuf_pkt_len(m) <= mtu) {
		hop_send(w, m, hop);
		return;
	}
	n = cut_or_reject(w, m, mtu, piece);
	for (int i = 0; i < n; i++)
		hop_send(w, piece[i], hop);
}

// ---- into an SA ----

static void too_big(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *piece[FRAGMENT_MAX];
	int n = cut_or_reject(w, m, pkt_meta(m)->mtu, piece);

	for (int i = 0; i < n; i += WORKER_BURST)
		forward_esp_out(w, piece + i, (uint16_t)RTE_MIN(n - i, WORKER_BURST));
}

void forward_esp_sent(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		w->stats.esp_out_bytes += pkt_meta(pkts[i])->inner_len;
		outer_send(w, pkts[i]);
	}
	w->stats.esp_out_pkts += n;
}

void forward_esp_out(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *big[WORKER_BURST];
	uint16_t big_n = 0;

	n = esp_out_burst(w->esp, pkts, n, big, &big_n, w->now_tsc);
	forward_esp_sent(w, pkts, n);
	for (uint16_t i = 0; i < big_n; i++)
		too_big(w, big[i]);
}

// ---- the route decision ----

static bool is_multicast(const uint8_t *ip, uint8_t family)
{
	return family == AF_INET ? ip[16] >= 224 : ip[24] == 0xff;
}

static bool link_local_at(const uint8_t *addr, uint8_t family)
{
	return family == AF_INET ? addr[0] == 169 && addr[1] == 254
				 : addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

static bool has_link_local(const uint8_t *ip, uint8_t family)
{
	return family == AF_INET ? link_local_at(ip + 12, family) || link_local_at(ip + 16, family)
				 : link_local_at(ip + 8, family) || link_local_at(ip + 24, family);
}

static bool from_unspecified(const uint8_t *ip, uint8_t family)
{
	static const uint8_t unspecified[16];

	return family == AF_INET ? !memcmp(ip + 12, unspecified, 4)
				 : !memcmp(ip + 8, unspecified, 16);
}

static bool from_multicast(const uint8_t *ip, uint8_t family)
{
	return family == AF_INET ? ip[12] >= 224 : ip[8] == 0xff;
}

// Addresses that must not leave their link: link-local ones, and no source at all (RFC 4291 section
// 2.5.2), which is what DAD on the link itself has.
static bool stays_on_link(const uint8_t *ip, uint8_t family)
{
	return has_link_local(ip, family) || from_unspecified(ip, family);
}

// A DHCPv6 client's packet, when control is that client (RFC 8415 section 7.2).
static bool for_dhcp6_client(const struct pkt_meta *meta)
{
	return meta->family == AF_INET6 && meta->proto == IPPROTO_UDP && meta->flags & PKT_PORTS &&
		meta->dst_port == DHCP6_CLIENT_PORT;
}

bool forward_hop_take(struct worker *w, struct rte_mbuf *m)
{
	uint8_t family = pkt_meta(m)->family;
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);

	if (unlikely((family == AF_INET ? ip[8] : ip[7]) <= 1)) {
		reject(w, m, ICMP_ERROR_TIME, 0, DROP_HOP_LIMIT);
		return false;
	}
	if (family == AF_INET)
		csum_ip4_ttl_decrement(ip);
	else
		ip[7]--;
	return true;
}

// What a DHCPv6 server on the protected network says to our relay agent. Through an SA nobody does.
static bool for_relay_agent(const struct pkt_meta *meta)
{
	return meta->family == AF_INET6 && meta->proto == IPPROTO_UDP && meta->flags & PKT_PORTS &&
		!(meta->flags & (PKT_DECRYPTED | PKT_LOCAL)) && meta->dst_port == DHCP6_SERVER_PORT;
}

// The packet that a fragment completes; one that is whole as it is. NULL: taken.
static struct rte_mbuf *whole(struct worker *w, struct rte_mbuf *m)
{
	if (likely(!w->reassembly || !reassembly_is_fragment(ip_of(m), rte_pktmbuf_data_len(m))))
		return m;
	m = reassembly_put(w->reassembly, m, w->now_tsc);
	if (!m)
		return NULL;
	w->stats.reassembled++;
	if (flow_parse_mbuf(m, pkt_meta(m)) <= 0) {
		worker_drop(w, m, DROP_BAD_IP_HEADER);
		return NULL;
	}
	return m;
}

// To an inner address of ours: an echo request is answered, DHCPv6 is control's, nothing else is
// offered there.
static void local_take(struct worker *w, struct rte_mbuf *m)
{
	struct pkt_meta *meta;

	m = whole(w, m);
	if (!m)
		return;
	meta = pkt_meta(m);
	if (for_relay_agent(meta)) {
		punt_inside(w, m);
		return;
	}
	if (!icmp_echo_reply(m)) {
		reject(w, m, ICMP_ERROR_PROHIBITED, 0, DROP_NO_POLICY);
		return;
	}
	meta->flags = (uint8_t)((meta->flags & ~PKT_DECRYPTED) | PKT_LOCAL);
	flow_parse_mbuf(m, meta);
	forward_burst(w, &m, 1);
}

// To the host's address at which control is the DHCPv6 client: its link-local one, where little else
// comes. A port is known of whole packets only.
static void client_take(struct worker *w, struct rte_mbuf *m)
{
	bool fragment = reassembly_is_fragment(ip_of(m), rte_pktmbuf_data_len(m));

	m = whole(w, m);
	if (!m)
		return;
	if (for_dhcp6_client(pkt_meta(m))) {
		punt_inner(w, m);
		return;
	}
	if (fragment)
		pkt_meta(m)->flags |= PKT_LOCAL; // it may be cut again
	forward_to_host(w, m);
}

// What ends at this machine: the host's interface, or control. True: taken.
static bool deliver(struct worker *w, struct rte_mbuf *m, struct fib_key dst)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct fib_hop hop = fib_lookup(w->deliver, meta->family, dst);

	if (hop.kind == FIB_HOSTIF) {
		if (unlikely(hop.arg & FIB_HOSTIF_DHCP6))
			client_take(w, m);
		else
			forward_to_host(w, m);
		return true;
	}
	if (hop.kind == FIB_PUNT && meta->flags & PKT_DECRYPTED) {
		punt_inner(w, m);
		return true;
	}
	return false;
}

static enum verdict to_sa(struct worker *w, struct rte_mbuf *m, sa_ref_t ref)
{
	struct pkt_meta *meta = pkt_meta(m);

	meta->sa = ref;
	meta->inner_len = (uint16_t)rte_pktmbuf_data_len(m);
	if (likely(sa_ref_worker(ref) == w->index))
		return TO_SA;
	handoff_put(w, sa_ref_worker(ref), m, PKT_STAGE_ESP_OUT, DROP_SA_GONE);
	return GONE;
}

static enum verdict route(struct worker *w, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	uint8_t family = meta->family;
	struct fib_key dst = dst_key(m, family);
	bool inside = meta->flags & (PKT_DECRYPTED | PKT_LOCAL); // not fresh from a port
	bool from_host = !inside && w->port[meta->in_port].l3;
	bool may_pass = meta->flags & PKT_LOCAL || from_host; // its first hop: no decrement
	struct fib_hop hop;
	sa_ref_t ref;

	if (inside && deliver(w, m, dst))
		return GONE;
	if (unlikely(!from_host && is_multicast(ip_of(m), family))) {
		multicast_take(w, m);
		return GONE;
	}
	if (unlikely(!from_host && stays_on_link(ip_of(m), family)) ||
		unlikely(from_multicast(ip_of(m), family))) {
		worker_drop(w, m, DROP_SCOPE);
		return GONE;
	}
	if (pools_lookup(w->pools, family, dst, &ref)) {
		hop = (struct fib_hop){.kind = ref ? FIB_SA : FIB_NONE, .arg = ref};
	} else {
		hop = fib_lookup(w->inner, family, dst);
	}
	switch ((enum fib_kind)hop.kind) {
	case FIB_SA:
		if (!may_pass && !forward_hop_take(w, m))
			return GONE;
		return to_sa(w, m, hop.arg);
	case FIB_CONNECTED:
	case FIB_GATEWAY:
		if (unlikely(!inside)) // from a port to a port in clear: default deny
			break;
		if (may_pass || forward_hop_take(w, m))
			inner_send(w, m, hop);
		return GONE;
	case FIB_LOCAL:
		local_take(w, m);
		return GONE;
	case FIB_DISCARD:
		worker_drop(w, m, DROP_ROUTE_DISCARD);
		return GONE;
	case FIB_NONE:
		reject(w, m, ICMP_ERROR_NO_ROUTE, 0, DROP_NO_ROUTE);
		return GONE;
	case FIB_HOSTIF:
	case FIB_PUNT:
		break;
	}
	worker_drop(w, m, DROP_NO_POLICY);
	return GONE;
}

void forward_burst(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *out[WORKER_BURST];
	uint16_t out_n = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (route(w, pkts[i]) == TO_SA)
			out[out_n++] = pkts[i];
	}
	if (out_n)
		forward_esp_out(w, out, out_n);
}
