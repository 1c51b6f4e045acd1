// SPDX-License-Identifier: BSD-3-Clause
// A worker: one lcore, run to completion, with tables of its own. A packet's journey:
//
//   outer port -> worker_outer_in -> classify -> (handoff) -> esp_in_burst -> forward_burst
//   inner port, TUN -> worker_inner_in -> forward_burst -> (handoff) -> esp_out_burst -> output
//   to a group, from either side: forward_burst -> multicast_take -> (handoff) -> esp_fan_burst,
//     once for a burst of members -> output
//
// The fields are the worker's alone. What other threads may touch is said at the field. Tests and
// benchmarks make a worker without ports or EAL lcore and call the entry points themselves.
#pragma once

#include "adj.h"
#include "esp.h"
#include "fib.h"
#include "group.h"
#include "pkt.h"
#include "pools.h"
#include "port.h"
#include "seam.h"

#include <rte_mempool.h>
#include <rte_ring.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WORKER_BURST 64
#define WORKER_TX 256
#define WORKERS_MAX SEAM_WORKERS_MAX
#define WORKER_GATEWAYS 64

// A port as one worker sees it.
struct worker_port {
	uint16_t device; // DPDK's id, PORT_NO_DEVICE: the caller drains tx[]
	uint16_t mtu;
	bool active; // announced by main
	bool has_queue; // this worker can send by it
	bool polled; // this worker receives from it
	bool l3;
	bool shared;
	bool kernel_peer; // packets may come with unfinished checksums
	bool outer;
	uint8_t mac[6];
	uint16_t tx_n;
	uint32_t prefix_n; // L3 ports: what the host has there
	struct inet_prefix prefix[PORT_ADDRS];
	const struct port *port; // lends, main's
	struct rte_mbuf *tx[WORKER_TX];
};

// Addresses of ours on the outer ports; written before the workers start.
struct locals {
	uint32_t n4, n6;
	uint32_t v4_be[CONFIG_PORTS * CONFIG_PORT_ADDRS];
	uint8_t v6[CONFIG_PORTS * PORT_ADDRS][16];
};

#define WORKER_LINK_BUCKETS 1024
struct token_bucket {
	uint64_t last_tsc;
	uint32_t tokens;
};

// A next hop of static routes.
struct gateway {
	uint16_t port;
	struct inet_addr addr;
};

// Messages from the main thread, by value in a ring of their own.
enum worker_msg_type {
	WORKER_MSG_ADJ_SET,
	WORKER_MSG_ADJ_CLEAR,
	WORKER_MSG_TX, // mbuf with its Ethernet header, out by `port`
	WORKER_MSG_PORT_ADD,
	WORKER_MSG_PORT_DEL,
	WORKER_MSG_SEAM, // the rings of a new connection, NULL: control is gone
	WORKER_MSG_STOP,
};
struct worker_msg {
	uint32_t type; // enum worker_msg_type
	uint32_t serial; // the worker stores it in `msg_done` afterwards
	union {
		struct {
			uint32_t index;
			struct adj adj;
		} adj;
		struct {
			struct rte_mbuf *pkt;
			uint16_t port;
		} pkt;
		const struct port *port;
		struct seam *seam;
	};
};

// What wakes the main thread when a worker has something for it: a system call only when main sleeps.
struct main_bell {
	atomic_bool armed; // main: sets before it sleeps, workers: clear
	int fd; // eventfd, -1 in tests
};

struct event_queue; // answers that the event ring had no room for, see commands.c

struct worker_config {
	uint32_t index, count;
	uint32_t sa_slots;
	uint64_t tsc_hz;
	struct rte_mempool *mbufs; // lends; for packets that we make
	struct rte_mempool *jumbos; // lends; REASSEMBLY_CONTEXTS per worker, NULL: no reassembly
	const struct locals *locals; // lends
	struct main_bell *bell; // lends
	bool adaptive; // sleep when idle
};

struct worker {
	uint64_t now_tsc; // when this round of the loop began
	uint32_t index, count;
	uint32_t ports_n; // highest index in use + 1
	struct esp *esp;
	const struct locals *locals;
	struct fib *outer; // where ESP and IKE go
	struct fib *inner; // where protected traffic goes
	struct fib *deliver; // what comes out of an SA and ends here: TUN or control
	struct pools *pools;
	struct group_table *groups;
	struct adj_table *adj;
	struct reassembly *reassembly;
	struct rte_mempool *mbufs; // lends
	struct rte_mempool *jumbos; // lends; may be NULL
	uint64_t tsc_hz;
	struct seam_stats stats; // its drops[] is filled when it is published
	struct drop_counts drops;
	struct worker_port port[PORT_MAX];
	struct gateway gateway[WORKER_GATEWAYS];
	uint32_t gateway_n;
	uint32_t route_generation;
	uint32_t outer_mtu; // of an outer port
	struct token_bucket icmp_tokens;
	struct token_bucket punt_tokens;
	struct token_bucket port_tokens; // MLD and IGMP from inner ports
	struct token_bucket link_tokens[WORKER_LINK_BUCKETS]; // by a keyed hash of the link
	struct token_bucket too_big_tokens; // told to control
	bool to_main; // something was put into main_ring in this round
	bool to_control; // something was put into event or punt rings in this round

