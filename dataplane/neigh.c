// SPDX-License-Identifier: BSD-3-Clause
// The neighbour table. Main thread. RFC 4861 section 7.3 in short: REACHABLE for half a minute after
// a confirmation, then STALE; a stale one that is used is probed by unicast, and forgotten when it
// does not answer. IPv4 neighbours are treated alike.
#include "neigh.h"

#include "clock.h"
#include "log.h"
#include "neigh_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("neigh");

#define RETRANS_US US_PER_S // RFC 4861 section 10: RETRANS_TIMER
#define TRIES 3 // MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT
#define REACHABLE_US (30 * US_PER_S)
#define STALE_CHECK_US US_PER_S
#define UNUSED_US (600 * US_PER_S) // a stale neighbour that nobody asks for is forgotten

struct neigh {
	bool in_use;
	uint8_t state; // enum ipc_neigh_state
	uint8_t tries;
	bool known; // workers have its adjacency
	uint16_t port;
	uint16_t queued;
	struct inet_addr addr;
	uint8_t mac[6];
	uint64_t next_us; // when its timer runs out
	uint64_t confirmed_us;
	uint64_t used_us;
	uint64_t created_us;
	struct rte_mbuf *queue[NEIGH_QUEUE];
};

struct neigh_table {
	const struct neigh_ops *ops;
	void *arg;
	struct rte_mempool *mbufs;
	struct drop_counts *drops;
	const struct port *port[PORT_MAX];
	struct adj_table *by_addr; // index of a neighbour by port and address
	uint32_t top; // highest index in use + 1
	uint32_t incomplete;
	struct neigh neigh[ADJ_MAX];
};

struct neigh_table *neigh_new(const struct neigh_ops *ops, void *arg, struct rte_mempool *mbufs,
	struct drop_counts *drops)
{
	struct neigh_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->by_addr = adj_table_new();
	if (!t->by_addr) {
		free(t);
		return NULL;
	}
	t->ops = ops;
	t->arg = arg;
	t->mbufs = mbufs;
	t->drops = drops;
	return t;
}

static void queue_drop(struct neigh_table *t, struct neigh *n, enum drop_reason reason)
{
	for (uint16_t i = 0; i < n->queued; i++)
		pkt_drop(t->drops, n->queue[i], reason);
	n->queued = 0;
}

void neigh_free(struct neigh_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->top; i++)
		rte_pktmbuf_free_bulk(t->neigh[i].queue, t->neigh[i].queued);
	adj_table_free(t->by_addr);
	free(t);
}

static void frame_send(struct neigh_table *t, uint16_t port, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->mbufs);
	char *data = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (!data) {
		t->drops->n[DROP_NO_MBUF]++;
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(data, frame, len);
	memset(pkt_meta(m), 0, sizeof(struct pkt_meta));
	t->ops->send(t->arg, port, m);
}

static void announce(struct neigh_table *t, const struct port *port)
{
	uint8_t frame[NEIGH_FRAME_MAX];

	for (uint32_t i = 0; i < port->addr_n; i++)
		frame_send(t, port->index, frame,
			neigh_write_reply(frame, port->mac, &port->addr[i].addr, NULL, NULL));
}

void neigh_port_add(struct neigh_table *t, const struct port *port)
{
	if (port->l3)
		return;
	t->port[port->index] = port;
	if (!port->shared)
		announce(t, port);
}

static struct neigh *neigh_find(struct neigh_table *t, uint16_t port, const struct inet_addr *addr)
{
	uint32_t i = adj_find(t->by_addr, port, addr->family, addr->bytes);

	return i == ADJ_NONE ? NULL : &t->neigh[i];
}

static void neigh_delete(struct neigh_table *t, struct neigh *n, enum drop_reason reason)
{
	uint32_t i = (uint32_t)(n - t->neigh);

	if (n->known)
		t->ops->adj_clear(t->arg, i);
	if (n->state == IPC_NEIGH_INCOMPLETE)
		t->incomplete--;
	queue_drop(t, n, reason);
	adj_clear(t->by_addr, i);
	n->in_use = false;
	while (t->top && !t->neigh[t->top - 1].in_use)
		t->top--;
}

