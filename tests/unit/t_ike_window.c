// SPDX-License-Identifier: BSD-3-Clause
// Message id window: RFC 7296 sections 2.1 to 2.3.
#include "ike_window.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

// Each row happens after those above it. What the peer sends; NEW ones are answered at once.
static const struct {
	uint32_t id;
	enum window_verdict verdict;
	const char *why;
} in[] = {
	{1, WINDOW_OUTSIDE, "not before number 0"},
	{0, WINDOW_NEW, "the first"},
	{0, WINDOW_REPEATED, "the first again"},
	{2, WINDOW_OUTSIDE, "one too far"},
	{1, WINDOW_NEW, "the second"},
	{1, WINDOW_REPEATED, "the second again"},
	{0, WINDOW_OUTSIDE, "its answer is forgotten"},
	{UINT32_MAX, WINDOW_OUTSIDE, "far"},
	{2, WINDOW_NEW, "the third"},
};

START_TEST(incoming)
{
	struct ike_window w;
	const struct window_in *answer;

	window_init(&w, 0, 0);
	for (int i = 0; i <= _i; i++) {
		enum window_verdict verdict = window_check(&w, in[i].id, &answer);
		uint8_t bytes[2] = {(uint8_t)in[i].id, 0xaa};

		ck_assert_msg(verdict == in[i].verdict, "row %d: %s", i, in[i].why);
		if (verdict == WINDOW_NEW)
			window_responded(&w, in[i].id, bytes, sizeof(bytes));
		if (verdict == WINDOW_REPEATED) {
			ck_assert_uint_eq(answer->len, 2);
			ck_assert_mem_eq(answer->bytes, bytes, 2);
		}
	}
	window_fini(&w);
}
END_TEST

START_TEST(outgoing)
{
	struct ike_window w;
	struct window_out *place;
	int owner;

	window_init(&w, 7, 0);
	ck_assert_uint_eq(window_next_us(&w), CLOCK_NEVER);
	place = window_place(&w);
	ck_assert_ptr_nonnull(place);
	window_sent(&w, place, "seven", 5, &owner, 1000);
	ck_assert_ptr_null(window_place(&w)); // one at a time
	ck_assert_uint_eq(window_next_us(&w), 1000);
	ck_assert_ptr_null(window_waiting(&w, 6));
	ck_assert_ptr_null(window_waiting(&w, 8));
	ck_assert_ptr_eq(window_waiting(&w, 7), place);
	ck_assert_ptr_eq(place->owner, &owner);
	window_replace(place, "7", 1, 2000);
	ck_assert_uint_eq(place->id, 7);
	ck_assert_uint_eq(place->len, 1);
	window_answered(&w, place);
	ck_assert_ptr_null(window_waiting(&w, 7));
	ck_assert_uint_eq(w.next_out, 8);
	ck_assert_ptr_nonnull(window_place(&w));
	window_fini(&w);
}
END_TEST

// RFC 7296 section 2.2: ids never wrap.
START_TEST(ids_run_out)
{
	const struct window_in *answer;
	struct ike_window w;

	window_init(&w, UINT32_MAX - 1, UINT32_MAX);
	ck_assert_ptr_nonnull(window_place(&w));
	window_sent(&w, window_place(&w), "last", 4, NULL, 1);
	window_answered(&w, window_any(&w));
	ck_assert_ptr_null(window_place(&w));
	ck_assert_int_eq(window_check(&w, UINT32_MAX, &answer), WINDOW_OUTSIDE);
	ck_assert_int_eq(window_check(&w, 0, &answer), WINDOW_OUTSIDE);
	window_fini(&w);
}
END_TEST

START_TEST(intervals)
{
	static const uint64_t expected_s[] = {0, 1, 2, 4, 8, 16, 32, 60, 60, 60};

	ck_assert_uint_eq(window_interval_us((uint32_t)_i), expected_s[_i] * US_PER_S);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ike_window");
	TCase *tc = tcase_create("window");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, incoming, 0, sizeof(in) / sizeof(in[0]));
	tcase_add_test(tc, outgoing);
	tcase_add_test(tc, ids_run_out);
	tcase_add_loop_test(tc, intervals, 0, 10);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
