// SPDX-License-Identifier: BSD-3-Clause
// Lifetimes in bytes and packets, soft and hard, and the end of the sequence numbers: one event each,
// and what passes and what does not. RFC 4301 section 4.4.2.1, RFC 4303 section 3.3.3.
#include "esp_test.h"

#include <string.h>

static const struct inner_spec udp6 = {.family = AF_INET6, .src = 5, .dst = 10, .len = 100};

static bool sent(sa_ref_t ref)
{
	struct rte_mbuf *m = out_one(pkt_inner(&udp6, ref));

	rte_pktmbuf_free(m);
	return m != NULL;
}

static bool taken(const struct ipc_sa *sa, uint64_t seq)
{
	uint8_t inner[100];
	struct rte_mbuf *m;

	inner_write(&udp6, inner);
	m = in_one(sealed(sa, seq, inner, 100, 41));
	rte_pktmbuf_free(m);
	return m != NULL;
}

static void expire(enum ipc_direction dir, uint32_t name, bool hard, enum ipc_expire_why why)
{
	struct esp_event event = expect_event(IPC_SA_EXPIRE);

	ck_assert_uint_eq(event.expire.direction, dir);
	ck_assert_uint_eq(event.expire.spi_or_ref, name);
	ck_assert_uint_eq(event.expire.hard, hard);
	ck_assert_uint_eq(event.expire.why, why);
	ck_assert_uint_eq(event.expire.child, 300);
	expect_no_event();
}

static const struct {
	const char *why;
	struct ipc_sa_lifetime life;
	uint32_t soft_at, hard_at; // packets of 100 bytes that pass before the event; 0: never
	enum ipc_expire_why kind;
} rows[] = {
	{"packets", {.soft_pkts = 5, .hard_pkts = 9}, 5, 9, IPC_EXPIRE_PKTS},
	{"bytes", {.soft_bytes = 500, .hard_bytes = 900}, 5, 9, IPC_EXPIRE_BYTES},
	{"bytes between packets", {.soft_bytes = 401, .hard_bytes = 999}, 5, 9, IPC_EXPIRE_BYTES},
	{"soft only", {.soft_pkts = 3}, 3, 0, IPC_EXPIRE_PKTS},
	{"hard only", {.hard_bytes = 100}, 0, 1, IPC_EXPIRE_BYTES},
	{"hard at once", {.hard_bytes = 99}, 0, 0, IPC_EXPIRE_BYTES},
	{"soft at once", {.soft_pkts = 1, .hard_pkts = 2}, 1, 2, IPC_EXPIRE_PKTS},
	{"no limit that is one", {.soft_bytes = UINT64_MAX, .hard_pkts = UINT64_MAX}, 0, 0, -1},
};

START_TEST(outbound)
{
	struct sa_spec spec = {.life = rows[_i].life};
	uint32_t n = rows[_i].hard_at ? rows[_i].hard_at : 20;
	struct ipc_sa_info info;

	sa_pair(&spec);
	for (uint32_t i = 1; i <= n && rows[_i].life.hard_bytes != 99; i++) {
		ck_assert_msg(sent(spec_ref(&spec)), "%s: %u", rows[_i].why, i);
		if (i == rows[_i].soft_at)
			expire(IPC_DIR_OUT, spec_ref(&spec), false, rows[_i].kind);
		expect_no_event();
	}
	if (!rows[_i].hard_at && rows[_i].life.hard_bytes != 99)
		return;
	for (int i = 0; i < 5; i++) {
		ck_assert(!sent(spec_ref(&spec)));
		if (i == 0)
			expire(IPC_DIR_OUT, spec_ref(&spec), true, rows[_i].kind);
		expect_no_event();
	}
	expect_drops(DROP_ESP_LIFETIME_OUT, 5, -1);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_OUT, spec_ref(&spec), &info, 0), 0);
	ck_assert_uint_eq(info.pkts, rows[_i].hard_at);
	ck_assert_uint_eq(info.bytes, rows[_i].hard_at * 100);
	ck_assert_uint_eq(info.drops, 5);
}
END_TEST

START_TEST(inbound)
{
	struct sa_spec spec = {.life = rows[_i].life};
	uint32_t n = rows[_i].hard_at ? rows[_i].hard_at : 20;
	struct ipc_sa_in_add in;
	struct ipc_sa_info info;
	uint64_t seq = 0;

	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	for (uint32_t i = 1; i <= n && rows[_i].life.hard_bytes != 99; i++) {
		ck_assert_msg(taken(&in.sa, ++seq), "%s: %u", rows[_i].why, i);
		if (i == rows[_i].soft_at)
			expire(IPC_DIR_IN, in.sa.spi, false, rows[_i].kind);
		expect_no_event();
	}
	if (!rows[_i].hard_at && rows[_i].life.hard_bytes != 99)
		return;
	for (int i = 0; i < 5; i++) {
		ck_assert(!taken(&in.sa, ++seq));
		if (i == 0)
			expire(IPC_DIR_IN, in.sa.spi, true, rows[_i].kind);
		expect_no_event();
	}
	expect_drops(DROP_ESP_LIFETIME_IN, 5, -1);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, in.sa.spi, &info, 0), 0);
	ck_assert_uint_eq(info.pkts, rows[_i].hard_at);
	ck_assert_uint_eq(info.bytes, rows[_i].hard_at * 100);
	ck_assert_uint_eq(info.drops, 5);
}
END_TEST

