// SPDX-License-Identifier: BSD-3-Clause
// Units of the configuration file, and the word that was probably meant.
#include "config_impl.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *text;
	int64_t ms; // -1: refused
} durations[] = {
	{"500ms", 500},
	{"90s", 90000},
	{"15m", 900000},
	{"4h", 14400000},
	{"7d", 604800000},
	{"1h30m", 5400000},
	{"1d1h1m1s1ms", 90061001},
	{"0s", 0},
	{"never", 0},
	{"", -1},
	{"4", -1},
	{"h", -1},
	{"-4h", -1},
	{"4 h", -1},
	{"4h ", -1},
	{"4H", -1},
	{"4y", -1},
	{"1.5h", -1},
	{"h4", -1},
	{"99999999999999999999s", -1},
	{"18446744073709551615d", -1},
	{"18446744073709551615ms1ms", -1},
};

START_TEST(test_duration)
{
	uint64_t ms = 77;
	int rc = config_duration_parse(durations[_i].text, &ms);

	ck_assert_msg(rc == (durations[_i].ms < 0 ? -EINVAL : 0), "%s", durations[_i].text);
	if (rc == 0)
		ck_assert_uint_eq(ms, (uint64_t)durations[_i].ms);
}
END_TEST

START_TEST(test_bytes)
{
	uint64_t n;

	ck_assert_int_eq(config_bytes_parse("64G", &n), 0);
	ck_assert_uint_eq(n, UINT64_C(64) << 30);
	ck_assert_int_eq(config_bytes_parse("1K", &n), 0);
	ck_assert_uint_eq(n, 1024);
	ck_assert_int_eq(config_bytes_parse("1T", &n), 0);
	ck_assert_uint_eq(n, UINT64_C(1) << 40);
	ck_assert_int_eq(config_bytes_parse("1M", &n), 0);
	ck_assert_uint_eq(n, 1048576);
	ck_assert_int_eq(config_bytes_parse("64", &n), -EINVAL);
	ck_assert_int_eq(config_bytes_parse("64GB", &n), -EINVAL);
	ck_assert_int_eq(config_bytes_parse("99999999T", &n), -EINVAL);
}
END_TEST

START_TEST(test_nearest)
{
	static const char *const words[] = {"addresses", "device", "mtu", "name", "role"};

	ck_assert_str_eq(config_nearest("adresses", words, 5), "addresses");
	ck_assert_str_eq(config_nearest("mtuu", words, 5), "mtu");
	ck_assert_str_eq(config_nearest("nmae", words, 5), "name");
	ck_assert_str_eq(config_nearest("device", words, 5), "device");
	ck_assert_ptr_null(config_nearest("speed", words, 5));
	ck_assert_ptr_null(config_nearest("x", words, 5));
	ck_assert_ptr_null(config_nearest("name", words, 0));
	ck_assert_ptr_null(config_nearest(
		"a_very_very_very_long_word_that_is_longer_than_any_key_could_be", words, 5));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_text");
	TCase *tcase = tcase_create("config_text");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_duration, 0, sizeof(durations) / sizeof(durations[0]));
	tcase_add_test(tcase, test_bytes);
	tcase_add_test(tcase, test_nearest);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
