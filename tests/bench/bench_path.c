// SPDX-License-Identifier: BSD-3-Clause
// The whole path of a worker, from frame to frame: worker_inner_in() with what a host sent to
// clients, worker_outer_in() with what clients sent; ports lead nowhere. Classification, route by
// pool, hop limit, ESP, next hop, Ethernet header; and back, with replay window, selectors and ingress
// filter.
#include "bench.h"
#include "flow.h"
#include "worker.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUTER 0
#define INNER 1
#define L2 14
#define OUTER_LEN 20
#define ROUND_MIN 256

struct bench_path {
	struct worker *w; // the gateway's
	struct esp *clients; // all of them
	struct drop_counts clients_drops;
	struct locals locals;
	struct port port[2];
	uint32_t sas;
	uint32_t round; // packets: at least one for each SA
	uint32_t inner_len;
	uint32_t outer_len; // of a frame with ESP
	uint32_t *order;
	uint8_t clear[L2 + BENCH_INNER_MAX]; // a frame of the host
	uint8_t inner[BENCH_INNER_MAX]; // a packet of a client
	struct rte_mbuf *pkts[BENCH_BURST];
};

static int add_port(struct bench_path *b, uint16_t index, const char *addr, const char *neighbour)
{
	struct port *port = &b->port[index];
	struct adj adj = {.port = index, .header = {[5] = index, [11] = 1}};
	int ret;

	*port = (struct port){.index = index,
		.device_id = PORT_NO_DEVICE,
		.mtu = 1500,
		.tx_max = 1500,
		.role = index == OUTER ? CONFIG_PORT_OUTER : CONFIG_PORT_INNER,
		.mac = {2, 0, 0, 0, 0, (uint8_t)index},
		.addr_n = 1};
	ret = inet_ifaddr_parse(addr, &port->addr[0].addr, &port->addr[0].len);
	if (!ret)
		ret = inet_addr_parse(neighbour, &adj.addr);
	if (ret)
		return ret;
	adj.header[12] = index == OUTER ? 0x08 : 0x86;
	adj.header[13] = index == OUTER ? 0x00 : 0xdd;
	if (index == OUTER)
		memcpy(&b->locals.v4_be[b->locals.n4++], port->addr[0].addr.bytes, 4);
	worker_port_add(b->w, port);
	adj_set(b->w->adj, index, &adj);
	return worker_port_routes(b->w, port);
}

// Both ends of the i-th client's tunnel.
static int add_client(struct bench_path *b, uint32_t i)
{
	struct ipc_pool_set slot = {.ref = spi_make(0, 0, i), .slot = i};
	struct ipc_sa_in_add in;
	struct ipc_sa_out_set out;
	struct ts_list any;
	struct inet_addr addr;
	int ret;

	bench_sa_in(&in, i, 0);
	ret = esp_in_add(b->w->esp, &in, 0);
	if (ret)
		return ret;
	bench_sa_out(&out, i, 0);
	ret = esp_out_set(b->w->esp, &out, 0);
	if (ret)
		return ret;
	any = out.sa.local_ts;
	out.sa.local_ts = out.sa.remote_ts;
	out.sa.remote_ts = any;
	addr = out.sa.local;
	out.sa.local = out.sa.remote;
	out.sa.remote = addr;
	ret = esp_out_set(b->clients, &out, 0);
	return ret ? ret : pools_set(b->w->pools, &slot);
}

static int fill(struct bench_path *b)
{
	struct ipc_pool_add pool = {.slot_len = 64};
	int ret = add_port(b, OUTER, "192.0.2.1/24", "192.0.2.2");

	if (!ret)
		ret = add_port(b, INNER, "2001:db8:aaaa::1/64", "2001:db8:aaaa::10");
	if (!ret)
		ret = inet_prefix_parse("2001:db8:1000::/40", &pool.prefix);
	if (!ret)
		ret = pools_add(b->w->pools, &pool);
	for (uint32_t i = 0; i < b->sas && !ret; i++)
		ret = add_client(b, i);
	memcpy(b->clear, b->port[INNER].mac, 6);
	b->clear[12] = 0x86;
	b->clear[13] = 0xdd;
	bench_inner_template(b->clear + L2, b->inner_len, false);
	bench_inner_template(b->inner, b->inner_len, true);
	return ret;
}

