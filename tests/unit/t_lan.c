// SPDX-License-Identifier: BSD-3-Clause
// A client's LAN (L6): what is advertised when prefixes come and go, the times of RFC 4861 6.2.4 and
// 6.2.6, and which solicitations are none. Pure part, no socket.
#include "clock.h"
#include "lan.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static struct lan_ra ra;
static struct ipc_lan_set set;
static uint8_t out[RA_BYTES_MAX];
static size_t len;

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

static void setup(void)
{
	memset(&ra, 0, sizeof(ra));
	memset(&set, 0, sizeof(set));
	strcpy(set.name, "lan0");
	strcpy(set.domain, "corp.example home.example");
	set.mtu = 1400;
	set.lifetime_s = 86400;
	set.prefix[set.prefix_n++] = prefix("2001:db8:5000:100::/64");
	ck_assert_int_eq(inet_addr_parse("2001:db8:aaaa::53", &set.dns[set.dns_n++]), 0);
	memcpy(ra.mac, "\x02\0\0\0\0\x09", 6);
}

// The n-th option of this type in what was built, NULL.
static const uint8_t *option(uint8_t type, uint32_t n)
{
	for (size_t at = 16; at < len; at += (size_t)out[at + 1] * 8) {
		ck_assert_uint_ne(out[at + 1], 0);
		if (out[at] == type && n-- == 0)
			return out + at;
	}
	return NULL;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void build(bool end, uint64_t now_us)
{
	len = lan_ra_build(&ra, end, now_us, out);
	ck_assert_uint_ge(len, 16);
	ck_assert_uint_eq(out[0], 134);
}

static void expect_prefix(uint32_t n, const char *text, uint32_t valid_s, uint32_t preferred_s)
{
	struct inet_prefix p = prefix(text);
	const uint8_t *o = option(3, n);

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o[2], 64);
	ck_assert_uint_eq(o[3], 0xc0); // L and A
	ck_assert_uint_eq(be32(o + 4), valid_s);
	ck_assert_uint_eq(be32(o + 8), preferred_s);
	ck_assert_mem_eq(o + 16, p.addr.bytes, 16);
}

START_TEST(test_content)
{
	lan_ra_set(&ra, &set, 1000);
	build(false, 1000);
	ck_assert_uint_eq(out[4], 64);
	ck_assert_uint_eq(out[5], 0); // no M, no O
	ck_assert_uint_eq(out[6] << 8 | out[7], 65535);
	expect_prefix(0, "2001:db8:5000:100::/64", 86400, 86400);
	ck_assert_ptr_null(option(3, 1));
	ck_assert_uint_eq(be32(option(5, 0) + 4), 1400);
	ck_assert_mem_eq(option(1, 0) + 2, ra.mac, 6);
	ck_assert_uint_eq(option(25, 0)[1], 3);
	ck_assert_mem_eq(option(25, 0) + 8, set.dns[0].bytes, 16);
	ck_assert_ptr_nonnull(option(31, 0));
	// The end: nothing of it holds any more.
	build(true, 2000);
	ck_assert_uint_eq(out[6] << 8 | out[7], 0);
	expect_prefix(0, "2001:db8:5000:100::/64", 0, 0);
	ck_assert_uint_eq(be32(option(25, 0) + 4), 0);
	ck_assert_uint_eq(be32(option(31, 0) + 4), 0);
}
END_TEST

// RFC 7084 L-13: a prefix that goes is deprecated at once and told of, with a lifetime that runs down
// in real time from two hours at most, until it is over.
START_TEST(test_withdrawal)
{
	uint64_t now_us = 50 * US_PER_S;

	lan_ra_set(&ra, &set, now_us);
	lan_ra_sent(&ra, 0, now_us);
	set.prefix[0] = prefix("2001:db8:5000:200::/64");
	lan_ra_set(&ra, &set, now_us);
	build(false, now_us);
	expect_prefix(0, "2001:db8:5000:200::/64", 86400, 86400);
	expect_prefix(1, "2001:db8:5000:100::/64", 7200, 0);
	now_us += 1200 * US_PER_S;
	lan_ra_sent(&ra, 0, now_us);
	build(false, now_us);
	expect_prefix(1, "2001:db8:5000:100::/64", 6000, 0);
	now_us += 6000 * US_PER_S;
	lan_ra_sent(&ra, 0, now_us);
	build(false, now_us);
	ck_assert_ptr_null(option(3, 1));
	// It comes back before it is over: it is an ordinary one again.
	set.prefix[0] = prefix("2001:db8:5000:100::/64");
	lan_ra_set(&ra, &set, now_us);
	build(false, now_us);
	expect_prefix(1, "2001:db8:5000:200::/64", 7200, 0);
	set.prefix[0] = prefix("2001:db8:5000:200::/64");
	lan_ra_set(&ra, &set, now_us);
	build(false, now_us);
	expect_prefix(0, "2001:db8:5000:200::/64", 86400, 86400);
	expect_prefix(1, "2001:db8:5000:100::/64", 7200, 0);
	ck_assert_ptr_null(option(3, 2));
	// None left: we are no default router any more.
	set.prefix_n = 0;
	lan_ra_set(&ra, &set, now_us);
	build(false, now_us);
	ck_assert_uint_eq(out[6] << 8 | out[7], 0);
	expect_prefix(0, "2001:db8:5000:100::/64", 7200, 0);
	expect_prefix(1, "2001:db8:5000:200::/64", 7200, 0);
	// A lifetime below two hours is not made longer; many that go are at most so many.
	set.lifetime_s = 600;
	for (uint32_t i = 0; i < 10; i++) {
		set.prefix_n = 1;
		set.prefix[0] = prefix("2001:db8:6000::/64");
		set.prefix[0].addr.bytes[7] = (uint8_t)i;
		lan_ra_set(&ra, &set, now_us);
	}
	build(false, now_us);
	ck_assert_uint_eq(be32(option(3, LAN_GONE_MAX) + 4), 600);
	ck_assert_ptr_null(option(3, LAN_GONE_MAX + 1));
}
END_TEST

