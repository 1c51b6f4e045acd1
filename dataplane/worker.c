// SPDX-License-Identifier: BSD-3-Clause
// The worker's loop and its set-up. worker_new() to workers_link() run in the main thread before the
// lcore starts; everything else in the worker's thread. The only system calls are the sleep when
// there is nothing to do, the doorbells, and what drivers do.
#include "worker.h"

#include "classify.h"
#include "commands.h"
#include "events.h"
#include "forward.h"
#include "handoff.h"
#include "reassembly.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <rte_ring_elem.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>

#define ROUTES_OUTER 4096
#define ROUTES_INNER (1u << 22) // a claimed address each, RFC 4862
#define ROUTES_DELIVER 4096
#define HANDOFF_RING 1024
#define MAIN_RING 1024
#define MSG_RING 1024
#define MSGS_A_ROUND 64
#define PREFETCH 4
#define PUBLISH_HZ 10

// Idle policy: so many empty rounds at full speed, then sleeps that double up to the long one, and the
// longest after a tenth of a second without anything.
#define IDLE_SPIN 128
#define IDLE_SLEEP_MIN_NS 1000
#define IDLE_SLEEP_MAX_NS 500000
#define IDLE_LONG_ROUNDS 350
#define IDLE_SLEEP_LONG_NS 1000000

// ---- set-up ----

static int rings_new(struct worker *w)
{
	char name[RTE_RING_NAMESIZE];
	static uint32_t serial; // ring names are unique in a process

	snprintf(name, sizeof(name), "main-%u-%u", serial, w->index);
	w->main_ring =
		rte_ring_create(name, MAIN_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "msg-%u-%u", serial++, w->index);
	w->msg_ring = rte_ring_create_elem(name, RTE_ALIGN(sizeof(struct worker_msg), 4), MSG_RING,
		SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return w->main_ring && w->msg_ring ? 0 : -ENOMEM;
}

static int tables_new(struct worker *w, const struct worker_config *config)
{
	struct esp_config esp = {.worker = config->index,
		.slots = config->sa_slots,
		.drops = &w->drops,
		.tsc_hz = config->tsc_hz};

	w->outer = fib_new(ROUTES_OUTER);
	w->inner = fib_new(ROUTES_INNER);
	w->deliver = fib_new(ROUTES_DELIVER);
	w->pools = pools_new();
	w->groups = group_table_new(config->index, config->count);
	w->adj = adj_table_new();
	w->events = event_queue_new();
	w->msg_buf = aligned_alloc(64, RING_MSG_MAX);
	w->msg_buf2 = aligned_alloc(64, RING_MSG_MAX);
	w->published = calloc(1, sizeof(*w->published));
	if (!w->outer || !w->inner || !w->deliver || !w->pools || !w->groups || !w->adj ||
		!w->events || !w->msg_buf || !w->msg_buf2 || !w->published)
		return -ENOMEM;
	if (config->jumbos) {
		w->reassembly = reassembly_new(config->jumbos, &w->drops, config->tsc_hz);
		if (!w->reassembly)
			return -ENOMEM;
	}
	w->esp = esp_new(&esp);
	return w->esp ? 0 : -errno;
}

struct worker *worker_new(const struct worker_config *config)
{
	struct worker *w = aligned_alloc(64, RTE_ALIGN(sizeof(*w), 64));
	int rc;

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->index = config->index;
	w->count = config->count;
	w->mbufs = config->mbufs;
	w->jumbos = config->jumbos;
	w->locals = config->locals;
	w->bell = config->bell;
	w->adaptive = config->adaptive;
	w->tsc_hz = config->tsc_hz;
	w->now_tsc = rte_rdtsc();
	rc = rings_new(w);
	if (!rc)
		rc = tables_new(w, config);
	if (rc) {
		worker_free(w);
		errno = -rc;
		return NULL;
	}
	return w;
}

static void ring_empty(struct rte_ring *ring)
{
	void *m;

	while (ring && !rte_ring_sc_dequeue(ring, &m))
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < PORT_MAX; i++)
		rte_pktmbuf_free_bulk(w->port[i].tx, w->port[i].tx_n);
	for (uint32_t i = 0; i < WORKERS_MAX; i++)
		ring_empty(w->handoff_in[i]);
	ring_empty(w->main_ring);
	rte_ring_free(w->msg_ring);
	if (w->esp)
		esp_free(w->esp);
	reassembly_free(w->reassembly);
	event_queue_free(w->events);
	adj_table_free(w->adj);
	group_table_free(w->groups);
	pools_free(w->pools);
	fib_free(w->deliver);
	fib_free(w->inner);
	fib_free(w->outer);
	free(w->published);
	free(w->msg_buf2);
	free(w->msg_buf);
	free(w);
}

