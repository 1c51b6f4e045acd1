// SPDX-License-Identifier: BSD-3-Clause
// The neighbour table with time moved by hand. RFC 826, 4861 sections 7.2 and 7.3, 5227.
#include "clock.h"
#include "neigh.h"
#include "neigh_wire.h"
#include "plane_test.h"

#define S US_PER_S
#define PORT 3

static struct neigh_table *t;
static struct port port;
static struct drop_counts drops;
static struct rte_mbuf *sent[64]; // frames that went out
static uint32_t sent_n;
static struct adj adj[ADJ_MAX];
static uint32_t adj_sets, adj_clears;
static bool used;

static void on_send(void *arg, uint16_t index, struct rte_mbuf *m)
{
	(void)arg;
	ck_assert_uint_eq(index, PORT);
	ck_assert_uint_lt(sent_n, 64);
	sent[sent_n++] = m;
}

static void on_adj_set(void *arg, uint32_t index, const struct adj *a)
{
	(void)arg;
	adj[index] = *a;
	adj_sets++;
}

static void on_adj_clear(void *arg, uint32_t index)
{
	(void)arg;
	adj[index].port = UINT16_MAX;
	adj_clears++;
}

static bool on_was_used(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return used;
}

static const struct neigh_ops ops = {on_send, on_adj_set, on_adj_clear, on_was_used};
static const uint8_t their_mac[6] = {2, 9, 9, 9, 9, 9}, other_mac[6] = {2, 8, 8, 8, 8, 8};

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static void sent_forget(void)
{
	for (uint32_t i = 0; i < sent_n; i++)
		rte_pktmbuf_free(sent[i]);
	sent_n = 0;
}

static void setup(void)
{
	static const char *const mine[] = {"10.1.0.1/24", "2001:db8:1::1/64", "fe80::1/64"};

	memset(&drops, 0, sizeof(drops));
	memset(adj, 0xff, sizeof(adj));
	adj_sets = adj_clears = 0;
	used = false;
	port = (struct port){.index = PORT, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(
			inet_ifaddr_parse(mine[i], &port.addr[i].addr, &port.addr[i].len), 0);
		port.addr_n++;
	}
	t = neigh_new(&ops, NULL, test_mbufs, &drops);
	neigh_port_add(t, &port);
}

static void teardown(void)
{
	sent_forget();
	neigh_free(t);
	pkt_check_leaks();
}

static struct neigh_packet frame_read(struct rte_mbuf *m)
{
	struct neigh_packet p;
	const uint8_t *f = pkt_data(m);
	size_t len = rte_pktmbuf_data_len(m);
	bool arp = f[12] == 8 && f[13] == 6;

	ck_assert_int_eq(arp ? neigh_read_arp(f, len, &p) : neigh_read_nd(f, len, &p), 0);
	return p;
}

static struct rte_mbuf *frame(const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(test_mbufs);

	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	memset(pkt_meta(m), 0, sizeof(struct pkt_meta));
	return m;
}

static void in(const uint8_t *bytes, size_t len, uint64_t now)
{
	if (bytes[12] == 8)
		neigh_arp_in(t, PORT, frame(bytes, len), now);
	else
		neigh_nd_in(t, PORT, frame(bytes, len), now);
}

// They answer our question for `who`.
static void reply(const char *who, const uint8_t mac[6], uint64_t now)
{
	uint8_t f[NEIGH_FRAME_MAX];
	struct inet_addr target = addr(who),
			 me = addr(strchr(who, ':') ? "2001:db8:1::1" : "10.1.0.1");

	in(f, neigh_write_reply(f, mac, &target, &me, port.mac), now);
}

static void resolve(const char *who, uint64_t now)
{
	struct inet_addr hop = addr(who);

	neigh_resolve(t, PORT, &hop,
		pkt_echo(strchr(who, ':') ? "2001:db8:9::9" : "10.9.0.9", who, 10), now);
}

static uint8_t state(void)
{
	struct ipc_neigh_info info;

	return neigh_info(t, 0, &info, 0) ? info.state : 0xff;
}

static const char *const them[] = {"10.1.0.9", "2001:db8:1::9", "fe80::9"};

START_TEST(test_announces)
{
	ck_assert_uint_eq(sent_n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct neigh_packet p = frame_read(sent[i]);

		ck_assert(inet_addr_equal(&p.target, &port.addr[i].addr));
		ck_assert(!p.unicast);
		ck_assert_mem_eq(p.mac, port.mac, 6);
	}
}
END_TEST

