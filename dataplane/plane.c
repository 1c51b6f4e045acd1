// SPDX-License-Identifier: BSD-3-Clause
// Builds the dataplane from its configuration and keeps main and workers together. Main thread.
#include "plane.h"

#include "clock.h"
#include "flow.h"
#include "log.h"
#include "reassembly.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("main");

#define MBUF_CACHE 256
#define MBUF_TAILROOM 64 // behind the largest packet, for what the ESP kernels write
#define POLL_BURST 64
#define WAIT_STEP_NS 20000

static int fail(const char *what, int rc)
{
	LOG(ERR, "%s: %s", what, strerror(-rc));
	return rc;
}

// ---- messages ----

static void step_wait(void)
{
	struct timespec step = {.tv_nsec = WAIT_STEP_NS};

	nanosleep(&step, NULL);
}

void plane_send(struct plane *plane, uint32_t worker, struct worker_msg *msg)
{
	struct worker *w = plane->worker[worker];

	msg->serial = ++plane->serial;
	if (!plane->running) {
		worker_msg_run(w, msg);
		return;
	}
	while (rte_ring_sp_enqueue_elem(w->msg_ring, msg, sizeof(*msg)))
		step_wait();
}

void plane_tell_all(struct plane *plane, struct worker_msg *msg)
{
	uint32_t serial[WORKERS_MAX];

	for (uint32_t i = 0; i < plane->worker_n; i++) {
		plane_send(plane, i, msg);
		serial[i] = plane->serial;
	}
	for (uint32_t i = 0; plane->running && i < plane->worker_n; i++) {
		while ((int32_t)(atomic_load_explicit(
					 &plane->worker[i]->msg_done, memory_order_acquire) -
			       serial[i]) < 0)
			step_wait();
	}
}

// ---- neighbours: their effects ----

static void neigh_send(void *arg, uint16_t port, struct rte_mbuf *m)
{
	struct plane *plane = arg;
	struct worker_msg msg = {.type = WORKER_MSG_TX, .pkt = {.pkt = m, .port = port}};

	plane->stats.tx_pkts++;
	plane->stats.tx_bytes += rte_pktmbuf_pkt_len(m);
	plane_send(plane, 0, &msg);
}

// Without waiting for the answer: the packets that waited go by worker 0 after it has heard.
static void neigh_adj_set(void *arg, uint32_t index, const struct adj *adj)
{
	struct plane *plane = arg;

	for (uint32_t i = 0; i < plane->worker_n; i++) {
		struct worker_msg msg = {
			.type = WORKER_MSG_ADJ_SET, .adj = {.index = index, .adj = *adj}};

		plane_send(plane, i, &msg);
	}
}

static void neigh_adj_clear(void *arg, uint32_t index)
{
	struct plane *plane = arg;

	for (uint32_t i = 0; i < plane->worker_n; i++) {
		struct worker_msg msg = {.type = WORKER_MSG_ADJ_CLEAR, .adj = {.index = index}};

		plane_send(plane, i, &msg);
	}
}

static bool neigh_adj_was_used(void *arg, uint32_t index)
{
	struct plane *plane = arg;
	bool used = false;

	for (uint32_t i = 0; i < plane->worker_n; i++)
		used |= adj_was_used(plane->worker[i]->adj, index);
	return used;
}

static const struct neigh_ops neigh_ops = {
	.send = neigh_send,
	.adj_set = neigh_adj_set,
	.adj_clear = neigh_adj_clear,
	.adj_was_used = neigh_adj_was_used,
};

static void resolve(struct plane *plane, struct rte_mbuf *m, uint64_t now_us)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	struct inet_addr hop = {0};

	if (meta->adj != ADJ_NONE) {
		hop = plane->worker[0]
			      ->gateway[meta->adj]
			      .addr; // the same in every worker, never changed
	} else if (ip[0] >> 4 == 4) {
		hop.family = AF_INET;
		memcpy(hop.bytes, ip + 16, 4);
	} else {
		hop.family = AF_INET6;
		memcpy(hop.bytes, ip + 24, 16);
	}
	neigh_resolve(plane->neigh, meta->in_port, &hop, m, now_us);
}

