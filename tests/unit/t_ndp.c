// SPDX-License-Identifier: BSD-3-Clause
// What the gateway answers on a link by itself (L26): neighbour solicitations and echo requests for
// its link-local address, each defect of theirs, and silence to everything else. RFC 4861 7.1.1.
#include "ndp.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static const uint8_t client_iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t gateway_iid[8] = {0x00, 9, 8, 7, 6, 5, 4, 3};

static struct link the_link;
static uint8_t packet[256], answer[NDP_ANSWER_MAX];
static size_t packet_len, answer_len;

static void setup(void)
{
	the_link = (struct link){.virtual_link = true, .lease_n = 1};
	memcpy(the_link.client_iid, client_iid, 8);
	memcpy(the_link.gateway_iid, gateway_iid, 8);
	inet_prefix_parse("2001:db8:1000:5::/64", &the_link.prefix[0]);
}

// Written apart from the code under test: 16-bit words of pseudo header and message.
static uint16_t reference_sum(const uint8_t *ip)
{
	uint32_t sum = 0, len = (uint32_t)(ip[4] << 8 | ip[5]);

	for (uint32_t i = 8; i < 40; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum += len + 58;
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(ip[40 + i] << 8 | ip[41 + i]);
	if (len % 2 == 1)
		sum += (uint32_t)(ip[39 + len] << 8);
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum; // 0xffff when the checksum in it is right
}

static void finish(void)
{
	uint16_t sum = 0;

	packet[4] = (uint8_t)((packet_len - 40) >> 8);
	packet[5] = (uint8_t)(packet_len - 40);
	packet[42] = packet[43] = 0;
	sum = (uint16_t)~reference_sum(packet);
	packet[42] = (uint8_t)(sum >> 8);
	packet[43] = (uint8_t)sum;
}

static void set_addr(size_t at, const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	memcpy(packet + at, addr.bytes, 16);
}

static void make(uint8_t type, size_t icmp_len)
{
	struct inet_addr src = inet_addr_link_local(client_iid);
	struct inet_addr dst = inet_addr_link_local(gateway_iid);

	memset(packet, 0, sizeof(packet));
	packet_len = 40 + icmp_len;
	packet[0] = 0x60;
	packet[6] = 58;
	packet[7] = 255;
	memcpy(packet + 8, src.bytes, 16);
	memcpy(packet + 24, dst.bytes, 16);
	packet[40] = type;
	if (type == 135)
		memcpy(packet + 48, dst.bytes, 16);
	finish();
}

static enum ndp_result input(void)
{
	return ndp_input(&the_link, packet, packet_len, answer, &answer_len);
}

static void check_answer(uint8_t type)
{
	struct inet_addr src = inet_addr_link_local(gateway_iid);

	ck_assert_uint_eq(answer[0], 0x60);
	ck_assert_uint_eq((size_t)(answer[4] << 8 | answer[5]) + 40, answer_len);
	ck_assert_uint_eq(answer[6], 58);
	ck_assert(memcmp(answer + 8, src.bytes, 16) == 0);
	ck_assert_uint_eq(answer[40], type);
	ck_assert_uint_eq(reference_sum(answer), 0xffff);
}

START_TEST(test_solicitation_L26)
{
	struct inet_addr gateway = inet_addr_link_local(gateway_iid);

	make(135, 24);
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer_len, 64);
	ck_assert_uint_eq(answer[7], 255);
	ck_assert(memcmp(answer + 24, packet + 8, 16) == 0);
	ck_assert_uint_eq(answer[44], 0xe0); // router, solicited, override
	ck_assert(memcmp(answer + 48, gateway.bytes, 16) == 0);
	// From a global address of the link, to the solicited-node group, with an unknown option.
	make(135, 32);
	set_addr(8, "2001:db8:1000:5::77");
	set_addr(24, "ff02::1:ff05:403");
	memcpy(packet + 37, gateway_iid + 5, 3);
	packet[64] = 99;
	packet[65] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	// The client tries our address for itself: it hears that it is taken.
	make(135, 24);
	set_addr(8, "::");
	set_addr(24, "ff02::1:ff00:0");
	memcpy(packet + 37, gateway_iid + 5, 3);
	finish();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer[44], 0xa0); // not solicited
	ck_assert_uint_eq(answer[24], 0xff);
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
	ck_assert(memcmp(answer + 44, packet + 44, 27) == 0);
	set_addr(24, "ff02::1");
	finish();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	make(128, 7);
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(128, 16);
	set_addr(8, "2001:db8:1000:6::1");
	finish();
	ck_assert_int_eq(input(), NDP_BAD_SOURCE);
}
END_TEST

