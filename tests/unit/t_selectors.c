// SPDX-License-Identifier: BSD-3-Clause
// M-C1: the compiled selectors decide as the plain ones of ts.c do, in the record and in the wide
// block; the ingress filter; which SAs fit the record.
#include "flow.h"
#include "selectors.h"

#include <check.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct ts_list list_of(const char *const *prefixes)
{
	struct ts_list list = {0};

	for (; *prefixes; prefixes++) {
		struct inet_prefix p;

		ck_assert_int_eq(inet_prefix_parse(*prefixes, &p), 0);
		list.ts[list.n++] = ts_from_prefix(&p);
	}
	return list;
}
#define LIST(...) list_of((const char *const[]){__VA_ARGS__, NULL})

// A packet between two addresses, enough of it for the selectors.
static struct pkt_meta packet(uint8_t *ip, const char *src, const char *dst)
{
	struct inet_addr a, b;
	struct pkt_meta meta = {.proto = IPPROTO_UDP, .flags = PKT_PORTS};

	ck_assert_int_eq(inet_addr_parse(src, &a), 0);
	ck_assert_int_eq(inet_addr_parse(dst, &b), 0);
	meta.family = a.family;
	if (a.family == AF_INET6) {
		memcpy(ip + 8, a.bytes, 16);
		memcpy(ip + 24, b.bytes, 16);
	} else {
		memcpy(ip + 12, a.bytes, 4);
		memcpy(ip + 16, b.bytes, 4);
	}
	return meta;
}

static const struct {
	const char *why;
	const char *src[5], *dst[5], *ingress[5]; // NULL behind the last
	bool wide;
	const char *from, *to;
	enum selectors_verdict verdict;
} rows[] = {
	{"a link: its prefix", {"fe80::1/128", "2001:db8:1::/64", "fd00:1::/64"}, {"::/0"}, {},
		false, "2001:db8:1::abcd", "2001:db8:ffff::1", SELECTORS_PASS},
	{"a link: link-local", {"fe80::1/128", "2001:db8:1::/64", "fd00:1::/64"}, {"::/0"}, {},
		false, "fe80::1", "fe80::2", SELECTORS_PASS},
	{"a link: another link-local", {"fe80::1/128", "2001:db8:1::/64", "fd00:1::/64"}, {"::/0"},
		{}, false, "fe80::3", "fe80::2", SELECTORS_REFUSE},
	{"a link: next prefix", {"fe80::1/128", "2001:db8:1::/64", "fd00:1::/64"}, {"::/0"}, {},
		false, "2001:db8:1:1::1", "fe80::2", SELECTORS_REFUSE},
	{"a link has no IPv4", {"2001:db8:1::/64"}, {"::/0"}, {}, false, "10.0.0.1", "10.0.0.2",
		SELECTORS_REFUSE},
	{"both families", {"2001:db8:1::/64", "10.66.0.7/32"}, {"::/0", "0.0.0.0/0"}, {}, false,
		"10.66.0.7", "8.8.8.8", SELECTORS_PASS},
	{"both families, wrong IPv4", {"2001:db8:1::/64", "10.66.0.7/32"}, {"::/0", "0.0.0.0/0"},
		{}, false, "10.66.0.8", "8.8.8.8", SELECTORS_REFUSE},
	{"destination counts", {"0.0.0.0/0"}, {"10.20.0.0/24"}, {}, false, "1.2.3.4", "10.20.1.1",
		SELECTORS_REFUSE},
	{"both sides", {"10.66.0.0/16"}, {"10.20.0.0/24"}, {}, false, "10.66.3.4", "10.20.0.255",
		SELECTORS_PASS},
	{"both sides, not swapped", {"10.66.0.0/16"}, {"10.20.0.0/24"}, {}, false, "10.20.0.1",
		"10.66.0.1", SELECTORS_REFUSE},
	{"more than the record holds",
		{"2001:db8:1::/64", "2001:db8:3::/64", "2001:db8:5::/64", "2001:db8:7::/64"},
		{"::/0"}, {}, true, "2001:db8:7::1", "::1", SELECTORS_PASS},
	{"more than the record holds, none of them",
		{"2001:db8:1::/64", "2001:db8:3::/64", "2001:db8:5::/64", "2001:db8:7::/64"},
		{"::/0"}, {}, true, "2001:db8:4::1", "::1", SELECTORS_REFUSE},
	{"ingress filter under open selectors", {"::/0"}, {"::/0"}, {"2001:db8:1::/64"}, false,
		"2001:db8:1::5", "::1", SELECTORS_PASS},
	{"ingress filter: spoofed", {"::/0"}, {"::/0"}, {"2001:db8:1::/64"}, false, "2001:db8:2::5",
		"::1", SELECTORS_SPOOFED},
	{"ingress filter names no IPv4", {"::/0", "0.0.0.0/0"}, {"::/0", "0.0.0.0/0"},
		{"2001:db8:1::/64"}, false, "10.0.0.1", "10.0.0.2", SELECTORS_SPOOFED},
	{"ingress filter wider than the selectors: never asked", {"2001:db8:1::/64"}, {"::/0"},
		{"2001:db8::/32"}, false, "2001:db8:2::1", "::1", SELECTORS_REFUSE},
	{"ingress filter narrower than the selectors", {"2001:db8::/32"}, {"::/0"},
		{"2001:db8:1::/64"}, true, "2001:db8:2::1", "::1", SELECTORS_SPOOFED},
	{"ingress filter narrower: selectors first", {"2001:db8::/32"}, {"::/0"},
		{"2001:db8:1::/64"}, true, "2001:db9::1", "::1", SELECTORS_REFUSE},
	{"ingress filter and destination", {"::/0"}, {"2001:db8:a::/48"}, {"2001:db8:1::/64"},
		false, "2001:db8:2::1", "2001:db8:b::1", SELECTORS_REFUSE},
};

