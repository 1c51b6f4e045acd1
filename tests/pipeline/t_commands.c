// SPDX-License-Identifier: BSD-3-Clause
// Control's rings as a worker takes them: answers, order, full rings, and everything that control
// must not be able to do. The rings are real, in this process' memory; the test is control.
#include "csum.h"
#include "events.h"
#include "fragment.h"
#include "plane_test.h"
#include "punt.h"
#include "secret.h"

static struct world *gw;
static struct ring ours[SEAM_RING_COUNT], theirs[SEAM_RING_COUNT];
static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));

#define CELLS 512

static void setup(void)
{
	gw = world_new(1, false);
	for (int i = 0; i < SEAM_RING_COUNT; i++) {
		void *shared = aligned_alloc(64, ring_bytes(CELLS));

		memset(shared, 0, ring_bytes(CELLS));
		ring_init(&ours[i], shared, CELLS);
		ring_init(&theirs[i], shared, CELLS);
	}
	gw->w[0]->command = &ours[SEAM_COMMAND];
	gw->w[0]->event = &ours[SEAM_EVENT];
	gw->w[0]->punt_up = &ours[SEAM_PUNT_UP];
	gw->w[0]->punt_down = &ours[SEAM_PUNT_DOWN];
}

static void teardown(void)
{
	for (int i = 0; i < SEAM_RING_COUNT; i++)
		free(ours[i].shared);
	world_free(gw);
	pkt_check_leaks();
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static void command(uint32_t type, uint32_t id, const void *payload, size_t len)
{
	ck_assert_int_eq(ring_put(&theirs[SEAM_COMMAND], type, id, 0, payload, len, NULL, 0), 0);
}

// The next answer or event; type 0: none.
static struct ipc_hdr next(void)
{
	struct ipc_hdr hdr = {0};

	if (ring_get(&theirs[SEAM_EVENT], msg, sizeof(msg)) > 0)
		memcpy(&hdr, msg, sizeof(hdr));
	return hdr;
}

static uint32_t run_status(uint32_t type, const void *payload, size_t len)
{
	static uint32_t id = 100;
	struct ipc_hdr hdr;

	command(type, ++id, payload, len);
	commands_drain(gw->w[0]);
	hdr = next();
	ck_assert_uint_eq(hdr.type, IPC_ACK);
	ck_assert_uint_eq(hdr.id, id);
	ck_assert_uint_eq(((struct ipc_ack *)(msg + sizeof(hdr)))->command, type);
	return hdr.status;
}

START_TEST(test_answers)
{
	struct ipc_ping ping = {0};
	struct ipc_route_set set = {.prefix = prefix("203.0.113.0/24"), .kind = IPC_ROUTE_DISCARD};
	struct ipc_route_del del = {.prefix = set.prefix};
	struct ipc_route_set fixed = {.prefix = prefix("10.20.0.0/24"), .kind = IPC_ROUTE_DISCARD};
	struct ipc_route_del fixed_del = {.prefix = fixed.prefix};

	ck_assert_uint_eq(run_status(IPC_PING, &ping, sizeof(ping)), 0);
	ck_assert_uint_eq(run_status(IPC_ROUTE_SET, &set, sizeof(set)), 0);
	ck_assert_uint_eq(run_status(IPC_ROUTE_DEL, &del, sizeof(del)), 0);
	ck_assert_uint_eq(run_status(IPC_ROUTE_DEL, &del, sizeof(del)), ENOENT);
	// What the configuration says is not control's.
	ck_assert_uint_eq(run_status(IPC_ROUTE_SET, &fixed, sizeof(fixed)), EPERM);
	ck_assert_uint_eq(run_status(IPC_ROUTE_DEL, &fixed_del, sizeof(fixed_del)), EPERM);
	ck_assert_uint_eq(gw->w[0]->stats.commands, 6);
	// Nobody wants an answer.
	command(IPC_PING, 0, &ping, sizeof(ping));
	commands_drain(gw->w[0]);
	ck_assert_uint_eq(next().type, 0);
}
END_TEST

START_TEST(test_refused)
{
	struct ipc_route_set route = {.prefix = prefix("203.0.113.0/24"), .kind = 77};
	struct ipc_route_set no_family = {.kind = IPC_ROUTE_DISCARD};
	struct ipc_route_set no_worker = {
		.prefix = prefix("203.0.113.0/24"), .kind = IPC_ROUTE_SA, .ref = spi_make(9, 0, 1)};
	struct ipc_pool_add pool = {
		.pool = IPC_POOLS, .slot_len = 32, .prefix = prefix("10.66.0.0/16")};
	struct ipc_pool_set slot = {.pool = 3, .slot = 1};
	struct ipc_sa_list list = {.direction = 2};
	struct ipc_sa_query query = {.direction = 7};
	struct ipc_hostif_set hostif = {0};
	uint8_t zero[4096] = {0};

	ck_assert_uint_eq(run_status(IPC_ROUTE_SET, &route, sizeof(route)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_ROUTE_SET, &no_family, sizeof(no_family)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_ROUTE_SET, &no_worker, sizeof(no_worker)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_POOL_ADD, &pool, sizeof(pool)), EINVAL);
	pool.pool = 0;
	pool.slot_len = 8;
	ck_assert_uint_eq(run_status(IPC_POOL_ADD, &pool, sizeof(pool)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_POOL_SET, &slot, sizeof(slot)), ENOENT);
	ck_assert_uint_eq(run_status(IPC_SA_LIST, &list, sizeof(list)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_SA_QUERY, &query, sizeof(query)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_HOSTIF_SET, &hostif, sizeof(hostif)), ENOTSUP);
	ck_assert_uint_eq(run_status(IPC_SA_IN_ADD, zero, sizeof(struct ipc_sa_in_add)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_SA_OUT_SET, zero, sizeof(struct ipc_sa_out_set)), EINVAL);
	ck_assert_uint_eq(run_status(IPC_SA_MOVE, zero, sizeof(struct ipc_sa_move)), EINVAL);
	ck_assert_uint_eq(
		run_status(IPC_ROUTE_SET, &route, 8), EMSGSIZE); // shorter than it has to be
	ck_assert_uint_eq(run_status(IPC_PUNT_UDP, zero, sizeof(struct ipc_punt_udp)), EINVAL);
	ck_assert_uint_eq(run_status(9999, zero, 8), EINVAL);
	ck_assert_uint_ge(gw->w[0]->drops.n[DROP_COMMAND_BAD], 12);
}
END_TEST

static void send_udp(const char *local, const char *remote, uint16_t port, uint32_t flags,
	uint32_t stated, const uint8_t *data, size_t len)
{
	struct ipc_punt_udp cmd = {.flags = flags,
		.local = addr(local),
		.remote = addr(remote),
		.local_port = port,
		.remote_port = 4999,
		.data_len = stated};

	ck_assert_int_eq(
		ring_put(&theirs[SEAM_PUNT_DOWN], IPC_SEND_UDP, 0, 0, &cmd, sizeof(cmd), data, len),
		0);
}

START_TEST(test_send_udp)
{
	static const struct {
		const char *local, *remote;
		uint16_t port;
		uint32_t flags;
	} rows[] = {
		{"192.0.2.1", "192.0.2.2", 500, 0},
		{"192.0.2.1", "198.51.100.2", 4500, IPC_PUNT_NATT},
		{"2001:db8:ff::1", "2001:db8:ff::2", 500, 0},
		{"2001:db8:ff::1", "2001:db8:fe::2", 4500, IPC_PUNT_NATT},
	};
	uint8_t data[100];
	struct rte_mbuf *m, *again;
	struct ipc_punt_udp *up = (struct ipc_punt_udp *)(msg + sizeof(struct ipc_hdr));
	struct inet_addr local = addr(rows[_i].local), remote = addr(rows[_i].remote);
	uint32_t ip_len = local.family == AF_INET ? 20 : 40;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + 1);
	send_udp(rows[_i].local, rows[_i].remote, rows[_i].port, rows[_i].flags, sizeof(data), data,
		sizeof(data));
	commands_drain(gw->w[0]);
	m = world_out(gw, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(
		rte_pktmbuf_data_len(m), ip_len + 8 + (rows[_i].flags ? 4 : 0) + sizeof(data));
	// Turned round it is what control hears: headers and checksums are right.
	again = pkt_copy(m);
	rte_pktmbuf_free(m);
	if (local.family == AF_INET) {
		memcpy(pkt_data(again) + 12, remote.bytes, 4);
		memcpy(pkt_data(again) + 16, local.bytes, 4);
	} else {
		memcpy(pkt_data(again) + 8, remote.bytes, 16);
		memcpy(pkt_data(again) + 24, local.bytes, 16);
	}
	memcpy(pkt_data(again) + ip_len, (uint8_t[]){4999 >> 8, 4999 & 0xff}, 2);
	memcpy(pkt_data(again) + ip_len + 2,
		(uint8_t[]){(uint8_t)(rows[_i].port >> 8), (uint8_t)rows[_i].port}, 2);
	world_in(gw, PORT_OUTER, again);
	ck_assert_int_gt(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
	ck_assert_uint_eq(up->data_len, sizeof(data));
	ck_assert_uint_eq(up->flags, rows[_i].flags);
	ck_assert_mem_eq(up + 1, data, sizeof(data));
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

// An IKE message larger than the port's MTU leaves in fragments.
START_TEST(test_send_udp_large)
{
	static uint8_t data[5000];
	struct rte_mbuf *m;
	uint32_t n = 0;

	send_udp(_i ? "2001:db8:ff::1" : "192.0.2.1", _i ? "2001:db8:ff::2" : "192.0.2.2", 500, 0,
		sizeof(data), data, sizeof(data));
	commands_drain(gw->w[0]);
	while ((m = world_out(gw, PORT_OUTER))) {
		ck_assert_uint_le(rte_pktmbuf_data_len(m), 1500);
		rte_pktmbuf_free(m);
		n++;
	}
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

START_TEST(test_send_udp_refused)
{
	uint8_t data[20] = {0};

	send_udp("192.0.2.99", "192.0.2.2", 500, 0, 20, data, 20); // not our address
	send_udp("10.20.0.1", "192.0.2.2", 500, 0, 20, data, 20); // ours, but not outside
	send_udp("192.0.2.1", "2001:db8:ff::2", 500, 0, 20, data, 20);
	send_udp("192.0.2.1", "224.0.0.1", 500, 0, 20, data, 20);
	send_udp("192.0.2.1", "0.0.0.0", 500, 0, 20, data, 20);
	send_udp("192.0.2.1", "192.0.2.2", 0, 0, 20, data, 20);
	send_udp("192.0.2.1", "192.0.2.2", 500, 0, 21, data, 20); // says more than it has
	send_udp("192.0.2.1", "192.0.2.2", 500, 0, UINT32_MAX, data, 20);
	commands_drain(gw->w[0]);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_uint_eq(world_drops(gw, DROP_COMMAND_BAD), 8);
	ck_assert_uint_eq(world_drops_all(gw), 8);
}
END_TEST

// What a DHCPv6 server on the inner network says to the relay agent reaches control, in fragments too;
// nobody else's does, and no more than allowed.
START_TEST(test_punt_inside)
{
	struct ipc_punt_udp *up = (struct ipc_punt_udp *)(msg + sizeof(struct ipc_hdr));
	struct inet_addr ours_addr = addr("2001:db8:aaaa::1"), server = addr("2001:db8:aaaa::10");
	static uint8_t data[2000];
	struct rte_mbuf *m, *piece[FRAGMENT_MAX];
	int n;

	memset(data, 0x5a, sizeof(data));
	world_in(gw, PORT_INNER,
		pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 547, data, 100));
	ck_assert_int_gt(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
	ck_assert_uint_eq(((struct ipc_hdr *)msg)->type, IPC_PUNT_UDP);
	ck_assert_uint_eq(up->flags, IPC_PUNT_INSIDE);
	ck_assert_uint_eq(up->data_len, 100);
	ck_assert(inet_addr_equal(&up->local, &ours_addr));
	ck_assert(inet_addr_equal(&up->remote, &server));
	ck_assert_uint_eq(up->local_port, 547);
	ck_assert_uint_eq(up->remote_port, 547);

	m = pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 547, data, sizeof(data));
	pkt_meta(m)->family = AF_INET6;
	n = fragment_make(m, 700, 77, test_mbufs, piece);
	ck_assert_int_gt(n, 2);
	rte_pktmbuf_free(m);
	for (int i = 0; i < n; i++)
		world_in(gw, PORT_INNER, piece[i]);
	ck_assert_int_gt(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
	ck_assert_uint_eq(up->data_len, sizeof(data));
	ck_assert_mem_eq(up + 1, data, sizeof(data));
	ck_assert_uint_eq(world_drops_all(gw), 0);

	m = pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 547, data, 100);
	pkt_data(m)[60] ^= 1; // checksum
	world_in(gw, PORT_INNER, m);
	m = pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 547, data, 100);
	pkt_data(m)[45] += 20; // longer than the packet
	world_in(gw, PORT_INNER, m);
	ck_assert_uint_eq(world_drops(gw, DROP_BAD_UDP), 2);
	world_in(gw, PORT_INNER,
		pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 546, data, 100));
	world_in(gw, PORT_INNER, pkt_udp("10.20.0.10", "10.20.0.1", 547, 547, data, 100));
	ck_assert_uint_eq(world_drops(gw, DROP_NO_POLICY), 2);
	while ((m = world_out(gw, PORT_INNER)))
		rte_pktmbuf_free(m); // ICMP errors
	for (int i = 0; i < 600; i++) {
		world_in(gw, PORT_INNER,
			pkt_udp("2001:db8:aaaa::10", "2001:db8:aaaa::1", 547, 547, data, 10));
		ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg));
	}
	ck_assert_uint_ge(world_drops(gw, DROP_PUNT_LIMIT), 90);
}
END_TEST

