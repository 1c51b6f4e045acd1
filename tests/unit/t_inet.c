// SPDX-License-Identifier: BSD-3-Clause
// Addresses and prefixes: text, comparison, slots of pools.
#include "inet.h"

#include <check.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *why;
	const char *text;
	int addr_rc, prefix_rc;
	const char *canonical; // of what parsed
} texts[] = {
	{"IPv4 address", "192.0.2.1", 0, -EINVAL, "192.0.2.1"},
	{"IPv6 address, long form", "2001:0db8:0:0:0:0:0:1", 0, -EINVAL, "2001:db8::1"},
	{"IPv4 prefix", "10.66.0.0/16", -EINVAL, 0, "10.66.0.0/16"},
	{"IPv6 prefix", "2001:db8:1000::/40", -EINVAL, 0, "2001:db8:1000::/40"},
	{"everything", "::/0", -EINVAL, 0, "::/0"},
	{"one address as a prefix", "10.0.0.1/32", -EINVAL, 0, "10.0.0.1/32"},
	{"host bits set", "10.66.0.1/16", -EINVAL, -ERANGE, NULL},
	{"host bits set in a partial octet", "10.66.16.0/19", -EINVAL, -ERANGE, NULL},
	{"too long for IPv4", "10.0.0.0/33", -EINVAL, -EINVAL, NULL},
	{"too long for IPv6", "::/129", -EINVAL, -EINVAL, NULL},
	{"no digits", "10.0.0.0/", -EINVAL, -EINVAL, NULL},
	{"a sign", "10.0.0.0/+8", -EINVAL, -EINVAL, NULL},
	{"a blank", "10.0.0.0/ 8", -EINVAL, -EINVAL, NULL},
	{"letters behind", "10.0.0.0/8x", -EINVAL, -EINVAL, NULL},
	{"a length that overflows", "10.0.0.0/4294967304", -EINVAL, -EINVAL, NULL},
	{"empty", "", -EINVAL, -EINVAL, NULL},
	{"a name", "gw.example.org", -EINVAL, -EINVAL, NULL},
	{"a zone", "fe80::1%eth0", -EINVAL, -EINVAL, NULL},
	{"three octets", "10.0.0", -EINVAL, -EINVAL, NULL},
	{"very long", "10.0.0.0000000000000000000000000000000000000000000000000000000000/8",
		-EINVAL, -EINVAL, NULL},
};

START_TEST(test_parse)
{
	char buf[INET_PREFIX_STRLEN];
	struct inet_prefix prefix;
	struct inet_addr addr;

	ck_assert_msg(
		inet_addr_parse(texts[_i].text, &addr) == texts[_i].addr_rc, "%s", texts[_i].why);
	ck_assert_msg(inet_prefix_parse(texts[_i].text, &prefix) == texts[_i].prefix_rc, "%s",
		texts[_i].why);
	if (texts[_i].addr_rc == 0)
		ck_assert_str_eq(inet_addr_format(&addr, buf), texts[_i].canonical);
	if (texts[_i].prefix_rc == 0)
		ck_assert_str_eq(inet_prefix_format(&prefix, buf), texts[_i].canonical);
}
END_TEST

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	ck_assert_msg(inet_addr_parse(text, &addr) == 0, "%s", text);
	return addr;
}

static struct inet_prefix prefix_of(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_msg(inet_prefix_parse(text, &prefix) == 0, "%s", text);
	return prefix;
}

START_TEST(test_ifaddr)
{
	struct inet_addr addr, want = addr_of("192.0.2.1");
	uint8_t len;

	ck_assert_int_eq(inet_ifaddr_parse("192.0.2.1/24", &addr, &len), 0);
	ck_assert(inet_addr_equal(&addr, &want));
	ck_assert_uint_eq(len, 24);
	ck_assert_int_eq(inet_ifaddr_parse("192.0.2.1", &addr, &len), -EINVAL);
}
END_TEST

