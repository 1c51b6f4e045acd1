// SPDX-License-Identifier: BSD-3-Clause
// P3 P4 L3: claims that nobody uses any more. Near the limit the gateway asks for the older ones; an
// advertisement keeps a claim, silence gives it up. Lost answers, a link that ends or cannot be reached
// meanwhile, a restart of control, a client that claims in a loop. RFC 4861 sections 7.2.2 and 7.3.
#include "t_ndp.h"

#include <stdio.h>

#define MAX 16 // of the profile
#define NEAR 12 // three quarters
#define STEP_US (US_PER_S / 100)

static uint32_t asked; // questions, by all links
static uint32_t asked_of[256]; // by the last octet of the target
static bool lives[256]; // the host has the address, and answers

static const struct link *begin_p4(const char *name)
{
	use(begin(PROFILE_P4, name, false));
	return the_link;
}

static void age_setup(void)
{
	setup();
	asked = 0;
	memset(asked_of, 0, sizeof(asked_of));
	memset(lives, 0, sizeof(lives));
	begin_p4("b@example.org");
}

static enum ndp_result claim_one(uint32_t i)
{
	char text[64];

	snprintf(text, sizeof(text), "2001:db8:3000::5:%x", i);
	make_dad(text);
	return input();
}

static void claim_up_to(uint32_t n)
{
	for (uint32_t i = the_link->extra_n + 1; i <= n; i++)
		ck_assert_int_eq(claim_one(i), NDP_CLAIMED);
}

static bool has(uint32_t i)
{
	char text[64];
	struct inet_addr addr;
	const struct link *owner = NULL;

	snprintf(text, sizeof(text), "2001:db8:3000::5:%x", i);
	addr = profile_addr(text);
	owner = link_claimed_by(ptable, &addr);
	return owner != NULL && owner->handle == the_link->handle;
}

// --> NA { S, target }
static enum ndp_result advertise(const uint8_t target[16])
{
	make(136, 24);
	memcpy(packet + 8, target, 16);
	packet[44] = 0x40;
	memcpy(packet + 48, target, 16);
	finish();
	return input();
}

// What the host would see of a question: from its router, to the address itself, valid.
static void check_question(const uint8_t *ns, size_t len, uint64_t handle)
{
	const struct link *link = link_find(ptable, handle);
	struct inet_addr from = inet_addr_link_local(link->gateway_iid);

	ck_assert_uint_eq(len, 64);
	ck_assert_uint_eq(ns[7], 255);
	ck_assert_mem_eq(ns + 8, from.bytes, 16);
	ck_assert_mem_eq(ns + 24, ns + 48, 16);
	ck_assert_uint_eq(ns[40], 135);
	ck_assert_uint_eq(reference_sum(ns), 0xffff);
}

// Time goes on; what is asked is counted, and answered for addresses that live, all but the first
// `lost` times.
static void run(uint64_t us, uint32_t lost)
{
	uint64_t end_us = pnow_us + us;

	for (; pnow_us < end_us; pnow_us += STEP_US) {
		uint8_t ns[128];
		uint64_t handle = 0;
		size_t len = 0;

		link_timeout(ptable, pnow_us);
		ck_assert(link_next_us(ptable) > pnow_us); // or control's timer would spin
		while (link_probe_take(ptable, &handle, ns, sizeof(ns), &len)) {
			check_question(ns, len, handle);
			asked++;
			asked_of[ns[63]]++;
			if (lives[ns[63]] && asked_of[ns[63]] > lost)
				ck_assert_int_eq(advertise(ns + 48), NDP_PRESENT);
		}
	}
}

// Ordinary hosts, with their few addresses, are never asked anything.
START_TEST(test_nothing_below_three_quarters_L3)
{
	claim_up_to(NEAR - 2);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR - 1);
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
	run(5 * US_PER_S, 0);
	ck_assert_uint_eq(asked, 0);
	ck_assert_uint_eq(the_link->extra_n, NEAR - 1);
}
END_TEST

// At three quarters: the ones in use stay, the others go with their routes; the newest is not asked.
START_TEST(test_old_ones_go_P3_P4)
{
	uint64_t handle = 0;

	claim_up_to(NEAR - 1);
	lives[3] = lives[7] = true;
	pnow_us += 3600 * US_PER_S;
	p_dels = 0;
	ck_assert_int_eq(claim_one(NEAR), NDP_CLAIMED);
	run(5 * US_PER_S, 0);
	for (uint32_t i = 1; i <= NEAR; i++) {
		ck_assert_msg(has(i) == (lives[i] || i == NEAR), "%u", i);
		ck_assert_uint_eq(asked_of[i], i == NEAR ? 0 : lives[i] ? 1 : 3);
	}
	ck_assert_int_eq(p_dels, NEAR - 3);
	ck_assert_uint_eq(p_last_del.len, 128);
	ck_assert_uint_eq(the_link->extra_n, 3);
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
	// They are anybody's now, and the store knows it, too.
	handle = begin_p4("c@example.org")->handle;
	ck_assert_int_eq(claim_one(1), NDP_CLAIMED);
	ck_assert_int_eq(claim_one(3), NDP_TAKEN);
	profile_restart();
	use(link_find(ptable, handle));
	ck_assert(has(1) && !has(2) && !has(3));
}
END_TEST