START_TEST(verdicts)
{
	struct ts_list src = list_of(rows[_i].src), dst = list_of(rows[_i].dst);
	struct inet_prefix ingress[4];
	struct selectors_wide wide;
	struct selectors s;
	uint8_t ip[40] = {0};
	struct pkt_meta meta = packet(ip, rows[_i].from, rows[_i].to);
	uint32_t n = 0;

	for (; rows[_i].ingress[n]; n++)
		ck_assert_int_eq(inet_prefix_parse(rows[_i].ingress[n], &ingress[n]), 0);
	ck_assert(selectors_valid(&src) && selectors_valid(&dst));
	selectors_compile(&s, &wide, &src, &dst, ingress, n);
	ck_assert_msg(!!(s.flags & SELECTORS_WIDE) == rows[_i].wide, "%s", rows[_i].why);
	ck_assert_msg(
		selectors_match(&s, &wide, ip, &meta) == rows[_i].verdict, "%s", rows[_i].why);
}
END_TEST

static struct inet_addr random_addr(uint8_t family)
{
	struct inet_addr a = {.family = family};

	// Few values, so that addresses meet ranges.
	for (int i = 0; i < (family == AF_INET ? 4 : 16); i++)
		a.bytes[i] = (uint8_t)(rand() % 3 == 0 ? rand() % 3 : 0);
	return a;
}

static struct ts random_ts(bool plain)
{
	uint8_t family = rand() % 2 ? AF_INET : AF_INET6;
	struct inet_addr a = random_addr(family), b = random_addr(family);
	struct inet_prefix p = {.addr = a, .len = (uint8_t)(rand() % (inet_addr_bits(family) + 1))};
	struct ts ts;

	if (rand() % 6 == 0)
		return ts_any(family);
	inet_prefix_normalize(&p);
	ts = ts_from_prefix(&p);
	if (plain)
		return ts;
	if (rand() % 4 == 0) {
		bool less = memcmp(a.bytes, b.bytes, 16) <= 0;

		memcpy(ts.lo, less ? a.bytes : b.bytes, 16);
		memcpy(ts.hi, less ? b.bytes : a.bytes, 16);
	}
	if (rand() % 3 == 0)
		ts.proto = rand() % 2 ? IPPROTO_UDP : IPPROTO_ICMPV6;
	if (rand() % 4 == 0) {
		ts.port_lo = 65535;
		ts.port_hi = 0;
	} else if (rand() % 3 == 0) {
		ts.port_lo = (uint16_t)(rand() % 4);
		ts.port_hi = (uint16_t)(ts.port_lo + rand() % 4);
	}
	return ts;
}

static bool list_match(const struct ts_list *list, const struct inet_addr *addr,
	const struct pkt_meta *meta, uint16_t port)
{
	for (uint32_t i = 0; i < list->n; i++) {
		if (ts_match(&list->ts[i], addr, meta->proto, meta->flags & PKT_PORTS, port))
			return true;
	}
	return false;
}