// The first packet waits, goes when the answer is there, after workers know the neighbour.
START_TEST(test_resolves)
{
	struct neigh_packet p;

	sent_forget();
	resolve(them[_i], 0);
	ck_assert_uint_eq(sent_n, 1);
	p = frame_read(sent[0]);
	ck_assert_uint_eq(p.kind, NEIGH_REQUEST);
	ck_assert(!p.unicast);
	ck_assert_uint_eq(state(), IPC_NEIGH_INCOMPLETE);
	resolve(them[_i], 1);
	ck_assert_uint_eq(sent_n, 1); // one question is enough
	reply(them[_i], their_mac, 2);
	ck_assert_uint_eq(adj_sets, 1);
	ck_assert_uint_eq(adj[0].port, PORT);
	ck_assert_mem_eq(adj[0].header, their_mac, 6);
	ck_assert_mem_eq(adj[0].header + 6, port.mac, 6);
	ck_assert_uint_eq(sent_n, 3);
	ck_assert_mem_eq(pkt_data(sent[1]), adj[0].header, 14);
	ck_assert_uint_eq(state(), IPC_NEIGH_REACHABLE);
	// One that was on its way to main meanwhile.
	resolve(them[_i], 3);
	ck_assert_uint_eq(sent_n, 4);
}
END_TEST

START_TEST(test_gives_up)
{
	uint64_t now = 0;

	sent_forget();
	for (int i = 0; i < NEIGH_QUEUE + 3; i++)
		resolve(them[_i], 0);
	ck_assert_uint_eq(drops.n[DROP_NEIGH_QUEUE_FULL], 3);
	for (int i = 0; i < 10; i++)
		now = RTE_MIN(neigh_timer(t, now), 100 * S);
	ck_assert_uint_eq(sent_n, 3);
	ck_assert_uint_eq(drops.n[DROP_NEIGH_FAILED], NEIGH_QUEUE);
	ck_assert_uint_eq(state(), 0xff);
	ck_assert_uint_eq(adj_clears, 0);
	resolve(them[_i], now); // a later packet begins again
	ck_assert_uint_eq(sent_n, 4);
}
END_TEST

// REACHABLE 30 s, then STALE; used: probed by unicast; answered: REACHABLE.
START_TEST(test_reachability)
{
	struct neigh_packet p;

	resolve(them[_i], 0);
	reply(them[_i], their_mac, 0);
	sent_forget();
	neigh_timer(t, 29 * S);
	ck_assert_uint_eq(state(), IPC_NEIGH_REACHABLE);
	neigh_timer(t, 31 * S);
	ck_assert_uint_eq(state(), IPC_NEIGH_STALE);
	neigh_timer(t, 100 * S);
	ck_assert_uint_eq(state(), IPC_NEIGH_STALE);
	ck_assert_uint_eq(sent_n, 0); // an unused one is left alone
	used = true;
	neigh_timer(t, 102 * S);
	ck_assert_uint_eq(state(), IPC_NEIGH_PROBE);
	ck_assert_uint_eq(sent_n, 1);
	p = frame_read(sent[0]);
	ck_assert_uint_eq(p.kind, NEIGH_REQUEST);
	ck_assert_mem_eq(pkt_data(sent[0]), their_mac, 6);
	reply(them[_i], their_mac, 103 * S);
	ck_assert_uint_eq(state(), IPC_NEIGH_REACHABLE);
	ck_assert_uint_eq(adj_sets, 1);
	ck_assert_uint_eq(adj_clears, 0);
}
END_TEST

START_TEST(test_dies)
{
	uint64_t now = 31 * S;

	resolve(them[_i], 0);
	reply(them[_i], their_mac, 0);
	neigh_timer(t, now);
	used = true;
	sent_forget();
	for (int i = 0; i < 10; i++)
		now = RTE_MIN(neigh_timer(t, now), 100 * S);
	ck_assert_uint_eq(sent_n, 3);
	ck_assert_uint_eq(adj_clears, 1);
	ck_assert_uint_eq(adj[0].port, UINT16_MAX);
	ck_assert_uint_eq(state(), 0xff);
}
END_TEST

START_TEST(test_forgotten)
{
	resolve(them[_i], 0);
	reply(them[_i], their_mac, 0);
	for (uint64_t s = 31; s < 640; s++)
		neigh_timer(t, s * S);
	ck_assert_uint_eq(state(), 0xff);
	ck_assert_uint_eq(adj_clears, 1);
}
END_TEST

