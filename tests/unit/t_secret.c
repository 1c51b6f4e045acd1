// SPDX-License-Identifier: BSD-3-Clause
// Key material is copied, wiped and compared.
#include "secret.h"

#include <check.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_set)
{
	static const struct secret zero;
	uint8_t longest[SECRET_MAX];
	struct secret s = {};

	memset(longest, 0xaa, sizeof(longest));
	secret_set(&s, longest, sizeof(longest));
	ck_assert_uint_eq(s.len, SECRET_MAX);
	ck_assert_mem_eq(s.bytes, longest, sizeof(longest));
	secret_set(&s, "key", 3);
	ck_assert_uint_eq(s.len, 3);
	for (int i = 3; i < SECRET_MAX; i++)
		ck_assert_uint_eq(s.bytes[i], 0); // nothing of the longer one stays
	secret_set(&s, s.bytes + 1, 2); // out of itself
	ck_assert_mem_eq(s.bytes, "ey", 3);
	secret_fini(&s);
	ck_assert_mem_eq(&s, &zero, sizeof(s));
	secret_set(&s, NULL, 0);
	ck_assert_uint_eq(s.len, 0);
}
END_TEST

START_TEST(test_too_long)
{
	uint8_t bytes[SECRET_MAX + 1] = {};
	struct secret s;

	secret_set(&s, bytes, sizeof(bytes)); // aborts
}
END_TEST

START_TEST(test_equal)
{
	uint8_t a[64], b[64];

	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	ck_assert(secret_equal(a, b, sizeof(a)));
	ck_assert(secret_equal(a, b, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		ck_assert(!secret_equal(a, b, sizeof(a)));
		b[i] ^= 0x80;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secret");
	TCase *tcase = tcase_create("secret");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_set);
	if (srunner_fork_status(runner) == CK_FORK)
		tcase_add_test_raise_signal(tcase, test_too_long, SIGABRT);
	tcase_add_test(tcase, test_equal);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
