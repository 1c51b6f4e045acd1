// SPDX-License-Identifier: BSD-3-Clause
// Router advertisements, byte by byte against RFC 4861 4.2 and 4.6, RFC 8106 5 (L9, L16); what does
// not fit is left out whole; names as DNSSL has them, and what is no name.
#include "ra.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static struct ra whole(void)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct ra ra = {
		.hop_limit = 64,
		.managed = true,
		.other = true,
		.router_lifetime_s = 65535,
		.mtu = 1400,
		.mac = mac,
		.prefix_n = 1,
		.prefix = {{.on_link = true,
			.autonomous = true,
			.valid_s = UINT32_MAX,
			.preferred_s = 3600}},
		.dns_n = 2,
		.domain_n = 1,
		.domain = {"corp.example"},
		.dns_lifetime_s = 1200,
	};

	ck_assert_int_eq(inet_prefix_parse("2001:db8:1:2::/64", &ra.prefix[0].prefix), 0);
	ra.dns[0] = addr("10.20.0.53"); // has no place in an RDNSS option
	ra.dns[1] = addr("2001:db8:aaaa::53");
	return ra;
}

// clang-format off
static const uint8_t expected[] = {
	134, 0, 0, 0, 64, 0xc0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
	3, 4, 64, 0xc0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x0e, 0x10, 0, 0, 0, 0,
	0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
	5, 1, 0, 0, 0, 0, 0x05, 0x78,
	1, 1, 2, 0, 0, 0, 0, 9,
	25, 3, 0, 0, 0, 0, 0x04, 0xb0,
	0x20, 0x01, 0x0d, 0xb8, 0xaa, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
	31, 3, 0, 0, 0, 0, 0x04, 0xb0,
	4, 'c', 'o', 'r', 'p', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 0,
};
// clang-format on

START_TEST(all_options)
{
	struct ra ra = whole();
	uint8_t out[RA_BYTES_MAX];

	ck_assert_uint_eq(ra_write(&ra, out, sizeof(out)), sizeof(expected));
	ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

START_TEST(header_alone)
{
	struct ra ra = {.router_lifetime_s = 0};
	uint8_t out[16];

	ck_assert_uint_eq(ra_write(&ra, out, sizeof(out)), 16);
	ck_assert_uint_eq(out[5], 0);
	ck_assert_uint_eq(ra_write(&ra, out, 15), 0);
}
END_TEST

// However little room there is, only whole options are written, and never a byte behind the room.
START_TEST(every_room)
{
	struct ra ra = whole();
	uint8_t out[sizeof(expected) + 8];

	for (size_t max = 16; max <= sizeof(expected); max++) {
		size_t len, at;

		memset(out, 0xee, sizeof(out));
		len = ra_write(&ra, out, max);
		ck_assert_uint_le(len, max);
		for (at = 16; at < len; at += (size_t)out[at + 1] * 8)
			ck_assert_uint_ne(out[at + 1], 0);
		ck_assert_uint_eq(at, len);
		for (size_t i = max; i < sizeof(out); i++)
			ck_assert_uint_eq(out[i], 0xee);
		if (max >= 48)
			ck_assert_mem_eq(out, expected, 48); // prefixes go in first
	}
}
END_TEST

START_TEST(many_prefixes)
{
	struct ra ra = whole();
	uint8_t out[RA_BYTES_MAX];

	for (uint32_t i = 1; i < RA_PREFIXES; i++)
		ra.prefix[i] = ra.prefix[0];
	ra.prefix_n = RA_PREFIXES;
	ra.prefix[3].prefix.addr = addr("10.0.0.0"); // a slip of the caller
	ck_assert_uint_eq(
		ra_write(&ra, out, sizeof(out)), sizeof(expected) + (RA_PREFIXES - 2) * 32);
}
END_TEST

#define LABEL63 "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz_012345678"

static const struct name_case {
	const char *why, *text;
	size_t len;
} names[] = {
	{"one label", "example", 9},
	{"a dot at its end", "example.org.", 13},
	{"two names", "a.b  c ", 8},
	{"longest label", LABEL63, 65},
	{"longest name",
		LABEL63 "." LABEL63 "." LABEL63 "."
			"0123456789012345678901234567890123456789012345678901234567890",
		255},
	{"name too long",
		LABEL63 "." LABEL63 "." LABEL63 "."
			"01234567890123456789012345678901234567890123456789012345678901",
		0},
	{"label too long", LABEL63 "x", 0},
	{"empty", "", 0},
	{"blanks", "  ", 0},
	{"the root", ".", 0},
	{"empty label", "a..b", 0},
	{"dot in front", ".a", 0},
	{"two dots at its end", "a..", 0},
	{"no name behind a name", "a.b c/d", 0},
	{"not a name's octet", "a\x01", 0},
};

START_TEST(name_row)
{
	const struct name_case *c = &names[_i];
	uint8_t out[300];
	size_t len = ra_domain_write(c->text, out, sizeof(out));

	ck_assert_msg(len == c->len, "%s: %zu octets, not %zu", c->why, len, c->len);
	if (len) {
		ck_assert_uint_eq(out[len - 1], 0);
		ck_assert_uint_eq(ra_domain_write(c->text, out, len), len);
		ck_assert_uint_eq(ra_domain_write(c->text, out, len - 1), 0);
	}
}
END_TEST

START_TEST(name_bytes)
{
	static const uint8_t bytes[] = {1, 'a', 2, 'b', 'c', 0, 1, 'd', 0};
	uint8_t out[16];

	ck_assert_uint_eq(ra_domain_write("a.bc d", out, sizeof(out)), sizeof(bytes));
	ck_assert_mem_eq(out, bytes, sizeof(bytes));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ra");
	TCase *tc = tcase_create("ra");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, all_options);
	tcase_add_test(tc, header_alone);
	tcase_add_test(tc, every_room);
	tcase_add_test(tc, many_prefixes);
	tcase_add_loop_test(tc, name_row, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, name_bytes);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
