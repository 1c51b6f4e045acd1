// SPDX-License-Identifier: BSD-3-Clause
// A client that asks for everything in a loop: so many packets of its link are looked at and no more;
// other links do not notice, and nothing is kept of those that are silent again (L29).
#include "clock.h"
#include "punt_limit.h"

#include <check.h>

#include <stdlib.h>

static struct punt_limit *limit;
static uint64_t now_us;

static void setup(void)
{
	static const uint64_t secret[2] = {1, 2};

	limit = punt_limit_new(secret);
	ck_assert_ptr_nonnull(limit);
	now_us = 77 * US_PER_S;
}

static void teardown(void)
{
	punt_limit_free(limit);
}

static uint32_t take(uint64_t link, uint32_t n)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++)
		taken += punt_limit_take(limit, link, now_us);
	return taken;
}

START_TEST(test_burst_and_rate)
{
	ck_assert_uint_eq(take(5, 10000), PUNT_LIMIT_BURST);
	ck_assert_uint_eq(take(6, 1), 1);
	now_us += US_PER_S;
	ck_assert_uint_eq(take(5, 10000), PUNT_LIMIT_RATE);
	now_us += 3600 * US_PER_S;
	ck_assert_uint_eq(take(5, 10000), PUNT_LIMIT_BURST);
	// Asked a thousand times a second, it gives the rate all the same.
	for (uint32_t i = 0, taken = 0; i <= 10000; i++) {
		now_us += US_PER_MS;
		taken += take(5, 1);
		if (i == 10000)
			ck_assert_uint_eq(taken, 10 * PUNT_LIMIT_RATE);
	}
}
END_TEST

START_TEST(test_nothing_is_kept)
{
	for (uint64_t link = 1; link <= 100000; link++) {
		ck_assert(punt_limit_take(limit, link, now_us));
		now_us += US_PER_MS;
	}
	// As many as there were within the time that an empty bucket needs.
	ck_assert_uint_le(punt_limit_count(limit), 1000 * PUNT_LIMIT_BURST / PUNT_LIMIT_RATE + 1);
	ck_assert_uint_eq(take(100000, 1000), PUNT_LIMIT_BURST - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("punt_limit");
	TCase *tc = tcase_create("punt_limit");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_burst_and_rate);
	tcase_add_test(tc, test_nothing_is_kept);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