static void packet_in(struct plane *plane, struct rte_mbuf *m, uint64_t now_us)
{
	uint16_t port = pkt_meta(m)->in_port;

	switch (pkt_meta(m)->stage) {
	case PKT_STAGE_ARP:
		neigh_arp_in(plane->neigh, port, m, now_us);
		break;
	case PKT_STAGE_ND:
		neigh_nd_in(plane->neigh, port, m, now_us);
		break;
	case PKT_STAGE_RESOLVE:
		resolve(plane, m, now_us);
		break;
	default:
		pkt_drop(&plane->drops, m, DROP_MAIN_FULL);
	}
}

uint32_t plane_poll(struct plane *plane, uint64_t now_us)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < plane->worker_n; i++) {
		struct rte_mbuf *pkts[POLL_BURST];
		uint32_t n = rte_ring_sc_dequeue_burst(
			plane->worker[i]->main_ring, (void **)pkts, POLL_BURST, NULL);

		for (uint32_t k = 0; k < n; k++)
			packet_in(plane, pkts[k], now_us);
		total += n;
	}
	plane->stats.rx_pkts += total;
	// A resolution that began now has its timer earlier than what was known.
	if (total || now_us >= plane->next_timer_us)
		plane->next_timer_us = neigh_timer(plane->neigh, now_us);
	return total;
}

// ---- set-up ----

static int pools_make(struct plane *plane)
{
	uint16_t room = port_mbuf_room(plane->config) + MBUF_TAILROOM;

	plane->mbufs = rte_pktmbuf_pool_create("mbufs", plane->config->mbufs, MBUF_CACHE,
		sizeof(struct pkt_meta), room, SOCKET_ID_ANY);
	if (!plane->mbufs) {
		LOG(ERR, "%u packet buffers of %u bytes do not fit into %u MB",
			plane->config->mbufs, room, plane->config->memory_mb);
		return -rte_errno;
	}
	plane->jumbos = rte_pktmbuf_pool_create("jumbos", plane->worker_n * REASSEMBLY_CONTEXTS, 0,
		sizeof(struct pkt_meta), REASSEMBLY_ROOM, SOCKET_ID_ANY);
	if (!plane->jumbos)
		return fail("no memory for reassembly", -rte_errno);
	return 0;
}

static int ports_open(struct plane *plane)
{
	for (uint16_t i = 0; i < plane->config->port_n; i++) {
		char why[256] = "";
		int rc = port_open(&plane->port[i], &plane->config->port[i], i, plane->worker_n,
			plane->mbufs, why, sizeof(why));

		if (rc) {
			LOG(ERR, "%s", why);
			return rc;
		}
	}
	return 0;
}

static void locals_make(struct plane *plane)
{
	struct locals *l = &plane->locals;

	for (uint32_t i = 0; i < plane->config->port_n; i++) {
		const struct port *p = &plane->port[i];

		for (uint32_t k = 0; p->role == CONFIG_PORT_OUTER && k < p->addr_n; k++) {
			if (p->addr[k].addr.family == AF_INET)
				memcpy(&l->v4_be[l->n4++], p->addr[k].addr.bytes, 4);
			else
				memcpy(l->v6[l->n6++], p->addr[k].addr.bytes, 16);
		}
	}
}

static const struct port *port_by_name(const struct plane *plane, const char *name)
{
	for (uint32_t i = 0; i < plane->config->port_n; i++) {
		if (!strcmp(plane->port[i].name, name))
			return &plane->port[i];
	}
	return NULL;
}

static int worker_routes(struct plane *plane, struct worker *w)
{
	for (uint32_t i = 0; i < plane->config->port_n; i++) {
		int rc;

		worker_port_add(w, &plane->port[i]);
		rc = worker_port_routes(w, &plane->port[i]);
		if (rc)
			return rc;
	}
	for (uint32_t i = 0; i < plane->config->route_n; i++) {
		const struct config_route *r = &plane->config->route[i];
		const struct port *port = port_by_name(plane, r->port);
		int rc = port ? worker_route_add(w, r->table, &r->prefix, &r->via, port->index)
			      : -ENODEV;

		if (rc)
			return rc;
	}
	return 0;
}

// Sleeping pays where no NIC is polled: such ports hand packets over by the kernel anyway.
static bool idle_adaptive(const struct config_dataplane *config)
{
	if (config->idle != CONFIG_IDLE_AUTO)
		return config->idle == CONFIG_IDLE_ADAPTIVE;
	for (uint32_t i = 0; i < config->port_n; i++) {
		if (!strncmp(config->port[i].device, "pci:", 4))
			return false;
	}
	return true;
}

