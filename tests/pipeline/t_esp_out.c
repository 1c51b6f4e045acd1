// SPDX-License-Identifier: BSD-3-Clause
// What esp_out_burst() writes outside (hop limit, ECN, DSCP, flow label, DF, IV), what it does not
// take (too long, outside the selectors, no SA), and the remembered next hop.
#include "ecn.h"
#include "esp_test.h"
#include "flow.h"

#include <rte_ip.h>

#include <string.h>

static const struct inner_spec udp6 = {
	.family = AF_INET6, .src = 5, .dst = 10, .src_port = 1000, .dst_port = 2000, .len = 100};

static uint8_t outer_tos(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	return ip[0] >> 4 == 6 ? (uint8_t)(ip[0] << 4 | ip[1] >> 4) : ip[1];
}

// RFC 6040 figure 3, RFC 2983: what goes to the outer traffic class, by flags.
START_TEST(traffic_class)
{
	static const uint32_t flags[] = {
		0, IPC_SA_ECN, IPC_SA_COPY_DSCP, IPC_SA_ECN | IPC_SA_COPY_DSCP};
	static const uint8_t masks[] = {0, 0x03, 0xfc, 0xff};
	struct sa_spec spec = {.flags = flags[_i % 4], .outer = _i & 4 ? AF_INET6 : AF_INET};

	sa_pair(&spec);
	for (int tos = 0; tos < 256; tos++) {
		for (int six = 0; six < 2; six++) {
			struct inner_spec is = {.family = six ? AF_INET6 : AF_INET,
				.tos = (uint8_t)tos,
				.len = 100};
			struct rte_mbuf *m = out_one(pkt_inner(&is, spec_ref(&spec)));

			ck_assert_ptr_nonnull(m);
			ck_assert_uint_eq(outer_tos(m), tos & masks[_i % 4]);
			if (!(_i & 4))
				ck_assert_uint_eq(
					rte_raw_cksum(rte_pktmbuf_mtod(m, void *), 20), 0xffff);
			rte_pktmbuf_free(m);
		}
	}
}
END_TEST

START_TEST(hop_limit)
{
	struct sa_spec spec = {.hop_limit = 17, .outer = _i ? AF_INET6 : AF_INET};
	struct rte_mbuf *m;

	sa_pair(&spec);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	ck_assert_uint_eq(rte_pktmbuf_mtod(m, uint8_t *)[_i ? 7 : 8], 17);
	rte_pktmbuf_free(m);
}
END_TEST

static uint32_t label_of(const struct inner_spec *is, sa_ref_t ref)
{
	struct rte_mbuf *m = out_one(pkt_inner(is, ref));
	uint32_t first_be;

	memcpy(&first_be, rte_pktmbuf_mtod(m, uint8_t *), 4);
	rte_pktmbuf_free(m);
	return rte_be_to_cpu_32(first_be) & 0xfffff;
}

// RFC 6438: one label per inner flow, other ones for other flows.
START_TEST(flow_label)
{
	struct sa_spec spec = {.outer = AF_INET6};
	struct inner_spec is = udp6;
	uint32_t label, others = 0;

	sa_pair(&spec);
	label = label_of(&is, spec_ref(&spec));
	for (uint32_t i = 0; i < 200; i++) {
		is.len = 100 + i;
		is.tos = (uint8_t)i;
		ck_assert_uint_eq(label_of(&is, spec_ref(&spec)), label);
	}
	for (uint16_t i = 0; i < 200; i++) {
		is.src_port = i;
		others += label_of(&is, spec_ref(&spec)) != label;
	}
	ck_assert_uint_ge(others, 198);
}
END_TEST

static const struct {
	const char *why;
	uint32_t flags;
	uint8_t family;
	bool inner_df;
	bool outer_df;
} df_rows[] = {
	{"set by default, inner without", 0, AF_INET, false, true},
	{"set by default, inner with", 0, AF_INET, true, true},
	{"copied: clear", IPC_SA_COPY_DF, AF_INET, false, false},
	{"copied: set", IPC_SA_COPY_DF, AF_INET, true, true},
	{"IPv6 never is fragmented on the way", IPC_SA_COPY_DF, AF_INET6, false, true},
};

