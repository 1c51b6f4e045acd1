// SPDX-License-Identifier: BSD-3-Clause
// L5: one packet into many SAs gives what each of them would have made of it alone, byte for byte, and
// leaves the source as it was. All algorithms, families, encapsulations and ESN settings in one burst.
#include "esp_test.h"

#include <string.h>

#define COMBINATIONS 8 // outer, encapsulation, ESN
#define SUITES (TEST_SLOTS / COMBINATIONS) // in one burst
#define GROUPS ((int)(test_suites_n + SUITES - 1) / SUITES)

static uint32_t first_suite; // of the burst

static struct sa_spec spec_of(uint32_t i)
{
	uint32_t suite = first_suite + i / COMBINATIONS, bits = i % COMBINATIONS;
	struct sa_spec spec = {.suite = test_suites[suite],
		.outer = bits & 1 ? AF_INET6 : AF_INET,
		.encap = bits & 2,
		.key = i,
		.slot = i};

	spec.suite.esn = bits >> 2 & 1;
	return spec;
}

static uint32_t specs_n(void)
{
	uint32_t n = test_suites_n - first_suite;

	return (n < SUITES ? n : SUITES) * COMBINATIONS;
}

static uint32_t specs_add(sa_ref_t *refs)
{
	for (uint32_t i = 0; i < specs_n(); i++) {
		struct sa_spec spec = spec_of(i);

		sa_pair(&spec);
		refs[i] = spec_ref(&spec);
	}
	return specs_n();
}

static struct rte_mbuf *source(uint8_t family, uint32_t len)
{
	struct inner_spec is = {.family = family,
		.src = 5,
		.dst = 10,
		.src_port = 1234,
		.dst_port = 4321,
		.tos = 0xb8,
		.len = len};

	return pkt_inner(&is, 0);
}

static uint16_t fan_out(
	struct rte_mbuf *m, const sa_ref_t *refs, uint32_t n, struct rte_mbuf **out, uint32_t *mtu)
{
	struct esp_fan fan = {.source = m, .mbufs = env.pool};
	uint16_t made = esp_fan_burst(env.esp, &fan, refs, (uint16_t)n, out, env.now);

	if (mtu)
		*mtu = fan.mtu;
	return made;
}

static const uint32_t lens[] = {48, 49, 50, 51, 60, 61, 62, 63, 64, 128, 257, 1000, 1381};

// The text of each copy, read by the reference; its next sequence number.
START_TEST(test_every_algorithm)
{
	static uint8_t inner[TEST_PKT_MAX], pkt[TEST_PKT_MAX], text[TEST_PKT_MAX];
	struct rte_mbuf *out[ESP_FAN_MAX], *m;
	sa_ref_t refs[ESP_FAN_MAX];
	uint8_t family = _i % 2 ? AF_INET6 : AF_INET;
	uint32_t n, len;

	first_suite = (uint32_t)_i / 2 * SUITES;
	n = specs_add(refs);
	for (uint32_t k = 0; k < RTE_DIM(lens); k++) {
		m = source(family, lens[k]);
		len = pkt_bytes(m, inner);
		ck_assert(esp_fan_source(&m));
		ck_assert_uint_eq(fan_out(m, refs, n, out, NULL), n);
		ck_assert_uint_eq(pkt_bytes(m, pkt), len);
		ck_assert_mem_eq(pkt, inner, len);
		rte_pktmbuf_free(m);
		for (uint32_t i = 0; i < n; i++) {
			struct sa_spec spec = spec_of(i);
			uint32_t off = (spec.outer == AF_INET6 ? 40 : 20) + (spec.encap ? 8 : 0);
			struct ipc_sa_out_set set;
			int text_len;

			spec_out(&spec, &set);
			ck_assert_uint_eq(pkt_meta(out[i])->sa, refs[i]);
			ck_assert_uint_eq(pkt_meta(out[i])->family, spec.outer);
			ck_assert_uint_eq(pkt_meta(out[i])->adj, UINT32_MAX);
			ck_assert_uint_eq(pkt_meta(out[i])->inner_len, len);
			ck_assert_uint_eq(rte_pktmbuf_data_len(out[i]), out[i]->pkt_len);
			text_len = reference_open(&set.sa, k + 1, // one packet a length
				pkt + off, pkt_bytes(out[i], pkt) - off, text);
			ck_assert_msg(text_len > (int)len, "%u bytes, SA %u", len, i);
			ck_assert_mem_eq(text, inner, len);
			ck_assert_uint_eq(text[text_len - 1], family == AF_INET6 ? 41 : 4);
			rte_pktmbuf_free(out[i]);
		}
	}
	expect_drops(-1);
}
END_TEST

// And with a counter for an IV it is the very packet that esp_out_burst() makes.
START_TEST(test_same_as_unicast)
{
	static uint8_t copies[ESP_FAN_MAX][2048];
	uint8_t family = _i % 2 ? AF_INET6 : AF_INET;
	struct rte_mbuf *out[ESP_FAN_MAX], *m = source(family, 333);
	sa_ref_t refs[ESP_FAN_MAX];
	uint32_t n, compared = 0;

	first_suite = (uint32_t)_i / 2 * SUITES;
	n = specs_add(refs);
	ck_assert_uint_eq(fan_out(m, refs, n, out, NULL), n);
	rte_pktmbuf_free(m);
	for (uint32_t i = 0; i < n; i++) {
		pkt_bytes(out[i], copies[i]);
		rte_pktmbuf_free(out[i]);
	}
	env_teardown();
	env_setup();
	specs_add(refs);
	for (uint32_t i = 0; i < n; i++) {
		struct sa_spec spec = spec_of(i);

		m = source(family, 333);
		pkt_meta(m)->sa = refs[i];
		m = out_one(m);
		ck_assert_ptr_nonnull(m);
		if (spec.suite.encr != ENCR_AES_CBC) {
			ck_assert_mem_eq(copies[i], rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len);
			compared++;
		}
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_ge(compared, 3 * COMBINATIONS);
}
END_TEST

static uint64_t drops_of(sa_ref_t ref)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_OUT, ref, &info, env.now), 0);
	return info.drops;
}