// Out of an SA nobody speaks to the relay agent.
START_TEST(test_punt_inside_from_sa)
{
	struct world *cl = world_new(1, true);
	struct tunnel t = {0};
	uint8_t data[20] = {0};
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &t);
	world_in(cl, PORT_HOST,
		pkt_udp("2001:db8:1000:5::1", "2001:db8:aaaa::1", 547, 547, data, 20));
	m = world_out(cl, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	world_in(gw, PORT_OUTER, m);
	ck_assert_int_le(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_POLICY), 1);
	m = world_out(gw, PORT_OUTER); // the ICMP error
	rte_pktmbuf_free(m);
	world_free(cl);
}
END_TEST

START_TEST(test_send_inside)
{
	struct ipc_route_set route = {.kind = IPC_ROUTE_SA, .ref = spi_make(0, 0, 5)};
	struct world *cl = world_new(1, true);
	struct tunnel t = {0};
	uint8_t data[100];
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &t);
	memset(data, 7, sizeof(data));
	send_udp("2001:db8:aaaa::1", "2001:db8:aaaa::10", 547, IPC_PUNT_INSIDE, 100, data, 100);
	commands_drain(gw->w[0]);
	m = world_out(gw, PORT_INNER);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(rte_pktmbuf_data_len(m), 40 + 8 + 100);
	ck_assert(csum_l4_good(pkt_data(m), IPPROTO_UDP, pkt_data(m) + 40, 108));
	ck_assert_mem_eq(pkt_data(m) + 48, data, 100);
	rte_pktmbuf_free(m);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_uint_eq(world_drops_all(gw), 0);

	// An outer address of ours, somebody else's, both flags.
	send_udp("2001:db8:ff::1", "2001:db8:aaaa::10", 547, IPC_PUNT_INSIDE, 100, data, 100);
	send_udp("2001:db8:aaaa::9", "2001:db8:aaaa::10", 547, IPC_PUNT_INSIDE, 100, data, 100);
	send_udp("2001:db8:aaaa::1", "2001:db8:aaaa::10", 547, IPC_PUNT_INSIDE | IPC_PUNT_NATT, 100,
		data, 100);
	commands_drain(gw->w[0]);
	ck_assert_uint_eq(world_drops(gw, DROP_COMMAND_BAD), 3);
	// Never into an SA: neither by a pool nor by a route.
	route.prefix = prefix("2001:db8:7777::/64");
	world_command(gw, 0, IPC_ROUTE_SET, &route, sizeof(route));
	send_udp("2001:db8:aaaa::1", "2001:db8:1000:5::1", 547, IPC_PUNT_INSIDE, 100, data, 100);
	send_udp("2001:db8:aaaa::1", "2001:db8:7777::1", 547, IPC_PUNT_INSIDE, 100, data, 100);
	commands_drain(gw->w[0]);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_ROUTE), 2);
	ck_assert_uint_eq(world_drops_all(gw), 5);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	world_free(cl);
}
END_TEST