START_TEST(test_times)
{
	uint64_t now_us = 1000 * US_PER_S, before_us;

	srand((unsigned)_i);
	lan_ra_set(&ra, &set, now_us);
	ck_assert_uint_eq(ra.next_us, now_us);
	for (int n = 0; n < 20; n++) {
		uint64_t wait_us;

		now_us = ra.next_us;
		lan_ra_sent(&ra, (uint32_t)rand() * 2u, now_us);
		wait_us = ra.next_us - now_us;
		ck_assert_uint_ge(wait_us, n < 2 ? 3 * US_PER_S : 200 * US_PER_S);
		ck_assert_uint_lt(wait_us, n < 2 ? 16 * US_PER_S : 600 * US_PER_S);
	}
	// Solicited soon after the last: three seconds apart.
	lan_ra_solicited(&ra, (uint32_t)rand(), now_us + 1000);
	ck_assert_uint_eq(ra.next_us, now_us + 3 * US_PER_S);
	// Long after: within half a second; a second one does not put it off.
	lan_ra_sent(&ra, 0, now_us);
	now_us += 100 * US_PER_S;
	lan_ra_solicited(&ra, (uint32_t)rand(), now_us);
	ck_assert_uint_ge(ra.next_us, now_us);
	ck_assert_uint_lt(ra.next_us, now_us + 500 * US_PER_MS);
	before_us = ra.next_us;
	lan_ra_solicited(&ra, 499999, now_us + 100);
	ck_assert_uint_eq(ra.next_us, before_us);
	// Other prefixes: at once, but not faster than three seconds apart.
	lan_ra_sent(&ra, 0, now_us);
	lan_ra_set(&ra, &set, now_us + 1);
	ck_assert_uint_eq(ra.next_us, now_us + 3 * US_PER_S);
}
END_TEST

static const struct {
	const char *why;
	uint8_t msg[24];
	size_t len;
	int hop_limit;
	const char *src;
	bool good;
} solicitations[] = {
	{"plain", {133}, 8, 255, "fe80::9", true},
	{"without a source", {133}, 8, 255, "::", true},
	{"from a global address", {133}, 8, 255, "2001:db8::9", true},
	{"with a link-layer address", {133, [8] = 1, 1, 2, 3}, 16, 255, "fe80::9", true},
	{"unknown option", {133, [8] = 99, 2}, 24, 255, "fe80::9", true},
	{"from beyond the link", {133}, 8, 254, "fe80::9", false},
	{"code", {133, 1}, 8, 255, "fe80::9", false},
	{"another type", {134}, 8, 255, "fe80::9", false},
	{"short", {133}, 7, 255, "fe80::9", false},
	{"empty", {0}, 0, 255, "fe80::9", false},
	{"option of no length", {133, [8] = 1, 0}, 16, 255, "fe80::9", false},
	{"option too long", {133, [8] = 1, 2}, 16, 255, "fe80::9", false},
	{"half an option", {133, [8] = 1}, 9, 255, "fe80::9", false},
	{"link-layer address without a source", {133, [8] = 1, 1}, 16, 255, "::", false},
};

START_TEST(test_solicitation)
{
	struct inet_addr src;

	ck_assert_int_eq(inet_addr_parse(solicitations[_i].src, &src), 0);
	ck_assert_msg(lan_rs_good(solicitations[_i].msg, solicitations[_i].len,
			      solicitations[_i].hop_limit, &src) == solicitations[_i].good,
		"%s", solicitations[_i].why);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lan");
	TCase *tc = tcase_create("lan");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_content);
	tcase_add_test(tc, test_withdrawal);
	tcase_add_loop_test(tc, test_times, 0, 20);
	tcase_add_loop_test(
		tc, test_solicitation, 0, sizeof(solicitations) / sizeof(solicitations[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