static int workers_make(struct plane *plane)
{
	for (uint32_t i = 0; i < plane->worker_n; i++) {
		struct worker_config config = {.index = i,
			.count = plane->worker_n,
			.sa_slots = plane->config->sa_slots,
			.tsc_hz = plane->tsc_hz,
			.mbufs = plane->mbufs,
			.jumbos = plane->jumbos,
			.locals = &plane->locals,
			.bell = &plane->bell,
			.adaptive = idle_adaptive(plane->config)};
		int rc;

		plane->worker[i] = worker_new(&config);
		if (!plane->worker[i])
			return fail("a worker cannot be made", -errno);
		rc = worker_routes(plane, plane->worker[i]);
		if (rc)
			return fail("static routes", rc);
	}
	return workers_link(plane->worker, plane->worker_n);
}

int plane_init(struct plane *plane, const struct config_dataplane *config)
{
	int rc;

	memset(plane, 0, sizeof(*plane));
	plane->config = config;
	plane->worker_n = config->worker_n;
	plane->tsc_hz = rte_get_tsc_hz();
	for (uint32_t i = 0; i < PORT_MAX; i++)
		plane->port[i].device_id = PORT_NO_DEVICE;
	plane->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (plane->bell.fd < 0)
		return fail("eventfd", -errno);
	flow_seed_random();
	rc = pools_make(plane);
	if (!rc)
		rc = ports_open(plane);
	if (rc)
		return rc;
	locals_make(plane);
	rc = workers_make(plane);
	if (rc)
		return rc;
	plane->neigh = neigh_new(&neigh_ops, plane, plane->mbufs, &plane->drops);
	return plane->neigh ? 0 : fail("neighbour table", -errno);
}

void plane_fini(struct plane *plane)
{
	neigh_free(plane->neigh);
	for (uint32_t i = 0; i < plane->worker_n; i++)
		worker_free(plane->worker[i]);
	for (uint32_t i = 0; i < PORT_MAX; i++)
		port_close(&plane->port[i]);
	rte_mempool_free(plane->jumbos);
	rte_mempool_free(plane->mbufs);
	if (plane->bell.fd >= 0)
		close(plane->bell.fd);
}

int plane_start(struct plane *plane)
{
	for (uint32_t i = 0; i < plane->worker_n; i++) {
		int rc = rte_eal_remote_launch(worker_main, plane->worker[i], 1 + i);

		if (rc)
			return fail("a worker cannot be started", rc);
	}
	plane->running = true;
	for (uint32_t i = 0; i < plane->config->port_n; i++)
		neigh_port_add(plane->neigh, &plane->port[i]);
	plane->next_timer_us = clock_now_us();
	return 0;
}

void plane_stop(struct plane *plane)
{
	for (uint32_t i = 0; plane->running && i < plane->worker_n; i++) {
		struct worker_msg msg = {.type = WORKER_MSG_STOP};

		plane_send(plane, i, &msg);
	}
	rte_eal_mp_wait_lcore();
	plane->running = false;
}

// ---- interfaces of the host ----

struct port *plane_hostif_open(
	struct plane *plane, const char *name, uint16_t mtu, char *why, size_t why_len)
{
	struct worker_msg msg = {.type = WORKER_MSG_PORT_ADD};
	uint16_t i = CONFIG_PORTS;

	while (i < PORT_MAX && plane->port[i].device_id != PORT_NO_DEVICE)
		i++;
	if (i == PORT_MAX) {
		snprintf(why, why_len, "there are %d interfaces already", PORT_HOSTIFS);
		return NULL;
	}
	if (port_open_hostif(
		    &plane->port[i], name, mtu, i, plane->worker_n, plane->mbufs, why, why_len))
		return NULL;
	msg.port = &plane->port[i];
	plane_tell_all(plane, &msg);
	return &plane->port[i];
}

void plane_hostif_close(struct plane *plane, struct port *port)
{
	struct worker_msg msg = {.type = WORKER_MSG_PORT_DEL, .port = port};

	plane_tell_all(plane, &msg);
	port_close(port);
}

void plane_port_changed(struct plane *plane, struct port *port)
{
	struct worker_msg msg = {.type = WORKER_MSG_PORT_ADD, .port = port};

	plane_tell_all(plane, &msg);
}
