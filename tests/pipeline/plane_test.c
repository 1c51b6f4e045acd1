// SPDX-License-Identifier: BSD-3-Clause
// Workers, ports and packets for the pipeline tests. One thread.
#include "plane_test.h"

#include "csum.h"
#include "flow.h"
#include "handoff.h"
#include "reassembly.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#define MBUFS 4095
#define ROOM (2048 + RTE_PKTMBUF_HEADROOM)

struct rte_mempool *test_mbufs, *test_jumbos;

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_msg(inet_addr_parse(text, &a) == 0, "%s", text);
	return a;
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_msg(inet_prefix_parse(text, &p) == 0, "%s", text);
	return p;
}

static void port_addr(struct port *port, const char *text)
{
	struct config_ifaddr *a = &port->addr[port->addr_n++];

	ck_assert_msg(inet_ifaddr_parse(text, &a->addr, &a->len) == 0, "%s", text);
}

static void port_make(struct world *world, uint16_t index, enum config_port_role role, uint8_t mac)
{
	struct port *port = &world->port[index];

	*port = (struct port){.index = index,
		.device_id = PORT_NO_DEVICE,
		.mtu = 1500,
		.tx_max = 1500,
		.role = role,
		.mac = {2, 0, 0, 0, world->client, mac}};
	snprintf(port->name, sizeof(port->name), "port%u", index);
}

static void locals_add(struct locals *l, const struct port *port)
{
	for (uint32_t i = 0; i < port->addr_n; i++) {
		if (port->addr[i].addr.family == AF_INET)
			memcpy(&l->v4_be[l->n4++], port->addr[i].addr.bytes, 4);
		else
			memcpy(l->v6[l->n6++], port->addr[i].addr.bytes, 16);
	}
}

static void ports_make(struct world *world)
{
	struct port *outer = &world->port[PORT_OUTER], *inner = &world->port[PORT_INNER];

	port_make(world, PORT_OUTER, CONFIG_PORT_OUTER, 1);
	port_addr(outer, world->client ? "192.0.2.2/24" : "192.0.2.1/24");
	port_addr(outer, world->client ? "2001:db8:ff::2/64" : "2001:db8:ff::1/64");
	locals_add(&world->locals, outer);
	if (world->client) {
		port_make(world, PORT_HOST, CONFIG_PORT_INNER, 9);
		world->port[PORT_HOST].l3 = true;
		return;
	}
	port_make(world, PORT_INNER, CONFIG_PORT_INNER, 2);
	port_addr(inner, "10.20.0.1/24");
	port_addr(inner, "2001:db8:aaaa::1/64");
	port_addr(inner, "fe80::1/64");
}

static void neighbour_add(struct worker *w, uint32_t index, uint16_t port, const char *text)
{
	struct adj adj = {.port = port, .addr = addr(text)};

	adj.header[5] = (uint8_t)index;
	adj.header[12] = adj.addr.family == AF_INET ? 0x08 : 0x86;
	adj.header[13] = adj.addr.family == AF_INET ? 0x00 : 0xdd;
	adj_set(w->adj, index, &adj);
}

static void worker_fill(struct world *world, struct worker *w)
{
	static const char *const outside[] = {"192.0.2.1", "192.0.2.2", "192.0.2.254",
		"2001:db8:ff::1", "2001:db8:ff::2", "2001:db8:ff::fe"};
	struct inet_prefix any4 = prefix("0.0.0.0/0"), any6 = prefix("::/0");
	struct inet_addr via4 = addr("192.0.2.254"), via6 = addr("2001:db8:ff::fe");

	for (uint32_t i = 0; i < PORT_MAX; i++) {
		if (!world->port[i].mtu)
			continue;
		worker_port_add(w, &world->port[i]);
		ck_assert_int_eq(worker_port_routes(w, &world->port[i]), 0);
	}
	ck_assert_int_eq(worker_route_add(w, CONFIG_PORT_OUTER, &any4, &via4, PORT_OUTER), 0);
	ck_assert_int_eq(worker_route_add(w, CONFIG_PORT_OUTER, &any6, &via6, PORT_OUTER), 0);
	for (uint32_t i = 0; i < RTE_DIM(outside); i++)
		neighbour_add(w, i, PORT_OUTER, outside[i]);
	if (!world->client) {
		neighbour_add(w, 10, PORT_INNER, "10.20.0.10");
		neighbour_add(w, 11, PORT_INNER, "2001:db8:aaaa::10");
	}
}