START_TEST(test_addr_kinds)
{
	static const uint8_t iid[8] = {0x02, 0, 0x5e, 0xff, 0xfe, 0, 0x53, 1};
	struct inet_addr ll = inet_addr_link_local(iid), none = {};
	struct inet_addr v4 = inet_addr_v4(htonl(0xc0000201)), same = addr_of("192.0.2.1");
	char buf[INET_ADDR_STRLEN];

	ck_assert_str_eq(inet_addr_format(&ll, buf), "fe80::200:5eff:fe00:5301");
	ck_assert_int_eq(memcmp(&v4, &same, sizeof(v4)), 0);
	ck_assert_str_eq(inet_addr_format(&none, buf), "none");
	ck_assert(inet_addr_is_link_local(&ll));
	ck_assert(!inet_addr_is_link_local(&v4));
	same = addr_of("febf::1");
	ck_assert(inet_addr_is_link_local(&same));
	same = addr_of("fec0::1");
	ck_assert(!inet_addr_is_link_local(&same));
	same = addr_of("169.254.1.1");
	ck_assert(inet_addr_is_link_local(&same));
	same = addr_of("ff02::1");
	ck_assert(inet_addr_is_multicast(&same));
	same = addr_of("224.0.0.1");
	ck_assert(inet_addr_is_multicast(&same));
	same = addr_of("240.0.0.1");
	ck_assert(!inet_addr_is_multicast(&same));
	same = addr_of("::");
	ck_assert(inet_addr_is_unspecified(&same));
	same = addr_of("0.0.0.0");
	ck_assert(inet_addr_is_unspecified(&same));
	ck_assert(!inet_addr_is_unspecified(&ll));
	ck_assert(!inet_addr_valid(&none));
	ck_assert(inet_addr_valid(&ll));
}
END_TEST

START_TEST(test_compare)
{
	struct inet_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.2"), c = addr_of("::1");

	ck_assert_int_lt(inet_addr_compare(&a, &b), 0);
	ck_assert_int_gt(inet_addr_compare(&b, &a), 0);
	ck_assert_int_eq(inet_addr_compare(&a, &a), 0);
	ck_assert_int_ne(inet_addr_compare(&a, &c), 0);
	b = a;
	b.bytes[9] = 7; // not part of an IPv4 address
	ck_assert(inet_addr_equal(&a, &b));
}
END_TEST

static const struct {
	const char *prefix, *addr;
	bool inside;
} contains[] = {
	{"2001:db8:1000::/40", "2001:db8:10ff:ffff::1", true},
	{"2001:db8:1000::/40", "2001:db8:1100::", false},
	{"10.66.0.0/15", "10.67.255.255", true},
	{"10.66.0.0/15", "10.68.0.0", false},
	{"0.0.0.0/0", "255.1.2.3", true},
	{"0.0.0.0/0", "::1", false},
	{"::/0", "2001::", true},
	{"::1/128", "::1", true},
	{"::1/128", "::2", false},
	{"10.0.0.1/32", "10.0.0.1", true},
};

START_TEST(test_contains)
{
	struct inet_prefix prefix = prefix_of(contains[_i].prefix);
	struct inet_addr addr = addr_of(contains[_i].addr);

	ck_assert_msg(inet_prefix_contains(&prefix, &addr) == contains[_i].inside, "%s in %s",
		contains[_i].addr, contains[_i].prefix);
}
END_TEST

START_TEST(test_covers)
{
	struct inet_prefix outer = prefix_of("10.66.0.0/16"), inner = prefix_of("10.66.4.0/22");

	ck_assert(inet_prefix_covers(&outer, &inner));
	ck_assert(!inet_prefix_covers(&inner, &outer));
	ck_assert(inet_prefix_covers(&outer, &outer));
	inner = prefix_of("10.64.0.0/14");
	ck_assert(!inet_prefix_covers(&outer, &inner));
	ck_assert(inet_prefix_covers(&inner, &outer));
	ck_assert(inet_prefix_equal(&outer, &outer));
	ck_assert(!inet_prefix_equal(&outer, &inner));
}
END_TEST

// Structs off a ring may say anything: no access outside the 16 bytes.
START_TEST(test_hostile_prefix)
{
	struct inet_prefix bad = {.addr.family = AF_INET, .len = 200};
	struct inet_addr addr = addr_of("10.0.0.1"), first, last;

	ck_assert(!inet_prefix_valid(&bad));
	ck_assert(!inet_prefix_contains(&bad, &addr));
	inet_prefix_normalize(&bad);
	inet_prefix_range(&bad, &first, &last);
	bad.addr.family = 77;
	ck_assert(!inet_prefix_valid(&bad));
	ck_assert(!inet_prefix_contains(&bad, &bad.addr));
}
END_TEST

