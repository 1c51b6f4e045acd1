// SPDX-License-Identifier: BSD-3-Clause
// Pools of slots: the arithmetic for every kind of pool, against inet_prefix_nth(); shapes that are
// refused (L18, L20: an address leads to one link).
#include "pools.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

static struct pools *pools;

static void setup(void)
{
	pools = pools_new();
}

static void teardown(void)
{
	pools_free(pools);
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_msg(inet_prefix_parse(text, &p) == 0, "%s", text);
	return p;
}

static int add(uint32_t pool, const char *text, uint32_t slot_len)
{
	struct ipc_pool_add cmd = {.pool = pool, .slot_len = slot_len, .prefix = prefix(text)};

	return pools_add(pools, &cmd);
}

static int set(uint32_t pool, uint64_t slot, sa_ref_t ref)
{
	struct ipc_pool_set cmd = {.pool = pool, .slot = slot, .ref = ref};

	return pools_set(pools, &cmd);
}

static bool lookup(const struct inet_addr *a, sa_ref_t *ref)
{
	return pools_lookup(pools, a->family, fib_key(a), ref);
}

static const struct {
	const char *pool;
	uint8_t slot_len;
	const char *why;
} shapes[] = {
	{"2001:db8:1000::/40", 64, "prefixes of links"},
	{"2001:db8:2000::/64", 92, "28 bits in the lower half"},
	{"2001:db8:3000::/100", 128, "single IPv6 addresses"},
	{"2001:db8:4000::/56", 80, "across both halves"},
	{"2001:db8:5000::/63", 64, "one bit"},
	{"2001:db8:6000::/64", 65, "the first bit of the lower half"},
	{"2001:db8:7000::/48", 48, "one slot"},
	{"2001:db8:8000::1/128", 128, "one address"},
	{"10.66.0.0/16", 32, "single IPv4 addresses"},
	{"10.128.0.0/9", 24, "IPv4 prefixes"},
	{"10.67.0.1/32", 32, "one IPv4 address"},
};

START_TEST(test_shapes)
{
	struct inet_prefix pool = prefix(shapes[_i].pool), slot;
	uint32_t bits = shapes[_i].slot_len - pool.len;
	uint64_t n_slots = UINT64_C(1) << bits;

	ck_assert_msg(add(3, shapes[_i].pool, shapes[_i].slot_len) == 0, "%s", shapes[_i].why);
	for (int k = 0; k < 50; k++) {
		uint64_t n = k == 0 ? 0 : k == 1 ? n_slots - 1 : (uint64_t)random() % n_slots;
		struct inet_addr first, last;
		sa_ref_t ref = 0;

		ck_assert_int_eq(inet_prefix_nth(&pool, shapes[_i].slot_len, n, &slot), 0);
		ck_assert_int_eq(set(3, n, (uint32_t)(n + 1000)), 0);
		inet_prefix_range(&slot, &first, &last);
		ck_assert(lookup(&first, &ref));
		ck_assert_msg(ref == n + 1000, "%s", shapes[_i].why);
		ck_assert(lookup(&last, &ref));
		ck_assert_uint_eq(ref, n + 1000);
		ck_assert_int_eq(set(3, n, 0), 0);
		ck_assert(lookup(&last, &ref));
		ck_assert_uint_eq(ref, 0);
	}
	ck_assert_int_eq(set(3, n_slots, 1), -ERANGE);
	ck_assert_int_eq(set(3, UINT64_MAX, 1), -ERANGE);
}
END_TEST

START_TEST(test_refused)
{
	struct ipc_pool_add no_family = {.slot_len = 64};
	struct ipc_pool_del del = {.pool = 5};

	ck_assert_int_eq(add(IPC_POOLS, "10.0.0.0/8", 32), -EINVAL);
	ck_assert_int_eq(add(0, "10.0.0.0/8", 33), -EINVAL);
	ck_assert_int_eq(add(0, "10.0.0.0/8", 7), -EINVAL);
	ck_assert_int_eq(add(0, "2001:db8::/32", 61), -EINVAL); // 29 bits
	ck_assert_int_eq(add(0, "2001:db8::/32", 129), -EINVAL);
	ck_assert_int_eq(pools_add(pools, &no_family), -EINVAL);
	ck_assert_int_eq(add(0, "10.66.0.0/16", 32), 0);
	ck_assert_int_eq(set(0, 5, 7), 0);
	ck_assert_int_eq(add(0, "10.66.0.0/16", 32), 0); // again: slots stay
	ck_assert_int_eq(add(0, "10.66.0.0/16", 24), -EEXIST);
	ck_assert_int_eq(add(1, "10.66.0.0/16", 32), -EADDRINUSE);
	ck_assert_int_eq(add(1, "10.66.5.0/24", 32), -EADDRINUSE);
	ck_assert_int_eq(add(1, "10.0.0.0/8", 32), -EADDRINUSE);
	ck_assert_int_eq(pools_del(pools, &del), -ENOENT);
	del.pool = IPC_POOLS;
	ck_assert_int_eq(pools_del(pools, &del), -EINVAL);
	ck_assert_int_eq(set(5, 0, 1), -ENOENT);
	ck_assert_int_eq(set(IPC_POOLS, 0, 1), -EINVAL);
}
END_TEST

// Deleted and added again: nothing of the old slots is left.
START_TEST(test_delete)
{
	struct ipc_pool_del del = {.pool = 0};
	struct inet_addr a;
	sa_ref_t ref = 0;

	inet_addr_parse("10.66.0.5", &a);
	ck_assert(!lookup(&a, &ref));
	ck_assert_int_eq(add(0, "10.66.0.0/16", 32), 0);
	ck_assert_int_eq(add(1, "10.67.0.0/16", 32), 0);
	ck_assert_int_eq(set(0, 5, 7), 0);
	ck_assert_int_eq(pools_del(pools, &del), 0);
	ck_assert(!lookup(&a, &ref));
	ck_assert_int_eq(add(0, "10.66.0.0/16", 32), 0);
	ck_assert(lookup(&a, &ref));
	ck_assert_uint_eq(ref, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pools");
	TCase *tc = tcase_create("pools");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_shapes, 0, (int)(sizeof(shapes) / sizeof(shapes[0])));
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_delete);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