enum {
	AT_END = 255
};
static const struct {
	const char *why;
	uint8_t icmp_len, at, value;
	bool sum; // make the checksum right again
	enum ndp_result result;
} defects[] = {
	{"hop limit 254", 24, 7, 254, true, NDP_BAD_HOP_LIMIT},
	{"wrong checksum", 24, 45, 1, false, NDP_MALFORMED},
	{"code 1", 24, 41, 1, true, NDP_MALFORMED},
	{"target multicast", 24, 48, 0xff, true, NDP_MALFORMED},
	{"target somebody else", 24, 63, 0x77, true, NDP_NOT_FOR_US},
	{"source somebody else's", 24, 23, 0x77, true, NDP_BAD_SOURCE},
	{"destination somebody else", 24, 39, 0x77, true, NDP_NOT_FOR_US},
	{"too short", 20, AT_END, 0, true, NDP_MALFORMED},
	{"option of length zero", 32, AT_END, 0, true, NDP_MALFORMED},
	{"option longer than the packet", 32, 65, 2, true, NDP_MALFORMED},
	{"half an option", 25, AT_END, 0, true, NDP_MALFORMED},
	{"IPv4", 24, 0, 0x45, true, NDP_MALFORMED},
	{"no ICMPv6", 24, 6, 17, true, NDP_NOT_FOR_US},
	{"router solicitation", 24, 40, 133, true, NDP_NOT_FOR_US},
	{"neighbour advertisement", 24, 40, 136, true, NDP_NOT_FOR_US},
	{"redirect", 24, 40, 137, true, NDP_NOT_FOR_US},
};

START_TEST(test_defects)
{
	make(135, defects[_i].icmp_len);
	if (defects[_i].at != AT_END)
		packet[defects[_i].at] = defects[_i].value;
	if (defects[_i].sum)
		finish();
	ck_assert_msg(input() == defects[_i].result, "%s", defects[_i].why);
	ck_assert_uint_eq(answer_len, 0);
}
END_TEST

START_TEST(test_lengths)
{
	make(135, 24);
	for (size_t len = 0; len < packet_len; len++)
		ck_assert_int_eq(
			ndp_input(&the_link, packet, len, answer, &answer_len), NDP_MALFORMED);
	ck_assert_int_eq(
		ndp_input(&the_link, packet, packet_len + 1, answer, &answer_len), NDP_MALFORMED);
}
END_TEST

// DAD with a link-layer address, or sent to one node.
START_TEST(test_unspecified_source)
{
	make(135, 32);
	set_addr(8, "::");
	set_addr(24, "ff02::1:ff00:0");
	memcpy(packet + 37, gateway_iid + 5, 3);
	packet[64] = 1;
	packet[65] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(135, 24);
	set_addr(8, "::");
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
}
END_TEST

START_TEST(test_no_virtual_link)
{
	make(135, 24);
	the_link.virtual_link = false;
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ndp");
	TCase *tc = tcase_create("ndp");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_solicitation_L26);
	tcase_add_test(tc, test_echo);
	tcase_add_loop_test(tc, test_defects, 0, sizeof(defects) / sizeof(defects[0]));
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_unspecified_source);
	tcase_add_test(tc, test_no_virtual_link);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