struct world *world_new(uint32_t workers, bool client)
{
	struct world *world = calloc(1, sizeof(*world));

	world->n = workers;
	world->client = client;
	ports_make(world);
	for (uint32_t i = 0; i < workers; i++) {
		struct worker_config config = {.index = i,
			.count = workers,
			.sa_slots = 1024,
			.tsc_hz = rte_get_tsc_hz(),
			.mbufs = test_mbufs,
			.jumbos = test_jumbos,
			.locals = &world->locals};

		world->w[i] = worker_new(&config);
		ck_assert_ptr_nonnull(world->w[i]);
		worker_fill(world, world->w[i]);
	}
	ck_assert_int_eq(workers_link(world->w, workers), 0);
	return world;
}

void world_free(struct world *world)
{
	for (uint32_t i = 0; i < world->n; i++)
		worker_free(world->w[i]);
	free(world);
}

void pkt_check_leaks(void)
{
	ck_assert_uint_eq(rte_mempool_in_use_count(test_mbufs), 0);
	ck_assert_uint_eq(rte_mempool_in_use_count(test_jumbos), 0);
}

void world_settle(struct world *world)
{
	uint32_t moved;

	do {
		moved = 0;
		for (uint32_t i = 0; i < world->n; i++)
			moved += handoff_drain(world->w[i]);
	} while (moved);
}

uint64_t world_drops(const struct world *world, enum drop_reason reason)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < world->n; i++)
		n += world->w[i]->drops.n[reason];
	return n;
}

uint64_t world_drops_all(const struct world *world)
{
	uint64_t n = 0;

	for (uint32_t r = 0; r < DROP_COUNT; r++)
		n += world_drops(world, (enum drop_reason)r);
	return n;
}

void world_command(struct world *world, uint32_t w, uint32_t type, const void *payload, size_t len)
{
	static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));
	struct ipc_hdr hdr = {.type = type, .len = (uint32_t)len};
	uint64_t bad = world->w[w]->drops.n[DROP_COMMAND_BAD];

	memcpy(msg, &hdr, sizeof(hdr));
	memcpy(msg + sizeof(hdr), payload, len);
	commands_run(world->w[w], msg, sizeof(hdr) + len);
	ck_assert_msg(world->w[w]->drops.n[DROP_COMMAND_BAD] == bad, "command %u", type);
}

// ---- a tunnel ----

static void ts_add(struct ts_list *list, const char *text)
{
	struct inet_prefix p = prefix(text);

	list->ts[list->n++] = ts_from_prefix(&p);
}

static void sa_fill(struct ipc_sa *sa, const struct tunnel *t, bool at_gateway, bool to_gateway)
{
	const char *gw = t->outer6 ? "2001:db8:ff::1" : "192.0.2.1";
	const char *cl = t->outer6 ? "2001:db8:ff::2" : "192.0.2.2";
	struct ts_list all = {.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}}, assigned = {0};

	ts_add(&assigned, "10.66.0.5/32");
	ts_add(&assigned, "2001:db8:1000:5::/64");
	ts_add(&assigned, "fe80::/10");
	*sa = (struct ipc_sa){.link = 77,
		.child = 1,
		.spi = to_gateway ? spi_make(t->owner, 1, 5) : spi_make(0, 1, 7),
		.flags = t->flags,
		.suite = {.encr = ENCR_AES_GCM_16, .key_bits = 128},
		.replay_window = 128,
		.encr_key_len = 20,
		.local = addr(at_gateway ? gw : cl),
		.remote = addr(at_gateway ? cl : gw),
		.local_ts = at_gateway ? all : assigned,
		.remote_ts = at_gateway ? assigned : all};
	if (t->flags & IPC_SA_ENCAP)
		sa->local_port = sa->remote_port = 4500;
	for (uint8_t i = 0; i < 20; i++)
		sa->encr_key[i] = (uint8_t)((to_gateway ? 0x10 : 0x40) + i);
}

static void sas_install(struct world *world, const struct tunnel *t)
{
	struct ipc_sa_in_add in = {0};
	struct ipc_sa_out_set out = {.mtu = t->mtu};
	bool gw = !world->client;
	uint32_t owner = gw ? t->owner : 0;

	sa_fill(&in.sa, t, gw, gw);
	sa_fill(&out.sa, t, gw, !gw);
	out.ref = spi_make(owner, 0, gw ? 5 : 7);
	world_command(world, owner, IPC_SA_IN_ADD, &in, sizeof(in));
	world_command(world, owner, IPC_SA_OUT_SET, &out, sizeof(out));
}