// By a ring: an SA's filter becomes another one.
START_TEST(test_ingress_set)
{
	struct ipc_sa_ingress_set set = {.spi = spi_make(0, 1, 5), .ingress_n = 1};
	struct world *cl = world_new(1, true);
	struct tunnel t = {0};
	uint8_t data[20] = {0};

	set.ingress[0] = prefix("2001:db8:1000:5::2/128");
	ck_assert_uint_eq(run_status(IPC_SA_INGRESS_SET, &set, sizeof(set)), ENOENT);
	tunnel_make(gw, cl, &t);
	ck_assert_uint_eq(run_status(IPC_SA_INGRESS_SET, &set, sizeof(set)), 0);
	for (int i = 1; i <= 2; i++) {
		char src[40];
		struct rte_mbuf *m;

		snprintf(src, sizeof(src), "2001:db8:1000:5::%d", i);
		world_in(cl, PORT_HOST, pkt_udp(src, "2001:db8:aaaa::10", 1, 2, data, 20));
		world_in(gw, PORT_OUTER, world_out(cl, PORT_OUTER));
		m = world_out(gw, PORT_INNER);
		ck_assert_int_eq(m != NULL, i == 2);
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(world_drops(gw, DROP_INGRESS_FILTER), 1);
	set.ingress_n = IPC_INGRESS_MAX + 1;
	ck_assert_uint_eq(run_status(IPC_SA_INGRESS_SET, &set, sizeof(set)), EINVAL);
	world_free(cl);
}
END_TEST

static void send_inner(sa_ref_t ref, struct rte_mbuf *m, uint32_t cut)
{
	uint32_t len = rte_pktmbuf_data_len(m) - cut;
	struct ipc_punt_inner cmd = {.ref = ref, .data_len = len};

	ck_assert_int_eq(ring_put(&theirs[SEAM_PUNT_DOWN], IPC_SEND_INNER, 0, 0, &cmd, sizeof(cmd),
				 pkt_data(m), len),
		0);
	rte_pktmbuf_free(m);
}

START_TEST(test_send_inner)
{
	struct world *cl = world_new(1, true);
	struct tunnel t = {0};
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &t);
	while (next().type)
		;
	send_inner(spi_make(0, 0, 5), pkt_echo("fe80::1", "fe80::1234", 30), 0);
	commands_drain(gw->w[0]);
	m = world_out(gw, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	world_in(cl, PORT_OUTER, m);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_data(m)[7], 64); // no hop: it is one link
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops_all(gw), 0);

	send_inner(spi_make(0, 0, 6), pkt_echo("fe80::1", "fe80::1234", 30), 0);
	send_inner(spi_make(3, 0, 5), pkt_echo("fe80::1", "fe80::1234", 30), 0);
	send_inner(0, pkt_echo("fe80::1", "fe80::1234", 30), 0);
	send_inner(spi_make(0, 0, 5), pkt_echo("fe80::1", "fe80::1234", 30), 1);
	send_inner(spi_make(0, 0, 5), pkt_echo("fe80::1", "fe80::1234", 30), 77);
	commands_drain(gw->w[0]);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_uint_eq(world_drops(gw, DROP_SA_GONE), 1);
	ck_assert_uint_eq(world_drops(gw, DROP_COMMAND_BAD), 4);
	world_free(cl);
}
END_TEST

