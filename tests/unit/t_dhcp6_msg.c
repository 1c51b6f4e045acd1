// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 messages (L11, L22): read from bytes written by hand after RFC 8415 section 21, written and
// read again, and every way in which a length can lie.
#include "dhcp6_msg.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A Reply with an IA_PD of one prefix, an IA_NA that says NoAddrsAvail, DNS, domains, SNTP.
static const uint8_t reply[] = {7, 0x12, 0x34, 0x56, //
	0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1, // client DUID-LL
	0, 2, 0, 6, 0, 4, 1, 2, 3, 4, // server DUID
	0, 25, 0, 41, 0, 0, 0, 7, 0, 0, 0x0e, 0x10, 0, 0, 0x15, 0x18, // IAID 7, T1 3600, T2 5400
	0, 26, 0, 25, 0, 0, 0x1c, 0x20, 0xff, 0xff, 0xff, 0xff,
	56, // preferred 7200, valid infinite
	0x20, 1, 0xd, 0xb8, 0x50, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, // host bits: ignored
	0, 3, 0, 18, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 2, // NoAddrsAvail
	0, 14, 0, 0, // rapid commit
	0, 7, 0, 1, 255, // preference
	0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0xaa, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, //
	0, 24, 0, 21, 4, 'c', 'o', 'r', 'p', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r', 'g',
	0, 1, 'b', 0, //
	0, 31, 0, 16, 0x20, 1, 0xd, 0xb8, 0xaa, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x23, //
	0, 32, 0, 4, 0, 1, 0x51, 0x80, //
	0, 82, 0, 4, 0, 0, 0, 0x3c, //
	0, 13, 0, 4, 0, 0, 'o', 'k', // Success
	0x12, 0x34, 0, 3, 1, 2, 3}; // an option that nobody knows

static uint8_t bytes[2048];
static size_t bytes_len;

static void setup(void)
{
	memcpy(bytes, reply, sizeof(reply));
	bytes_len = sizeof(reply);
}

static void check_addr(const struct inet_addr *addr, const char *text)
{
	struct inet_addr expected;

	ck_assert_int_eq(inet_addr_parse(text, &expected), 0);
	ck_assert(inet_addr_equal(addr, &expected));
}

static void check_reply(const struct dhcp6_msg *m)
{
	char text[INET_PREFIX_STRLEN];

	ck_assert_uint_eq(m->type, DHCP6_REPLY);
	ck_assert_uint_eq(m->xid, 0x123456);
	ck_assert_uint_eq(m->client.len, 10);
	ck_assert_uint_eq(m->server.len, 6);
	ck_assert_mem_eq(m->server.data, "\0\4\1\2\3\4", 6);
	ck_assert_uint_eq(m->ia_n, 2);
	ck_assert(m->ia[0].pd && !m->ia[1].pd);
	ck_assert_uint_eq(m->ia[0].iaid, 7);
	ck_assert_uint_eq(m->ia[0].t1_s, 3600);
	ck_assert_uint_eq(m->ia[0].t2_s, 5400);
	ck_assert_uint_eq(m->ia[0].item_n, 1);
	ck_assert_uint_eq(m->ia[0].item[0].preferred_s, 7200);
	ck_assert_uint_eq(m->ia[0].item[0].valid_s, DHCP6_INFINITY);
	ck_assert_str_eq(
		inet_prefix_format(&m->ia[0].item[0].prefix, text), "2001:db8:5000:100::/56");
	ck_assert_uint_eq(m->ia[1].iaid, 9);
	ck_assert_uint_eq(m->ia[1].status, DHCP6_STATUS_NO_ADDRS_AVAIL);
	ck_assert_uint_eq(m->ia[1].item_n, 0);
	ck_assert(m->rapid_commit);
	ck_assert_uint_eq(m->preference, 255);
	ck_assert_uint_eq(m->dns_n, 1);
	check_addr(&m->dns[0], "2001:db8:aaaa::53");
	ck_assert_uint_eq(m->sntp_n, 1);
	check_addr(&m->sntp[0], "2001:db8:aaaa::123");
	ck_assert_uint_eq(m->domain_n, 2);
	ck_assert_str_eq(m->domain[0], "corp.example.org");
	ck_assert_str_eq(m->domain[1], "b");
	ck_assert(m->has_refresh);
	ck_assert_uint_eq(m->refresh_s, 86400);
	ck_assert_uint_eq(m->sol_max_rt_s, 60);
	ck_assert(m->has_status);
	ck_assert_uint_eq(m->status, DHCP6_STATUS_SUCCESS);
}

START_TEST(test_read)
{
	struct dhcp6_msg m;

	ck_assert_int_eq(dhcp6_msg_read(bytes, bytes_len, &m), 0);
	check_reply(&m);
	ck_assert_uint_eq(m.excess_n, 0);
}
END_TEST

