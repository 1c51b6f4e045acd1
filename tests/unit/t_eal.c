// SPDX-License-Identifier: BSD-3-Clause
// The name by which DPDK's own tools find an instance.
#include "eal.h"

#include <check.h>

#include <stdlib.h>

static const struct {
	const char *dir, *prefix;
} rows[] = {
	{"/run/caponier", "caponier"},
	{"/run/caponier-testbed", "caponier-testbed"},
	{"/var/run/caponier/", "caponier"},
	{"/tmp/x", "caponier-tmp-x"},
	{"/tmp/x/y/", "caponier-tmp-x-y"},
	{"relative", "caponier-relative"},
	{"/run/other", "caponier-other"},
	{"/", "caponier"},
};

START_TEST(test_prefix)
{
	char prefix[64];

	eal_prefix(rows[_i].dir, prefix, sizeof(prefix));
	ck_assert_str_eq(prefix, rows[_i].prefix);
}
END_TEST

START_TEST(test_long)
{
	char dir[1000] = "/run/", prefix[64];

	memset(dir + 5, 'a', sizeof(dir) - 6);
	eal_prefix(dir, prefix, sizeof(prefix));
	ck_assert_uint_eq(strlen(prefix), 63);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("eal");
	TCase *tc = tcase_create("eal");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_prefix, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, test_long);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