// Inner packets that routes send to control, with the link they came by; no more than allowed.
START_TEST(test_punt_inner)
{
	struct world *cl = world_new(1, true);
	struct ipc_punt_inner *up = (struct ipc_punt_inner *)(msg + sizeof(struct ipc_hdr));
	struct tunnel t = {0};

	tunnel_make(gw, cl, &t);
	for (int i = 0; i < 200; i++) {
		struct rte_mbuf *m;

		world_in(cl, PORT_HOST, pkt_echo("fe80::1234", "fe80::1", 30));
		m = world_out(cl, PORT_OUTER);
		ck_assert_ptr_nonnull(m);
		world_in(gw, PORT_OUTER, m);
		if (i < 128) {
			ck_assert_int_gt(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
			ck_assert_uint_eq(((struct ipc_hdr *)msg)->type, IPC_PUNT_INNER);
			ck_assert_uint_eq(up->link, 77);
			ck_assert_uint_eq(up->spi, spi_make(0, 1, 5));
			ck_assert_uint_eq(up->data_len, 78);
		}
	}
	ck_assert_int_eq(ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)), 0);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_LINK_LIMIT), 72);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_LIMIT), 0);
	world_free(cl);
}
END_TEST

// However much one link sends: the others' packets reach control; all of them together are limited too.
START_TEST(test_punt_inner_links)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < 100000; i++) {
		struct rte_mbuf *m = pkt_echo("fe80::1234", "fe80::1", 30);
		uint64_t before = gw->w[0]->stats.punt_up;

		pkt_meta(m)->link = i % 1000 == 0 ? 100 + i / 1000 : 77;
		gw->w[0]->now_tsc = 100 * gw->w[0]->tsc_hz + i;
		punt_inner(gw->w[0], m);
		if (i % 1000 == 0)
			taken += (uint32_t)(gw->w[0]->stats.punt_up - before);
		while (ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg)) > 0)
			;
	}
	ck_assert_uint_ge(taken, 98); // in the bucket of the loud one: one in a thousand
	ck_assert_uint_ge(world_drops(gw, DROP_PUNT_LINK_LIMIT), 99000);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_LIMIT), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		struct rte_mbuf *m = pkt_echo("fe80::1234", "fe80::1", 30);

		pkt_meta(m)->link = 1000 + i;
		punt_inner(gw->w[0], m);
		ring_get(&theirs[SEAM_PUNT_UP], msg, sizeof(msg));
	}
	ck_assert_uint_ge(world_drops(gw, DROP_PUNT_LIMIT), 500);
}
END_TEST