static enum selectors_verdict plain_verdict(const struct ts_list *src, const struct ts_list *dst,
	const struct inet_prefix *ingress, uint32_t n, const struct inet_addr *from,
	const struct inet_addr *to, const struct pkt_meta *meta)
{
	bool typed = meta->proto == IPPROTO_ICMPV6;

	if (!list_match(src, from, meta, meta->src_port) ||
		!list_match(dst, to, meta, typed ? meta->src_port : meta->dst_port))
		return SELECTORS_REFUSE;
	for (uint32_t i = 0; i < n; i++) {
		if (inet_prefix_contains(&ingress[i], from))
			return SELECTORS_PASS;
	}
	return n ? SELECTORS_SPOOFED : SELECTORS_PASS;
}

START_TEST(like_the_plain_ones)
{
	uint32_t seen[3] = {0}, narrow = 0;

	srand(7296 + (unsigned)_i);
	for (int i = 0; i < 20000; i++) {
		struct ts_list src = {.n = 1 + (uint32_t)rand() % 3};
		struct ts_list dst = {.n = 1 + (uint32_t)rand() % 3};
		struct inet_prefix ingress[3];
		uint32_t n = (uint32_t)rand() % 4;
		struct selectors_wide wide;
		struct selectors s;

		for (uint32_t k = 0; k < src.n; k++)
			src.ts[k] = random_ts(_i == 0);
		for (uint32_t k = 0; k < dst.n; k++)
			dst.ts[k] = random_ts(_i == 0);
		for (uint32_t k = 0; k < n; k++) {
			ingress[k].addr = random_addr(rand() % 2 ? AF_INET : AF_INET6);
			ingress[k].len = (uint8_t)(rand() % 33);
			inet_prefix_normalize(&ingress[k]);
		}
		selectors_compile(&s, &wide, &src, &dst, ingress, n);
		narrow += !(s.flags & SELECTORS_WIDE);
		for (int k = 0; k < 20; k++) {
			uint8_t family = rand() % 2 ? AF_INET : AF_INET6, ip[40] = {0};
			struct inet_addr a = random_addr(family), b = random_addr(family);
			struct pkt_meta meta = {.family = family,
				.proto = rand() % 2 ? IPPROTO_UDP : IPPROTO_ICMPV6,
				.flags = rand() % 3 ? PKT_PORTS : 0};
			enum selectors_verdict got;

			if (meta.flags) {
				meta.src_port = (uint16_t)(rand() % 6);
				meta.dst_port = (uint16_t)(rand() % 6);
			}
			memcpy(ip + (family == AF_INET ? 12 : 8), a.bytes,
				family == AF_INET ? 4 : 16);
			memcpy(ip + (family == AF_INET ? 16 : 24), b.bytes,
				family == AF_INET ? 4 : 16);
			got = selectors_match(&s, &wide, ip, &meta);
			ck_assert_int_eq(got, plain_verdict(&src, &dst, ingress, n, &a, &b, &meta));
			seen[got]++;
		}
	}
	// The test has seen what it is about.
	ck_assert_uint_gt(seen[SELECTORS_PASS], 500);
	ck_assert_uint_gt(seen[SELECTORS_REFUSE], 500);
	ck_assert_uint_gt(seen[SELECTORS_SPOOFED], 500);
	if (_i == 0)
		ck_assert_uint_gt(narrow, 500);
}
END_TEST

// One SA whose ingress filter changes again and again. A verdict is the plain one's, once `plain` was
// asked about what a filter in the place of selectors refuses.
START_TEST(other_filters)
{
	uint32_t seen[3] = {0}, narrow = 0, was_wide = 0;

	srand(3779 + (unsigned)_i);
	for (int i = 0; i < 2000; i++) {
		struct ts_list src = {.n = 1 + (uint32_t)rand() % 4};
		struct ts_list dst = {.n = 1 + (uint32_t)rand() % 3};
		struct selectors_wide wide;
		struct selectors plain, s;

		for (uint32_t k = 0; k < src.n; k++)
			src.ts[k] = random_ts(_i == 0);
		for (uint32_t k = 0; k < dst.n; k++)
			dst.ts[k] = random_ts(_i == 0);
		selectors_compile(&plain, &wide, &src, &dst, NULL, 0);
		was_wide += !!(plain.flags & SELECTORS_WIDE);
		for (int set = 0; set < 10; set++) {
			struct inet_prefix ingress[6];
			uint32_t n = (uint32_t)rand() % 7;

			for (uint32_t k = 0; k < n; k++) {
				ingress[k].addr = random_addr(rand() % 2 ? AF_INET : AF_INET6);
				ingress[k].len = (uint8_t)(rand() % 33);
				inet_prefix_normalize(&ingress[k]);
			}
			selectors_filter(&s, &wide, &plain, ingress, n);
			narrow += !(s.flags & SELECTORS_WIDE);
			for (int k = 0; k < 20; k++) {
				uint8_t family = rand() % 2 ? AF_INET : AF_INET6, ip[40] = {0};
				struct inet_addr a = random_addr(family), b = random_addr(family);
				struct pkt_meta meta = {.family = family, .proto = IPPROTO_UDP};
				enum selectors_verdict got;

				memcpy(ip + (family == AF_INET ? 12 : 8), a.bytes,
					family == AF_INET ? 4 : 16);
				memcpy(ip + (family == AF_INET ? 16 : 24), b.bytes,
					family == AF_INET ? 4 : 16);
				got = selectors_match(&s, &wide, ip, &meta);
				if (got == SELECTORS_SPOOFED &&
					selectors_match(&plain, &wide, ip, &meta) ==
						SELECTORS_REFUSE)
					got = SELECTORS_REFUSE;
				ck_assert_int_eq(
					got, plain_verdict(&src, &dst, ingress, n, &a, &b, &meta));
				seen[got]++;
			}
		}
	}
	ck_assert_uint_gt(seen[SELECTORS_PASS], 500);
	ck_assert_uint_gt(seen[SELECTORS_REFUSE], 500);
	ck_assert_uint_gt(seen[SELECTORS_SPOOFED], 500);
	ck_assert_uint_gt(was_wide, 100);
	ck_assert_uint_gt(narrow, 300);
}
END_TEST

