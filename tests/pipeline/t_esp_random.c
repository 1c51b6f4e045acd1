// SPDX-License-Identifier: BSD-3-Clause
// Random bursts: packets of all algorithms sealed by us or by the reference, in random lengths,
// pieces, orders, some spoilt or sent twice, compared packet by packet with the reference; and noise.
#include "esp_test.h"
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#define SAS 42 // each algorithm with and without ESN
#define ROUNDS 150
#define BURST 90

static struct sa_spec specs[SAS];
static struct ipc_sa_in_add ins[SAS];

static void add_all(void)
{
	for (uint32_t i = 0; i < SAS; i++) {
		specs[i] = (struct sa_spec){.suite = test_suites[i % test_suites_n],
			.slot = i,
			.key = i,
			.window = 64u << (i % 7),
			.outer = i & 1 ? AF_INET6 : AF_INET,
			.encap = i & 2};
		specs[i].suite.esn = i >= test_suites_n;
		sa_pair(&specs[i]);
		spec_in(&specs[i], &ins[i]);
	}
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

enum fate {
	GOOD,
	TWICE,
	BAD_ICV,
	FATES
};

// In: random order, duplicates, spoilt ones. Exactly the good ones come out, once, in order.
START_TEST(in_random)
{
	static uint8_t want[BURST][2100];
	uint64_t next_seq[SAS] = {0};
	uint32_t good_n = 0;

	srand(4303 + (unsigned)_i);
	add_all();
	for (int round = 0; round < ROUNDS; round++) {
		struct rte_mbuf *pkts[2 * BURST];
		uint32_t want_len[BURST], n = 0, k = 0, lost = 0, spoilt = 0;
		uint16_t out;

		for (uint32_t i = 0; i < BURST; i++) {
			uint32_t s = below(SAS), len = 48 + below(below(8) ? 300 : 1900);
			enum fate fate = below(4) ? GOOD : below(FATES);
			struct inner_spec is = {.family = below(2) ? AF_INET : AF_INET6,
				.src = (uint8_t)i,
				.dst = (uint8_t)round,
				.len = len};
			uint8_t inner[2100];
			struct rte_mbuf *m;

			inner_write(&is, inner);
			m = sealed(&ins[s].sa, ++next_seq[s], inner, len,
				is.family == AF_INET ? 4 : 41);
			if (fate == BAD_ICV) {
				rte_pktmbuf_lastseg(m)->data_off ^= 1;
				pkts[n++] = m;
				spoilt++;
				continue;
			}
			pkts[n++] = m;
			memcpy(want[k], inner, len);
			want_len[k++] = len;
			if (fate == TWICE) {
				pkts[n++] = sealed(&ins[s].sa, next_seq[s], inner, len,
					is.family == AF_INET ? 4 : 41);
				lost++;
			}
		}
		out = esp_in_burst(env.esp, pkts, (uint16_t)n, env.now);
		ck_assert_uint_eq(out, k);
		for (uint32_t i = 0; i < k; i++) {
			uint8_t got[2100];

			ck_assert_uint_eq(pkt_bytes(pkts[i], got), want_len[i]);
			ck_assert_mem_eq(got, want[i], want_len[i]);
			rte_pktmbuf_free(pkts[i]);
		}
		good_n += k;
		expect_drops(DROP_ESP_ICV, spoilt, DROP_ESP_REPLAY, lost, -1);
	}
	ck_assert_uint_gt(good_n, ROUNDS * BURST / 2);
}
END_TEST

// Out: what we sealed the reference opens to the same bytes.
START_TEST(out_random)
{
	uint64_t seq[SAS] = {0};

	srand(4106 + (unsigned)_i);
	add_all();
	for (int round = 0; round < ROUNDS; round++) {
		struct rte_mbuf *pkts[BURST], *big[BURST];
		static uint8_t inner[BURST][1500];
		uint32_t len[BURST], sa[BURST];
		uint16_t big_n;

		for (uint32_t i = 0; i < BURST; i++) {
			struct inner_spec is = {.family = below(2) ? AF_INET : AF_INET6,
				.tos = (uint8_t)below(256),
				.len = 48 + below(1300)};

			sa[i] = below(SAS);
			len[i] = inner_write(&is, inner[i]);
			pkts[i] = below(6) ? pkt_from(inner[i], len[i])
					   : pkt_pieces(inner[i], len[i], 48 + below(500));
			ck_assert_int_gt(flow_parse_mbuf(pkts[i], pkt_meta(pkts[i])), 0);
			pkt_meta(pkts[i])->sa = spec_ref(&specs[sa[i]]);
		}
		ck_assert_uint_eq(esp_out_burst(env.esp, pkts, BURST, big, &big_n, env.now), BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			const struct sa_spec *spec = &specs[sa[i]];
			uint8_t pkt[2000], text[2000];
			uint32_t off = (spec->outer == AF_INET6 ? 40 : 20) + (spec->encap ? 8 : 0);
			uint32_t n = pkt_bytes(pkts[i], pkt);

			ck_assert_int_gt(reference_open(&ins[sa[i]].sa, ++seq[sa[i]], pkt + off,
						 n - off, text),
				(int)len[i]);
			ck_assert_mem_eq(text, inner[i], len[i]);
			rte_pktmbuf_free(pkts[i]);
		}
	}
	expect_drops(-1);
}
END_TEST

// Bytes from anywhere with the SPIs of real SAs: none gets through, none is lost.
START_TEST(noise)
{
	uint64_t total = 0, dropped = 0;

	srand(3948 + (unsigned)_i);
	add_all();
	for (int round = 0; round < 400; round++) {
		struct rte_mbuf *pkts[BURST];

		for (uint32_t i = 0; i < BURST; i++) {
			uint8_t data[2000];
			uint32_t len = below(below(3) ? 150 : 2000);

			for (uint32_t b = 0; b < len; b++)
				data[b] = (uint8_t)rand();
			pkts[i] = below(5) || !len
				? pkt_from(data, len)
				: pkt_pieces(data, len, 1 + len / 8 + below(300));
			*pkt_meta(pkts[i]) = (struct pkt_meta){.sa = spec_spi(&specs[below(SAS)]),
				.flags = (uint8_t)below(256),
				.outer_tos = (uint8_t)below(256),
				.outer_off = (uint16_t)below(200)};
		}
		total += BURST;
		ck_assert_uint_eq(esp_in_burst(env.esp, pkts, BURST, env.now), 0);
	}
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		dropped += env.drops.n[i];
	ck_assert_uint_eq(dropped, total);
	expect_no_event();
}
END_TEST

// Authentic packets with noise inside: whatever a peer seals, we only parse.
START_TEST(authentic_noise)
{
	uint64_t seq[SAS] = {0}, passed = 0;

	srand(791 + (unsigned)_i);
	add_all();
	for (int round = 0; round < 4000; round++) {
		uint32_t s = below(SAS), len = below(400), n;
		uint8_t text[1000];
		struct rte_mbuf *m;

		for (uint32_t b = 0; b < sizeof(text); b++)
			text[b] = (uint8_t)rand();
		if (below(4) && len > 60) { // nearly a packet
			struct inner_spec is = {
				.family = below(2) ? AF_INET : AF_INET6, .len = len};

			inner_write(&is, text);
			text[below(48)] = (uint8_t)rand();
		}
		n = reference_pad(text, len, 16, (uint8_t)(below(8) ? below(2) ? 4 : 41 : rand()));
		if (!below(6))
			text[n - 1 - below(RTE_MIN(n, 20u))] ^= (uint8_t)rand();
		m = in_one(sealed_text(&ins[s].sa, ++seq[s], text, n));
		if (m) {
			rte_mbuf_sanity_check(m, 1);
			ck_assert_uint_le(m->pkt_len, n);
			rte_pktmbuf_free(m);
			passed++;
		}
	}
	ck_assert_uint_gt(passed, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_random");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, in_random, 0, 3);
	tcase_add_loop_test(tc, out_random, 0, 3);
	tcase_add_loop_test(tc, noise, 0, 3);
	tcase_add_loop_test(tc, authentic_noise, 0, 3);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