// Of many that do not answer, the one that has been tried longest makes room.
static void incomplete_evict(struct neigh_table *t)
{
	struct neigh *oldest = NULL;

	for (uint32_t i = 0; i < t->top; i++) {
		struct neigh *n = &t->neigh[i];

		if (n->in_use && n->state == IPC_NEIGH_INCOMPLETE &&
			(!oldest || n->created_us < oldest->created_us))
			oldest = n;
	}
	if (oldest)
		neigh_delete(t, oldest, DROP_NEIGH_QUEUE_FULL);
}

static struct neigh *neigh_create(
	struct neigh_table *t, uint16_t port, const struct inet_addr *addr, uint64_t now_us)
{
	struct adj key = {.port = port, .addr = *addr};
	struct neigh *n = NULL;

	if (t->incomplete >= NEIGH_INCOMPLETE_MAX)
		incomplete_evict(t);
	for (uint32_t i = 0; i < ADJ_MAX && !n; i++) {
		if (!t->neigh[i].in_use)
			n = &t->neigh[i];
	}
	if (!n)
		return NULL;
	*n = (struct neigh){.in_use = true,
		.state = IPC_NEIGH_INCOMPLETE,
		.port = port,
		.addr = *addr,
		.created_us = now_us,
		.used_us = now_us};
	t->incomplete++;
	t->top = RTE_MAX(t->top, (uint32_t)(n - t->neigh) + 1);
	adj_set(t->by_addr, (uint32_t)(n - t->neigh), &key);
	return n;
}

// Our address from which to ask for `addr`: one of its prefix, for IPv6 otherwise the link-local one.
static const struct inet_addr *source_for(const struct port *port, const struct inet_addr *addr)
{
	const struct inet_addr *other = NULL;

	for (uint32_t i = 0; i < port->addr_n; i++) {
		struct inet_prefix net = {.addr = port->addr[i].addr, .len = port->addr[i].len};

		if (net.addr.family != addr->family)
			continue;
		inet_prefix_normalize(&net);
		if (inet_prefix_contains(&net, addr))
			return &port->addr[i].addr;
		if (!other || inet_addr_is_link_local(&port->addr[i].addr))
			other = &port->addr[i].addr;
	}
	return other;
}

static void solicit(struct neigh_table *t, struct neigh *n)
{
	const struct port *port = t->port[n->port];
	const struct inet_addr *src = port ? source_for(port, &n->addr) : NULL;
	uint8_t frame[NEIGH_FRAME_MAX];

	if (src)
		frame_send(t, n->port, frame,
			neigh_write_request(frame, port->mac, src, &n->addr,
				n->state == IPC_NEIGH_INCOMPLETE ? NULL : n->mac));
}

static void l2_header(const struct neigh_table *t, const struct neigh *n, uint8_t *out)
{
	memcpy(out, n->mac, 6);
	memcpy(out + 6, t->port[n->port]->mac, 6);
	out[12] = n->addr.family == AF_INET ? 0x08 : 0x86;
	out[13] = n->addr.family == AF_INET ? 0x00 : 0xdd;
}

// The EtherType is the packet's: an IPv6 packet may go by an IPv4 next hop's Ethernet address only
// in theory, since routes are of one family.
static void frame_and_send(struct neigh_table *t, const struct neigh *n, struct rte_mbuf *m)
{
	uint8_t *header = (uint8_t *)rte_pktmbuf_prepend(m, ADJ_L2_LEN);

	if (!header) {
		pkt_drop(t->drops, m, DROP_NO_MBUF);
		return;
	}
	l2_header(t, n, header);
	t->ops->send(t->arg, n->port, m);
}

static void set_state(struct neigh_table *t, struct neigh *n, uint8_t state, uint64_t now_us)
{
	if (n->state == IPC_NEIGH_INCOMPLETE && state != IPC_NEIGH_INCOMPLETE)
		t->incomplete--;
	n->state = state;
	n->tries = 0;
	switch (state) {
	case IPC_NEIGH_REACHABLE:
		n->confirmed_us = now_us;
		n->next_us = now_us + REACHABLE_US;
		break;
	case IPC_NEIGH_STALE:
		n->next_us = now_us + STALE_CHECK_US;
		break;
	default:
		n->next_us = now_us;
	}
}

