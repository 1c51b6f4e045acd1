// SPDX-License-Identifier: BSD-3-Clause
// Longest-match routes: cases by hand, and a hundred thousand random operations against a linear
// search.
#include "fib.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fib *fib;

static void setup(void)
{
	fib = fib_new(200);
}

static void teardown(void)
{
	fib_free(fib);
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_msg(inet_prefix_parse(text, &p) == 0, "%s", text);
	return p;
}

static int set(const char *text, uint32_t arg)
{
	struct inet_prefix p = prefix(text);

	return fib_set(fib, &p, (struct fib_hop){.kind = FIB_SA, .arg = arg});
}

static int del(const char *text)
{
	struct inet_prefix p = prefix(text);

	return fib_del(fib, &p);
}

static uint32_t lookup(const char *text)
{
	struct inet_addr a;
	struct fib_hop hop;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	hop = fib_lookup(fib, a.family, fib_key(&a));
	return hop.kind == FIB_NONE ? 0 : hop.arg;
}

START_TEST(test_longest)
{
	static const struct {
		const char *addr;
		uint32_t arg;
		const char *why;
	} rows[] = {
		{"10.1.2.3", 4, "host route"},
		{"10.1.2.4", 3, "/24"},
		{"10.1.3.1", 2, "/8"},
		{"11.0.0.1", 1, "default"},
		{"2001:db8::1", 13, "/128"},
		{"2001:db8::2", 12, "/64"},
		{"2001:db8:0:0:8000::", 12, "/64, upper half of it"},
		{"2001:db8:0:1::", 11, "/32"},
		{"2001:db9::", 0, "IPv4's default is not IPv6's"},
		{"fe80::1", 14, "/10"},
		{"febf::1", 14, "/10, its end"},
		{"fec0::1", 0, "behind /10"},
	};

	ck_assert_int_eq(set("0.0.0.0/0", 1), 0);
	ck_assert_int_eq(set("10.0.0.0/8", 2), 0);
	ck_assert_int_eq(set("10.1.2.0/24", 3), 0);
	ck_assert_int_eq(set("10.1.2.3/32", 4), 0);
	ck_assert_int_eq(set("2001:db8::/32", 11), 0);
	ck_assert_int_eq(set("2001:db8::/64", 12), 0);
	ck_assert_int_eq(set("2001:db8::1/128", 13), 0);
	ck_assert_int_eq(set("fe80::/10", 14), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(
			lookup(rows[i].addr) == rows[i].arg, "%s: %s", rows[i].addr, rows[i].why);
	ck_assert_int_eq(del("10.1.2.0/24"), 0);
	ck_assert_uint_eq(lookup("10.1.2.4"), 2);
	ck_assert_int_eq(del("10.1.2.0/24"), -ENOENT);
	ck_assert_int_eq(del("0.0.0.0/0"), 0);
	ck_assert_uint_eq(lookup("11.0.0.1"), 0);
	ck_assert_uint_eq(fib_count(fib), 6);
}
END_TEST

START_TEST(test_fixed)
{
	struct inet_prefix p = prefix("10.0.0.0/8");
	struct fib_hop fixed = {.kind = FIB_CONNECTED, .fixed = 1};

	ck_assert_int_eq(fib_set(fib, &p, fixed), 0);
	ck_assert_int_eq(set("10.0.0.0/8", 5), -EPERM);
	ck_assert_int_eq(del("10.0.0.0/8"), -EPERM);
	ck_assert_int_eq(fib_set(fib, &p, fixed), 0);
	ck_assert_int_eq(set("10.0.0.0/9", 5), 0);
}
END_TEST

START_TEST(test_full)
{
	char text[32];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "10.0.%d.0/24", i);
		ck_assert_int_eq(set(text, 1), 0);
	}
	ck_assert_int_eq(set("10.1.0.0/24", 1), -ENOSPC);
	ck_assert_int_eq(set("10.0.7.0/24", 2), 0); // replacing needs no room
	ck_assert_uint_eq(lookup("10.0.7.1"), 2);
}
END_TEST

struct model {
	struct inet_prefix prefix;
	uint32_t arg;
	bool there;
};

static struct inet_prefix random_prefix(void)
{
	struct inet_prefix p = {0};

	// Few bits differ, so that prefixes nest and meet.
	p.addr.family = random() % 2 ? AF_INET : AF_INET6;
	p.len = (uint8_t)((unsigned long)random() % (inet_addr_bits(p.addr.family) + 1));
	for (int i = 0; i < (p.addr.family == AF_INET ? 4 : 16); i++)
		p.addr.bytes[i] = (uint8_t)(random() & 0x81);
	inet_prefix_normalize(&p);
	return p;
}