START_TEST(df)
{
	struct sa_spec spec = {.flags = df_rows[_i].flags};
	struct inner_spec is = {
		.family = df_rows[_i].family, .df = df_rows[_i].inner_df, .len = 100};
	uint16_t last = 0;

	sa_pair(&spec);
	for (int i = 0; i < 50; i++) {
		struct rte_mbuf *m = out_one(pkt_inner(&is, spec_ref(&spec)));
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const void *);

		ck_assert_msg(rte_be_to_cpu_16(ip->fragment_offset) ==
				(df_rows[_i].outer_df ? 0x4000 : 0),
			"%s", df_rows[_i].why);
		ck_assert_uint_eq(rte_raw_cksum(ip, 20), 0xffff);
		if (!df_rows[_i].outer_df) { // a fragment's identification must tell packets apart
			ck_assert_uint_ne(ip->packet_id, last);
			last = ip->packet_id;
		}
		rte_pktmbuf_free(m);
	}
}
END_TEST

// The longest that fits goes, one byte more does not and says what would have fitted.
START_TEST(too_big)
{
	uint32_t suite = (uint32_t)_i / 8;
	struct sa_spec spec = {.suite = test_suites[suite],
		.outer = _i & 1 ? AF_INET6 : AF_INET,
		.encap = _i & 2,
		.mtu = 1400};
	uint8_t family = _i & 4 ? AF_INET6 : AF_INET;
	struct inner_spec is = {.family = family};
	uint32_t max;

	for (; spec.mtu < 1440; spec.mtu++, spec.key++, spec.slot++) {
		struct rte_mbuf *m, *copy, *big[1];
		uint8_t before[2000], after[2000];
		uint16_t big_n;

		sa_pair(&spec);
		max = esp_out_mtu(env.esp, spec_ref(&spec), family);
		is.len = max;
		m = out_one(pkt_inner(&is, spec_ref(&spec)));
		ck_assert_ptr_nonnull(m);
		ck_assert_uint_le(m->pkt_len, spec.mtu);
		// No more room for another block.
		ck_assert_uint_gt(
			m->pkt_len + env.esp->out[spec.slot].shape.pad_mask + 1, spec.mtu);
		rte_pktmbuf_free(m);
		is.len = max + 1;
		m = copy = pkt_inner(&is, spec_ref(&spec));
		pkt_bytes(m, before);
		ck_assert_uint_eq(esp_out_burst(env.esp, &m, 1, big, &big_n, env.now), 0);
		ck_assert_uint_eq(big_n, 1);
		ck_assert_ptr_eq(big[0], copy);
		ck_assert_uint_eq(pkt_meta(copy)->mtu, max);
		ck_assert_uint_eq(pkt_meta(copy)->family, family);
		ck_assert_uint_eq(pkt_bytes(copy, after), max + 1);
		ck_assert_mem_eq(before, after, max + 1);
		rte_pktmbuf_free(copy);
	}
	expect_drops(-1);
}
END_TEST

// An IPv6 link takes 1280 whatever lies under it: such packets go, and the outer ones may be cut.
START_TEST(narrow_path)
{
	struct sa_spec spec = {.mtu = 1280};
	struct inner_spec is = {.family = AF_INET6, .len = 1280};
	const struct rte_ipv4_hdr *ip;
	struct rte_mbuf *m;

	sa_pair(&spec);
	ck_assert_uint_eq(esp_out_mtu(env.esp, spec_ref(&spec), AF_INET6), 1280);
	ck_assert_uint_lt(esp_out_mtu(env.esp, spec_ref(&spec), AF_INET), 1280);
	m = out_one(pkt_inner(&is, spec_ref(&spec)));
	ip = rte_pktmbuf_mtod(m, const void *);
	ck_assert_uint_gt(m->pkt_len, 1280);
	ck_assert_uint_eq(ip->fragment_offset, 0);
	ck_assert_uint_eq(rte_raw_cksum(ip, 20), 0xffff);
	rte_pktmbuf_free(m);
	is.len = 1200;
	m = out_one(pkt_inner(&is, spec_ref(&spec)));
	ip = rte_pktmbuf_mtod(m, const void *);
	ck_assert_uint_eq(rte_be_to_cpu_16(ip->fragment_offset), 0x4000);
	rte_pktmbuf_free(m);
}
END_TEST

