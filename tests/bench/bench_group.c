// SPDX-License-Identifier: BSD-3-Clause
// Replication: one packet of the host to a group that N links joined, from frame to frames, beside
// packets of the same length to one client after the other, which the same worker encrypts with the
// same SAs. Both are sent by a port that takes everything and gives the buffers back.
#include "bench.h"
#include "flow.h"
#include "worker.h"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define OUTER 0
#define INNER 1
#define L2 14
#define MBUFS 8191
#define MBUF_CACHE 256 // the dataplane's
#define ROUND_MIN 256
#define TRIES_MAX 10000

struct bench_group {
	struct worker *w;
	struct rte_mempool *pool;
	struct locals locals;
	struct port port[2];
	uint32_t members;
	uint32_t inner_len;
	uint32_t *order; // of the members, and of the packets to each
	uint8_t unicast[L2 + BENCH_INNER_MAX];
	uint8_t multicast[L2 + BENCH_INNER_MAX];
};

static int sink_open(struct rte_mempool *pool, uint16_t *id)
{
	struct rte_eth_conf conf = {0};
	int ret = rte_eal_hotplug_add("vdev", "net_null_bench", "");

	if (!ret)
		ret = rte_eth_dev_get_port_by_name("net_null_bench", id);
	if (!ret)
		ret = rte_eth_dev_configure(*id, 1, 1, &conf);
	if (!ret)
		ret = rte_eth_rx_queue_setup(*id, 0, 64, 0, NULL, pool);
	if (!ret)
		ret = rte_eth_tx_queue_setup(*id, 0, 64, 0, NULL);
	return ret ? ret : rte_eth_dev_start(*id);
}

static int add_port(struct bench_group *b, uint16_t index, const char *addr, const char *neighbour)
{
	struct port *port = &b->port[index];
	struct adj adj = {.port = index, .header = {[5] = index, [11] = 1}};
	uint16_t device = PORT_NO_DEVICE;
	int ret = index == OUTER ? sink_open(b->pool, &device) : 0;

	*port = (struct port){.index = index,
		.device_id = device,
		.queues = 1,
		.mtu = 1500,
		.tx_max = 1500,
		.role = index == OUTER ? CONFIG_PORT_OUTER : CONFIG_PORT_INNER,
		.mac = {2, 0, 0, 0, 0, (uint8_t)index},
		.addr_n = 1};
	if (!ret)
		ret = inet_ifaddr_parse(addr, &port->addr[0].addr, &port->addr[0].len);
	if (!ret)
		ret = inet_addr_parse(neighbour, &adj.addr);
	if (ret)
		return ret;
	adj.header[12] = index == OUTER ? 0x08 : 0x86;
	adj.header[13] = index == OUTER ? 0x00 : 0xdd;
	worker_port_add(b->w, port);
	adj_set(b->w->adj, index, &adj);
	return worker_port_routes(b->w, port);
}