	// Between threads, each ring with one producer and one consumer.
	struct rte_ring *main_ring; // to main: mbufs
	struct rte_ring *msg_ring; // from main: struct worker_msg
	struct rte_ring *handoff_in[WORKERS_MAX]; // from that worker: mbufs; NULL: itself
	struct rte_ring *handoff_out[WORKERS_MAX]; // lends; the other's handoff_in
	struct main_bell *bell;
	_Atomic uint32_t msg_done; // worker: w, main: r

	// Control's rings, NULL without control.
	struct seam *seam;
	struct ring *command, *event, *punt_up, *punt_down;
	struct event_queue *events;
	uint8_t *msg_buf; // RING_MSG_MAX bytes
	uint8_t *msg_buf2; // the packet from control that waits for commands before it
	uint32_t held_len; // of it, 0: none
	uint64_t ring_faults_before; // of rings that were given back

	bool adaptive;
	bool stop;
	uint64_t published_tsc;
	struct seam_stats *published; // copy for telemetry; worker: w, others: r
};

// NULL and errno. Without EAL lcores; workers_link() before more than one of them runs.
struct worker *worker_new(const struct worker_config *config);
void worker_free(struct worker *w);
// Makes the rings between these. 0 or -errno.
int workers_link(struct worker **workers, uint32_t n);

// Configuration, before the worker runs (later: WORKER_MSG_*).
void worker_port_add(struct worker *w, const struct port *port);
void worker_port_del(struct worker *w, uint16_t index);
// Static routes. via.family 0: on link. 0 or -errno.
int worker_route_add(struct worker *w, enum config_port_role table,
	const struct inet_prefix *prefix, const struct inet_addr *via, uint16_t port);
// Connected prefixes and own addresses of a port. 0 or -errno.
int worker_port_routes(struct worker *w, const struct port *port);

// Packets as they came from a port (data at the Ethernet header, at the IP header with L3 ports).
// Takes all of them. `port` is the dataplane's index.
void worker_outer_in(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n);
void worker_inner_in(struct worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n);
// ESP packets whose owner this worker is, data at the ESP header, to where they go.
void worker_esp_in(struct worker *w, struct rte_mbuf **pkts, uint16_t n);

// Puts a finished packet (Ethernet header, or IP header with L3 ports) into the port's tx array.
static inline void worker_tx(struct worker *w, uint16_t port, struct rte_mbuf *m);
void worker_flush_port(struct worker *w, struct worker_port *port);
void worker_flush(struct worker *w); // all tx arrays, at the end of a round

void worker_msg_run(struct worker *w, const struct worker_msg *msg);
// One round: ports, handoffs, messages, commands, punts, flush. Returns packets and messages handled.
uint32_t worker_round(struct worker *w);
int worker_main(void *worker); // the lcore's function, until WORKER_MSG_STOP
void worker_stats_publish(struct worker *w);

// Takes the packet to the main thread for `stage`.
void worker_to_main(struct worker *w, struct rte_mbuf *m, uint8_t stage);

static inline void worker_drop(struct worker *w, struct rte_mbuf *m, enum drop_reason reason)
{
	pkt_drop(&w->drops, m, reason);
}

static inline void worker_tx(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct worker_port *p = &w->port[port];

	if (unlikely(p->tx_n == WORKER_TX))
		worker_flush_port(w, p);
	p->tx[p->tx_n++] = m;
	w->stats.tx_pkts++;
	w->stats.tx_bytes += rte_pktmbuf_pkt_len(m);
}

// True while there is a token; `rate` a second, `burst` at most.
static inline bool token_take(
	struct token_bucket *b, uint64_t now_tsc, uint64_t tsc_hz, uint32_t rate, uint32_t burst)
{
	uint64_t elapsed = now_tsc - b->last_tsc;
	uint64_t per_token = tsc_hz / rate;

	if (elapsed >= per_token) {
		uint64_t fresh = elapsed / per_token;

		b->tokens = fresh >= burst - b->tokens ? burst : b->tokens + (uint32_t)fresh;
		b->last_tsc = b->tokens == burst ? now_tsc : b->last_tsc + fresh * per_token;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}