// Two lost answers do no harm; three do.
START_TEST(test_lost_answers)
{
	claim_up_to(NEAR - 1);
	memset(lives, true, sizeof(lives));
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run(5 * US_PER_S, (uint32_t)_i);
	ck_assert_uint_eq(asked, (NEAR - 1) * (_i < 3 ? (uint32_t)_i + 1 : 3));
	ck_assert_uint_eq(the_link->extra_n, _i < 3 ? NEAR : 1);
}
END_TEST

// One after the other, not all at once; the same one a second later at the earliest.
START_TEST(test_pace)
{
	uint32_t before = 0;

	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run(STEP_US, 0);
	ck_assert_uint_eq(asked, 1);
	for (int i = 0; i < 90; i++) {
		before = asked;
		run(STEP_US, 0);
		ck_assert_uint_le(asked, before + 1);
	}
	ck_assert_uint_eq(asked, NEAR - 1);
}
END_TEST

// A round each ten minutes as long as there is room, each ten seconds when there is none.
START_TEST(test_between_rounds)
{
	memset(lives, true, sizeof(lives));
	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run(300 * US_PER_S, 0);
	ck_assert_uint_eq(asked, NEAR - 1);
	claim_up_to(NEAR + 1);
	run(299 * US_PER_S, 0);
	ck_assert_uint_eq(asked, NEAR - 1);
	run(2 * US_PER_S, 0);
	claim_up_to(NEAR + 2); // ten minutes are over
	run(20 * US_PER_S, 0);
	ck_assert_uint_eq(asked, NEAR - 1 + NEAR + 1);
	claim_up_to(MAX); // the next one would be refused
	asked = 0;
	run(20 * US_PER_S, 0);
	ck_assert_uint_eq(asked, MAX - 2);
	ck_assert_int_eq(claim_one(MAX + 1), NDP_OVER_LIMIT);
	ck_assert_uint_gt(answer_len, 0); // told all the same
	lives[1] = false;
	run(5 * US_PER_S, 0);
	ck_assert_int_eq(claim_one(MAX + 1), NDP_CLAIMED);
	ck_assert(!has(1));
}
END_TEST

// A client that claims in a loop, and answers for everything, is asked for its 16 every ten seconds;
// one that answers for nothing loses what it does not use.
START_TEST(test_claims_in_a_loop)
{
	uint32_t over = 0;

	memset(lives, _i == 0, sizeof(lives));
	for (uint32_t i = 1; i <= 6000; i++) {
		over += claim_one(i) == NDP_OVER_LIMIT;
		run(STEP_US, 0);
		ck_assert_uint_le(the_link->extra_n, MAX);
	}
	ck_assert_uint_le(asked, 6 * MAX * (_i == 0 ? 1 : 3));
	ck_assert_uint_ge(asked, 4 * MAX);
	ck_assert_uint_ge(over, 5800);
}
END_TEST

// The host takes the address again while it is asked: it uses it.
START_TEST(test_claimed_again)
{
	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run(US_PER_S / 2, 0);
	ck_assert_int_eq(claim_one(4), NDP_CLAIMED);
	run(5 * US_PER_S, 0);
	ck_assert(has(4) && !has(5));
	ck_assert_uint_eq(asked_of[4], 1);
}
END_TEST

// Only what was asked, from the link that was asked, by rights.
START_TEST(test_other_advertisements)
{
	struct inet_addr four = profile_addr("2001:db8:3000::5:4");
	struct inet_addr none = profile_addr("2001:db8:3000::5:99");
	const struct link *b = the_link;

	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	ck_assert_int_eq(advertise(four.bytes), NDP_UNWANTED);
	claim_up_to(NEAR);
	run(US_PER_S / 2, 0);
	ck_assert_int_eq(advertise(none.bytes), NDP_BAD_SOURCE);
	begin_p4("c@example.org");
	ck_assert_int_eq(advertise(four.bytes), NDP_BAD_SOURCE);
	ck_assert_int_eq(claim_one(0x50), NDP_CLAIMED);
	make(136, 24);
	set_addr(8, "2001:db8:3000::5:50"); // its own source, another one's target
	memcpy(packet + 48, four.bytes, 16);
	finish();
	ck_assert_int_eq(input(), NDP_UNWANTED);
	use(b);
	ck_assert_int_eq(advertise(four.bytes), NDP_PRESENT);
	ck_assert_int_eq(advertise(four.bytes), NDP_UNWANTED); // nothing is asked any more
	packet[41] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	advertise(none.bytes);
	set_addr(8, "::");
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(136, 24);
	set_addr(24, "ff02::1"); // solicited, and to everybody
	packet[44] = 0x40;
	memcpy(packet + 48, four.bytes, 16);
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(136, 24);
	packet[48] = 0xff;
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	run(5 * US_PER_S, 0);
	ck_assert(has(4) && !has(5));
}
END_TEST