struct bench_path *bench_path_new(struct rte_mempool *pool, uint32_t sas, uint32_t inner_len)
{
	struct bench_path *b = calloc(1, sizeof(*b));
	struct worker_config config = {.count = 1,
		.sa_slots = rte_align32pow2(sas),
		.tsc_hz = rte_get_tsc_hz(),
		.mbufs = pool};
	struct esp_config clients = {.slots = rte_align32pow2(sas), .tsc_hz = rte_get_tsc_hz()};
	int ret = ENOMEM;

	if (!b)
		return NULL;
	config.locals = &b->locals;
	clients.drops = &b->clients_drops;
	b->sas = sas;
	b->round = RTE_ALIGN_CEIL(RTE_MAX(sas, (uint32_t)ROUND_MIN), BENCH_BURST);
	b->inner_len = inner_len;
	b->outer_len = L2 + OUTER_LEN + 8 + 8 + RTE_ALIGN_CEIL(inner_len + 2, 4) + 16;
	b->order = bench_order(sas);
	b->w = worker_new(&config);
	b->clients = esp_new(&clients);
	if (b->order && b->w && b->clients && !rte_pktmbuf_alloc_bulk(pool, b->pkts, BENCH_BURST))
		ret = -fill(b);
	if (ret) {
		bench_path_free(b);
		errno = ret;
		return NULL;
	}
	return b;
}

void bench_path_free(struct bench_path *b)
{
	if (!b)
		return;
	worker_free(b->w);
	esp_free(b->clients);
	for (uint32_t i = 0; i < BENCH_BURST; i++)
		rte_pktmbuf_free(b->pkts[i]);
	free(b->order);
	free(b);
}

static uint32_t sa_at(const struct bench_path *b, uint32_t at)
{
	return b->order[at % b->sas];
}

// As a port's receive burst leaves an mbuf.
static uint8_t *receive(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	uint8_t *to;

	rte_pktmbuf_reset(m);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	to = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(to, data, len);
	return to;
}

// All of the burst has left by this port, as frames of this length.
static void check_sent(struct bench_path *b, uint16_t port, uint32_t len)
{
	struct worker_port *p = &b->w->port[port];

	if (p->tx_n != BENCH_BURST || p->tx[0]->pkt_len != len ||
		p->tx[BENCH_BURST - 1]->pkt_len != len)
		abort();
	memcpy(b->pkts, p->tx, sizeof(b->pkts));
	p->tx_n = 0;
}

// One burst from the host, from position `at` of the round. Returns its cycles.
static uint64_t encap(struct bench_path *b, uint32_t at)
{
	uint64_t start, end;

	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		uint8_t *frame = receive(b->pkts[i], b->clear, L2 + b->inner_len);

		bench_inner_client(frame + L2, sa_at(b, at + i), false);
	}
	start = rte_rdtsc_precise();
	b->w->now_tsc = start;
	worker_inner_in(b->w, INNER, b->pkts, BENCH_BURST);
	end = rte_rdtsc_precise();
	check_sent(b, OUTER, b->outer_len);
	return end - start;
}

// What the clients send next, as frames.
static void seal(struct bench_path *b, uint32_t at)
{
	struct rte_mbuf *big[BENCH_BURST];
	uint16_t big_n;

	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		struct rte_mbuf *m = b->pkts[i];
		uint8_t *inner = receive(m, b->inner, b->inner_len);

		bench_inner_client(inner, sa_at(b, at + i), true);
		*pkt_meta(m) = (struct pkt_meta){.sa = spi_make(0, 0, sa_at(b, at + i))};
		flow_parse_mbuf(m, pkt_meta(m));
	}
	if (esp_out_burst(b->clients, b->pkts, BENCH_BURST, big, &big_n, 1) != BENCH_BURST)
		abort();
	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(b->pkts[i], L2);

		memset(frame, 0, L2);
		memcpy(frame, b->port[OUTER].mac, 6);
		frame[12] = 0x08;
	}
}

static uint64_t decap(struct bench_path *b, uint32_t at)
{
	uint64_t start, end;

	seal(b, at);
	start = rte_rdtsc_precise();
	b->w->now_tsc = start;
	worker_outer_in(b->w, OUTER, b->pkts, BENCH_BURST);
	end = rte_rdtsc_precise();
	check_sent(b, INNER, L2 + b->inner_len);
	return end - start;
}

void bench_path_run(
	struct bench_path *b, uint32_t pkts, struct bench_times *out, struct bench_times *in)
{
	uint32_t rounds = (pkts + b->round - 1) / b->round;

	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t at = 0; at < b->round; at += BENCH_BURST)
			bench_time(out, encap(b, at));
	}
	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t at = 0; at < b->round; at += BENCH_BURST)
			bench_time(in, decap(b, at));
	}
}
