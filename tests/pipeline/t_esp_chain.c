// SPDX-License-Identifier: BSD-3-Clause
// Packets that are not one piece of their own memory: reassembled fragments up to 64 KB, jumbo
// frames, pieces of any size, clones, indirect buffers, no room in front or behind.
#include "esp_test.h"

#include <stdlib.h>
#include <string.h>

static uint8_t inner[TEST_PKT_MAX], got[TEST_PKT_MAX], text[TEST_PKT_MAX + 64];
static uint8_t pkt[TEST_PKT_MAX + 128];

static struct sa_spec spec_of(int suite)
{
	struct sa_spec spec = {.suite = test_suites[suite]};

	spec.suite.esn = suite & 1;
	return spec;
}

static void write_inner(uint8_t family, uint32_t len)
{
	struct inner_spec is = {.family = family, .src = 5, .dst = 10, .len = len};

	inner_write(&is, inner);
}

static void expect_inner(struct rte_mbuf *m, uint32_t len)
{
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_bytes(m, got), len);
	ck_assert_mem_eq(got, inner, len);
	rte_pktmbuf_free(m);
}

// ESP packets in pieces: from smaller than the ESP header to nearly whole.
START_TEST(in_pieces)
{
	static const uint32_t sizes[] = {1, 7, 8, 9, 16, 24, 33, 100, 255, 256, 700, 1480};
	static const uint32_t lens[] = {60, 500, 1400, 9000};
	struct sa_spec spec = spec_of(_i);
	struct ipc_sa_in_add in;
	uint64_t seq = 0;

	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	for (uint32_t k = 0; k < RTE_DIM(lens); k++) {
		for (uint32_t i = 0; i < RTE_DIM(sizes); i++) {
			static const uint8_t iv[16] = {7, 7, 7};
			uint32_t n;
			struct rte_mbuf *m;

			if (lens[k] / sizes[i] > 900)
				continue;
			write_inner(AF_INET6, lens[k]);
			memcpy(text, inner, lens[k]);
			n = reference_pad(text, lens[k], env.esp->in[0].pad_mask + 1u, 41);
			n = reference_seal(&in.sa, ++seq, iv, text, n, pkt);
			m = pkt_pieces(pkt, n, sizes[i]);
			pkt_meta(m)->sa = in.sa.spi;
			expect_inner(in_one(m), lens[k]);
		}
	}
	expect_drops(-1);
}
END_TEST

// What reassembly gives: up to 64 KB in pieces of an MTU.
START_TEST(reassembled)
{
	static const uint32_t lens[] = {2000, 20000, 60000, 65400};
	struct sa_spec spec = spec_of(_i);
	struct ipc_sa_in_add in;

	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	for (uint32_t k = 0; k < RTE_DIM(lens); k++) {
		struct rte_mbuf *m;

		write_inner(AF_INET, lens[k]);
		expect_inner(in_one(sealed(&in.sa, 2 * k + 1, inner, lens[k], 4)), lens[k]);
		m = sealed(&in.sa, 2 * k + 2, inner, lens[k], 4);
		rte_pktmbuf_lastseg(m)->data_off++; // its last bytes are others now
		ck_assert_ptr_null(in_one(m));
		expect_drops(DROP_ESP_ICV, 1, -1);
	}
}
END_TEST

// TFC padding, long padding and dummies where trailer and padding lie in other pieces.
START_TEST(trailers_in_pieces)
{
	struct sa_spec spec = spec_of(0);
	struct ipc_sa_in_add in;
	uint64_t seq = 0;

	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	write_inner(AF_INET6, 700);
	for (uint32_t pad = 0; pad < 256; pad += 15) {
		for (uint32_t tfc = 0; tfc < 900; tfc += 211) {
			static const uint8_t iv[16] = {7, 7, 7};
			uint32_t n = 700 + tfc;
			struct rte_mbuf *m;

			memset(text, 0xcc, sizeof(text));
			memcpy(text, inner, 700);
			for (uint32_t i = 0; i < pad; i++)
				text[n++] = (uint8_t)(i + 1);
			text[n++] = (uint8_t)pad;
			text[n++] = 41;
			n = reference_seal(&in.sa, ++seq, iv, text, n, pkt);
			m = pkt_pieces(pkt, n, 200);
			pkt_meta(m)->sa = in.sa.spi;
			expect_inner(in_one(m), 700);
			if (!pad)
				continue;
			text[700 + tfc + pad / 2] ^= 1;
			n = reference_seal(&in.sa, ++seq, iv, text, 702 + tfc + pad, pkt);
			m = pkt_pieces(pkt, n, 200);
			pkt_meta(m)->sa = in.sa.spi;
			ck_assert_ptr_null(in_one(m));
			expect_drops(DROP_ESP_PADDING, 1, -1);
		}
	}
}
END_TEST