START_TEST(test_write_read)
{
	static struct dhcp6_msg m, again;
	uint8_t out[1400];
	size_t len = 0;

	ck_assert_int_eq(dhcp6_msg_read(bytes, bytes_len, &m), 0);
	m.request_n = 2;
	m.request[0] = DHCP6_OPTION_DNS;
	m.request[1] = DHCP6_OPTION_SNTP;
	m.has_elapsed = true;
	m.elapsed_cs = 0x1234;
	m.inf_max_rt_s = 61;
	len = dhcp6_msg_write(&m, out, sizeof(out));
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(dhcp6_msg_read(out, len, &again), 0);
	ck_assert_mem_eq(&m, &again, sizeof(m));
	ck_assert(dhcp6_msg_requests(&again, DHCP6_OPTION_SNTP));
	ck_assert(!dhcp6_msg_requests(&again, DHCP6_OPTION_DOMAINS));
	for (size_t max = 0; max < len; max++)
		ck_assert_uint_eq(dhcp6_msg_write(&m, out, max), 0);
}
END_TEST

// Cut anywhere but between two options of the message itself, it is bad.
START_TEST(test_cut)
{
	size_t next = 4;
	struct dhcp6_msg m;

	for (size_t len = 0; len < bytes_len; len++) {
		int expected = -EBADMSG;

		if (len == next) {
			next += 4 + (size_t)(bytes[next + 2] << 8 | bytes[next + 3]);
			expected = 0;
		}
		ck_assert_msg(dhcp6_msg_read(bytes, len, &m) == expected, "%zu octets", len);
	}
}
END_TEST

static const struct {
	const char *why;
	size_t at;
	uint8_t value;
} lies[] = {
	{"type 0", 0, 0},
	{"a relay message", 0, 12},
	{"a type of tomorrow", 0, 36},
	{"a DUID of two octets, then rubbish", 7, 2},
	{"an IA prefix beyond its IA", 47, 26},
	{"an IA prefix that is shorter than its fields", 47, 24},
	{"an IA shorter than what is in it", 31, 40},
	{"a prefix of 129 bits", 56, 129},
	{"a status code of one octet in an IA", 92, 1},
	{"rapid commit with a value", 98, 1},
	{"preference of two octets", 102, 2},
	{"DNS servers of 15 octets", 107, 15},
	{"a label beyond the option", 128, 60},
	{"a compressed name", 128, 0xc0},
	{"a name without end", 148, 1},
};

START_TEST(test_lies)
{
	struct dhcp6_msg m;

	bytes[lies[_i].at] = lies[_i].value;
	ck_assert_msg(dhcp6_msg_read(bytes, bytes_len, &m) == -EBADMSG, "%s", lies[_i].why);
}
END_TEST

static void put_option(uint16_t code, const void *data, size_t len)
{
	bytes[bytes_len++] = (uint8_t)(code >> 8);
	bytes[bytes_len++] = (uint8_t)code;
	bytes[bytes_len++] = (uint8_t)(len >> 8);
	bytes[bytes_len++] = (uint8_t)len;
	memcpy(bytes + bytes_len, data, len);
	bytes_len += len;
}

// More of everything than there is room for; twice the same IA; names that no resolver should see.
START_TEST(test_excess)
{
	uint8_t ia[12] = {}, list[DHCP6_LIST * 16 + 32] = {};
	struct dhcp6_msg m;

	bytes_len = 4;
	for (uint8_t i = 0; i < 2 * DHCP6_IAS; i++) {
		ia[3] = i / 2;
		put_option(DHCP6_OPTION_IA_PD, ia, sizeof(ia));
	}
	put_option(DHCP6_OPTION_IA_PD, "\0\0\1\0\0\0\0\0\0\0\0\0", 12);
	put_option(DHCP6_OPTION_DNS, list, sizeof(list));
	put_option(DHCP6_OPTION_REQUEST, list, sizeof(list));
	put_option(DHCP6_OPTION_DOMAINS, "\4a;rm\0\1a\0\3b c\0\2c\n\0", 18);
	ck_assert_int_eq(dhcp6_msg_read(bytes, bytes_len, &m), 0);
	ck_assert_uint_eq(m.ia_n, DHCP6_IAS);
	ck_assert_uint_eq(m.ia[1].iaid, 1);
	ck_assert_uint_eq(m.dns_n, DHCP6_LIST);
	ck_assert_uint_eq(m.request_n, DHCP6_REQUESTS);
	ck_assert_uint_eq(m.domain_n, 1);
	ck_assert_str_eq(m.domain[0], "a");
	ck_assert_uint_eq(m.excess_n, DHCP6_IAS + 1 + 2 + sizeof(list) / 2 - DHCP6_REQUESTS + 3);
}
END_TEST