// The answer ring is full: nothing is lost, no further command is taken until there is room again.
START_TEST(test_event_ring_full)
{
	struct ipc_ping ping = {0};
	uint32_t answered = 0, sent = 0;

	for (int round = 0; round < 40; round++) {
		while (!ring_put(
			&theirs[SEAM_COMMAND], IPC_PING, sent + 1, 0, &ping, sizeof(ping), NULL, 0))
			sent++;
		commands_drain(gw->w[0]);
	}
	ck_assert_uint_gt(sent, CELLS);
	ck_assert_uint_eq(gw->w[0]->stats.commands, CELLS + 1); // one answer is kept aside
	for (int round = 0; round < 100; round++) {
		struct ipc_hdr hdr;

		while ((hdr = next()).type) {
			ck_assert_uint_eq(hdr.type, IPC_ACK);
			ck_assert_uint_eq(hdr.id, ++answered);
		}
		commands_drain(gw->w[0]);
	}
	ck_assert_uint_eq(answered, sent);
}
END_TEST

// What is kept goes first, however much room there is by then.
START_TEST(test_event_order)
{
	struct event_queue *q = event_queue_new();
	struct ipc_ack ack = {0};
	uint32_t id = 0, answered = 0;
	struct ipc_hdr hdr;

	while (id < CELLS + 100)
		ck_assert(event_put(q, &ours[SEAM_EVENT], IPC_ACK, ++id, 0, &ack, sizeof(ack)));
	for (int round = 0; round < 300; round++) {
		hdr = next();
		ck_assert_uint_eq(hdr.id, ++answered);
		ck_assert(event_put(q, &ours[SEAM_EVENT], IPC_ACK, ++id, 0, &ack, sizeof(ack)));
	}
	while (answered < id) {
		event_flush(q, &ours[SEAM_EVENT]);
		while ((hdr = next()).type)
			ck_assert_uint_eq(hdr.id, ++answered);
	}
	// Bounded: at some point it says no.
	while (event_put(q, &ours[SEAM_EVENT], IPC_ACK, ++id, 0, &ack, sizeof(ack)))
		ck_assert_uint_lt(id, 10000);
	event_queue_free(q);
}
END_TEST