static void expect_sealed(
	struct rte_mbuf *m, const struct ipc_sa *sa, uint64_t seq, uint32_t outer, uint32_t len)
{
	int n;

	ck_assert_ptr_nonnull(m);
	n = reference_open(sa, seq, pkt + outer, pkt_bytes(m, pkt) - outer, text);
	ck_assert_int_gt(n, (int)len);
	ck_assert_mem_eq(text, inner, len);
	rte_pktmbuf_free(m);
}

START_TEST(out_pieces)
{
	static const uint32_t sizes[] = {48, 100, 200, 256, 900, 1480, 2048};
	static const uint32_t lens[] = {60, 500, 1400, 2040, 8900, 60000};
	struct sa_spec spec = spec_of(_i);
	struct ipc_sa_out_set out;
	uint64_t seq = 0;

	spec.mtu = 65535;
	spec.outer = _i & 2 ? AF_INET6 : AF_INET;
	spec.encap = _i & 1;
	esp_set_route_generation(env.esp, 1, 65535);
	sa_pair(&spec);
	spec_out(&spec, &out);
	for (uint32_t k = 0; k < RTE_DIM(lens); k++) {
		for (uint32_t i = 0; i < RTE_DIM(sizes); i++) {
			struct rte_mbuf *m;

			if (lens[k] / sizes[i] > 900)
				continue;
			write_inner(AF_INET, lens[k]);
			m = pkt_pieces(inner, lens[k], sizes[i]);
			*pkt_meta(m) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET};
			expect_sealed(out_one(m), &out.sa, ++seq,
				(_i & 2 ? 40 : 20) + (_i & 1 ? 8 : 0), lens[k]);
		}
	}
	expect_drops(-1);
}
END_TEST

// A clone shares its bytes: the other holder's must not change.
START_TEST(clones)
{
	struct sa_spec spec = spec_of(_i);
	struct rte_mbuf *m, *clone;
	struct ipc_sa_out_set out;
	struct ipc_sa_in_add in;

	sa_pair(&spec);
	spec_out(&spec, &out);
	spec_in(&spec, &in);
	write_inner(AF_INET6, 300);
	m = pkt_from(inner, 300);
	for (uint64_t seq = 1; seq < 4; seq++) {
		clone = rte_pktmbuf_clone(m, env.pool);
		*pkt_meta(clone) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET6};
		expect_sealed(out_one(clone), &out.sa, seq, 20, 300);
		ck_assert_mem_eq(rte_pktmbuf_mtod(m, uint8_t *), inner, 300);
	}
	rte_pktmbuf_free(m);

	m = sealed(&in.sa, 9, inner, 300, 41);
	memcpy(pkt, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	clone = rte_pktmbuf_clone(m, env.pool);
	*pkt_meta(clone) = *pkt_meta(m);
	expect_inner(in_one(clone), 300);
	ck_assert_mem_eq(rte_pktmbuf_mtod(m, uint8_t *), pkt, m->data_len);
	rte_pktmbuf_free(m);
	expect_drops(-1);
}
END_TEST

// The copy of a clone has no outer header in front of it: nothing is read there, nobody moved.
START_TEST(clone_of_encapsulated)
{
	static struct rte_mbuf *held[1024];
	struct sa_spec spec = {.encap = true};
	struct ipc_sa_in_add in;
	struct rte_mbuf *m, *clone;
	uint32_t n = 0;

	for (; (held[n] = rte_pktmbuf_alloc(env.pool)); n++) // what lay there before
		memset(held[n]->buf_addr, 0x45, RTE_PKTMBUF_HEADROOM);
	while (n)
		rte_pktmbuf_free(held[--n]);
	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	write_inner(AF_INET6, 300);
	m = sealed(&in.sa, 1, inner, 300, 41);
	clone = rte_pktmbuf_clone(m, env.pool);
	*pkt_meta(clone) = *pkt_meta(m);
	pkt_meta(clone)->outer_off = 100;
	expect_inner(in_one(clone), 300);
	rte_pktmbuf_free(m);
	expect_no_event();
}
END_TEST

