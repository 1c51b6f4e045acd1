// SPDX-License-Identifier: BSD-3-Clause
// Duplicate address detection in shared prefixes (P3, P4), and none elsewhere (L4). RFC 4862 section
// 5.4.
#include "t_ndp.h"

#include <stdio.h>

// P3, P4: the first one who asks has it and hears nothing; another one hears that it is taken.
START_TEST(test_duplicate_address_detection_P3_P4)
{
	const struct link *a = begin(PROFILE_P3, "a@example.org", false);
	const struct link *b = begin(PROFILE_P4, "b@example.org", true);
	struct inet_addr target = profile_addr("2001:db8:3000::77");

	use(a);
	make_dad("2001:db8:3000::77");
	ck_assert_int_eq(input(), NDP_CLAIMED);
	ck_assert_uint_eq(answer_len, 0);
	ck_assert_int_eq(input(), NDP_CLAIMED); // its interface went down and up
	ck_assert_uint_eq(answer_len, 0);
	ck_assert_ptr_eq(link_claimed_by(ptable, &target), a);
	use(b);
	make_dad("2001:db8:3000::77");
	ck_assert_int_eq(input(), NDP_TAKEN);
	check_answer(136);
	check_to("ff02::1");
	ck_assert_uint_eq(answer[7], 255);
	ck_assert_uint_eq(answer[44], 0x20); // override; neither router nor solicited
	ck_assert_mem_eq(answer + 48, target.bytes, 16);
	ck_assert_ptr_eq(link_claimed_by(ptable, &target), a);
	// Nobody's to have: the subnet-router anycast address.
	make_dad("2001:db8:3000::");
	ck_assert_int_eq(input(), NDP_TAKEN);
	ck_assert_uint_gt(answer_len, 0);
	// Nothing of ours.
	make_dad("2001:db8:9999::77");
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	ck_assert_uint_eq(answer_len, 0);
	// A question about a neighbour is no claim.
	make(135, 24);
	set_addr(48, "2001:db8:3000::78");
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	make_dad("2001:db8:3000::78");
	set_addr(24, "ff02::1:ff00:79"); // the group of another one
	finish();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	ck_assert_uint_eq(b->extra_n, 0);
}
END_TEST

// A client that claims in a loop: refused, and told so, from its limit on.
START_TEST(test_claim_in_a_loop)
{
	char text[64];

	use(begin(PROFILE_P4, "b@example.org", false));
	for (int i = 1; i <= 1000; i++) {
		snprintf(text, sizeof(text), "2001:db8:3000::2:%x", i);
		make_dad(text);
		ck_assert_int_eq(input(), i <= 16 ? NDP_CLAIMED : NDP_OVER_LIMIT);
		ck_assert((answer_len > 0) == (i > 16));
	}
	check_answer(136);
	ck_assert_uint_eq(the_link->extra_n, 16);
}
END_TEST

// Where whole prefixes are given, or IKEv2 gives the addresses, detection has nothing to find (L4).
START_TEST(test_no_detection_L4)
{
	static const int profiles[] = {PROFILE_P1, PROFILE_P2, PROFILE_P5, PROFILE_P6};

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		use(begin(profiles[i], "b@example.org", false));
		make_dad("2001:db8:3000::77");
		ck_assert_int_eq(input(), NDP_NOT_FOR_US);
		ck_assert_uint_eq(answer_len, 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ndp_dad");
	TCase *tc = tcase_create("ndp_dad");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, profile_teardown);
	tcase_add_test(tc, test_duplicate_address_detection_P3_P4);
	tcase_add_test(tc, test_claim_in_a_loop);
	tcase_add_test(tc, test_no_detection_L4);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