// The neighbour has this Ethernet address: workers are told before the packets that waited go.
static void mac_learn(struct neigh_table *t, struct neigh *n, const uint8_t mac[6])
{
	struct adj adj = {.port = n->port, .addr = n->addr};
	bool changed = !n->known || memcmp(n->mac, mac, 6) != 0;

	memcpy(n->mac, mac, 6);
	if (changed) {
		l2_header(t, n, adj.header);
		t->ops->adj_set(t->arg, (uint32_t)(n - t->neigh), &adj);
		n->known = true;
	}
	for (uint16_t i = 0; i < n->queued; i++)
		frame_and_send(t, n, n->queue[i]);
	n->queued = 0;
}

void neigh_resolve(struct neigh_table *t, uint16_t port, const struct inet_addr *next_hop,
	struct rte_mbuf *m, uint64_t now_us)
{
	struct neigh *n;

	if (port >= PORT_MAX || !t->port[port]) {
		pkt_drop(t->drops, m, DROP_NO_PORT);
		return;
	}
	n = neigh_find(t, port, next_hop);
	if (!n)
		n = neigh_create(t, port, next_hop, now_us);
	if (!n) {
		pkt_drop(t->drops, m, DROP_NEIGH_QUEUE_FULL);
		return;
	}
	n->used_us = now_us;
	if (n->known) { // it was found while the packet was on its way here
		frame_and_send(t, n, m);
		return;
	}
	if (n->queued == NEIGH_QUEUE) {
		pkt_drop(t->drops, m, DROP_NEIGH_QUEUE_FULL);
		return;
	}
	n->queue[n->queued++] = m;
	if (!n->tries) {
		n->tries = 1;
		n->next_us = now_us + RETRANS_US;
		solicit(t, n);
	}
}

static bool own_address(const struct port *port, const struct inet_addr *addr)
{
	for (uint32_t i = 0; i < port->addr_n; i++) {
		if (inet_addr_equal(&port->addr[i].addr, addr))
			return true;
	}
	return false;
}

static bool on_link(const struct port *port, const struct inet_addr *addr)
{
	if (addr->family == AF_INET6 && inet_addr_is_link_local(addr))
		return true;
	for (uint32_t i = 0; i < port->addr_n; i++) {
		struct inet_prefix net = {.addr = port->addr[i].addr, .len = port->addr[i].len};

		inet_prefix_normalize(&net);
		if (net.addr.family == addr->family && inet_prefix_contains(&net, addr))
			return true;
	}
	return false;
}

static void answer(struct neigh_table *t, const struct port *port, const struct neigh_packet *p)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	bool probe = inet_addr_is_unspecified(&p->sender);
	size_t len;

	// An IPv6 probe is answered to all nodes (RFC 4861 section 7.2.4), an ARP probe to the asker.
	if (probe && p->target.family == AF_INET6)
		len = neigh_write_reply(frame, port->mac, &p->target, NULL, NULL);
	else
		len = neigh_write_reply(frame, port->mac, &p->target, &p->sender,
			p->has_mac ? p->mac : p->ether_src);
	frame_send(t, port->index, frame, len);
}

static void request_in(struct neigh_table *t, const struct port *port, const struct neigh_packet *p,
	uint64_t now_us)
{
	struct neigh *n;

	if (port->shared || !own_address(port, &p->target))
		return;
	answer(t, port, p);
	// Who asks for us is about to send to us, and mostly gets an answer.
	if (inet_addr_is_unspecified(&p->sender) || !p->has_mac || !on_link(port, &p->sender))
		return;
	n = neigh_find(t, port->index, &p->sender);
	if (!n)
		n = neigh_create(t, port->index, &p->sender, now_us);
	if (!n || (n->known && !memcmp(n->mac, p->mac, 6)))
		return;
	set_state(t, n, IPC_NEIGH_STALE, now_us);
	mac_learn(t, n, p->mac);
}

// RFC 4861 section 7.2.5.
static void reply_in(struct neigh_table *t, const struct port *port, const struct neigh_packet *p,
	uint64_t now_us)
{
	struct neigh *n = neigh_find(t, port->index, &p->target);
	bool other;

	if (!n)
		return;
	if (!n->known && !p->has_mac)
		return;
	other = n->known && p->has_mac && memcmp(n->mac, p->mac, 6);
	if (other && !p->override) {
		if (n->state == IPC_NEIGH_REACHABLE)
			set_state(t, n, IPC_NEIGH_STALE, now_us);
		return;
	}
	if (p->solicited)
		set_state(t, n, IPC_NEIGH_REACHABLE, now_us);
	else if (other || !n->known)
		set_state(t, n, IPC_NEIGH_STALE, now_us);
	if (p->has_mac)
		mac_learn(t, n, p->mac);
}

