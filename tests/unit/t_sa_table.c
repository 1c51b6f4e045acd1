// SPDX-License-Identifier: BSD-3-Clause
// What control knows of SAs: counters that go on through rekeys and children, the order of a link's
// outbound SAs, orphans.
#include "sa_table.h"

#include <check.h>

#include <stdlib.h>

#define LINK 77

static struct sa_table *table;

static void setup(void)
{
	static const uint64_t secret[2] = {1, 2};

	table = sa_table_new(secret);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	sa_table_free(table);
}

static struct sa *add(enum ipc_direction direction, uint32_t spi, sa_ref_t ref, uint64_t child)
{
	struct ipc_sa_info info = {
		.direction = (uint32_t)direction, .spi = spi, .ref = ref, .child = child};
	struct sa *sa = sa_table_add(table, LINK, &info, 100);

	ck_assert_ptr_nonnull(sa);
	return sa;
}

static void count(struct sa *sa, uint64_t pkts, uint64_t idle_us)
{
	struct ipc_sa_info info = sa->info;

	info.pkts = pkts;
	info.bytes = pkts * 100;
	info.seq = pkts;
	info.idle_us = idle_us;
	sa_table_update(sa, &info);
}

// Counters lost at a rekey are what operators complain of.
START_TEST(test_counters_survive_rekey)
{
	struct control_counters c;
	struct sa *in = add(IPC_DIR_IN, 0x04000001, 0, 5);
	struct sa *out = add(IPC_DIR_OUT, 0x11111111, 0x04000000, 5);
	struct sa *in2 = NULL;

	ck_assert(sa_child_counters(table, 5, &c));
	ck_assert_uint_eq(c.in.idle_us, UINT64_MAX);
	count(in, 10, 50);
	count(out, 20, 60);
	in2 = add(IPC_DIR_IN, 0x04000002, 0, 5);
	ck_assert_ptr_eq(add(IPC_DIR_OUT, 0x22222222, 0x04000000, 5), out); // in place
	count(in2, 1, 7);
	ck_assert(sa_child_counters(table, 5, &c));
	ck_assert_uint_eq(c.in.pkts, 11);
	ck_assert_uint_eq(c.out.pkts, 20);
	ck_assert_uint_eq(c.in.idle_us, 7);
	count(in, 12, 50); // late ones, told by the answer to its delete
	sa_table_dying(table, in);
	ck_assert_ptr_null(sa_find(table, IPC_DIR_IN, 0x04000001));
	ck_assert(sa_child_counters(table, 5, &c));
	ck_assert_uint_eq(c.in.pkts, 13);
	sa_table_remove(table, in);
	ck_assert(sa_child_counters(table, 5, &c));
	ck_assert_uint_eq(c.in.pkts, 13);
	ck_assert_uint_eq(c.in.bytes, 1300);
	ck_assert_uint_eq(c.in.seq, 1); // of the one in use
}
END_TEST

START_TEST(test_group_counters)
{
	struct control_counters c;
	struct sa *a = add(IPC_DIR_IN, 0x04000001, 0, 5);
	struct sa *b = add(IPC_DIR_IN, 0x04000002, 0, 6);

	count(a, 10, 5);
	count(b, 100, 6);
	sa_group_keep(table, LINK, true);
	sa_table_remove(table, a);
	ck_assert(!sa_child_counters(table, 5, &c));
	sa_group_counters(sa_group_find(table, LINK), &c);
	ck_assert_uint_eq(c.in.pkts, 110);
	ck_assert_uint_eq(c.in.idle_us, 6);
	sa_table_remove(table, b);
	sa_group_counters(sa_group_find(table, LINK), &c);
	ck_assert_uint_eq(c.in.pkts, 110);
	ck_assert_uint_eq(c.in.idle_us, UINT64_MAX);
	sa_group_keep(table, LINK, false);
	ck_assert_ptr_null(sa_group_find(table, LINK));
}
END_TEST

START_TEST(test_group_goes_with_last)
{
	struct sa *a = add(IPC_DIR_IN, 0x04000001, 0, 5);

	sa_group_keep(table, LINK, true);
	sa_group_keep(table, LINK, false);
	ck_assert_ptr_nonnull(sa_group_find(table, LINK));
	sa_table_dying(table, a);
	ck_assert_ptr_nonnull(sa_group_find(table, LINK)); // until the answer
	sa_table_remove(table, a);
	ck_assert_ptr_null(sa_group_find(table, LINK));
	ck_assert_uint_eq(sa_table_count(table), 0);
}
END_TEST