static void gateway_tables(struct world *world, uint32_t w, const struct tunnel *t)
{
	struct ipc_pool_add v6 = {
		.pool = 0, .slot_len = 64, .prefix = prefix("2001:db8:1000::/40")};
	struct ipc_pool_add v4 = {.pool = 1, .slot_len = 32, .prefix = prefix("10.66.0.0/16")};
	struct ipc_pool_set set = {.ref = spi_make(t->owner, 0, 5), .slot = 5};
	struct ipc_route_set punt = {.prefix = prefix("fe80::/10"), .kind = IPC_ROUTE_PUNT};

	world_command(world, w, IPC_POOL_ADD, &v6, sizeof(v6));
	world_command(world, w, IPC_POOL_ADD, &v4, sizeof(v4));
	world_command(world, w, IPC_POOL_SET, &set, sizeof(set));
	set.pool = 1;
	world_command(world, w, IPC_POOL_SET, &set, sizeof(set));
	world_command(world, w, IPC_ROUTE_SET, &punt, sizeof(punt));
}

static void client_tables(struct world *world, uint32_t w)
{
	static const char *const mine[] = {"10.66.0.5/32", "2001:db8:1000:5::/64", "fe80::/10"};
	struct ipc_route_set route = {.kind = IPC_ROUTE_HOSTIF};

	for (uint32_t i = 0; i < RTE_DIM(mine); i++) {
		route.prefix = prefix(mine[i]);
		world_command(world, w, IPC_ROUTE_SET, &route, sizeof(route));
	}
	route.kind = IPC_ROUTE_SA;
	route.ref = spi_make(0, 0, 7);
	route.prefix = prefix("0.0.0.0/0");
	world_command(world, w, IPC_ROUTE_SET, &route, sizeof(route));
	route.prefix = prefix("::/0");
	world_command(world, w, IPC_ROUTE_SET, &route, sizeof(route));
}

void tunnel_make(struct world *gateway, struct world *client, const struct tunnel *t)
{
	sas_install(gateway, t);
	for (uint32_t i = 0; i < gateway->n; i++)
		gateway_tables(gateway, i, t);
	if (!client)
		return;
	sas_install(client, t);
	for (uint32_t i = 0; i < client->n; i++)
		client_tables(client, i);
}

// ---- packets ----

uint8_t *pkt_data(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, uint8_t *);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

struct rte_mbuf *pkt_ip(
	const char *src, const char *dst, uint8_t proto, const void *payload, size_t len)
{
	struct inet_addr s = addr(src), d = addr(dst);
	bool v4 = s.family == AF_INET;
	size_t header = v4 ? 20 : 40;
	struct rte_mbuf *m = rte_pktmbuf_alloc(header + len > 2000 ? test_jumbos : test_mbufs);
	uint8_t *ip;

	ck_assert_ptr_nonnull(m);
	ip = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(header + len));
	ck_assert_ptr_nonnull(ip);
	memset(ip, 0, header);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(header + len));
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, s.bytes, 4);
		memcpy(ip + 16, d.bytes, 4);
		csum_ip4_set(ip, 20);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)len);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, s.bytes, 16);
		memcpy(ip + 24, d.bytes, 16);
	}
	memcpy(ip + header, payload, len);
	memset(pkt_meta(m), 0, sizeof(struct pkt_meta));
	return m;
}

static uint32_t header_len(struct rte_mbuf *m)
{
	return pkt_data(m)[0] >> 4 == 4 ? 20 : 40;
}

static void l4_checksum(struct rte_mbuf *m, uint8_t proto, uint32_t at)
{
	uint8_t *ip = pkt_data(m), *l4 = ip + header_len(m);
	uint32_t len = rte_pktmbuf_data_len(m) - header_len(m);
	uint16_t sum = 0;

	memcpy(l4 + at, &sum, 2);
	if (proto == IPPROTO_ICMP)
		sum = (uint16_t)~rte_raw_cksum(l4, len);
	else
		sum = csum_l4(ip, proto, l4, len);
	memcpy(l4 + at, &sum, 2);
}

