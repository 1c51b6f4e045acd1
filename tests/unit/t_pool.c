// SPDX-License-Identifier: BSD-3-Clause
// Slots of a pool: sizes from one to 2^28, reserved addresses, going round, exhaustion; a random
// test against a plain array.
#include "pool.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct config_pool shape(const char *prefix, uint8_t lease_len)
{
	struct config_pool config = {.name = "p", .lease_len = lease_len};

	ck_assert_int_eq(inet_prefix_parse(prefix, &config.prefix), 0);
	return config;
}

static const struct {
	const char *why, *prefix;
	uint8_t lease_len;
	uint64_t size;
	uint64_t first; // slot that is given out first, from 0
} shapes[] = {
	{"one slot", "2001:db8::/64", 64, 1, 0},
	{"two addresses, as of RFC 3021", "192.0.2.0/31", 32, 2, 0},
	{"four addresses less network and broadcast", "192.0.2.0/30", 32, 2, 1},
	{"one bitmap word", "2001:db8::/58", 64, 64, 0},
	{"two levels, last word not full", "2001:db8::/57", 64, 128, 0},
	{"IPv4 /16", "10.66.0.0/16", 32, 65534, 1},
	{"three levels", "2001:db8:1000::/40", 64, UINT64_C(1) << 24, 0},
	{"five levels", "2001:db8::/36", 64, UINT64_C(1) << 28, 0},
	{"larger than the dataplane indexes: the first 2^28, less the anycast address",
		"2001:db8:2000::/64", 128, (UINT64_C(1) << 28) - 1, 1},
};

START_TEST(test_shapes)
{
	struct config_pool config = shape(shapes[_i].prefix, shapes[_i].lease_len);
	struct pool *pool = pool_new(&config);
	struct inet_prefix prefix;
	uint64_t slot = 99, back = 99;

	ck_assert_msg(pool != NULL, "%s", shapes[_i].why);
	ck_assert_msg(pool_size(pool) == shapes[_i].size, "%s", shapes[_i].why);
	ck_assert_int_le(pool_lease_len(pool) - pool_prefix(pool)->len, POOL_BITS_MAX);
	ck_assert_int_eq(pool_take_next(pool, 0, &slot), 0);
	ck_assert_msg(slot == shapes[_i].first, "%s", shapes[_i].why);
	prefix = pool_slot_prefix(pool, slot);
	ck_assert(inet_prefix_covers(&config.prefix, &prefix));
	ck_assert_int_eq(pool_slot_of(pool, &prefix, &back), 0);
	ck_assert_uint_eq(back, slot);
	ck_assert_uint_eq(pool_taken(pool), 1);
	// The last one that may be had, from behind the end of everything.
	if (pool_size(pool) > 1) {
		ck_assert_int_eq(pool_take_next(pool, UINT64_MAX, &slot), 0);
		ck_assert(pool_is_taken(pool, slot));
	}
	pool_free(pool);
}
END_TEST

START_TEST(test_refused)
{
	struct config_pool config = shape("2001:db8::/64", 64);

	config.lease_len = 60;
	ck_assert_ptr_null(pool_new(&config));
	ck_assert_int_eq(errno, EINVAL);
	config = shape("10.0.0.0/24", 33);
	ck_assert_ptr_null(pool_new(&config));
	ck_assert_int_eq(errno, EINVAL);
	pool_free(NULL);
}
END_TEST

START_TEST(test_exhaustion)
{
	struct config_pool config = shape("10.1.0.0/24", 32);
	struct pool *pool = pool_new(&config);
	uint64_t slot = 0;

	for (int i = 0; i < 254; i++) {
		ck_assert_int_eq(pool_take_next(pool, 200, &slot), 0);
		ck_assert_uint_ge(slot, 1);
		ck_assert_uint_le(slot, 254);
		ck_assert_uint_eq(slot, i < 55 ? 200u + (unsigned)i : (unsigned)i - 54);
	}
	ck_assert_int_eq(pool_take_next(pool, 0, &slot), -ENOSPC);
	ck_assert_uint_eq(pool_taken(pool), pool_size(pool));
	pool_give(pool, 77);
	pool_give(pool, 77); // twice: once
	ck_assert_uint_eq(pool_taken(pool), 253);
	ck_assert_int_eq(pool_take_next(pool, 200, &slot), 0);
	ck_assert_uint_eq(slot, 77);
	pool_free(pool);
}
END_TEST

START_TEST(test_take)
{
	struct config_pool config = shape("10.1.0.0/24", 32);
	struct pool *pool = pool_new(&config);

	ck_assert_int_eq(pool_take(pool, 5), 0);
	ck_assert_int_eq(pool_take(pool, 5), -EBUSY);
	ck_assert_int_eq(pool_take(pool, 0), -ERANGE);
	ck_assert_int_eq(pool_take(pool, 255), -ERANGE);
	ck_assert_int_eq(pool_take(pool, 256), -ERANGE);
	pool_give(pool, 0); // reserved ones stay so
	ck_assert(!pool_is_taken(pool, 0));
	ck_assert_int_eq(pool_take(pool, 0), -ERANGE);
	pool_free(pool);
}
END_TEST

// A prefix is never live for two (L20), at the bottom: against a plain array.
START_TEST(test_model_L20)
{
	struct config_pool config = shape("2001:db8::/51", 64); // 8192 slots
	struct pool *pool = pool_new(&config);
	static bool taken[8192];
	uint64_t n = 0, slot = 0;

	srandom(20);
	memset(taken, 0, sizeof(taken));
	for (int i = 0; i < 200000; i++) {
		// Waves, so that it is full and empty again and again.
		bool fill = (i / 20000) % 2 == 0;

		if (random() % 10 < (fill ? 7 : 3)) {
			uint64_t start = (uint64_t)random();
			int error = pool_take_next(pool, start, &slot);

			ck_assert_int_eq(error, n == 8192 ? -ENOSPC : 0);
			if (error == 0) {
				uint64_t expect = start % 8192;

				while (taken[expect])
					expect = (expect + 1) % 8192;
				ck_assert_uint_eq(slot, expect);
				taken[slot] = true;
				n++;
			}
		} else {
			slot = (uint64_t)random() % 8192;
			n -= taken[slot];
			pool_give(pool, slot);
			taken[slot] = false;
		}
		ck_assert_uint_eq(pool_taken(pool), n);
	}
	pool_free(pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool");
	TCase *tc = tcase_create("pool");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_loop_test(tc, test_shapes, 0, sizeof(shapes) / sizeof(shapes[0]));
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_exhaustion);
	tcase_add_test(tc, test_take);
	tcase_add_test(tc, test_model_L20);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
