// SPDX-License-Identifier: BSD-3-Clause
// What esp_in_burst() does with authentic packets: ECN (RFC 6040), M-C1 selectors, ingress filter, M-C2
// outer source, events.
#include "ecn.h"
#include "esp_test.h"

#include <rte_ip.h>

#include <string.h>

static struct ipc_sa_in_add in; // the SA of the test

static void add(const struct sa_spec *spec)
{
	spec_in(spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
}

static uint64_t sa_drops(void)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, in.sa.spi, &info, env.now), 0);
	return info.drops;
}

static const struct inner_spec udp6 = {
	.family = AF_INET6, .src = 5, .dst = 10, .src_port = 1000, .dst_port = 2000, .len = 100};
static const struct inner_spec udp4 = {
	.family = AF_INET, .src = 5, .dst = 10, .src_port = 1000, .dst_port = 2000, .len = 100};

static void expect_good(struct rte_mbuf *m)
{
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	expect_drops(-1);
}

// RFC 6040 figure 4: what comes out, -1: dropped. Not-ECT, ECT(0), ECT(1), CE.
static const uint8_t codes[4] = {ECN_NOT_ECT, ECN_ECT0, ECN_ECT1, ECN_CE};
static const int ecn_table[4][4] = {
	// outer:        Not-ECT      ECT(0)       ECT(1)       CE
	/* Not-ECT */ {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, -1},
	/* ECT(0)  */ {ECN_ECT0, ECN_ECT0, ECN_ECT1, ECN_CE},
	/* ECT(1)  */ {ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE},
	/* CE      */ {ECN_CE, ECN_CE, ECN_CE, ECN_CE},
};

START_TEST(ecn)
{
	uint8_t inner_code = codes[_i / 4], outer_code = codes[_i % 4];
	int expected = ecn_table[_i / 4][_i % 4];
	struct sa_spec spec = {0};
	uint64_t seq = 0;

	add(&spec);
	for (int six = 0; six < 2; six++) {
		for (uint32_t dscp = 0; dscp < 64; dscp += 9) {
			struct inner_spec is = six ? udp6 : udp4;
			uint8_t inner[100], before[100], *got;
			struct rte_mbuf *m;

			is.tos = (uint8_t)(dscp << 2 | inner_code);
			inner_write(&is, inner);
			m = sealed(&in.sa, ++seq, inner, 100, six ? 41 : 4);
			pkt_meta(m)->outer_tos = (uint8_t)(0xb8 | outer_code);
			m = in_one(m);
			if (expected < 0) {
				ck_assert_ptr_null(m);
				expect_drops(DROP_ESP_ECN, 1, -1);
				continue;
			}
			ck_assert_ptr_nonnull(m);
			got = rte_pktmbuf_mtod(m, uint8_t *);
			is.tos = (uint8_t)(dscp << 2 | expected);
			inner_write(&is, before);
			// With the checksum, and nothing else changed.
			ck_assert_mem_eq(got, before, 100);
			if (!six)
				ck_assert_uint_eq(rte_raw_cksum(got, 20), 0xffff);
			expect_good(m);
		}
	}
}
END_TEST

// M-C1
START_TEST(selectors)
{
	struct sa_spec spec = {.inner = AF_INET6};
	uint8_t inner[100];

	add(&spec);
	inner_write(&udp6, inner);
	expect_good(in_one(sealed(&in.sa, 1, inner, 100, 41)));
	inner[13] ^= 1; // the source's prefix
	ck_assert_ptr_null(in_one(sealed(&in.sa, 2, inner, 100, 41)));
	inner[13] ^= 1;
	inner[29] ^= 1; // the destination's
	ck_assert_ptr_null(in_one(sealed(&in.sa, 3, inner, 100, 41)));
	inner_write(&udp4, inner);
	ck_assert_ptr_null(in_one(sealed(&in.sa, 4, inner, 100, 4)));
	expect_drops(DROP_SA_SELECTOR_IN, 3, -1);
	ck_assert_uint_eq(sa_drops(), 3);
}
END_TEST

// M-C1 with protocols and ports: the wide form.
START_TEST(port_selectors)
{
	struct inner_spec is = udp6;
	uint8_t inner[100];
	uint64_t seq = 0;

	spec_in(&(struct sa_spec){.inner = AF_INET6}, &in);
	in.sa.local_ts.ts[0].proto = IPPROTO_UDP;
	in.sa.local_ts.ts[0].port_lo = in.sa.local_ts.ts[0].port_hi = 53;
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
	for (uint16_t port = 50; port < 57; port++) {
		struct rte_mbuf *m;

		is.dst_port = port;
		inner_write(&is, inner);
		m = in_one(sealed(&in.sa, ++seq, inner, 100, 41));
		ck_assert(!!m == (port == 53));
		rte_pktmbuf_free(m);
	}
	expect_drops(DROP_SA_SELECTOR_IN, 6, -1);
}
END_TEST

