// SPDX-License-Identifier: BSD-3-Clause
// Inner packets as control takes them apart and makes them (L22, L26): each field, hop-by-hop
// headers, checksums and every length that lies.
#include "inner.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A multicast listener report behind a hop-by-hop header with a router alert, made by a Linux host:
// fe80::1ff:fe23:4567:890a to ff02::16.
static const uint8_t mld[] = {0x60, 0, 0, 0, 0, 36, 0, 1, //
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x01, 0xff, 0xfe, 0x23, 0x45, 0x67, 0x89, 0x0a, //
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16, //
	58, 0, 5, 2, 0, 0, 1, 0, // next header, length, router alert, PadN
	143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, //
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 7};

static struct inet_addr src, dst;
static uint8_t packet[512];
static size_t packet_len;

// Written apart from the code under test: words of the pseudo header, then of the message.
static uint16_t reference_sum(const uint8_t *ip, uint8_t proto, size_t from, size_t len)
{
	uint32_t sum = (uint32_t)len + proto;

	for (size_t i = 8; i < 40; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(ip[from + i] << 8 | ip[from + i + 1]);
	if (len % 2 == 1)
		sum += (uint32_t)(ip[from + len - 1] << 8);
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum; // 0xffff when the checksum in it is right
}

static void put_sum(size_t at, uint8_t proto, size_t from)
{
	uint16_t sum = 0;

	packet[at] = packet[at + 1] = 0;
	sum = (uint16_t)~reference_sum(packet, proto, from, packet_len - from);
	packet[at] = (uint8_t)(sum >> 8);
	packet[at + 1] = (uint8_t)sum;
}

static void setup(void)
{
	ck_assert_int_eq(inet_addr_parse("fe80::1234", &src), 0);
	ck_assert_int_eq(inet_addr_parse("ff02::1:2", &dst), 0);
	memcpy(packet, mld, sizeof(mld));
	packet_len = sizeof(mld);
	put_sum(50, 58, 48);
}

START_TEST(test_udp)
{
	struct inner_packet p;

	packet_len = inner_write_udp(
		packet, sizeof(packet), &src, 546, &dst, 547, (const uint8_t *)"question", 8);
	ck_assert_uint_eq(packet_len, 56);
	ck_assert_uint_eq(packet[0], 0x60);
	ck_assert_uint_eq(packet[5], 16);
	ck_assert_uint_eq(packet[45], 16);
	ck_assert_uint_eq(reference_sum(packet, 17, 40, 16), 0xffff);
	ck_assert_int_eq(inner_parse(packet, packet_len, &p), 0);
	ck_assert(inet_addr_equal(&p.src, &src));
	ck_assert(inet_addr_equal(&p.dst, &dst));
	ck_assert_uint_eq(p.hop_limit, 64);
	ck_assert_uint_eq(p.proto, INNER_UDP);
	ck_assert(!p.router_alert);
	ck_assert_uint_eq(p.src_port, 546);
	ck_assert_uint_eq(p.dst_port, 547);
	ck_assert_uint_eq(p.payload_len, 8);
	ck_assert_mem_eq(p.payload, "question", 8);
}
END_TEST

// The data lies where it belongs already, or somewhere else in the same memory.
START_TEST(test_in_place)
{
	memcpy(packet + 48, "abcde", 5);
	ck_assert_uint_eq(
		inner_write_udp(packet, sizeof(packet), &src, 546, &dst, 547, packet + 48, 5), 53);
	ck_assert_mem_eq(packet + 48, "abcde", 5);
	ck_assert_uint_eq(reference_sum(packet, 17, 40, 13), 0xffff);
	memcpy(packet + 10, "\x85\0\xff\xff\0\0\0\0", 8);
	ck_assert_uint_eq(
		inner_write_icmp6(packet, sizeof(packet), &src, &dst, 255, packet + 10, 8), 48);
	ck_assert_uint_eq(packet[7], 255);
	ck_assert_uint_eq(packet[40], 0x85);
	ck_assert_uint_eq(reference_sum(packet, 58, 40, 8), 0xffff);
}
END_TEST

// A sum of zero is sent as 0xffff: zero says that there is none.
START_TEST(test_udp_sum_zero)
{
	uint8_t data[2] = {};
	struct inner_packet p;

	for (uint32_t i = 0; i <= 0xffff; i++) {
		data[0] = (uint8_t)(i >> 8);
		data[1] = (uint8_t)i;
		packet_len = inner_write_udp(
			packet, sizeof(packet), &src, 546, &dst, 547, data, sizeof(data));
		ck_assert(packet[46] != 0 || packet[47] != 0);
		ck_assert_int_eq(inner_parse(packet, packet_len, &p), 0);
	}
	packet[46] = packet[47] = 0;
	ck_assert_int_eq(inner_parse(packet, packet_len, &p), -EBADMSG);
}
END_TEST

START_TEST(test_no_room)
{
	uint8_t big[4] = {};

	for (size_t max = 0; max < 52; max++)
		ck_assert_uint_eq(inner_write_udp(packet, max, &src, 1, &dst, 2, big, 4), 0);
	ck_assert_uint_eq(inner_write_udp(packet, 52, &src, 1, &dst, 2, big, 4), 52);
	ck_assert_uint_eq(inner_write_icmp6(packet, 43, &src, &dst, 1, big, 4), 0);
	ck_assert_uint_eq(inner_write_icmp6(packet, 44, &src, &dst, 1, big, 4), 44);
	ck_assert_uint_eq(inner_write_icmp6(packet, sizeof(packet), &src, &dst, 1, big, 3), 0);
	ck_assert_uint_eq(inner_write_udp(packet, SIZE_MAX, &src, 1, &dst, 2, big, 65528), 0);
	ck_assert_uint_eq(inner_write_udp(packet, SIZE_MAX, &src, 1, &dst, 2, big, SIZE_MAX), 0);
	ck_assert_uint_eq(inner_write_icmp6(packet, SIZE_MAX, &src, &dst, 1, big, 65536), 0);
}
END_TEST

START_TEST(test_hop_by_hop)
{
	struct inner_packet p;

	ck_assert_int_eq(inner_parse(packet, packet_len, &p), 0);
	ck_assert_uint_eq(p.proto, INNER_ICMP6);
	ck_assert(p.router_alert);
	ck_assert_uint_eq(p.hop_limit, 1);
	ck_assert_ptr_eq(p.payload, packet + 48);
	ck_assert_uint_eq(p.payload_len, 28);
}
END_TEST

enum {
	NO_SUM = 1,
	WHOLE = 0
};
static const struct {
	const char *why;
	uint8_t at, value, mode;
	int error;
} changes[] = {
	{"as it is", 0, 0x60, WHOLE, 0}, {"flow label and traffic class", 1, 0x55, WHOLE, 0},
	{"version 4", 0, 0x45, WHOLE, -EBADMSG},
	{"payload length too small", 5, 35, WHOLE, -EBADMSG},
	{"payload length too great", 5, 37, WHOLE, -EBADMSG},
	{"source multicast", 8, 0xff, WHOLE, -EBADMSG},
	{"hop-by-hop header beyond the packet", 41, 4, NO_SUM, -EBADMSG},
	{"option beyond its header", 47, 1, WHOLE, -EBADMSG},
	{"router alert of another length", 43, 1, WHOLE, -EBADMSG},
	{"unknown option to be skipped", 42, 0x1e, WHOLE, 0},
	{"unknown option that forbids", 42, 0x5e, WHOLE, -EBADMSG},
	{"a second hop-by-hop header", 40, 0, NO_SUM, 0}, // a protocol that nobody speaks
	{"a fragment header", 40, 44, NO_SUM, 0}, {"TCP", 40, 6, NO_SUM, 0},
	{"ICMPv6 with a wrong sum", 51, 0x77, NO_SUM, -EBADMSG},
	{"UDP", 40, 17, NO_SUM, -EBADMSG}, // neither length nor sum fit
};

START_TEST(test_changes)
{
	struct inner_packet p;

	packet[changes[_i].at] = changes[_i].value;
	if (changes[_i].mode == WHOLE)
		put_sum(50, 58, 48);
	ck_assert_msg(
		inner_parse(packet, packet_len, &p) == changes[_i].error, "%s", changes[_i].why);
	if (changes[_i].error != 0)
		ck_assert_msg(p.payload == NULL && p.proto == 0, "%s", changes[_i].why);
}
END_TEST

START_TEST(test_lengths)
{
	struct inner_packet p;

	for (size_t len = 0; len < packet_len; len++)
		ck_assert_int_eq(inner_parse(packet, len, &p), -EBADMSG);
	// A header alone, no next header: nothing to check.
	packet[5] = 0;
	packet[6] = 59;
	ck_assert_int_eq(inner_parse(packet, 40, &p), 0);
	ck_assert_uint_eq(p.payload_len, 0);
	packet[6] = INNER_ICMP6;
	ck_assert_int_eq(inner_parse(packet, 40, &p), -EBADMSG);
	packet[6] = INNER_UDP;
	ck_assert_int_eq(inner_parse(packet, 40, &p), -EBADMSG);
}
END_TEST

// UDP's own length: shorter and longer than the packet, the sum right.
START_TEST(test_udp_length)
{
	struct inner_packet p;

	for (uint8_t len = 0; len < 20; len++) {
		packet_len = inner_write_udp(
			packet, sizeof(packet), &src, 546, &dst, 547, (const uint8_t *)"1234", 4);
		packet[45] = len;
		put_sum(46, 17, 40);
		ck_assert_int_eq(inner_parse(packet, packet_len, &p), len == 12 ? 0 : -EBADMSG);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inner");
	TCase *tc = tcase_create("inner");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_udp);
	tcase_add_test(tc, test_in_place);
	tcase_add_test(tc, test_udp_sum_zero);
	tcase_add_test(tc, test_no_room);
	tcase_add_test(tc, test_hop_by_hop);
	tcase_add_loop_test(tc, test_changes, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_udp_length);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