// The longest name is 253 characters; one more is no name.
START_TEST(test_long_names)
{
	uint8_t name[300];
	struct dhcp6_msg m;

	for (size_t len = 61; len <= 62; len++) {
		size_t at = 0;

		for (int i = 0; i < 4; i++) {
			size_t label = i < 3 ? 63 : len;

			name[at++] = (uint8_t)label;
			memset(name + at, 'a', label);
			at += label;
		}
		name[at++] = 0;
		bytes_len = 4;
		put_option(DHCP6_OPTION_DOMAINS, name, at);
		ck_assert_int_eq(dhcp6_msg_read(bytes, bytes_len, &m), 0);
		ck_assert_uint_eq(m.domain_n, len == 61 ? 1 : 0);
		if (len == 61)
			ck_assert_uint_eq(strlen(m.domain[0]), 253);
	}
}
END_TEST

START_TEST(test_twice_the_client)
{
	struct dhcp6_msg m;

	put_option(DHCP6_OPTION_CLIENT_ID, "\0\3\0\1\2\3", 6);
	ck_assert_int_eq(dhcp6_msg_read(bytes, bytes_len, &m), -EBADMSG);
}
END_TEST

START_TEST(test_relay)
{
	struct dhcp6_relay relay = {.type = DHCP6_RELAY_FORWARD, .hops = 0};
	struct dhcp6_relay again;
	uint8_t out[512];
	size_t len = 0;

	ck_assert_int_eq(inet_addr_parse("2001:db8:1000::", &relay.link), 0);
	ck_assert_int_eq(inet_addr_parse("fe80::1", &relay.peer), 0);
	relay.interface_id = (const uint8_t *)"0123456789abcdef";
	relay.interface_id_len = 16;
	relay.remote_id = (const uint8_t *)"alice";
	relay.remote_id_len = 5;
	relay.enterprise = 77;
	relay.message = bytes;
	relay.message_len = bytes_len;
	len = dhcp6_relay_write(&relay, out, sizeof(out));
	ck_assert_uint_eq(len, 34 + 20 + 13 + 4 + bytes_len);
	ck_assert_mem_eq(out + 34, "\0\22\0\20", 4);
	ck_assert_mem_eq(out + 54, "\0\45\0\11\0\0\0\115alice", 13);
	ck_assert_int_eq(dhcp6_relay_read(out, len, &again), 0);
	ck_assert(inet_addr_equal(&again.link, &relay.link));
	ck_assert(inet_addr_equal(&again.peer, &relay.peer));
	ck_assert_uint_eq(again.enterprise, 77);
	ck_assert_uint_eq(again.remote_id_len, 5);
	ck_assert_uint_eq(again.interface_id_len, 16);
	ck_assert_uint_eq(again.message_len, bytes_len);
	ck_assert_mem_eq(again.message, bytes, bytes_len);
	for (size_t i = 0; i < len; i++) {
		if (i != 34 && i != 54 && i != 67)
			ck_assert_int_eq(dhcp6_relay_read(out, i, &again), -EBADMSG);
		ck_assert_uint_eq(dhcp6_relay_write(&relay, bytes + 1024, i), 0);
	}
	out[0] = DHCP6_REPLY;
	ck_assert_int_eq(dhcp6_relay_read(out, len, &again), -EBADMSG);
}
END_TEST

static const struct {
	const char *prefix;
	bool usable;
} prefixes[] = {
	{"2001:db8::/32", true},
	{"fd00::/16", true},
	{"2001:db8::1/128", true},
	{"::/0", false},
	{"2000::/3", false},
	{"::1/128", false},
	{"::ffff:10.0.0.1/128", false},
	{"fe80::/64", false},
	{"ff02::1/128", false},
	{"10.0.0.0/16", false},
};

START_TEST(test_usable)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(prefixes[_i].prefix, &prefix), 0);
	ck_assert_msg(
		dhcp6_prefix_usable(&prefix) == prefixes[_i].usable, "%s", prefixes[_i].prefix);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dhcp6_msg");
	TCase *tc = tcase_create("dhcp6_msg");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_read);
	tcase_add_test(tc, test_write_read);
	tcase_add_test(tc, test_cut);
	tcase_add_loop_test(tc, test_lies, 0, sizeof(lies) / sizeof(lies[0]));
	tcase_add_test(tc, test_excess);
	tcase_add_test(tc, test_long_names);
	tcase_add_test(tc, test_twice_the_client);
	tcase_add_test(tc, test_relay);
	tcase_add_loop_test(tc, test_usable, 0, sizeof(prefixes) / sizeof(prefixes[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