// Two views of one buffer, as fragmentation makes them: each is sealed from its own bytes.
START_TEST(indirect_neighbours)
{
	struct sa_spec spec = {0};
	struct ipc_sa_out_set out;
	struct rte_mbuf *m, *a, *b, *pkts[2], *big[2];
	uint16_t big_n;

	sa_pair(&spec);
	spec_out(&spec, &out);
	write_inner(AF_INET, 400);
	memcpy(inner + 400, inner, 400);
	m = pkt_from(inner, 800);
	a = rte_pktmbuf_clone(m, env.pool);
	b = rte_pktmbuf_clone(m, env.pool);
	rte_pktmbuf_free(m);
	rte_pktmbuf_trim(a, 400);
	rte_pktmbuf_adj(b, 400);
	*pkt_meta(a) = *pkt_meta(b) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET};
	pkts[0] = a;
	pkts[1] = b;
	ck_assert_uint_eq(esp_out_burst(env.esp, pkts, 2, big, &big_n, env.now), 2);
	expect_sealed(pkts[0], &out.sa, 1, 20, 400);
	expect_sealed(pkts[1], &out.sa, 2, 20, 400);
}
END_TEST

START_TEST(no_room)
{
	struct sa_spec spec = spec_of(_i);
	struct ipc_sa_out_set out;
	uint64_t seq = 0;

	spec.mtu = 9000;
	spec.outer = AF_INET6;
	spec.encap = true;
	esp_set_route_generation(env.esp, 1, 9000);
	sa_pair(&spec);
	spec_out(&spec, &out);
	for (uint32_t head = 0; head < 100; head += 9) { // in front
		struct rte_mbuf *m;

		write_inner(AF_INET6, 300);
		m = pkt_from(inner, 300);
		m->data_off = (uint16_t)head;
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), inner, 300);
		*pkt_meta(m) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET6};
		expect_sealed(out_one(m), &out.sa, ++seq, 48, 300);
	}
	for (uint32_t tail = 0; tail < 60; tail++) { // behind
		uint32_t len = 2048 - tail;
		struct rte_mbuf *m = rte_pktmbuf_alloc(env.pool);

		write_inner(AF_INET6, len);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), inner, len);
		*pkt_meta(m) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET6};
		expect_sealed(out_one(m), &out.sa, ++seq, 48, len);
	}
	expect_drops(-1);
}
END_TEST

// Too long in pieces goes back untouched like any other.
START_TEST(too_big_in_pieces)
{
	struct sa_spec spec = {.mtu = 1500};
	struct rte_mbuf *m, *big[1];
	uint16_t big_n;

	sa_pair(&spec);
	write_inner(AF_INET, 3000);
	m = pkt_pieces(inner, 3000, 1480);
	*pkt_meta(m) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET};
	ck_assert_uint_eq(esp_out_burst(env.esp, &m, 1, big, &big_n, env.now), 0);
	ck_assert_uint_eq(big_n, 1);
	expect_inner(big[0], 3000);
}
END_TEST

// No buffers left: dropped with its reason, nothing is lost or left behind.
START_TEST(no_memory)
{
	static struct rte_mbuf *held[1024];
	struct sa_spec spec = {.mtu = 9000};
	struct rte_mbuf *m, *clone;
	uint32_t n = 0;

	esp_set_route_generation(env.esp, 1, 9000);
	sa_pair(&spec);
	write_inner(AF_INET6, 300);
	m = pkt_from(inner, 300);
	clone = rte_pktmbuf_clone(m, env.pool);
	*pkt_meta(clone) = (struct pkt_meta){.sa = spec_ref(&spec), .family = AF_INET6};
	while ((held[n] = rte_pktmbuf_alloc(env.pool)))
		n++;
	ck_assert_ptr_null(out_one(clone));
	expect_drops(DROP_NO_MBUF, 1, -1);
	rte_pktmbuf_free(m);
	while (n)
		rte_pktmbuf_free(held[--n]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_chain");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, in_pieces, 0, (int)test_suites_n);
	tcase_add_loop_test(tc, reassembled, 0, (int)test_suites_n);
	tcase_add_test(tc, trailers_in_pieces);
	tcase_add_loop_test(tc, out_pieces, 0, (int)test_suites_n);
	tcase_add_loop_test(tc, clones, 0, (int)test_suites_n);
	tcase_add_test(tc, clone_of_encapsulated);
	tcase_add_test(tc, indirect_neighbours);
	tcase_add_loop_test(tc, no_room, 0, (int)test_suites_n);
	tcase_add_test(tc, too_big_in_pieces);
	tcase_add_test(tc, no_memory);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