// Who asks for us is answered, and known from then on.
START_TEST(test_answers)
{
	static const char *const mine[] = {"10.1.0.1", "2001:db8:1::1", "fe80::1"};
	uint8_t f[NEIGH_FRAME_MAX];
	struct inet_addr target = addr(mine[_i]), src = addr(them[_i]);
	struct neigh_packet p;

	sent_forget();
	in(f, neigh_write_request(f, their_mac, &src, &target, NULL), 0);
	ck_assert_uint_eq(sent_n, 1);
	p = frame_read(sent[0]);
	ck_assert_uint_eq(p.kind, NEIGH_REPLY);
	ck_assert(p.unicast && p.solicited && p.override);
	ck_assert_mem_eq(p.mac, port.mac, 6);
	ck_assert(inet_addr_equal(&p.target, &target));
	ck_assert_uint_eq(adj_sets, 1);
	ck_assert_uint_eq(state(), IPC_NEIGH_STALE);
	// Not for others.
	target.bytes[15] = target.bytes[3] = 77;
	in(f, neigh_write_request(f, their_mac, &src, &target, NULL), 0);
	ck_assert_uint_eq(sent_n, 1);
}
END_TEST

// Somebody is about to take our address: we say that it is ours, and learn nothing.
START_TEST(test_defends)
{
	static const char *const mine[] = {"10.1.0.1", "2001:db8:1::1", "fe80::1"};
	uint8_t f[NEIGH_FRAME_MAX];
	struct inet_addr target = addr(mine[_i]), none = {.family = target.family};
	struct neigh_packet p;

	sent_forget();
	in(f, neigh_write_request(f, their_mac, &none, &target, NULL), 0);
	ck_assert_uint_eq(sent_n, 1);
	p = frame_read(sent[0]);
	ck_assert_uint_eq(p.kind, NEIGH_REPLY);
	ck_assert_int_eq(p.unicast, _i == 0);
	ck_assert_uint_eq(state(), 0xff);
}
END_TEST

START_TEST(test_shared_port_is_silent)
{
	uint8_t f[NEIGH_FRAME_MAX];
	struct inet_addr target = addr("10.1.0.1"), src = addr("10.1.0.9");

	sent_forget();
	port.shared = true;
	neigh_port_add(t, &port);
	ck_assert_uint_eq(sent_n, 0);
	in(f, neigh_write_request(f, their_mac, &src, &target, NULL), 0);
	ck_assert_uint_eq(sent_n, 0);
	resolve("10.1.0.9", 0); // but it asks
	ck_assert_uint_eq(sent_n, 1);
	reply("10.1.0.9", their_mac, 0);
	ck_assert_uint_eq(sent_n, 2);
}
END_TEST

// RFC 4861 section 7.2.5: without the override flag another address only makes it stale.
START_TEST(test_moves)
{
	uint8_t f[NEIGH_FRAME_MAX];
	struct inet_addr who = addr("2001:db8:1::9");
	size_t len;

	resolve("2001:db8:1::9", 0);
	reply("2001:db8:1::9", their_mac, 0);
	len = neigh_write_reply(f, other_mac, &who, NULL, NULL);
	in(f, len, 1); // unsolicited, override
	ck_assert_mem_eq(adj[0].header, other_mac, 6);
	ck_assert_uint_eq(state(), IPC_NEIGH_STALE);
	reply("10.1.0.77", their_mac, 1); // nobody asked: nothing is learned
	ck_assert_uint_eq(adj_sets, 2);
}
END_TEST

START_TEST(test_many_silent)
{
	char text[32];

	for (int i = 0; i < 2 * NEIGH_INCOMPLETE_MAX; i++) {
		snprintf(text, sizeof(text), "10.2.%d.%d", i / 200, 10 + i % 200);
		sent_forget();
		resolve(text, (uint64_t)i);
	}
	ck_assert_uint_eq(drops.n[DROP_NEIGH_QUEUE_FULL], NEIGH_INCOMPLETE_MAX);
	ck_assert(neigh_info(t, NEIGH_INCOMPLETE_MAX - 1, &(struct ipc_neigh_info){0}, 0));
	ck_assert(!neigh_info(t, NEIGH_INCOMPLETE_MAX, &(struct ipc_neigh_info){0}, 0));
	// Those that went are not found any more, the last is.
	sent_forget();
	reply("10.2.0.10", their_mac, 0);
	ck_assert_uint_eq(adj_sets, 0);
	reply(text, their_mac, 0);
	ck_assert_uint_eq(adj_sets, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("neigh");
	TCase *tc = tcase_create("neigh");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_announces);
	tcase_add_loop_test(tc, test_resolves, 0, 3);
	tcase_add_loop_test(tc, test_gives_up, 0, 3);
	tcase_add_loop_test(tc, test_reachability, 0, 3);
	tcase_add_loop_test(tc, test_dies, 0, 3);
	tcase_add_loop_test(tc, test_forgotten, 0, 3);
	tcase_add_loop_test(tc, test_answers, 0, 3);
	tcase_add_loop_test(tc, test_defends, 0, 3);
	tcase_add_test(tc, test_shared_port_is_silent);
	tcase_add_test(tc, test_moves);
	tcase_add_test(tc, test_many_silent);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
