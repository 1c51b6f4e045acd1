// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the worker's stages share: workers with ports that lead nowhere, packets built
// from text, and what came out. One thread; EAL without hugepages, without lcores.
#pragma once

#include "classify.h"
#include "commands.h"
#include "forward.h"
#include "worker.h"

#include <check.h>

#include <stdint.h>

#define PORT_OUTER 0
#define PORT_INNER 1
#define PORT_HOST CONFIG_PORTS // the client's interface

extern struct rte_mempool *test_mbufs, *test_jumbos;

// A dataplane of n workers. A gateway has an outer and an inner port (192.0.2.1, 2001:db8:ff::1 and
// 10.20.0.1, 2001:db8:aaaa::1), a client an outer one (.2, ::2) and an interface of the host. Known
// neighbours: .1, .2, .254, ::1, ::2, ::fe outside, 10.20.0.10 and 2001:db8:aaaa::10 inside.
struct world {
	uint32_t n;
	bool client;
	struct worker *w[4];
	struct port port[PORT_MAX];
	struct locals locals;
};

struct world *world_new(uint32_t workers, bool client);
void world_free(struct world *world);
// All worlds are freed: every packet was sent, dropped or freed with them.
void pkt_check_leaks(void);
// Everything that is on its way between workers arrives.
void world_settle(struct world *world);
uint64_t world_drops(const struct world *world, enum drop_reason reason);
uint64_t world_drops_all(const struct world *world);
// A command to worker `w`, without a ring: carried out at once. The SA or route must be taken.
void world_command(struct world *world, uint32_t w, uint32_t type, const void *payload, size_t len);

// Both ends of a tunnel between a gateway and a client, link 77, client addresses 10.66.0.5 and
// 2001:db8:1000:5::/64. `flags`: enum ipc_sa_flags. `owner`: the gateway's worker.
struct tunnel {
	uint32_t flags;
	bool outer6;
	uint32_t owner;
	uint32_t mtu; // of the outer path as the SAs know it, 0: the port's
};
void tunnel_make(struct world *gateway, struct world *client, const struct tunnel *t);

// Packets, data at the IP header, checksums right.
struct rte_mbuf *pkt_ip(
	const char *src, const char *dst, uint8_t proto, const void *payload, size_t len);
struct rte_mbuf *pkt_udp(const char *src, const char *dst, uint16_t sport, uint16_t dport,
	const void *payload, size_t len);
struct rte_mbuf *pkt_echo(const char *src, const char *dst, size_t len);
struct rte_mbuf *pkt_copy(struct rte_mbuf *m); // a fresh one with the same bytes
void pkt_ip_checksum(struct rte_mbuf *m); // after the IPv4 header was changed
// Puts an Ethernet header in front, to the port's address.
struct rte_mbuf *pkt_ether(struct rte_mbuf *m, const struct world *world, uint16_t port);
uint8_t *pkt_data(struct rte_mbuf *m);

// Into a port of worker 0 and everything that follows. Takes m.
void world_in(struct world *world, uint16_t port, struct rte_mbuf *m);
// The next packet that any worker sent by the port, without its Ethernet header; NULL: none.
struct rte_mbuf *world_out(struct world *world, uint16_t port);
// The next one for the main thread.
struct rte_mbuf *world_to_main(struct world *world);

// Runs the suite without forking, after EAL is up; main()'s result.
int plane_test_run(Suite *suite, int argc, char **argv);