static void packet_in(
	struct neigh_table *t, uint16_t index, const struct neigh_packet *p, uint64_t now_us)
{
	const struct port *port = index < PORT_MAX ? t->port[index] : NULL;
	const struct inet_addr *claimed = p->kind == NEIGH_REPLY ? &p->target : &p->sender;
	char text[INET_ADDR_STRLEN];

	if (!port || !memcmp(p->ether_src, port->mac, 6))
		return;
	if (!port->shared && !inet_addr_is_unspecified(claimed) && own_address(port, claimed)) {
		LOG_LIMITED(WARN, "port %s: %02x:%02x:%02x:%02x:%02x:%02x uses our address %s",
			port->name, p->ether_src[0], p->ether_src[1], p->ether_src[2],
			p->ether_src[3], p->ether_src[4], p->ether_src[5],
			inet_addr_format(claimed, text));
		return;
	}
	if (p->kind == NEIGH_REQUEST)
		request_in(t, port, p, now_us);
	else
		reply_in(t, port, p, now_us);
}

void neigh_arp_in(struct neigh_table *t, uint16_t port, struct rte_mbuf *m, uint64_t now_us)
{
	struct neigh_packet p;

	if (!neigh_read_arp(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), &p))
		packet_in(t, port, &p, now_us);
	rte_pktmbuf_free(m);
}

void neigh_nd_in(struct neigh_table *t, uint16_t port, struct rte_mbuf *m, uint64_t now_us)
{
	struct neigh_packet p;

	if (!neigh_read_nd(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), &p))
		packet_in(t, port, &p, now_us);
	rte_pktmbuf_free(m);
}

static void stale_check(struct neigh_table *t, struct neigh *n, uint64_t now_us)
{
	if (t->ops->adj_was_used(t->arg, (uint32_t)(n - t->neigh))) {
		n->used_us = now_us;
		set_state(t, n, IPC_NEIGH_PROBE, now_us);
		n->tries = 1;
		n->next_us = now_us + RETRANS_US;
		solicit(t, n);
	} else if (now_us - n->used_us > UNUSED_US) {
		neigh_delete(t, n, DROP_NEIGH_FAILED);
	} else {
		n->next_us = now_us + STALE_CHECK_US;
	}
}

static void timer_one(struct neigh_table *t, struct neigh *n, uint64_t now_us)
{
	switch ((enum ipc_neigh_state)n->state) {
	case IPC_NEIGH_INCOMPLETE:
	case IPC_NEIGH_PROBE:
		if (n->tries >= TRIES) {
			neigh_delete(t, n, DROP_NEIGH_FAILED);
			return;
		}
		n->tries++;
		n->next_us = now_us + RETRANS_US;
		solicit(t, n);
		break;
	case IPC_NEIGH_REACHABLE:
		// Uses before this moment do not count against it.
		if (t->ops->adj_was_used(t->arg, (uint32_t)(n - t->neigh)))
			n->used_us = now_us;
		set_state(t, n, IPC_NEIGH_STALE, now_us);
		break;
	case IPC_NEIGH_STALE:
		stale_check(t, n, now_us);
		break;
	}
}

uint64_t neigh_timer(struct neigh_table *t, uint64_t now_us)
{
	uint64_t next = CLOCK_NEVER;

	for (uint32_t i = 0; i < t->top; i++) {
		struct neigh *n = &t->neigh[i];

		if (n->in_use && n->next_us <= now_us)
			timer_one(t, n, now_us);
		if (n->in_use && n->next_us < next)
			next = n->next_us;
	}
	return next;
}

bool neigh_info(
	const struct neigh_table *t, uint32_t i, struct ipc_neigh_info *out, uint64_t now_us)
{
	for (uint32_t k = 0; k < t->top; k++) {
		const struct neigh *n = &t->neigh[k];

		if (!n->in_use || i--)
			continue;
		memset(out, 0, sizeof(*out));
		memcpy(out->port, t->port[n->port]->name, sizeof(out->port) - 1);
		out->addr = n->addr;
		memcpy(out->mac, n->mac, 6);
		out->state = n->state;
		out->age_us = n->confirmed_us ? now_us - n->confirmed_us : UINT64_MAX;
		out->queued = n->queued;
		return true;
	}
	return false;
}
