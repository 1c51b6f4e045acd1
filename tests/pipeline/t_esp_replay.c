// SPDX-License-Identifier: BSD-3-Clause
// Anti-replay through esp_in_burst(): windows of 64 to 4096, duplicates within one burst and between
// bursts, extended numbers over the wrap at 2^32. RFC 4303 section 3.4.3, RFC 6479.
#include "esp_test.h"

#include <stdlib.h>
#include <string.h>

static struct ipc_sa_in_add in;
static uint8_t inner[100];

static void add(uint32_t window, bool esn, uint32_t suite)
{
	struct sa_spec spec = {.window = window, .suite = test_suites[suite]};

	spec.suite.esn = esn;
	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
	inner_write(
		&(struct inner_spec){.family = AF_INET6, .src = 1, .dst = 2, .len = 100}, inner);
}

static bool taken(uint64_t seq)
{
	struct rte_mbuf *m = in_one(sealed(&in.sa, seq, inner, 100, 41));

	rte_pktmbuf_free(m);
	return m != NULL;
}

START_TEST(window_edges)
{
	uint32_t w = 64u << _i;

	add(w, false, 0);
	ck_assert(taken(1));
	ck_assert(!taken(1));
	ck_assert(taken(5 * w));
	ck_assert(taken(4 * w + 1));
	ck_assert(!taken(4 * w + 1));
	ck_assert(!taken(4 * w));
	ck_assert(!taken(2));
	ck_assert(!taken(0));
	ck_assert(taken(5 * w + 1));
	ck_assert(!taken(4 * w + 1)); // fell out, still not taken
	ck_assert(taken(4 * w + 2));
	expect_drops(DROP_ESP_REPLAY, 6, -1);
}
END_TEST

START_TEST(all_of_a_window_once)
{
	uint32_t w = 64u << _i, order[4096];

	add(w, false, 0);
	ck_assert(taken(10 * w));
	for (uint32_t i = 0; i < w - 1; i++)
		order[i] = i;
	srand(6479);
	for (uint32_t i = w - 1; i > 1; i--) {
		uint32_t j = (uint32_t)rand() % i, tmp = order[j];

		order[j] = order[i - 1];
		order[i - 1] = tmp;
	}
	for (uint32_t i = 0; i < w - 1; i++)
		ck_assert(taken(9 * w + 1 + order[i]));
	for (uint32_t i = 0; i < w - 1; i += 1 + w / 128)
		ck_assert(!taken(9 * w + 1 + order[i]));
}
END_TEST

// All of a burst pass the first check, one of each number the second.
START_TEST(duplicates_in_a_burst)
{
	struct rte_mbuf *pkts[TEST_BURST];
	uint16_t n;

	add(128, _i & 1, (uint32_t)_i / 2);
	for (uint32_t i = 0; i < 64; i++)
		pkts[i] = sealed(&in.sa, 1 + i / 8, inner, 100, 41);
	n = esp_in_burst(env.esp, pkts, 64, env.now);
	ck_assert_uint_eq(n, 8);
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_free(pkts[i]);
	expect_drops(DROP_ESP_REPLAY, 56, -1);
}
END_TEST

// A jump in the middle of a burst pushes what follows out of the window.
START_TEST(jump_in_a_burst)
{
	static const uint64_t seqs[] = {10, 11, 5000, 12, 4937, 4936, 5001};
	struct rte_mbuf *pkts[RTE_DIM(seqs)];

	add(64, false, 0);
	for (uint32_t i = 0; i < RTE_DIM(seqs); i++)
		pkts[i] = sealed(&in.sa, seqs[i], inner, 100, 41);
	ck_assert_uint_eq(esp_in_burst(env.esp, pkts, RTE_DIM(seqs), env.now), 5);
	for (uint32_t i = 0; i < 5; i++)
		rte_pktmbuf_free(pkts[i]);
	expect_drops(DROP_ESP_REPLAY, 2, -1);
}
END_TEST

START_TEST(esn_wrap)
{
	uint32_t w = 64u << (_i % 7), suite = _i < 7 ? 0 : 3;
	uint64_t base = (uint64_t)1 << 32;
	struct ipc_sa_info info;

	add(w, true, suite);
	ck_assert(taken(base / 2));
	ck_assert(taken(base - 3)); // less than 2^32 ahead
	ck_assert(taken(base + 2));
	ck_assert(taken(base - 1));
	ck_assert(taken(base));
	ck_assert(taken(base - 2));
	ck_assert(!taken(base - 1));
	ck_assert(!taken(base));
	ck_assert(taken(base + w));
	ck_assert(taken(base + 1)); // the oldest in the window
	ck_assert(!taken(base + 1));
	expect_drops(DROP_ESP_REPLAY, 3, -1);
	// Below the window the lower half means the next round: the ICV says no.
	ck_assert(!taken(base));
	ck_assert(!taken(base - w - 5));
	expect_drops(DROP_ESP_ICV, 2, -1);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, in.sa.spi, &info, env.now), 0);
	ck_assert_uint_eq(info.seq, base + w);
}
END_TEST

START_TEST(not_esn_does_not_wrap)
{
	add(64, false, 0);
	ck_assert(taken(UINT32_MAX));
	ck_assert(!taken(1));
	ck_assert(!taken((uint64_t)1 << 32 | 5)); // the wire has 32 bits of it
	expect_drops(DROP_ESP_REPLAY, 2, -1);
}
END_TEST

START_TEST(switched_off)
{
	struct sa_spec spec = {.suite.esn = _i};

	spec_in(&spec, &in);
	in.sa.replay_window = 0;
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
	inner_write(
		&(struct inner_spec){.family = AF_INET6, .src = 1, .dst = 2, .len = 100}, inner);
	ck_assert(taken(70));
	ck_assert(taken(70));
	ck_assert(taken(50));
	if (!_i)
		ck_assert(taken(1));
	expect_drops(-1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_replay");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, window_edges, 0, 7);
	tcase_add_loop_test(tc, all_of_a_window_once, 0, 7);
	tcase_add_loop_test(tc, duplicates_in_a_burst, 0, 2 * (int)test_suites_n);
	tcase_add_test(tc, jump_in_a_burst);
	tcase_add_loop_test(tc, esn_wrap, 0, 14);
	tcase_add_test(tc, not_esn_does_not_wrap);
	tcase_add_loop_test(tc, switched_off, 0, 2);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