int workers_link(struct worker **workers, uint32_t n)
{
	static uint16_t serial;

	for (uint32_t to = 0; to < n; to++) {
		for (uint32_t from = 0; from < n; from++) {
			char name[RTE_RING_NAMESIZE];
			struct rte_ring *ring;

			if (from == to)
				continue;
			snprintf(name, sizeof(name), "handoff-%hu-%hhu-%hhu", serial, (uint8_t)from,
				(uint8_t)to);
			ring = rte_ring_create(
				name, HANDOFF_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
			if (!ring)
				return -rte_errno;
			workers[to]->handoff_in[from] = ring;
			workers[from]->handoff_out[to] = ring;
		}
	}
	serial++;
	return 0;
}

void worker_port_add(struct worker *w, const struct port *port)
{
	struct worker_port *p = &w->port[port->index];

	p->port = port;
	p->device = port->device_id;
	p->has_queue = port->device_id != PORT_NO_DEVICE && w->index < port->queues;
	p->polled = port->device_id != PORT_NO_DEVICE && w->index < port->rx_queues;
	p->mtu = port->tx_max;
	p->l3 = port->l3;
	p->shared = port->shared;
	p->kernel_peer = port->kernel_peer;
	p->outer = port->role == CONFIG_PORT_OUTER;
	memcpy(p->mac, port->mac, 6);
	p->prefix_n = port->addr_n;
	for (uint32_t i = 0; i < port->addr_n; i++) {
		p->prefix[i] =
			(struct inet_prefix){.addr = port->addr[i].addr, .len = port->addr[i].len};
		inet_prefix_normalize(&p->prefix[i]);
	}
	p->active = true;
	w->ports_n = RTE_MAX(w->ports_n, port->index + 1u);
	// What an SA whose path nobody knows yet may send at most.
	if (p->outer) {
		w->outer_mtu = p->mtu;
		esp_set_route_generation(w->esp, ++w->route_generation, p->mtu);
	}
}

void worker_port_del(struct worker *w, uint16_t index)
{
	struct worker_port *p = &w->port[index];

	p->active = p->has_queue = p->polled = false;
	p->port = NULL;
	rte_pktmbuf_free_bulk(p->tx, p->tx_n);
	p->tx_n = 0;
}

int worker_route_add(struct worker *w, enum config_port_role table,
	const struct inet_prefix *prefix, const struct inet_addr *via, uint16_t port)
{
	struct fib_hop hop = {.kind = FIB_CONNECTED, .fixed = 1, .port = port};

	if (via->family) {
		uint32_t i = 0;

		while (i < w->gateway_n &&
			(w->gateway[i].port != port || !inet_addr_equal(&w->gateway[i].addr, via)))
			i++;
		if (i == WORKER_GATEWAYS)
			return -ENOSPC;
		w->gateway[i] = (struct gateway){.port = port, .addr = *via};
		w->gateway_n = RTE_MAX(w->gateway_n, i + 1);
		hop.kind = FIB_GATEWAY;
		hop.arg = i;
	}
	return fib_set(table == CONFIG_PORT_OUTER ? w->outer : w->inner, prefix, hop);
}

int worker_port_routes(struct worker *w, const struct port *port)
{
	struct fib *fib = port->role == CONFIG_PORT_OUTER ? w->outer : w->inner;

	for (uint32_t i = 0; i < port->addr_n; i++) {
		struct inet_prefix net = {.addr = port->addr[i].addr, .len = port->addr[i].len};
		struct inet_prefix own = {.addr = port->addr[i].addr};
		int rc;

		if (inet_addr_is_link_local(&own.addr))
			continue;
		own.len = (uint8_t)inet_addr_bits(own.addr.family);
		inet_prefix_normalize(&net);
		rc = fib_set(fib, &net,
			(struct fib_hop){.kind = FIB_CONNECTED, .fixed = 1, .port = port->index});
		if (!rc)
			rc = fib_set(fib, &own,
				(struct fib_hop){
					.kind = FIB_LOCAL, .fixed = 1, .port = port->index});
		if (rc)
			return rc;
	}
	return 0;
}

// ---- packets ----

static void prefetch_next(struct rte_mbuf **pkts, uint16_t i, uint16_t n)
{
	if (i + PREFETCH < n) {
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i + PREFETCH], void *));
		rte_prefetch0(pkt_meta(pkts[i + PREFETCH]));
	}
}

