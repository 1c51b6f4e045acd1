// SPDX-License-Identifier: BSD-3-Clause
// L5: the dataplane's table of groups against a plain array; its limits; filters and scopes.
#include "group.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 3
#define GROUPS 40
#define LINKS 60
#define SELF 1

static struct group_table *table;

static void setup(void)
{
	table = group_table_new(SELF, WORKERS);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	group_table_free(table);
}

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static struct inet_addr group_nth(uint32_t i)
{
	struct inet_addr a = addr(i % 2 ? "ff15::1" : "239.1.0.0");

	memcpy(a.bytes + (i % 2 ? 12 : 2), (uint8_t[]){(uint8_t)(i >> 8), (uint8_t)i}, 2);
	return a;
}

static const struct group *lookup(const struct inet_addr *a)
{
	uint8_t ip[40] = {0};

	memcpy(ip + (a->family == AF_INET ? 16 : 24), a->bytes, a->family == AF_INET ? 4 : 16);
	return group_lookup(table, a->family, ip);
}

static int set(struct inet_addr group, uint64_t link, sa_ref_t ref, uint8_t sources)
{
	struct ipc_group_set cmd = {
		.group = group, .link = link, .ref = ref, .source_n = sources, .include = 1};

	for (uint32_t i = 0; i < sources; i++)
		cmd.source[i] = group.family == AF_INET ? addr("192.0.2.9") : addr("2001:db8::9");
	return group_set(table, &cmd);
}

static int del(struct inet_addr group, uint64_t link)
{
	struct ipc_group_del cmd = {.group = group, .link = link};

	return group_del(table, &cmd);
}

static const struct group_member *member_of(const struct group *group, uint64_t link)
{
	for (uint32_t i = 0; group && i < group->member_n; i++) {
		if (group->member[i].link == link)
			return &group->member[i];
	}
	return NULL;
}

// What the table must hold: ref of each membership, 0: none.
struct model {
	sa_ref_t ref[GROUPS][LINKS];
	uint8_t sources[GROUPS][LINKS];
};

static void compare(const struct model *model)
{
	for (uint32_t g = 0; g < GROUPS; g++) {
		struct inet_addr a = group_nth(g);
		const struct group *group = lookup(&a);
		uint64_t others = 0;
		uint32_t mine = 0;

		for (uint32_t l = 0; l < LINKS; l++) {
			const struct group_member *member = member_of(group, l);
			sa_ref_t ref = model->ref[g][l];
			bool here = ref && spi_worker(ref) == SELF;

			ck_assert_int_eq(member != NULL, here);
			if (here) {
				ck_assert_uint_eq(member->ref, ref);
				ck_assert_uint_eq(member->source_n, model->sources[g][l]);
				mine++;
			} else if (ref) {
				others |= UINT64_C(1) << spi_worker(ref);
			}
		}
		ck_assert_int_eq(group != NULL, mine || others);
		if (group) {
			ck_assert_uint_eq(group->member_n, mine);
			ck_assert_uint_eq(group->others, others);
		}
	}
}

// Joins, changes of filter, of SA and of worker, leaves, in any order.
START_TEST(test_model)
{
	static struct model model;
	uint32_t seed = 12345;

	memset(&model, 0, sizeof(model));
	for (uint32_t step = 0; step < 60000; step++) {
		uint32_t g, l;

		seed = seed * 1664525 + 1013904223;
		g = seed >> 8 & 0xffff;
		l = seed >> 20 & 0xfff;
		g %= GROUPS;
		l %= LINKS;
		if (seed >> 30 == 0) {
			ck_assert_int_eq(del(group_nth(g), l), model.ref[g][l] ? 0 : -ENOENT);
			model.ref[g][l] = 0;
		} else {
			model.ref[g][l] = spi_make(step % WORKERS, 0, l + 1);
			model.sources[g][l] = (uint8_t)(step % 5);
			ck_assert_int_eq(
				set(group_nth(g), l, model.ref[g][l], model.sources[g][l]), 0);
		}
		if (step % 3000 == 0)
			compare(&model);
	}
	compare(&model);
}
END_TEST

