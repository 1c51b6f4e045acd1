// SPDX-License-Identifier: BSD-3-Clause
// Each drop reason has a name of its own, fit for the CLI, and a text.
#include "drop.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

START_TEST(test_names)
{
	for (uint32_t i = 0; i < DROP_COUNT; i++) {
		const char *name = drop_name(i);

		ck_assert_uint_gt(strlen(name), 2);
		ck_assert_uint_eq(
			strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
		ck_assert_uint_gt(strlen(drop_text(i)), 5);
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(name, drop_name(k));
	}
	ck_assert_str_eq(drop_name(DROP_ESP_REPLAY), "esp-replay");
	ck_assert_str_eq(drop_name(DROP_COUNT), "?");
	ck_assert_str_eq(drop_name(UINT32_MAX), "?");
	ck_assert_str_eq(drop_text(DROP_COUNT), "?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drop");
	TCase *tcase = tcase_create("drop");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_names);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