void worker_esp_in(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	n = esp_in_burst(w->esp, pkts, n, w->now_tsc);
	w->stats.esp_in_pkts += n;
	for (uint16_t i = 0; i < n; i++)
		w->stats.esp_in_bytes += rte_pktmbuf_pkt_len(pkts[i]);
	if (n)
		forward_burst(w, pkts, n);
}

static void outer_burst(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *esp[WORKER_BURST];
	uint16_t esp_n = 0;

	for (uint16_t i = 0; i < n; i++) {
		prefetch_next(pkts, i, n);
		w->stats.rx_bytes += rte_pktmbuf_pkt_len(pkts[i]);
		if (classify_outer(w, port, pkts[i]))
			esp[esp_n++] = pkts[i];
	}
	w->stats.rx_pkts += n;
	if (esp_n)
		worker_esp_in(w, esp, esp_n);
}

static void inner_burst(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *ip[WORKER_BURST];
	uint16_t ip_n = 0;

	for (uint16_t i = 0; i < n; i++) {
		prefetch_next(pkts, i, n);
		w->stats.rx_bytes += rte_pktmbuf_pkt_len(pkts[i]);
		if (classify_inner(w, port, pkts[i]))
			ip[ip_n++] = pkts[i];
	}
	w->stats.rx_pkts += n;
	if (ip_n)
		forward_burst(w, ip, ip_n);
}

void worker_outer_in(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i += WORKER_BURST)
		outer_burst(w, port, pkts + i, (uint16_t)RTE_MIN(n - i, WORKER_BURST));
}

void worker_inner_in(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i += WORKER_BURST)
		inner_burst(w, port, pkts + i, (uint16_t)RTE_MIN(n - i, WORKER_BURST));
}

void worker_to_main(struct worker *w, struct rte_mbuf *m, uint8_t stage)
{
	pkt_meta(m)->stage = stage;
	if (rte_ring_sp_enqueue(w->main_ring, m))
		worker_drop(w, m, DROP_MAIN_FULL);
	else
		w->to_main = true;
}

void worker_flush_port(struct worker *w, struct worker_port *p)
{
	uint16_t sent = 0;

	if (p->has_queue) {
		sent = rte_eth_tx_burst(p->device, (uint16_t)w->index, p->tx, p->tx_n);
		if (sent < p->tx_n) // a second try: the first may have made room
			sent += rte_eth_tx_burst(
				p->device, (uint16_t)w->index, p->tx + sent, p->tx_n - sent);
	}
	for (uint16_t i = sent; i < p->tx_n; i++) {
		w->stats.tx_pkts--;
		w->stats.tx_bytes -= rte_pktmbuf_pkt_len(p->tx[i]);
		if (p->outer)
			esp_out_lost(w->esp, pkt_meta(p->tx[i])->sa);
		worker_drop(w, p->tx[i],
			p->has_queue || p->device == PORT_NO_DEVICE ? DROP_TX_FULL : DROP_NO_PORT);
	}
	p->tx_n = 0;
}

void worker_flush(struct worker *w)
{
	for (uint32_t i = 0; i < w->ports_n; i++) {
		if (w->port[i].tx_n && w->port[i].device != PORT_NO_DEVICE)
			worker_flush_port(w, &w->port[i]);
	}
}

static uint32_t ports_poll(struct worker *w)
{
	uint32_t total = 0;

	for (uint16_t i = 0; i < w->ports_n; i++) {
		struct worker_port *p = &w->port[i];
		struct rte_mbuf *pkts[WORKER_BURST];
		uint16_t n;

		if (!p->polled)
			continue;
		n = rte_eth_rx_burst(p->device, (uint16_t)w->index, pkts, WORKER_BURST);
		if (!n)
			continue;
		total += n;
		if (p->outer)
			outer_burst(w, i, pkts, n);
		else
			inner_burst(w, i, pkts, n);
	}
	return total;
}

// ---- messages, statistics, the loop ----

static void seam_set(struct worker *w, struct seam *seam)
{
	uint32_t thread = 1 + w->index;

	if (w->seam)
		w->ring_faults_before += w->command->faults + w->event->faults +
			w->punt_up->faults + w->punt_down->faults;
	w->seam = seam;
	w->command = seam ? seam_ring(seam, thread, SEAM_COMMAND) : NULL;
	w->event = seam ? seam_ring(seam, thread, SEAM_EVENT) : NULL;
	w->punt_up = seam ? seam_ring(seam, thread, SEAM_PUNT_UP) : NULL;
	w->punt_down = seam ? seam_ring(seam, thread, SEAM_PUNT_DOWN) : NULL;
	w->held_len = 0;
	event_queue_reset(w->events);
	w->published_tsc = 0;
}

