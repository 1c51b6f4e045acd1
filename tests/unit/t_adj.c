// SPDX-License-Identifier: BSD-3-Clause
// Adjacencies: found by address after any history of sets and clears.
#include "adj.h"

#include <check.h>

#include <stdlib.h>

static struct adj_table *t;

static void setup(void)
{
	t = adj_table_new();
}

static void teardown(void)
{
	adj_table_free(t);
}

static struct adj neighbour(uint32_t i)
{
	struct adj adj = {.port = (uint16_t)(i % 3), .addr.family = i % 2 ? AF_INET : AF_INET6};

	adj.addr.bytes[0] = (uint8_t)(i >> 8);
	adj.addr.bytes[1] = (uint8_t)i;
	adj.header[0] = (uint8_t)i;
	return adj;
}

START_TEST(test_find)
{
	struct adj a = neighbour(7), same_other_port = a, other_family = a;

	same_other_port.port++;
	other_family.addr.family = AF_INET6;
	ck_assert_uint_eq(adj_find(t, a.port, a.addr.family, a.addr.bytes), ADJ_NONE);
	adj_set(t, 5, &a);
	ck_assert_uint_eq(adj_find(t, a.port, a.addr.family, a.addr.bytes), 5);
	ck_assert_uint_eq(adj_find(t, same_other_port.port, AF_INET, a.addr.bytes), ADJ_NONE);
	ck_assert_uint_eq(adj_find(t, a.port, AF_INET6, other_family.addr.bytes), ADJ_NONE);
	a.header[0] = 99;
	adj_set(t, 5, &a); // another Ethernet address
	ck_assert_uint_eq(adj_use(t, 5)->header[0], 99);
	adj_clear(t, 5);
	ck_assert_ptr_null(adj_use(t, 5));
	ck_assert_uint_eq(adj_find(t, a.port, a.addr.family, a.addr.bytes), ADJ_NONE);
	ck_assert_ptr_null(adj_use(t, ADJ_NONE));
	ck_assert_ptr_null(adj_use(t, ADJ_MAX));
	adj_set(t, ADJ_MAX, &a);
	adj_clear(t, ADJ_MAX);
}
END_TEST

START_TEST(test_used)
{
	struct adj a = neighbour(1);

	adj_set(t, 3, &a);
	ck_assert(!adj_was_used(t, 3));
	adj_use(t, 3);
	adj_use(t, 3);
	ck_assert(adj_was_used(t, 3));
	ck_assert(!adj_was_used(t, 3));
	adj_use(t, 3);
	adj_clear(t, 3);
	adj_set(t, 3, &a);
	ck_assert(!adj_was_used(t, 3)); // a new neighbour begins unused
}
END_TEST

START_TEST(test_model)
{
	static uint32_t has[ADJ_MAX]; // neighbour + 1 in this index
	static uint32_t index_of[20000]; // index + 1 of the neighbour

	srandom(2);
	for (int round = 0; round < 200000; round++) {
		uint32_t i = (uint32_t)random() % ADJ_MAX, n = (uint32_t)random() % 20000;
		struct adj a = neighbour(n);
		uint32_t expected;

		if (random() % 3 == 0) {
			adj_clear(t, i);
			if (has[i])
				index_of[has[i] - 1] = 0;
			has[i] = 0;
		} else if (!index_of[n]) {
			adj_set(t, i, &a);
			if (has[i])
				index_of[has[i] - 1] = 0;
			has[i] = n + 1;
			index_of[n] = i + 1;
		}
		n = (uint32_t)random() % 20000;
		a = neighbour(n);
		expected = index_of[n] ? index_of[n] - 1 : ADJ_NONE;
		ck_assert_uint_eq(adj_find(t, a.port, a.addr.family, a.addr.bytes), expected);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("adj");
	TCase *tc = tcase_create("adj");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_find);
	tcase_add_test(tc, test_used);
	tcase_add_test(tc, test_model);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