// 10,000 members in a group, thousands of groups; then none, and nothing is left.
START_TEST(test_many)
{
	struct inet_addr big = addr("ff1e::99");

	for (uint32_t i = 0; i < 10000; i++)
		ck_assert_int_eq(set(big, i, spi_make(i % 2 ? SELF : 0, 0, i), i % 3), 0);
	for (uint32_t i = 0; i < 8000; i++)
		ck_assert_int_eq(set(group_nth(i), 7, spi_make(SELF, 0, 7), 1), 0);
	ck_assert_uint_eq(lookup(&big)->member_n, 5000);
	ck_assert_uint_eq(lookup(&big)->others, 1);
	for (uint32_t i = 0; i < 8000; i++) {
		struct inet_addr a = group_nth(i);

		ck_assert_ptr_nonnull(member_of(lookup(&a), 7));
		ck_assert_int_eq(del(a, 7), 0);
		ck_assert_ptr_null(lookup(&a));
	}
	for (uint32_t i = 0; i < 10000; i++)
		ck_assert_int_eq(del(big, i * 7 % 10000), 0);
	ck_assert_ptr_null(lookup(&big));
}
END_TEST

static int sweep(uint32_t begin, uint32_t max)
{
	struct ipc_group_sweep cmd = {begin, max};

	return group_sweep(table, &cmd);
}

// Control began anew: what it sets again stays, what it does not know goes, a part at a time.
START_TEST(test_sweep)
{
	uint32_t again = 0;

	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(set(group_nth(i), 7, spi_make(i % WORKERS, 0, 7), 1), 0);
	ck_assert_int_eq(sweep(0, 10000), 0); // nothing is of before
	ck_assert_int_eq(sweep(1, 0), 0);
	for (uint32_t i = 0; i < 1000; i += 3)
		ck_assert_int_eq(set(group_nth(i), 7, spi_make(i % WORKERS, 0, 8), 1), 0);
	for (uint32_t i = 2000; i < 4000; i++) // the table grows
		ck_assert_int_eq(set(group_nth(i), 9, spi_make(SELF, 0, 9), 0), 0);
	while (sweep(0, 10) == -EAGAIN)
		again++;
	ck_assert_uint_ge(again, 60);
	for (uint32_t i = 0; i < 4000; i++) {
		struct inet_addr a = group_nth(i);
		bool stays = i < 1000 ? i % 3 == 0 : i >= 2000;

		ck_assert_int_eq(lookup(&a) != NULL, stays);
		ck_assert_int_eq(del(a, i < 1000 ? 7 : 9), stays ? 0 : -ENOENT);
	}
	ck_assert_int_eq(sweep(2, 1), -EINVAL);
	ck_assert_int_eq(sweep(0, 0), -EINVAL);
}
END_TEST

START_TEST(test_invalid)
{
	static const char *const not_groups[] = {"ff01::1", "ff02::1", "ff11::5", "ff12::5",
		"ff10::5", "2001:db8::1", "224.0.0.22", "192.0.2.1", "255.255.255.255",
		"240.0.0.1"};
	struct ipc_group_set cmd = {.group = addr("ff15::1"), .ref = spi_make(SELF, 0, 1)};
	struct ipc_group_upstream up = {.scope_min = 17};

	for (size_t i = 0; i < sizeof(not_groups) / sizeof(not_groups[0]); i++)
		ck_assert_msg(
			set(addr(not_groups[i]), 1, cmd.ref, 0) == -EINVAL, "%s", not_groups[i]);
	ck_assert_int_eq(set(cmd.group, 1, 0, 0), -EINVAL);
	ck_assert_int_eq(set(cmd.group, 1, spi_make(WORKERS, 0, 1), 0), -EINVAL);
	ck_assert_int_eq(set(cmd.group, 1, 1, 0), -EINVAL); // names no worker
	cmd.include = 2;
	ck_assert_int_eq(group_set(table, &cmd), -EINVAL);
	cmd.include = 1;
	cmd.source_n = IPC_GROUP_SOURCES + 1;
	ck_assert_int_eq(group_set(table, &cmd), -EINVAL);
	cmd.source_n = 1;
	cmd.source[0] = addr("192.0.2.1");
	ck_assert_int_eq(group_set(table, &cmd), -EINVAL);
	cmd.group.family = 77;
	ck_assert_int_eq(group_set(table, &cmd), -EINVAL);
	ck_assert_int_eq(del(cmd.group, 1), -EINVAL);
	ck_assert_int_eq(del(addr("ff15::1"), 1), -ENOENT);
	ck_assert_int_eq(group_upstream(table, &up), -EINVAL);
	up.scope_min = 2; // link-local groups stay on their link, whoever asks
	ck_assert_int_eq(group_upstream(table, &up), -EINVAL);
	ck_assert_uint_eq(group_scope_min(table), GROUP_SCOPE_NONE);
	up.scope_min = 3;
	ck_assert_int_eq(group_upstream(table, &up), 0);
	ck_assert_uint_eq(group_scope_min(table), 3);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("group_table");
	TCase *tc = tcase_create("table");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_sweep);
	tcase_add_test(tc, test_invalid);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