// A packet does not overtake a command that was sent before it, however many there are.
START_TEST(test_order)
{
	struct ipc_route_set set = {.prefix = prefix("203.0.113.0/24"), .kind = IPC_ROUTE_DISCARD};
	uint8_t data[20] = {0};
	struct rte_mbuf *m;
	int rounds = 0;

	for (int i = 0; i < 400; i++)
		command(IPC_ROUTE_SET, 0, &set, sizeof(set));
	send_udp("192.0.2.1", "192.0.2.2", 500, 0, 20, data, 20);
	while (!(m = world_out(gw, PORT_OUTER))) {
		ck_assert_int_lt(rounds++, 100);
		commands_drain(gw->w[0]);
	}
	ck_assert_uint_eq(gw->w[0]->stats.commands, 401);
	rte_pktmbuf_free(m);
}
END_TEST

START_TEST(test_lists)
{
	struct ipc_sa_list list = {.direction = IPC_DIR_IN, .max = 64};
	struct ipc_sa_info *info = (struct ipc_sa_info *)(msg + sizeof(struct ipc_hdr));
	struct tunnel t = {.flags = IPC_SA_FIRST_USE_EVENT};
	struct ipc_hdr hdr;

	tunnel_make(gw, NULL, &t);
	command(IPC_SA_LIST, 7, &list, sizeof(list));
	list.max = 1;
	command(IPC_SA_LIST, 8, &list, sizeof(list));
	commands_drain(gw->w[0]);
	hdr = next();
	ck_assert_uint_eq(hdr.type, IPC_SA_INFO);
	ck_assert_uint_eq(hdr.id, 7);
	ck_assert_uint_eq(info->spi, spi_make(0, 1, 5));
	ck_assert_uint_eq(info->link, 77);
	hdr = next();
	ck_assert_uint_eq(hdr.type, IPC_ACK);
	ck_assert_uint_eq(hdr.status, 0);
	ck_assert_uint_eq(next().type, IPC_SA_INFO);
	hdr = next();
	ck_assert_uint_eq(hdr.id, 8);
	ck_assert_uint_eq(hdr.status, EAGAIN);
	// Of those alone that carried something: this one did not, and is told as the last of a page.
	list = (struct ipc_sa_list){.direction = IPC_DIR_IN, .max = 64, .active_s = 60};
	command(IPC_SA_LIST, 9, &list, sizeof(list));
	list.max = 1;
	command(IPC_SA_LIST, 10, &list, sizeof(list));
	commands_drain(gw->w[0]);
	hdr = next();
	ck_assert_uint_eq(hdr.type, IPC_ACK);
	ck_assert_uint_eq(hdr.id, 9);
	ck_assert_uint_eq(hdr.status, 0);
	ck_assert_uint_eq(next().type, IPC_SA_INFO);
	hdr = next();
	ck_assert_uint_eq(hdr.id, 10);
	ck_assert_uint_eq(hdr.status, EAGAIN);
}
END_TEST