// Each SA that cannot take it loses its own copy.
START_TEST(test_own_losses)
{
	struct sa_spec good = {.slot = 1, .key = 1};
	struct sa_spec narrow = {.slot = 2, .key = 2, .mtu = 1430};
	struct sa_spec narrower = {.slot = 3, .key = 3, .mtu = 1420};
	struct sa_spec v4_only = {.slot = 4, .key = 4, .inner = AF_INET};
	struct sa_spec spent = {.slot = 5, .key = 5, .life = {.hard_pkts = 1}};
	sa_ref_t refs[] = {spec_ref(&narrow), spec_ref(&good), spec_ref(&narrower), 0,
		spec_ref(&v4_only), spec_ref(&spent), spec_ref(&spent), spec_ref(&good),
		spec_ref(&good) + 30};
	struct rte_mbuf *out[RTE_DIM(refs)], *m = source(AF_INET6, 1400);
	uint32_t mtu;

	sa_pair(&good);
	sa_pair(&narrow);
	sa_pair(&narrower);
	sa_pair(&v4_only);
	sa_pair(&spent);
	ck_assert_uint_eq(fan_out(m, refs, RTE_DIM(refs), out, &mtu), 3);
	ck_assert_uint_eq(pkt_meta(out[0])->sa, spec_ref(&good));
	ck_assert_uint_eq(pkt_meta(out[1])->sa, spec_ref(&spent));
	ck_assert_uint_eq(pkt_meta(out[2])->sa, spec_ref(&good));
	ck_assert_uint_eq(mtu, esp_out_mtu(env.esp, spec_ref(&narrower), AF_INET6));
	expect_drops(DROP_TOO_BIG, 2, DROP_SA_GONE, 2, DROP_SA_SELECTOR_OUT, 1,
		DROP_ESP_LIFETIME_OUT, 1, -1);
	ck_assert_uint_eq(drops_of(spec_ref(&good)), 0);
	ck_assert_uint_eq(drops_of(spec_ref(&narrow)), 1);
	ck_assert_uint_eq(drops_of(spec_ref(&spent)), 1);
	esp_out_lost(env.esp, spec_ref(&good));
	esp_out_lost(env.esp, spec_ref(&good) + 30);
	esp_out_lost(env.esp, 0);
	ck_assert_uint_eq(drops_of(spec_ref(&good)), 1);
	for (int i = 0; i < 3; i++)
		rte_pktmbuf_free(out[i]);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(expect_event(IPC_SA_EXPIRE).expire.hard, 1);
}
END_TEST

// The same SA twice in a burst: two sequence numbers.
START_TEST(test_sequence)
{
	struct sa_spec spec = {.slot = 1, .key = 1};
	sa_ref_t refs[] = {spec_ref(&spec), spec_ref(&spec), spec_ref(&spec)};
	struct rte_mbuf *out[RTE_DIM(refs)], *m = source(AF_INET6, 100);

	sa_pair(&spec);
	ck_assert_uint_eq(fan_out(m, refs, RTE_DIM(refs), out, NULL), RTE_DIM(refs));
	for (uint32_t i = 0; i < RTE_DIM(refs); i++) {
		ck_assert_uint_eq(rte_pktmbuf_mtod(out[i], uint8_t *)[20 + 7], i + 1);
		rte_pktmbuf_free(out[i]);
	}
	rte_pktmbuf_free(m);
}
END_TEST

// What is in pieces is made whole where it fits, or refused.
START_TEST(test_sources)
{
	static uint8_t inner[TEST_PKT_MAX], got[TEST_PKT_MAX];
	struct inner_spec is = {.family = AF_INET6, .src = 5, .dst = 10, .len = 220};
	uint32_t len = inner_write(&is, inner);
	struct rte_mbuf *m = pkt_pieces(inner, 90, 30);

	ck_assert_uint_gt(m->nb_segs, 1);
	ck_assert(esp_fan_source(&m));
	ck_assert_uint_eq(m->nb_segs, 1);
	ck_assert_uint_eq(pkt_bytes(m, got), 90);
	ck_assert_mem_eq(got, inner, 90);
	rte_pktmbuf_free(m);
	m = pkt_pieces(inner, len, 100); // more than a tiny buffer and its trailer
	ck_assert(!esp_fan_source(&m));
	rte_pktmbuf_free(m);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("esp_fan");
	TCase *tc = tcase_create("fan");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_add_loop_test(tc, test_every_algorithm, 0, 2 * GROUPS);
	tcase_add_loop_test(tc, test_same_as_unicast, 0, 2 * GROUPS);
	tcase_add_test(tc, test_own_losses);
	tcase_add_test(tc, test_sequence);
	tcase_add_test(tc, test_sources);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return test_main(suite());
}
