// SPDX-License-Identifier: BSD-3-Clause
// Neighbours of our ports: answers for our addresses, resolution of next hops with the first packets
// kept meanwhile, reachability (RFC 826, 4861 section 7, 5227). Its effects go through functions that
// its owner gives, time is handed in: so the tests drive it by hand. Main thread.
#pragma once

#include "adj.h"
#include "pkt.h"
#include "port.h"

#include <stdint.h>

#define NEIGH_QUEUE 16 // packets that wait for one neighbour
#define NEIGH_INCOMPLETE_MAX 512 // resolutions at a time

struct neigh_ops {
	// A frame with its Ethernet header; takes m.
	void (*send)(void *arg, uint16_t port, struct rte_mbuf *m);
	void (*adj_set)(void *arg, uint32_t index, const struct adj *adj);
	void (*adj_clear)(void *arg, uint32_t index);
	bool (*adj_was_used)(void *arg, uint32_t index); // by any worker since it was asked last
};

struct neigh_table;

// Lends all. NULL and errno.
struct neigh_table *neigh_new(const struct neigh_ops *ops, void *arg, struct rte_mempool *mbufs,
	struct drop_counts *drops);
void neigh_free(struct neigh_table *t);
// Lends the port. Says who we are (gratuitous ARP, unsolicited advertisements) when it is ours.
void neigh_port_add(struct neigh_table *t, const struct port *port);

// Takes m: a frame with its Ethernet header that came by the port.
void neigh_arp_in(struct neigh_table *t, uint16_t port, struct rte_mbuf *m, uint64_t now_us);
void neigh_nd_in(struct neigh_table *t, uint16_t port, struct rte_mbuf *m, uint64_t now_us);
// Takes m, data at its IP header: to be sent to this next hop by the port, as soon as it is known.
void neigh_resolve(struct neigh_table *t, uint16_t port, const struct inet_addr *next_hop,
	struct rte_mbuf *m, uint64_t now_us);
// Repeats, expires, probes; returns when it wants to be called again.
uint64_t neigh_timer(struct neigh_table *t, uint64_t now_us);
// The i-th neighbour in use. False behind the last.
bool neigh_info(
	const struct neigh_table *t, uint32_t i, struct ipc_neigh_info *out, uint64_t now_us);