void worker_msg_run(struct worker *w, const struct worker_msg *msg)
{
	switch ((enum worker_msg_type)msg->type) {
	case WORKER_MSG_ADJ_SET:
		adj_set(w->adj, msg->adj.index, &msg->adj.adj);
		break;
	case WORKER_MSG_ADJ_CLEAR:
		adj_clear(w->adj, msg->adj.index);
		// SAs remember adjacencies by index, which may now be given to another neighbour.
		esp_set_route_generation(w->esp, ++w->route_generation, w->outer_mtu);
		break;
	case WORKER_MSG_TX:
		if (w->port[msg->pkt.port].active)
			worker_tx(w, msg->pkt.port, msg->pkt.pkt);
		else
			worker_drop(w, msg->pkt.pkt, DROP_NO_PORT);
		break;
	case WORKER_MSG_PORT_ADD:
		worker_port_add(w, msg->port);
		break;
	case WORKER_MSG_PORT_DEL:
		worker_port_del(w, msg->port->index);
		break;
	case WORKER_MSG_SEAM:
		seam_set(w, msg->seam);
		break;
	case WORKER_MSG_STOP:
		w->stop = true;
		break;
	}
	atomic_store_explicit(&w->msg_done, msg->serial, memory_order_release);
}

static uint32_t msgs_drain(struct worker *w)
{
	struct worker_msg msg;
	uint32_t n = 0;

	while (n < MSGS_A_ROUND &&
		!rte_ring_sc_dequeue_elem(w->msg_ring, &msg, sizeof(struct worker_msg))) {
		worker_msg_run(w, &msg);
		n++;
	}
	return n;
}

void worker_stats_publish(struct worker *w)
{
	w->published_tsc = w->now_tsc;
	memcpy(w->stats.drops, w->drops.n, sizeof(w->stats.drops));
	esp_count(w->esp, &w->stats.sas_in, &w->stats.sas_out);
	w->stats.ring_faults = w->ring_faults_before;
	if (w->seam)
		w->stats.ring_faults += w->command->faults + w->event->faults + w->punt_up->faults +
			w->punt_down->faults;
	// Each a word, and a reader that sees some new and some old ones is none the worse.
	for (size_t i = 0; i < sizeof(*w->published) / 8; i++)
		atomic_store_explicit((_Atomic uint64_t *)w->published + i,
			((const uint64_t *)&w->stats)[i], memory_order_relaxed);
	if (w->seam)
		seam_stats_publish(w->seam, 1 + w->index, &w->stats);
}

static void bells_ring(struct worker *w)
{
	if (w->to_control && w->seam)
		seam_ring_doorbell(w->seam, true);
	if (w->to_main && w->bell) {
		// Against main, which arms the bell before it looks into the rings for the last time.
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&w->bell->armed, memory_order_relaxed) &&
			atomic_exchange(&w->bell->armed, false))
			eventfd_write(w->bell->fd, 1);
	}
	w->to_control = w->to_main = false;
}

uint32_t worker_round(struct worker *w)
{
	uint32_t work;

	w->now_tsc = rte_rdtsc();
	work = ports_poll(w);
	work += handoff_drain(w);
	work += msgs_drain(w);
	work += commands_drain(w);
	worker_flush(w);
	commands_raise_events(w);
	bells_ring(w);
	w->stats.loops++;
	if (w->now_tsc - w->published_tsc >= w->tsc_hz / PUBLISH_HZ) {
		worker_stats_publish(w);
		if (w->reassembly)
			reassembly_expire(w->reassembly, w->now_tsc);
	}
	return work;
}

int worker_main(void *arg)
{
	struct worker *w = arg;
	struct timespec nap = {.tv_nsec = IDLE_SLEEP_MIN_NS};
	uint32_t idle = 0;

	prctl(PR_SET_TIMERSLACK, 1); // or the shortest sleep would be 50 us
	while (!w->stop) {
		if (worker_round(w)) {
			idle = 0;
			nap.tv_nsec = IDLE_SLEEP_MIN_NS;
			continue;
		}
		w->stats.idle_loops++;
		if (!w->adaptive || ++idle < IDLE_SPIN) {
			rte_pause();
			continue;
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
		nap.tv_nsec = idle > IDLE_LONG_ROUNDS ? IDLE_SLEEP_LONG_NS
						      : RTE_MIN(nap.tv_nsec * 2, IDLE_SLEEP_MAX_NS);
		w->stats.sleeps++;
	}
	worker_flush(w);
	return 0;
}