// L29: under open selectors, sources that the link was not given.
START_TEST(ingress_filter)
{
	struct sa_spec spec = {0};
	uint8_t inner[100];
	struct rte_mbuf *m;

	spec_in(&spec, &in);
	in.ingress_n = 1;
	inet_prefix_parse("2001:db8:1000::/64", &in.ingress[0]);
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
	inner_write(&udp6, inner);
	m = in_one(sealed(&in.sa, 1, inner, 100, 41));
	expect_good(m);
	inner[15] = 7; // 2001:db8:1000:7::
	ck_assert_ptr_null(in_one(sealed(&in.sa, 2, inner, 100, 41)));
	inner_write(&udp4, inner);
	ck_assert_ptr_null(in_one(sealed(&in.sa, 3, inner, 100, 4)));
	expect_drops(DROP_INGRESS_FILTER, 2, -1);
	ck_assert_uint_eq(sa_drops(), 2);
}
END_TEST

// An outer packet as classify leaves it: header in front of the data.
static struct rte_mbuf *from_outer(uint64_t seq, const struct inet_addr *src, uint16_t port)
{
	uint8_t inner[100], *ip;
	struct rte_mbuf *m;
	uint32_t off = src->family == AF_INET6 ? 40 : 20;

	inner_write(&udp6, inner);
	m = sealed(&in.sa, seq, inner, 100, 41);
	ip = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(off + 8));
	memset(ip, 0, off + 8);
	ip[0] = src->family == AF_INET6 ? 0x60 : 0x45;
	memcpy(ip + (src->family == AF_INET6 ? 8 : 12), src->bytes,
		src->family == AF_INET6 ? 16 : 4);
	ip[off] = (uint8_t)(port >> 8);
	ip[off + 1] = (uint8_t)port;
	pkt_meta(m)->outer_off = m->data_off;
	rte_pktmbuf_adj(m, (uint16_t)(off + 8));
	return m;
}

// M-C2: any outer source will do. RFC 7296 section 2.23: control hears of a new one, once.
START_TEST(moved)
{
	struct sa_spec spec = {.encap = true, .outer = _i ? AF_INET6 : AF_INET};
	struct inet_addr home, away;
	struct esp_event event;
	struct ipc_sa_move move = {.direction = IPC_DIR_IN, .encap = 1, .local_port = 4500};

	add(&spec);
	home = away = in.sa.remote;
	away.bytes[_i ? 15 : 3] = 77;
	expect_good(in_one(from_outer(1, &home, 31000)));
	expect_no_event();
	expect_good(in_one(from_outer(2, &home, 31001))); // another port
	event = expect_event(IPC_SA_MOVED);
	ck_assert_uint_eq(event.moved.spi, in.sa.spi);
	ck_assert_uint_eq(event.moved.child, in.sa.child);
	ck_assert_uint_eq(event.moved.remote_port, 31001);
	ck_assert(inet_addr_equal(&event.moved.remote, &home));
	expect_good(in_one(from_outer(3, &home, 31001)));
	expect_good(in_one(from_outer(4, &home, 31000))); // a late one from before
	expect_good(in_one(from_outer(5, &home, 31001)));
	expect_no_event();
	expect_good(in_one(from_outer(6, &away, 31001)));
	event = expect_event(IPC_SA_MOVED);
	ck_assert(inet_addr_equal(&event.moved.remote, &away));
	move.spi_or_ref = in.sa.spi;
	move.local = in.sa.local;
	move.remote = away;
	move.remote_port = 31001;
	ck_assert_int_eq(esp_move(env.esp, &move), 0);
	expect_good(in_one(from_outer(7, &away, 31001)));
	expect_no_event();
	expect_good(in_one(from_outer(8, &home, 31000)));
	expect_event(IPC_SA_MOVED);
}
END_TEST

START_TEST(a_forged_packet_moves_nothing)
{
	struct sa_spec spec = {.encap = true};
	struct inet_addr away;
	struct rte_mbuf *m;

	add(&spec);
	away = in.sa.remote;
	away.bytes[3] = 77;
	m = from_outer(1, &away, 9);
	rte_pktmbuf_mtod(m, uint8_t *)[40] ^= 1;
	ck_assert_ptr_null(in_one(m));
	expect_drops(DROP_ESP_ICV, 1, -1);
	expect_no_event();
}
END_TEST

START_TEST(first_use)
{
	struct sa_spec spec = {.flags = IPC_SA_FIRST_USE_EVENT};
	struct esp_event event;
	uint8_t inner[100];
	struct rte_mbuf *m;

	add(&spec);
	inner_write(&udp6, inner);
	m = sealed(&in.sa, 1, inner, 100, 41);
	rte_pktmbuf_mtod(m, uint8_t *)[40] ^= 1;
	ck_assert_ptr_null(in_one(m));
	expect_drops(DROP_ESP_ICV, 1, -1);
	expect_no_event(); // not by a forged one
	expect_good(in_one(sealed(&in.sa, 1, inner, 100, 41)));
	event = expect_event(IPC_SA_FIRST_USE);
	ck_assert_uint_eq(event.first_use.spi, in.sa.spi);
	ck_assert_uint_eq(event.first_use.child, in.sa.child);
	expect_good(in_one(sealed(&in.sa, 2, inner, 100, 41)));
	expect_no_event();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_inner");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_add_loop_test(tc, ecn, 0, 16);
	tcase_add_test(tc, selectors);
	tcase_add_test(tc, port_selectors);
	tcase_add_test(tc, ingress_filter);
	tcase_add_loop_test(tc, moved, 0, 2);
	tcase_add_test(tc, a_forged_packet_moves_nothing);
	tcase_add_test(tc, first_use);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