// A client whose SA takes its prefix and all groups, and which joins.
static int add_member(struct bench_group *b, uint32_t i)
{
	struct inet_prefix groups = {.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
	struct ipc_pool_set slot = {.ref = spi_make(0, 0, i), .slot = i};
	struct ipc_group_set set = {.link = i + 1, .ref = spi_make(0, 0, i)};
	struct ipc_sa_out_set out;
	int ret;

	bench_sa_out(&out, i, 0);
	out.sa.remote_ts.ts[out.sa.remote_ts.n++] = ts_from_prefix(&groups);
	ret = esp_out_set(b->w->esp, &out, 0);
	if (ret)
		return ret;
	set.group = (struct inet_addr){.family = AF_INET6};
	memcpy(set.group.bytes, b->multicast + L2 + 24, 16);
	ret = group_set(b->w->groups, &set);
	return ret ? ret : pools_set(b->w->pools, &slot);
}

static void frames_make(struct bench_group *b)
{
	static const uint8_t group[16] = {0xff, 0x15, [14] = 0x43, 0x21};

	memcpy(b->unicast, b->port[INNER].mac, 6);
	memcpy(b->multicast, (uint8_t[6]){0x33, 0x33, 0, 0, 0x43, 0x21}, 6);
	b->unicast[12] = b->multicast[12] = 0x86;
	b->unicast[13] = b->multicast[13] = 0xdd;
	bench_inner_template(b->unicast + L2, b->inner_len, false);
	bench_inner_template(b->multicast + L2, b->inner_len, false);
	memcpy(b->multicast + L2 + 24, group, 16);
}

static int fill(struct bench_group *b)
{
	struct ipc_pool_add pool = {.slot_len = 64};
	int ret = add_port(b, OUTER, "192.0.2.1/24", "192.0.2.2");

	if (!ret)
		ret = add_port(b, INNER, "2001:db8:aaaa::1/64", "2001:db8:aaaa::10");
	if (!ret)
		ret = inet_prefix_parse("2001:db8:1000::/40", &pool.prefix);
	if (!ret)
		ret = pools_add(b->w->pools, &pool);
	frames_make(b);
	for (uint32_t i = 0; i < b->members && !ret; i++)
		ret = add_member(b, b->order[i]);
	return ret;
}

struct bench_group *bench_group_new(uint32_t members, uint32_t inner_len)
{
	struct bench_group *b = calloc(1, sizeof(*b));
	struct worker_config config = {
		.count = 1, .sa_slots = rte_align32pow2(members), .tsc_hz = rte_get_tsc_hz()};
	int ret = -ENOMEM;

	if (!b)
		return NULL;
	b->members = members;
	b->inner_len = inner_len;
	b->order = bench_order(members);
	b->pool = rte_pktmbuf_pool_create("bench-group", MBUFS, MBUF_CACHE, sizeof(struct pkt_meta),
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	config.mbufs = b->pool;
	config.locals = &b->locals;
	b->w = b->pool ? worker_new(&config) : NULL;
	if (b->order && b->w)
		ret = fill(b);
	if (ret) {
		bench_group_free(b);
		errno = -ret;
		return NULL;
	}
	return b;
}

void bench_group_free(struct bench_group *b)
{
	if (!b)
		return;
	worker_free(b->w);
	rte_eal_hotplug_remove("vdev", "net_null_bench");
	rte_mempool_free(b->pool);
	free(b->order);
	free(b);
}

// As a port's receive burst leaves an mbuf.
static struct rte_mbuf *receive(struct bench_group *b, const uint8_t *frame)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->pool);

	if (!m)
		abort();
	memcpy(rte_pktmbuf_append(m, (uint16_t)(L2 + b->inner_len)), frame, L2 + b->inner_len);
	return m;
}

// Everything that was asked for has left.
static void check_sent(struct bench_group *b, uint64_t before, uint64_t n)
{
	if (b->w->stats.tx_pkts != before + n || b->w->port[OUTER].tx_n)
		abort();
}

static uint64_t run(struct bench_group *b, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t start = rte_rdtsc_precise(), end;

	b->w->now_tsc = start;
	worker_inner_in(b->w, INNER, pkts, n);
	worker_flush(b->w);
	end = rte_rdtsc_precise();
	return end - start;
}

// A burst of unicast packets, from position `at` of the order.
static uint64_t unicast(struct bench_group *b, uint32_t at)
{
	struct rte_mbuf *pkts[BENCH_BURST];
	uint64_t before = b->w->stats.tx_pkts, cycles;

	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		pkts[i] = receive(b, b->unicast);
		bench_inner_client(rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, L2),
			b->order[(at + i) % b->members], false);
	}
	cycles = run(b, pkts, BENCH_BURST);
	check_sent(b, before, BENCH_BURST);
	return cycles;
}

// Packets to the group, enough for a burst's worth of copies. Returns the cycles of so many copies.
static uint64_t multicast(struct bench_group *b)
{
	struct rte_mbuf *pkts[BENCH_BURST];
	uint32_t n = (BENCH_BURST + b->members - 1) / b->members;
	uint64_t before = b->w->stats.tx_pkts, cycles, copies = (uint64_t)n * b->members;

	for (uint32_t i = 0; i < n; i++)
		pkts[i] = receive(b, b->multicast);
	cycles = run(b, pkts, (uint16_t)n);
	check_sent(b, before, copies);
	return cycles * BENCH_BURST / copies;
}

// How often something else got our CPU. 10,000 copies take milliseconds: a sample that was interrupted
// says nothing.
static long interrupted(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw + usage.ru_nvcsw;
}

void bench_group_run(struct bench_group *b, uint32_t pkts, struct bench_times *copies,
	struct bench_times *single)
{
	uint32_t round = RTE_ALIGN_CEIL(RTE_MAX(b->members, (uint32_t)ROUND_MIN), BENCH_BURST);
	uint32_t rounds = (pkts + round - 1) / round;

	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t at = 0; at < round; at += BENCH_BURST)
			bench_time(single, unicast(b, at));
	}
	for (uint32_t sent = 0, tries = 0; sent < pkts && tries < TRIES_MAX; tries++) {
		long before = interrupted();
		uint64_t cycles = multicast(b);

		if (interrupted() != before && tries < TRIES_MAX - 1)
			continue;
		bench_time(copies, cycles);
		sent += RTE_MAX(b->members, (uint32_t)BENCH_BURST);
	}
}
