// SPDX-License-Identifier: BSD-3-Clause
// What the gateway answers on a link by itself: neighbour solicitations and echo requests for its
// link-local address (L26); each defect of theirs, and silence to everything else (L3). RFC 4861
// section 7.1.1. Routers are t_ndp_router.c's, duplicate addresses t_ndp_dad.c's.
#include "t_ndp.h"

START_TEST(test_solicitation_L26)
{
	make(135, 24);
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer_len, 64);
	ck_assert_uint_eq(answer[7], 255);
	ck_assert_mem_eq(answer + 24, packet + 8, 16);
	ck_assert_uint_eq(answer[44], 0xe0); // router, solicited, override
	ck_assert_mem_eq(answer + 48, gateway.bytes, 16);
	// From a global address of the link, to the solicited-node group, with an unknown option.
	make(135, 32);
	memcpy(packet + 8, the_link->prefix[0].addr.bytes, 16);
	packet[23] = 0x77;
	packet[64] = 99;
	packet[65] = 1;
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	// The client tries our address for itself: it hears that it is taken.
	make_dad(NULL);
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer[44], 0xa0); // not solicited
	check_to("ff02::1");
}
END_TEST

START_TEST(test_echo)
{
	make(128, 31);
	memcpy(packet + 44, "\x12\x34\x00\x07 some odd payload", 21);
	packet[7] = 64;
	finish();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(129);
	ck_assert_uint_eq(answer_len, packet_len);
	ck_assert_mem_eq(answer + 44, packet + 44, 27);
	set_addr(24, "ff02::1");
	finish();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	make(128, 7);
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(128, 16);
	set_addr(8, "2001:db8:1fff:6::1");
	finish();
	ck_assert_int_eq(input(), NDP_BAD_SOURCE);
}
END_TEST

enum {
	AT_END = 255
};
static const struct {
	const char *why;
	uint8_t type, icmp_len, at, value;
	bool sum; // make the checksum right again
	enum ndp_result result;
} defects[] = {
	{"NS: hop limit 254", 135, 24, 7, 254, true, NDP_BAD_HOP_LIMIT},
	{"NS: wrong checksum", 135, 24, 45, 1, false, NDP_MALFORMED},
	{"NS: code 1", 135, 24, 41, 1, true, NDP_MALFORMED},
	{"NS: target multicast", 135, 24, 48, 0xff, true, NDP_MALFORMED},
	{"NS: target somebody else", 135, 24, 63, 0x77, true, NDP_NOT_FOR_US},
	{"NS: source somebody else's", 135, 24, 23, 0x77, true, NDP_BAD_SOURCE},
	{"NS: destination somebody else", 135, 24, 39, 0x77, true, NDP_NOT_FOR_US},
	{"NS: too short", 135, 20, AT_END, 0, true, NDP_MALFORMED},
	{"NS: option of length zero", 135, 32, AT_END, 0, true, NDP_MALFORMED},
	{"NS: option beyond the end", 135, 32, 65, 2, true, NDP_MALFORMED},
	{"NS: half an option", 135, 25, AT_END, 0, true, NDP_MALFORMED},
	{"IPv4", 135, 24, 0, 0x45, true, NDP_MALFORMED},
	{"another protocol", 135, 24, 6, 59, true, NDP_NOT_FOR_US},
	{"RS: hop limit 254", 133, 8, 7, 254, true, NDP_BAD_HOP_LIMIT},
	{"RS: wrong checksum", 133, 8, 44, 1, false, NDP_MALFORMED},
	{"RS: code 1", 133, 8, 41, 1, true, NDP_MALFORMED},
	{"RS: too short", 133, 7, AT_END, 0, true, NDP_MALFORMED},
	{"RS: option of length zero", 133, 16, AT_END, 0, true, NDP_MALFORMED},
	{"RS: option beyond the end", 133, 16, 49, 2, true, NDP_MALFORMED},
	{"RS: source somebody else's", 133, 8, 23, 0x77, true, NDP_BAD_SOURCE},
	{"RS: destination somebody else", 133, 8, 39, 0x77, true, NDP_NOT_FOR_US},
	{"RA from a client", 134, 16, AT_END, 0, true, NDP_UNWANTED},
	{"NA from a client", 136, 24, AT_END, 0, true, NDP_UNWANTED},
	{"redirect from a client", 137, 40, AT_END, 0, true, NDP_UNWANTED},
	{"redirect from beyond the link", 137, 40, 7, 64, true, NDP_BAD_HOP_LIMIT},
	{"MLD report", 143, 28, AT_END, 0, true, NDP_NOT_FOR_US},
};

// On a link with RA and DAD, so that whatever can be answered would be.
START_TEST(test_defects)
{
	use(begin(PROFILE_P4, "b@example.org", false));
	make(defects[_i].type, defects[_i].icmp_len);
	if (defects[_i].at != AT_END)
		packet[defects[_i].at] = defects[_i].value;
	if (defects[_i].sum)
		finish();
	ck_assert_msg(input() == defects[_i].result, "%s", defects[_i].why);
	ck_assert_msg(answer_len == 0, "%s", defects[_i].why);
}
END_TEST

START_TEST(test_lengths)
{
	make(135, 24);
	for (size_t len = 0; len < 64; len++) {
		packet_len = len;
		ck_assert_int_eq(input(), NDP_MALFORMED);
	}
	packet_len = 65;
	ck_assert_int_eq(input(), NDP_MALFORMED);
}
END_TEST

// From the unspecified address: with a link-layer address, or to one node.
START_TEST(test_unspecified_source)
{
	make(135, 32);
	set_addr(8, "::");
	packet[64] = 1;
	packet[65] = 1;
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(135, 24);
	set_addr(8, "::");
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	use(begin(PROFILE_P2, "b@example.org", false));
	make(133, 16);
	set_addr(8, "::");
	packet[48] = packet[49] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
}
END_TEST

START_TEST(test_no_virtual_link)
{
	struct link plain = *the_link;

	make(135, 24);
	plain.virtual_link = false;
	the_link = &plain;
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ndp");
	TCase *tc = tcase_create("ndp");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, profile_teardown);
	tcase_add_test(tc, test_solicitation_L26);
	tcase_add_test(tc, test_echo);
	tcase_add_loop_test(tc, test_defects, 0, (int)(sizeof(defects) / sizeof(defects[0])));
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_unspecified_source);
	tcase_add_test(tc, test_no_virtual_link);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