struct rte_mbuf *pkt_udp(const char *src, const char *dst, uint16_t sport, uint16_t dport,
	const void *payload, size_t len)
{
	uint8_t udp[8 + 2048] = {0};
	struct rte_mbuf *m;

	ck_assert_uint_le(len, 2048);
	put16(udp, sport);
	put16(udp + 2, dport);
	put16(udp + 4, (uint32_t)(8 + len));
	memcpy(udp + 8, payload, len);
	m = pkt_ip(src, dst, IPPROTO_UDP, udp, 8 + len);
	l4_checksum(m, IPPROTO_UDP, 6);
	return m;
}

struct rte_mbuf *pkt_echo(const char *src, const char *dst, size_t len)
{
	bool v4 = addr(src).family == AF_INET;
	uint8_t *icmp = calloc(1, 8 + len);
	struct rte_mbuf *m;

	icmp[0] = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	icmp[5] = 7;
	for (size_t i = 0; i < len; i++)
		icmp[8 + i] = (uint8_t)(i * 7 + i / 256);
	m = pkt_ip(src, dst, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, icmp, 8 + len);
	free(icmp);
	l4_checksum(m, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 2);
	return m;
}

struct rte_mbuf *pkt_copy(struct rte_mbuf *m)
{
	uint16_t len = rte_pktmbuf_data_len(m);
	struct rte_mbuf *copy = rte_pktmbuf_alloc(len > 2000 ? test_jumbos : test_mbufs);

	ck_assert_ptr_nonnull(copy);
	memcpy(rte_pktmbuf_append(copy, len), pkt_data(m), len);
	memset(pkt_meta(copy), 0, sizeof(struct pkt_meta));
	return copy;
}

void pkt_ip_checksum(struct rte_mbuf *m)
{
	csum_ip4_set(pkt_data(m), (pkt_data(m)[0] & 0xfu) * 4);
}

struct rte_mbuf *pkt_ether(struct rte_mbuf *m, const struct world *world, uint16_t port)
{
	bool v4 = pkt_data(m)[0] >> 4 == 4;
	uint8_t *eth = (uint8_t *)rte_pktmbuf_prepend(m, 14);

	ck_assert_ptr_nonnull(eth);
	memcpy(eth, world->port[port].mac, 6);
	memset(eth + 6, 0x0e, 6);
	put16(eth + 12, v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	return m;
}

void world_in(struct world *world, uint16_t port, struct rte_mbuf *m)
{
	if (!world->port[port].l3)
		pkt_ether(m, world, port);
	if (world->port[port].role == CONFIG_PORT_OUTER)
		worker_outer_in(world->w[0], port, &m, 1);
	else
		worker_inner_in(world->w[0], port, &m, 1);
	world_settle(world);
}

struct rte_mbuf *world_out(struct world *world, uint16_t port)
{
	for (uint32_t i = 0; i < world->n; i++) {
		struct worker_port *p = &world->w[i]->port[port];
		struct rte_mbuf *m;

		if (!p->tx_n)
			continue;
		m = p->tx[0];
		p->tx_n--;
		memmove(&p->tx[0], &p->tx[1], p->tx_n * sizeof(p->tx[0]));
		if (!p->l3)
			rte_pktmbuf_adj(m, 14);
		return m;
	}
	return NULL;
}

struct rte_mbuf *world_to_main(struct world *world)
{
	for (uint32_t i = 0; i < world->n; i++) {
		void *m;

		if (!rte_ring_sc_dequeue(world->w[i]->main_ring, &m))
			return m;
	}
	return NULL;
}

static int eal_start(char *program)
{
	char *argv[] = {program, "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf",
		"--lcores=0", "-m", "256", "--log-level=warning", NULL};

	if (rte_eal_init(9, argv) < 0)
		return -1;
	test_mbufs = rte_pktmbuf_pool_create("test", MBUFS, 0, sizeof(struct pkt_meta), ROOM, 0);
	test_jumbos = rte_pktmbuf_pool_create("test-jumbo", 2 * REASSEMBLY_CONTEXTS + 16, 0,
		sizeof(struct pkt_meta), REASSEMBLY_ROOM, 0);
	return test_mbufs && test_jumbos ? 0 : -1;
}

int plane_test_run(Suite *suite, int argc, char **argv)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	(void)argc;
	if (eal_start(argv[0]))
		return EXIT_FAILURE;
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_eal_cleanup();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