START_TEST(test_range)
{
	struct inet_prefix prefix = prefix_of("10.66.16.0/20");
	struct inet_addr first, last;
	char buf[INET_ADDR_STRLEN];

	inet_prefix_range(&prefix, &first, &last);
	ck_assert_str_eq(inet_addr_format(&first, buf), "10.66.16.0");
	ck_assert_str_eq(inet_addr_format(&last, buf), "10.66.31.255");
	ck_assert_uint_eq(last.bytes[4], 0);
	prefix = prefix_of("::/0");
	inet_prefix_range(&prefix, &first, &last);
	ck_assert_str_eq(inet_addr_format(&last, buf), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}
END_TEST

static const struct {
	const char *pool;
	uint8_t len;
	uint64_t n;
	const char *sub;
} slots[] = {
	{"2001:db8:1000::/40", 64, 0, "2001:db8:1000::/64"},
	{"2001:db8:1000::/40", 64, 1, "2001:db8:1000:1::/64"},
	{"2001:db8:1000::/40", 64, 0xffffff, "2001:db8:10ff:ffff::/64"},
	{"2001:db8:1000::/40", 59, 3, "2001:db8:1000:60::/59"},
	{"10.66.0.0/16", 32, 258, "10.66.1.2/32"},
	{"10.66.0.0/16", 16, 0, "10.66.0.0/16"},
	{"2001:db8::/64", 128, UINT64_MAX, "2001:db8::ffff:ffff:ffff:ffff/128"},
	{"::/0", 63, UINT64_C(0x7fffffffffffffff), "ffff:ffff:ffff:fffe::/63"},
};

START_TEST(test_slots)
{
	struct inet_prefix pool = prefix_of(slots[_i].pool), sub;
	char buf[INET_PREFIX_STRLEN];
	uint64_t n;

	ck_assert_int_eq(inet_prefix_nth(&pool, slots[_i].len, slots[_i].n, &sub), 0);
	ck_assert_str_eq(inet_prefix_format(&sub, buf), slots[_i].sub);
	ck_assert_int_eq(inet_prefix_index(&pool, &sub, &n), 0);
	ck_assert_uint_eq(n, slots[_i].n);
}
END_TEST

START_TEST(test_slots_refused)
{
	struct inet_prefix pool = prefix_of("10.66.0.0/16"), sub = prefix_of("10.67.0.0/32");
	uint64_t n;

	ck_assert_int_eq(inet_prefix_nth(&pool, 15, 0, &sub), -ERANGE);
	ck_assert_int_eq(inet_prefix_nth(&pool, 33, 0, &sub), -ERANGE);
	ck_assert_int_eq(inet_prefix_nth(&pool, 24, 256, &sub), -ERANGE);
	ck_assert_int_eq(inet_prefix_index(&pool, &sub, &n), -ERANGE);
	sub = prefix_of("10.0.0.0/8");
	ck_assert_int_eq(inet_prefix_index(&pool, &sub, &n), -ERANGE);
	// 65 bits do not fit the number unless the highest is zero.
	pool = prefix_of("::/0");
	sub = prefix_of("8000::/65");
	ck_assert_int_eq(inet_prefix_index(&pool, &sub, &n), -ERANGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inet");
	TCase *tcase = tcase_create("inet");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_parse, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tcase, test_ifaddr);
	tcase_add_test(tcase, test_addr_kinds);
	tcase_add_test(tcase, test_compare);
	tcase_add_loop_test(tcase, test_contains, 0, sizeof(contains) / sizeof(contains[0]));
	tcase_add_test(tcase, test_covers);
	tcase_add_test(tcase, test_hostile_prefix);
	tcase_add_test(tcase, test_range);
	tcase_add_loop_test(tcase, test_slots, 0, sizeof(slots) / sizeof(slots[0]));
	tcase_add_test(tcase, test_slots_refused);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