START_TEST(test_model)
{
	static struct model model[200];

	srandom(1);
	for (int round = 0; round < 50000; round++) {
		struct model *m = &model[random() % 200], *best = NULL;
		struct inet_addr a = random_prefix().addr;
		struct fib_hop hop;

		if (m->there && random() % 2) {
			ck_assert_int_eq(fib_del(fib, &m->prefix), 0);
			m->there = false;
		} else if (!m->there) {
			m->prefix = random_prefix();
			m->there = true;
			for (int i = 0; i < 200; i++) {
				if (&model[i] != m && model[i].there &&
					inet_prefix_equal(&model[i].prefix, &m->prefix))
					m->there = false; // somebody has it
			}
			m->arg = (uint32_t)random();
			if (m->there)
				ck_assert_int_eq(
					fib_set(fib, &m->prefix,
						(struct fib_hop){.kind = FIB_SA, .arg = m->arg}),
					0);
		}
		for (int i = 0; i < 200; i++) {
			if (model[i].there && inet_prefix_contains(&model[i].prefix, &a) &&
				(!best || model[i].prefix.len > best->prefix.len))
				best = &model[i];
		}
		hop = fib_lookup(fib, a.family, fib_key(&a));
		ck_assert_int_eq(hop.kind == FIB_NONE, best == NULL);
		if (best)
			ck_assert_uint_eq(hop.arg, best->arg);
	}
}
END_TEST

static struct inet_prefix host(uint32_t n)
{
	struct inet_prefix p = prefix("2001:db8:3000::/128");

	for (int i = 0; i < 4; i++)
		p.addr.bytes[15 - i] = (uint8_t)(n >> 8 * i);
	return p;
}

static uint32_t lookup_host(uint32_t n)
{
	struct inet_prefix p = host(n);
	struct fib_hop hop = fib_lookup(fib, AF_INET6, fib_key(&p.addr));

	return hop.kind == FIB_NONE ? 0 : hop.arg;
}

// An assertion writes to a pipe each time; here there are millions.
static void expect_host(uint32_t n, uint32_t arg)
{
	if (lookup_host(n) != arg)
		ck_abort_msg("route %u is not found, or found in vain", n);
}

static void put_host(uint32_t n, uint32_t arg)
{
	struct inet_prefix p = host(n);

	if (fib_set(fib, &p, (struct fib_hop){.kind = FIB_SA, .arg = arg}))
		ck_abort_msg("route %u is not set", n);
}

static void take_host(uint32_t n, int expected)
{
	struct inet_prefix p = host(n);

	if (fib_del(fib, &p) != expected)
		ck_abort_msg("route %u is not taken out, or in vain", n);
}

// Claimed addresses by the ten thousand: the table grows under way, and at every moment of it
// every route is found, those that were set, changed or taken out meanwhile among them.
START_TEST(test_growth)
{
	enum {
		N = 60000,
		LAG = 20000
	};
	static uint32_t arg[N];

	fib_free(fib);
	fib = fib_new(N);
	srandom(2);
	memset(arg, 0, sizeof(arg));
	for (uint32_t i = 0; i < 2 * N; i++) {
		uint32_t n = i < N ? i : (uint32_t)random() % N;

		arg[n] = i + 1;
		put_host(n, arg[n]);
		n = (uint32_t)random() % (i + 1 < N ? i + 1 : N);
		if (i % 3 == 0) {
			take_host(n, arg[n] ? 0 : -ENOENT);
			arg[n] = 0;
		}
		for (int k = 0; k < 4; k++) {
			n = (uint32_t)random() % N;
			expect_host(n, arg[n]);
		}
		if (i % LAG == 0) {
			for (n = 0; n < N; n++)
				expect_host(n, arg[n]);
		}
	}
	for (uint32_t n = 0; n < N; n++) {
		expect_host(n, arg[n]);
		take_host(n, arg[n] ? 0 : -ENOENT);
	}
	ck_assert_uint_eq(fib_count(fib), 0);
}
END_TEST

// A route taken out where the move has just passed: what closes the gap must not stay behind. Rare, so
// many tables grow.
START_TEST(test_growth_edge)
{
	enum {
		N = 1500
	};
	static bool there[N];

	srandom(3);
	for (int round = 0; round < 200; round++) {
		fib_free(fib);
		fib = fib_new(4 * N);
		memset(there, 0, sizeof(there));
		for (uint32_t i = 0; i < N; i++) {
			uint32_t n = (uint32_t)random() % N;

			put_host(i + (uint32_t)round * N, 1);
			there[i] = true;
			if (i < 1020 || !there[n])
				continue;
			take_host(n + (uint32_t)round * N, 0);
			there[n] = false;
		}
		for (uint32_t i = 0; i < N; i++)
			expect_host(i + (uint32_t)round * N, there[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fib");
	TCase *tc = tcase_create("fib");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_longest);
	tcase_add_test(tc, test_fixed);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_growth);
	tcase_add_test(tc, test_growth_edge);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