// Links as profiles make them: what few prefixes need stays in the record.
static const struct {
	const char *why, *src[5], *ingress[6];
	bool wide;
} filters[] = {
	{"P1: selectors say it all", {"fe80::1/128", "2001:db8:1::/64", "10.66.0.1/32"},
		{"fe80::1/128", "2001:db8:1::/64", "10.66.0.1/32"}, false},
	{"P2: open selectors", {"::/0", "10.66.0.1/32"},
		{"fe80::/64", "2001:db8:1::/64", "fd00:1::/64", "10.66.0.1/32"}, false},
	{"P3: one claim", {"fe80::1/128", "2001:db8:3000::/64", "::/128"},
		{"fe80::1/128", "::/128", "2001:db8:3000::5/128"}, false},
	{"P3: two claims", {"fe80::1/128", "2001:db8:3000::/64", "::/128"},
		{"fe80::1/128", "::/128", "2001:db8:3000::5/128", "2001:db8:3000::6/128"}, true},
	{"P6: nothing yet", {"fe80::1/128"}, {"fe80::1/128"}, false},
	{"P2 with a delegation", {"::/0"},
		{"fe80::/64", "2001:db8:1::/64", "fd00:1::/64", "2001:db8:5000::/56"}, true},
};

START_TEST(links)
{
	struct ts_list src = list_of(filters[_i].src), dst = LIST("::/0", "0.0.0.0/0");
	struct inet_prefix ingress[6];
	struct selectors_wide wide;
	struct selectors plain, s;
	uint32_t n = 0;

	for (; n < 6 && filters[_i].ingress[n]; n++)
		ck_assert_int_eq(inet_prefix_parse(filters[_i].ingress[n], &ingress[n]), 0);
	selectors_compile(&plain, &wide, &src, &dst, NULL, 0);
	ck_assert(!(plain.flags & SELECTORS_WIDE));
	memset(&wide, 0xee, sizeof(wide));
	selectors_filter(&s, &wide, &plain, ingress, n);
	ck_assert_msg(!!(s.flags & SELECTORS_WIDE) == filters[_i].wide, "%s", filters[_i].why);
	for (size_t i = 0; i < sizeof(wide) && !filters[_i].wide; i++)
		ck_assert_uint_eq(((uint8_t *)&wide)[i], 0xee); // not touched
}
END_TEST

START_TEST(invalid_lists)
{
	struct ts_list list = LIST("10.0.0.0/8");

	ck_assert(selectors_valid(&list));
	list.n = 0;
	ck_assert(!selectors_valid(&list));
	list.n = TS_MAX + 1;
	ck_assert(!selectors_valid(&list));
	list.n = UINT32_MAX;
	ck_assert(!selectors_valid(&list));
	list.n = 1;
	list.ts[0].family = 99;
	ck_assert(!selectors_valid(&list));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("selectors");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, verdicts, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, like_the_plain_ones, 0, 2);
	tcase_add_loop_test(tc, other_filters, 0, 2);
	tcase_add_loop_test(tc, links, 0, sizeof(filters) / sizeof(filters[0]));
	tcase_add_test(tc, invalid_lists);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
