// SPDX-License-Identifier: BSD-3-Clause
// When a link is asked for its groups (L3, L5): a second after its SA, once more if it says nothing,
// and then never again.
#include "clock.h"
#include "group_ask.h"

#include <check.h>

#include <stdlib.h>

enum {
	LINKS = 500,
};

static struct group_asks *asks;

static void setup(void)
{
	static const uint64_t secret[2] = {3, 4};

	asks = group_asks_new(secret);
	ck_assert_ptr_nonnull(asks);
}

static void teardown(void)
{
	group_asks_free(asks);
}

static void start(uint64_t link, uint32_t families, uint64_t now_us)
{
	ck_assert_int_eq(group_ask_start(asks, link, families, now_us), 0);
}

// At this moment and no sooner, this link alone.
static void asked_at(uint64_t when_us, uint64_t link, uint32_t families)
{
	uint64_t of = 0;
	uint32_t what = 0;

	ck_assert_uint_eq(group_ask_next_us(asks), when_us);
	ck_assert(!group_ask_take(asks, when_us - 1, &of, &what));
	ck_assert(group_ask_take(asks, when_us, &of, &what));
	ck_assert_uint_eq(of, link);
	ck_assert_uint_eq(what, families);
	ck_assert(!group_ask_take(asks, when_us, &of, &what));
}

START_TEST(test_silent)
{
	start(7, GROUP_ASK_V6, 50);
	asked_at(50 + GROUP_ASK_FIRST_US, 7, GROUP_ASK_V6);
	asked_at(50 + GROUP_ASK_FIRST_US + GROUP_ASK_AGAIN_US, 7, GROUP_ASK_V6);
	ck_assert_uint_eq(group_ask_next_us(asks), CLOCK_NEVER);
	start(7, GROUP_ASK_V6, 99 * US_PER_S); // another SA of the link
	ck_assert_uint_eq(group_ask_next_us(asks), CLOCK_NEVER);
}
END_TEST

START_TEST(test_heard)
{
	start(7, GROUP_ASK_V6, 0);
	group_ask_heard(asks, 7, GROUP_ASK_V6); // of one join; not an answer
	group_ask_heard(asks, 8, GROUP_ASK_V6); // never asked
	asked_at(GROUP_ASK_FIRST_US, 7, GROUP_ASK_V6);
	group_ask_heard(asks, 7, GROUP_ASK_V4); // the other family
	ck_assert_uint_eq(group_ask_next_us(asks), GROUP_ASK_FIRST_US + GROUP_ASK_AGAIN_US);
	group_ask_heard(asks, 7, GROUP_ASK_V6);
	ck_assert_uint_eq(group_ask_next_us(asks), CLOCK_NEVER);
}
END_TEST

START_TEST(test_families)
{
	start(7, GROUP_ASK_V6, 0);
	asked_at(GROUP_ASK_FIRST_US, 7, GROUP_ASK_V6);
	group_ask_heard(asks, 7, GROUP_ASK_V6);
	start(7, GROUP_ASK_V6 | GROUP_ASK_V4, 5 * US_PER_S); // a further child SA, for IPv4
	asked_at(5 * US_PER_S + GROUP_ASK_FIRST_US, 7, GROUP_ASK_V4);
	group_ask_heard(asks, 7, GROUP_ASK_V4);
	ck_assert_uint_eq(group_ask_next_us(asks), CLOCK_NEVER);
}
END_TEST

START_TEST(test_gone)
{
	start(7, GROUP_ASK_V6 | GROUP_ASK_V4, 0);
	start(8, GROUP_ASK_V4, 1);
	group_ask_gone(asks, 7);
	group_ask_gone(asks, 9);
	asked_at(1 + GROUP_ASK_FIRST_US, 8, GROUP_ASK_V4);
	start(7, GROUP_ASK_V6, 2); // it is back: what it wants is not known any more
	asked_at(2 + GROUP_ASK_FIRST_US, 7, GROUP_ASK_V6);
}
END_TEST

// Every one of many is asked twice, in order of time.
START_TEST(test_many)
{
	uint32_t count[LINKS] = {0}, families = 0;
	uint64_t link = 0, last_us = 0;

	for (uint64_t i = 0; i < LINKS; i++)
		start(i * 977 % LINKS, GROUP_ASK_V6, i);
	while (group_ask_next_us(asks) != CLOCK_NEVER) {
		ck_assert_uint_ge(group_ask_next_us(asks), last_us);
		last_us = group_ask_next_us(asks);
		ck_assert(group_ask_take(asks, last_us, &link, &families));
		ck_assert_uint_lt(link, LINKS);
		count[link]++;
	}
	for (uint32_t i = 0; i < LINKS; i++)
		ck_assert_uint_eq(count[i], 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group_ask");
	TCase *tcase = tcase_create("group_ask");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_silent);
	tcase_add_test(tcase, test_heard);
	tcase_add_test(tcase, test_families);
	tcase_add_test(tcase, test_gone);
	tcase_add_test(tcase, test_many);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