START_TEST(test_order)
{
	struct sa *a = add(IPC_DIR_OUT, 1000, 0x04000001, 5);
	struct sa *b = add(IPC_DIR_OUT, 1001, 0x04000002, 6);
	struct sa *c = add(IPC_DIR_OUT, 1002, 0x08000003, 7);
	struct sa_group *group = a->group;

	sa_group_ref_add(group, 0x04000001);
	sa_group_ref_add(group, 0x04000002);
	b->next = sa_group_next_of(group, 0x04000002);
	sa_group_ref_add(group, 0x08000003);
	c->next = sa_group_next_of(group, 0x08000003);
	sa_group_ref_add(group, 0x04000002); // a rekey changes nothing
	ck_assert_uint_eq(group->ref_n, 3);
	ck_assert_uint_eq(group->ref[0], 0x08000003);
	ck_assert_uint_eq(b->next, 0x04000001);
	ck_assert_uint_eq(c->next, 0x04000002);
	ck_assert_uint_eq(sa_group_next_of(group, 0x04000001), 0);
	ck_assert_ptr_eq(sa_group_namer(group, 0x04000002), c);
	ck_assert_ptr_eq(sa_group_namer(group, 0x04000001), b);
	ck_assert_ptr_null(sa_group_namer(group, 0x08000003));
	sa_table_dying(table, b);
	ck_assert_uint_eq(group->ref_n, 2);
	ck_assert_uint_eq(group->ref[1], 0x04000001);
	ck_assert_uint_eq(sa_group_next_of(group, 0x08000003), 0x04000001);
	sa_table_remove(table, b);
	// More than there is room for: the oldest are not tried.
	for (sa_ref_t i = 0; i < 40; i++)
		sa_group_ref_add(group, 0x04001000 + i);
	ck_assert_uint_eq(group->ref_n, SA_GROUP_REFS);
	ck_assert_uint_eq(group->ref[0], 0x04001000 + 39);
}
END_TEST

static bool end_orphan(void *arg, struct sa *sa)
{
	(void)arg;
	if (sa->orphan)
		sa_table_remove(table, sa);
	return true;
}

START_TEST(test_orphans)
{
	struct ipc_sa_info info = {
		.direction = IPC_DIR_IN, .spi = 0x04000009, .cookie = LINK, .pkts = 5};

	add(IPC_DIR_IN, 0x04000001, 0, 5);
	ck_assert_ptr_nonnull(sa_table_add_orphan(table, &info, 100));
	ck_assert_ptr_null(sa_table_add_orphan(table, &info, 100)); // known already
	ck_assert_uint_eq(sa_group_find(table, LINK)->orphan_n, 1);
	info = (struct ipc_sa_info){.direction = IPC_DIR_OUT, .spi = 9999, .ref = 0x04000007};
	ck_assert_ptr_nonnull(sa_table_add_orphan(table, &info, 100)); // nobody's
	ck_assert_uint_eq(sa_table_count(table), 3);
	sa_table_each(table, end_orphan, NULL);
	ck_assert_uint_eq(sa_table_count(table), 1);
	ck_assert_uint_eq(sa_group_find(table, LINK)->orphan_n, 0);
	ck_assert_uint_eq(sa_group_find(table, LINK)->retired.in.pkts, 5);
}
END_TEST

// Freed with everything in every state: the sanitizer looks.
START_TEST(test_free)
{
	struct ipc_sa_info info = {.direction = IPC_DIR_IN, .spi = 0x04000009, .child = 3};

	add(IPC_DIR_OUT, 1000, 0x04000001, 5);
	sa_table_dying(table, add(IPC_DIR_IN, 0x04000001, 0, 5));
	ck_assert_ptr_nonnull(sa_table_add(table, 0, &info, 1)); // no group
	info.spi++;
	sa_table_dying(table, sa_table_add(table, 0, &info, 1));
	sa_group_keep(table, 5, true);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sa_table");
	TCase *tc = tcase_create("sa_table");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_counters_survive_rekey);
	tcase_add_test(tc, test_group_counters);
	tcase_add_test(tc, test_group_goes_with_last);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_orphans);
	tcase_add_test(tc, test_free);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