// A small packet does not slip through behind a large one that was refused.
START_TEST(dead_is_dead)
{
	struct sa_spec spec = {.life = {.hard_bytes = 150}};
	struct inner_spec small = {.family = AF_INET6, .len = 48};

	sa_pair(&spec);
	ck_assert(sent(spec_ref(&spec)));
	ck_assert(!sent(spec_ref(&spec)));
	ck_assert_ptr_null(out_one(pkt_inner(&small, spec_ref(&spec))));
	expect_drops(DROP_ESP_LIFETIME_OUT, 2, -1);
}
END_TEST

// RFC 4303 section 3.3.3: numbers never wrap. Told well before, and the last one is used.
START_TEST(sequence_numbers_end)
{
	struct sa_spec spec = {.suite = test_suites[_i / 2]};
	sa_ref_t ref = spec_ref(&spec);
	uint64_t max;

	spec.suite.esn = _i & 1;
	sa_pair(&spec);
	max = spec.suite.esn ? INT64_MAX : UINT32_MAX;
	env.esp->out[0].seq = max / 4 * 3 - 2;
	ck_assert(sent(ref));
	expect_no_event();
	ck_assert(sent(ref));
	expire(IPC_DIR_OUT, ref, false, IPC_EXPIRE_SEQ);
	ck_assert(sent(ref));
	expect_no_event();
	env.esp->out[0].seq = max - 2;
	ck_assert(sent(ref));
	ck_assert(sent(ref));
	ck_assert_uint_eq(env.esp->out[0].seq, max);
	expect_no_event();
	for (int i = 0; i < 3; i++)
		ck_assert(!sent(ref));
	expire(IPC_DIR_OUT, ref, true, IPC_EXPIRE_SEQ);
	ck_assert_uint_eq(env.esp->out[0].seq, max);
	expect_drops(DROP_ESP_SEQ, 3, -1);
}
END_TEST

// In the middle of a burst.
START_TEST(end_within_a_burst)
{
	struct sa_spec spec = {0};
	struct rte_mbuf *pkts[32], *big[32];
	uint16_t big_n;

	sa_pair(&spec);
	env.esp->out[0].seq = (uint64_t)UINT32_MAX - 10;
	for (int i = 0; i < 32; i++)
		pkts[i] = pkt_inner(&udp6, spec_ref(&spec));
	ck_assert_uint_eq(esp_out_burst(env.esp, pkts, 32, big, &big_n, env.now), 10);
	for (int i = 0; i < 10; i++)
		rte_pktmbuf_free(pkts[i]);
	expect_drops(DROP_ESP_SEQ, 22, -1);
}
END_TEST

// A rekey in place starts both anew.
START_TEST(rekey_revives)
{
	struct sa_spec spec = {.life = {.hard_pkts = 1}};

	sa_pair(&spec);
	ck_assert(sent(spec_ref(&spec)));
	ck_assert(!sent(spec_ref(&spec)));
	expire(IPC_DIR_OUT, spec_ref(&spec), true, IPC_EXPIRE_PKTS);
	expect_drops(DROP_ESP_LIFETIME_OUT, 1, -1);
	spec.key = 1;
	struct ipc_sa_out_set cmd;
	spec_out(&spec, &cmd);
	ck_assert_int_eq(esp_out_set(env.esp, &cmd, 0), 0);
	ck_assert(sent(spec_ref(&spec)));
	ck_assert(!sent(spec_ref(&spec)));
	expire(IPC_DIR_OUT, spec_ref(&spec), true, IPC_EXPIRE_PKTS);
}
END_TEST

// A full list of events loses none: each is raised again by a later packet.
START_TEST(full_event_list)
{
	struct esp_event events[ESP_EVENTS_MAX];
	uint32_t total = 0, n;

	for (uint32_t slot = 0; slot < TEST_SLOTS; slot++) {
		struct sa_spec spec = {.slot = slot,
			.key = slot,
			.flags = IPC_SA_FIRST_USE_EVENT,
			.life = {.soft_pkts = 1, .soft_bytes = 1}};

		sa_pair(&spec);
	}
	for (int round = 1; round <= 8; round++) {
		for (uint32_t slot = 0; slot < TEST_SLOTS; slot++) {
			struct sa_spec spec = {.slot = slot, .key = slot};
			struct ipc_sa_in_add in;

			spec_in(&spec, &in);
			ck_assert(sent(spec_ref(&spec)));
			ck_assert(taken(&in.sa, (uint64_t)round));
		}
		n = esp_events_take(env.esp, events, ESP_EVENTS_MAX);
		total += n;
	}
	// In: first use, packets, bytes. Out: packets, bytes.
	ck_assert_uint_eq(total, 5 * TEST_SLOTS);
	expect_no_event();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_limits");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_add_loop_test(tc, outbound, 0, RTE_DIM(rows));
	tcase_add_loop_test(tc, inbound, 0, RTE_DIM(rows));
	tcase_add_test(tc, dead_is_dead);
	tcase_add_loop_test(tc, sequence_numbers_end, 0, 2 * (int)test_suites_n);
	tcase_add_test(tc, end_within_a_burst);
	tcase_add_test(tc, rekey_revives);
	tcase_add_test(tc, full_event_list);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