// ESP's events reach control when there is room, and are not taken from ESP before.
START_TEST(test_events)
{
	struct world *cl = world_new(1, true);
	struct tunnel t = {.flags = IPC_SA_FIRST_USE_EVENT};
	struct ring *event = gw->w[0]->event;
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &t);
	world_in(cl, PORT_HOST, pkt_echo("10.66.0.5", "10.20.0.10", 30));
	m = world_out(cl, PORT_OUTER);
	world_in(gw, PORT_OUTER, m);
	gw->w[0]->event = NULL;
	commands_raise_events(gw->w[0]);
	gw->w[0]->event = event;
	commands_raise_events(gw->w[0]);
	ck_assert_uint_eq(next().type, IPC_SA_FIRST_USE);
	ck_assert_uint_eq(((struct ipc_sa_first_use *)(msg + sizeof(struct ipc_hdr)))->spi,
		spi_make(0, 1, 5));
	world_free(cl);
}
END_TEST

// Keys do not stay in the buffer that brought them.
START_TEST(test_keys_wiped)
{
	static uint8_t big[sizeof(struct ipc_hdr) + sizeof(struct ipc_sa_in_add)]
		__attribute__((aligned(8)));
	struct ipc_hdr hdr = {.type = IPC_SA_IN_ADD, .len = sizeof(struct ipc_sa_in_add)};

	memset(big, 0x5a, sizeof(big));
	memcpy(big, &hdr, sizeof(hdr));
	commands_run(gw->w[0], big, sizeof(big));
	for (size_t i = 0; i < sizeof(big); i++)
		ck_assert_uint_eq(big[i], 0);
}
END_TEST

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