START_TEST(path_mtu)
{
	struct sa_spec spec = {0}, fixed = {.slot = 1, .key = 1, .mtu = 1450};
	sa_ref_t ref = spec_ref(&spec);
	uint32_t at_1500;

	sa_pair(&spec);
	sa_pair(&fixed);
	at_1500 = esp_out_mtu(env.esp, ref, AF_INET);
	ck_assert_uint_eq(at_1500, 1446); // 20 + 8 + 8 + 1446 + 2 + 16
	esp_set_route_generation(env.esp, 1, 9000);
	ck_assert_uint_eq(esp_out_mtu(env.esp, ref, AF_INET), 8946);
	ck_assert_uint_eq(esp_out_mtu(env.esp, spec_ref(&fixed), AF_INET), 1394);
	esp_out_adj(env.esp, ref, 3, 1492);
	ck_assert_uint_eq(esp_out_mtu(env.esp, ref, AF_INET), 1438);
	esp_out_adj(env.esp, spec_ref(&fixed), 3, 1400);
	ck_assert_uint_eq(esp_out_mtu(env.esp, spec_ref(&fixed), AF_INET), 1346);
	ck_assert_uint_eq(esp_out_mtu(env.esp, spi_make(TEST_WORKER, 0, 9), AF_INET), 0);
}
END_TEST

START_TEST(adjacency)
{
	struct sa_spec spec = {0};
	sa_ref_t ref = spec_ref(&spec);
	struct rte_mbuf *m;

	sa_pair(&spec);
	esp_set_route_generation(env.esp, 7, 1500);
	m = out_one(pkt_inner(&udp6, ref));
	ck_assert_uint_eq(pkt_meta(m)->adj, UINT32_MAX);
	rte_pktmbuf_free(m);
	esp_out_adj(env.esp, ref, 42, 1500);
	m = out_one(pkt_inner(&udp6, ref));
	ck_assert_uint_eq(pkt_meta(m)->adj, 42);
	rte_pktmbuf_free(m);
	esp_set_route_generation(env.esp, 8, 1500);
	m = out_one(pkt_inner(&udp6, ref));
	ck_assert_uint_eq(pkt_meta(m)->adj, UINT32_MAX);
	rte_pktmbuf_free(m);
	esp_out_adj(env.esp, spi_make(TEST_WORKER, 0, 50), 1, 1500); // no such SA: nothing happens
}
END_TEST

START_TEST(selectors_and_next)
{
	struct sa_spec spec = {.inner = AF_INET6}, second = {.inner = AF_INET, .slot = 1, .key = 1};
	struct inner_spec is = udp6;
	struct ipc_sa_out_set cmd;
	struct rte_mbuf *m;

	spec_out(&spec, &cmd);
	cmd.next = spec_ref(&second);
	ck_assert_int_eq(esp_out_set(env.esp, &cmd, 0), 0);
	// The second is not there yet.
	is.family = AF_INET;
	ck_assert_ptr_null(out_one(pkt_inner(&is, spec_ref(&spec))));
	expect_drops(DROP_SA_SELECTOR_OUT, 1, -1);
	spec_out(&second, &cmd);
	cmd.next = spec_ref(&second); // a circle ends too
	ck_assert_int_eq(esp_out_set(env.esp, &cmd, 0), 0);
	m = out_one(pkt_inner(&is, spec_ref(&spec)));
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->sa, spec_ref(&second));
	rte_pktmbuf_free(m);
	is.family = AF_INET6;
	m = out_one(pkt_inner(&is, spec_ref(&spec)));
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->sa, spec_ref(&spec));
	rte_pktmbuf_free(m);
	expect_drops(-1);
	ck_assert_ptr_null(out_one(pkt_inner(&is, spec_ref(&second))));
	expect_drops(DROP_SA_SELECTOR_OUT, 1, -1);
}
END_TEST

static void chain_set(struct sa_spec *spec, sa_ref_t next, const char *remote)
{
	struct ipc_sa_out_set cmd;
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(remote, &p), 0);
	spec_out(spec, &cmd);
	cmd.sa.remote_ts = (struct ts_list){.n = 1, .ts = {ts_from_prefix(&p)}};
	cmd.next = next;
	ck_assert_int_eq(esp_out_set(env.esp, &cmd, 0), 0);
}

// Three SAs of a link, each for other destinations; one leaves the middle, another one is rekeyed in
// its slot: what is left is found.
START_TEST(chain_without_its_middle)
{
	struct sa_spec a = {.slot = 1, .key = 1}, b = {.slot = 2, .key = 2};
	struct sa_spec c = {.slot = 3, .key = 3};
	struct inner_spec inner = {.family = AF_INET, .src = 5, .dst = 3, .len = 100};
	struct ipc_sa_info info;
	struct rte_mbuf *m;

	chain_set(&c, 0, "10.20.0.3/32");
	chain_set(&b, spec_ref(&c), "10.20.0.2/32");
	chain_set(&a, spec_ref(&b), "10.20.0.1/32");
	m = out_one(pkt_inner(&inner, spec_ref(&a)));
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->sa, spec_ref(&c));
	rte_pktmbuf_free(m);
	b.key = 4;
	chain_set(&b, spec_ref(&c), "10.20.0.2/32");
	ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&b), &info, 0), 0);
	m = out_one(pkt_inner(&inner, spec_ref(&a)));
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->sa, spec_ref(&c));
	rte_pktmbuf_free(m);
	// Its slot is another link's now, whom nobody of this chain names.
	b.key = 5;
	chain_set(&b, 0, "0.0.0.0/0");
	ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&c), &info, 0), 0);
	c.key = 6;
	chain_set(&c, 0, "0.0.0.0/0");
	ck_assert_ptr_null(out_one(pkt_inner(&inner, spec_ref(&a))));
	expect_drops(DROP_SA_SELECTOR_OUT, 1, -1);
}
END_TEST