// The IKE SA goes, or the link altogether, while answers are awaited: no silence counts then.
START_TEST(test_link_ends_meanwhile)
{
	uint64_t ike_sa = the_link->ike_sa[0], handle = the_link->handle;
	uint8_t ns[128];
	size_t len = 0;

	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run((uint64_t)(_i % 4) * US_PER_S / 2, 0);
	if (_i % 2 == 1) // with questions in the outbox
		link_timeout(ptable, pnow_us + US_PER_S);
	if (_i >= 4) {
		ck_assert_int_eq(link_end(ptable, handle, pnow_us), 0);
		link_detach(ptable, handle, ike_sa, 0, pnow_us);
		ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
		ck_assert(!link_probe_take(ptable, &handle, ns, sizeof(ns), &len));
		return;
	}
	link_detach(ptable, handle, ike_sa, 0, pnow_us);
	p_dels = 0;
	run(20 * US_PER_S, 0);
	ck_assert_int_eq(p_dels, 0);
	ck_assert_uint_eq(the_link->extra_n, NEAR);
	ck_assert_uint_eq(link_next_us(ptable), the_link->grace_until_us);
}
END_TEST

// No SA leads there, or there is no dataplane: control says so, or takes nothing from the outbox.
START_TEST(test_unreachable)
{
	uint8_t ns[128];
	uint64_t handle = 0;
	size_t len = 0;

	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	for (int i = 0; i < 1000; i++, pnow_us += STEP_US) {
		link_timeout(ptable, pnow_us);
		while (_i == 1 && link_probe_take(ptable, &handle, ns, sizeof(ns), &len))
			link_probe_stop(ptable, handle);
	}
	ck_assert_uint_eq(the_link->extra_n, NEAR);
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
	ck_assert(!link_probe_take(ptable, &handle, ns, sizeof(ns), &len));
	link_probe_stop(ptable, 999);
}
END_TEST

// Control forgets what it asked, and nothing is given up for it; it may ask again.
START_TEST(test_restart_in_between)
{
	uint64_t handle = the_link->handle;

	claim_up_to(NEAR - 1);
	pnow_us += 3600 * US_PER_S;
	claim_up_to(NEAR);
	run(2 * US_PER_S, 0);
	profile_restart();
	use(link_find(ptable, handle));
	asked = 0;
	run(30 * US_PER_S, 0);
	ck_assert_uint_eq(asked, 0);
	ck_assert_uint_eq(the_link->extra_n, NEAR);
	claim_up_to(NEAR + 1);
	run(5 * US_PER_S, 0);
	ck_assert_uint_eq(asked, 3 * NEAR);
	ck_assert_uint_eq(the_link->extra_n, 1);
}
END_TEST

// Addresses that IKEv2 gave are in selectors, and IKEv2 takes them (P5).
START_TEST(test_not_where_ikev2_gives_them_P5)
{
	char text[64];

	use(begin(PROFILE_P5, "d@example.org", false));
	for (uint32_t i = 1; i <= MAX; i++) {
		struct inet_addr addr;

		snprintf(text, sizeof(text), "2001:db8:3000::6:%x", i);
		addr = profile_addr(text);
		link_claim(ptable, the_link->handle, &addr, pnow_us);
		pnow_us += 60 * US_PER_S;
	}
	ck_assert_uint_eq(the_link->extra_n, MAX);
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("claim_age");
	TCase *tc = tcase_create("claim_age");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, age_setup, profile_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_nothing_below_three_quarters_L3);
	tcase_add_test(tc, test_old_ones_go_P3_P4);
	tcase_add_loop_test(tc, test_lost_answers, 0, 4);
	tcase_add_test(tc, test_pace);
	tcase_add_test(tc, test_between_rounds);
	tcase_add_loop_test(tc, test_claims_in_a_loop, 0, 2);
	tcase_add_test(tc, test_claimed_again);
	tcase_add_test(tc, test_other_advertisements);
	tcase_add_loop_test(tc, test_link_ends_meanwhile, 0, 8);
	tcase_add_loop_test(tc, test_unreachable, 0, 2);
	tcase_add_test(tc, test_restart_in_between);
	tcase_add_test(tc, test_not_where_ikev2_gives_them_P5);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