// A control that writes anything anywhere: random messages of every type and length, and random
// bytes over the rings themselves. The worker goes on, and its tables still work afterwards.
START_TEST(test_garbage)
{
	struct ipc_ping ping = {0};
	uint64_t seed = 0x9e3779b97f4a7c15u ^ (uint64_t)_i;
	static uint8_t payload[8192];
	struct tunnel t = {0};
	struct rte_mbuf *m;

	tunnel_make(gw, NULL, &t);
	for (int i = 0; i < 20000; i++) {
		enum seam_ring which = random_next(&seed) % 3 ? SEAM_COMMAND : SEAM_PUNT_DOWN;

		for (size_t k = 0; k < sizeof(payload); k += 8) {
			uint64_t word = random_next(&seed) % 4 ? random_next(&seed) % 8
							       : random_next(&seed);

			memcpy(payload + k, &word, 8);
		}
		ring_put(&theirs[which], (uint32_t)(random_next(&seed) % (IPC_TYPE_COUNT + 2)),
			(uint32_t)(random_next(&seed) % 3), 0, payload,
			random_next(&seed) % sizeof(payload), NULL, 0);
		if (_i && random_next(&seed) % 50 == 0) { // the shared memory itself
			uint64_t word = random_next(&seed);
			uint64_t at = random_next(&seed) % (ring_bytes(CELLS) / 8);

			memcpy((uint8_t *)ours[which].shared + at * 8, &word, 8);
			ring_init(&theirs[which], ours[which].shared, CELLS);
			theirs[which].own = theirs[which].peer_seen = ours[which].own;
		}
		commands_drain(gw->w[0]);
		commands_raise_events(gw->w[0]);
		while (ring_get(&theirs[SEAM_EVENT], msg, sizeof(msg)) > 0)
			;
		while ((m = world_out(gw, PORT_OUTER)) || (m = world_out(gw, PORT_INNER)) ||
			(m = world_to_main(gw)))
			rte_pktmbuf_free(m);
	}
	ck_assert_uint_gt(world_drops(gw, DROP_COMMAND_BAD), 100);
	if (_i)
		return;
	ck_assert_uint_eq(run_status(IPC_PING, &ping, sizeof(ping)), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("commands");
	TCase *tc = tcase_create("commands");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_answers);
	tcase_add_test(tc, test_refused);
	tcase_add_loop_test(tc, test_send_udp, 0, 4);
	tcase_add_loop_test(tc, test_send_udp_large, 0, 2);
	tcase_add_test(tc, test_send_udp_refused);
	tcase_add_test(tc, test_punt_inside);
	tcase_add_test(tc, test_punt_inside_from_sa);
	tcase_add_test(tc, test_send_inside);
	tcase_add_test(tc, test_ingress_set);
	tcase_add_test(tc, test_send_inner);
	tcase_add_test(tc, test_punt_inner);
	tcase_add_test(tc, test_punt_inner_links);
	tcase_add_test(tc, test_event_ring_full);
	tcase_add_test(tc, test_event_order);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_lists);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_keys_wiped);
	tcase_add_loop_test(tc, test_garbage, 0, 2);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