START_TEST(next_of_another_worker)
{
	struct sa_spec spec = {.inner = AF_INET6};
	struct inner_spec is = {.family = AF_INET, .len = 60};
	struct ipc_sa_out_set cmd;
	struct ipc_sa_info info;

	spec_out(&spec, &cmd);
	cmd.next = spi_make(TEST_WORKER + 1, 0, 0);
	ck_assert_int_eq(esp_out_set(env.esp, &cmd, 0), 0);
	ck_assert_ptr_null(out_one(pkt_inner(&is, spec_ref(&spec))));
	expect_drops(DROP_SA_SELECTOR_OUT, 1, -1);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_OUT, spec_ref(&spec), &info, 0), 0);
	ck_assert_uint_eq(info.drops, 1);
	ck_assert_uint_eq(info.seq, 0); // no number was used up
}
END_TEST

START_TEST(no_sa)
{
	static const sa_ref_t refs[] = {0, 1, UINT32_MAX};

	for (uint32_t i = 0; i < RTE_DIM(refs); i++)
		ck_assert_ptr_null(out_one(pkt_inner(&udp6, refs[i])));
	ck_assert_ptr_null(out_one(pkt_inner(&udp6, spi_make(TEST_WORKER, 0, 5))));
	ck_assert_ptr_null(out_one(pkt_inner(&udp6, spi_make(TEST_WORKER, 0, TEST_SLOTS))));
	sa_pair(&(struct sa_spec){0});
	ck_assert_ptr_null(out_one(pkt_inner(&udp6, spi_make(TEST_WORKER, 1, 0))));
	ck_assert_ptr_null(out_one(pkt_inner(&udp6, spi_make(TEST_WORKER + 1, 0, 0))));
	expect_drops(DROP_SA_GONE, 7, -1);
}
END_TEST

// GCM, ChaCha20, CTR: the IV is the sequence number. CBC: never the same, not even guessable. Without
// one the text begins where it would be.
START_TEST(ivs)
{
	struct sa_spec spec = {.suite = test_suites[_i]};
	uint8_t seen[200][16];

	sa_pair(&spec);
	for (uint32_t i = 0; i < 200; i++) {
		struct rte_mbuf *m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
		const uint8_t *esp_header = rte_pktmbuf_mtod_offset(m, const uint8_t *, 20);
		uint64_t iv_be;

		memcpy(&iv_be, esp_header + 8, 8);
		memcpy(seen[i], esp_header + 8, 16);
		if (env.esp->out[0].flags & SA_NO_IV) {
			ck_assert_uint_eq(
				m->pkt_len, 20 + 8 + 100 + 4 + env.esp->out[0].shape.icv_len);
			rte_pktmbuf_free(m);
			continue;
		}
		if (env.esp->out[0].flags & SA_COUNTER_IV)
			ck_assert_uint_eq(rte_be_to_cpu_64(iv_be), i + 1);
		for (uint32_t k = 0; k < i; k++)
			ck_assert(memcmp(seen[i], seen[k], 8) != 0);
		rte_pktmbuf_free(m);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_out");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, traffic_class, 0, 8);
	tcase_add_loop_test(tc, hop_limit, 0, 2);
	tcase_add_test(tc, flow_label);
	tcase_add_loop_test(tc, df, 0, RTE_DIM(df_rows));
	tcase_add_loop_test(tc, too_big, 0, 8 * (int)test_suites_n);
	tcase_add_test(tc, narrow_path);
	tcase_add_test(tc, path_mtu);
	tcase_add_test(tc, adjacency);
	tcase_add_test(tc, selectors_and_next);
	tcase_add_test(tc, chain_without_its_middle);
	tcase_add_test(tc, next_of_another_worker);
	tcase_add_test(tc, no_sa);
	tcase_add_loop_test(tc, ivs, 0, (int)test_suites_n);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
