// SPDX-License-Identifier: BSD-3-Clause
// L19: traffic selectors are contained, matched and narrowed exactly. RFC 7296 section 2.9, RFC 4301
// section 4.4.1.1.
#include "ts.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ts ts_of(const char *text)
{
	struct ts ts;

	ck_assert_msg(ts_parse(text, &ts) == 0, "%s", text);
	return ts;
}

static const char *const round_trip[] = {
	"0.0.0.0/0",
	"::/0",
	"10.20.0.0/24",
	"10.0.0.1-10.0.0.9",
	"2001:db8::/64",
	"2001:db8::1-2001:db8::2",
	"10.0.0.1/32[tcp]",
	"10.0.0.0/8[udp/53]",
	"10.0.0.0/8[udp/1000-2000]",
	"10.0.0.0/8[any/53]",
	"2001:db8::/64[58/128:0]",
	"2001:db8::/64[58/128:0-129:255]",
	"10.0.0.0/8[1/8:0]",
	"10.0.0.0/8[132]",
	"10.0.0.0/8[tcp/opaque]",
	"ffff:ffff:ffff:ffff:fff0::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe[255/60000-65535]",
};

START_TEST(test_round_trip)
{
	struct ts ts = ts_of(round_trip[_i]);
	char buf[TS_STRLEN];

	ck_assert(ts_valid(&ts));
	ck_assert_str_eq(ts_format(&ts, buf), round_trip[_i]);
}
END_TEST

static const char *const refused[] = {"", "10.0.0.1/24", "10.0.0.9-10.0.0.1", "10.0.0.1-::1",
	"10.0.0.0/8[", "10.0.0.0/8[tcp", "10.0.0.0/8[tcp/]", "10.0.0.0/8[tcp/65536]",
	"10.0.0.0/8[tcp/2-1]", "10.0.0.0/8[256]", "10.0.0.0/8[tcp/1]x", "10.0.0.0/8[1/8]",
	"10.0.0.0/8[1/256:0]", "10.0.0.0/8[1/8:256]", "10.0.0.0/8[icmp]", "host", "-", "10.0.0.1-",
	"10.0.0.0/8[tcp/-1]", "10.0.0.0/8[99999999999999999999]"};

START_TEST(test_refused)
{
	struct ts ts;

	ck_assert_msg(ts_parse(refused[_i], &ts) == -EINVAL, "%s", refused[_i]);
}
END_TEST

static const struct {
	const char *why, *outer, *inner;
	bool contains;
} rows[] = {
	{"itself", "10.0.0.0/8", "10.0.0.0/8", true},
	{"a smaller range", "10.0.0.0/8", "10.1.0.0-10.2.0.0", true},
	{"the end sticks out", "10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.10", false},
	{"the other family", "::/0", "10.0.0.0/8", false},
	{"any protocol holds tcp", "10.0.0.0/8", "10.0.0.1/32[tcp/80]", true},
	{"tcp does not hold any", "10.0.0.0/8[tcp]", "10.0.0.1/32", false},
	{"another protocol", "10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", false},
	{"ports within", "10.0.0.0/8[tcp/1-100]", "10.0.0.0/8[tcp/80]", true},
	{"ports outside", "10.0.0.0/8[tcp/1-100]", "10.0.0.0/8[tcp/80-101]", false},
	{"any port holds OPAQUE", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/opaque]", true},
	{"a range does not hold OPAQUE", "10.0.0.0/8[tcp/0-65534]", "10.0.0.0/8[tcp/opaque]",
		false},
	{"OPAQUE holds no port", "10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/80]", false},
	{"OPAQUE holds itself", "10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/opaque]", true},
};

START_TEST(test_contains)
{
	struct ts outer = ts_of(rows[_i].outer), inner = ts_of(rows[_i].inner), both;

	ck_assert_msg(ts_contains(&outer, &inner) == rows[_i].contains, "%s", rows[_i].why);
	// What is contained is what the intersection leaves.
	if (rows[_i].contains) {
		ck_assert(ts_intersect(&outer, &inner, &both));
		ck_assert_msg(ts_equal(&both, &inner), "%s", rows[_i].why);
		ck_assert(ts_intersect(&inner, &outer, &both));
		ck_assert_msg(ts_equal(&both, &inner), "%s", rows[_i].why);
	}
}
END_TEST

static const struct {
	const char *why, *a, *b, *both; // NULL: empty
} crossings[] = {
	{"ranges cross", "10.0.0.0-10.0.0.9", "10.0.0.5-10.0.1.0", "10.0.0.5-10.0.0.9"},
	{"ranges apart", "10.0.0.0/24", "10.0.1.0/24", NULL},
	{"protocol from one, port from the other", "10.0.0.0/8[tcp]", "10.0.0.0/16[any/80]",
		"10.0.0.0/16[tcp/80]"},
	{"protocols differ", "10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", NULL},
	{"ports cross", "10.0.0.0/8[tcp/1-100]", "10.0.0.0/8[tcp/50-200]",
		"10.0.0.0/8[tcp/50-100]"},
	{"ports apart", "10.0.0.0/8[tcp/1-100]", "10.0.0.0/8[tcp/101]", NULL},
	{"OPAQUE and a range", "10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/1-65535]", NULL},
	{"families", "::/0", "0.0.0.0/0", NULL},
};

START_TEST(test_intersect)
{
	struct ts a = ts_of(crossings[_i].a), b = ts_of(crossings[_i].b), both;
	bool some = ts_intersect(&a, &b, &both);
	char buf[TS_STRLEN];

	ck_assert_msg(some == (crossings[_i].both != NULL), "%s", crossings[_i].why);
	ck_assert_msg(ts_intersect(&b, &a, &both) == some, "%s", crossings[_i].why);
	if (some)
		ck_assert_str_eq(ts_format(&both, buf), crossings[_i].both);
}
END_TEST

START_TEST(test_match)
{
	struct inet_addr inside, outside;
	struct ts any = ts_of("10.0.0.0/24"), dns = ts_of("10.0.0.0/24[udp/53]"),
		  opaque = ts_of("10.0.0.0/24[udp/opaque]"), udp = ts_of("10.0.0.0/24[udp]");

	ck_assert_int_eq(inet_addr_parse("10.0.0.255", &inside), 0);
	ck_assert_int_eq(inet_addr_parse("10.0.1.0", &outside), 0);
	ck_assert(ts_match(&any, &inside, 17, true, 53));
	ck_assert(ts_match(&any, &inside, 17, false, 0));
	ck_assert(!ts_match(&any, &outside, 17, true, 53));
	ck_assert(ts_match(&dns, &inside, 17, true, 53));
	ck_assert(!ts_match(&dns, &inside, 17, true, 54));
	ck_assert(!ts_match(&dns, &inside, 6, true, 53));
	// A fragment without its ports is within no selector that has ports.
	ck_assert(!ts_match(&dns, &inside, 17, false, 53));
	ck_assert(ts_match(&udp, &inside, 17, false, 0));
	ck_assert(ts_match(&opaque, &inside, 17, false, 0));
	ck_assert(!ts_match(&opaque, &inside, 17, true, 53));
}
END_TEST

static void add(struct ts_list *list, const char *text)
{
	struct ts ts = ts_of(text);

	ck_assert_int_eq(ts_list_add(list, &ts), 0);
}

START_TEST(test_list_add)
{
	struct ts_list list = {};
	struct ts ts;
	char text[32];

	add(&list, "10.0.0.0/24");
	add(&list, "10.0.0.0/24");
	add(&list, "10.0.0.1/32[tcp]");
	ck_assert_uint_eq(list.n, 1);
	add(&list, "10.0.2.0/24");
	add(&list, "10.0.0.0/16"); // swallows both
	ck_assert_uint_eq(list.n, 1);
	for (int i = 1; i < TS_MAX; i++) {
		snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		add(&list, text);
	}
	ts = ts_of("10.200.0.0/16");
	ck_assert_int_eq(ts_list_add(&list, &ts), -ENOSPC);
	ck_assert_uint_eq(list.n, TS_MAX);
	add(&list, "10.3.4.0/24"); // contained: fits a full list
	add(&list, "0.0.0.0/0"); // as does one that swallows
	ck_assert_uint_eq(list.n, 1);
}
END_TEST

START_TEST(test_narrow)
{
	struct ts_list proposed = {}, allowed = {}, out = {}, want = {};

	// RFC 7296 section 2.9: everything is asked for, the policy's own is given.
	add(&proposed, "0.0.0.0/0");
	add(&proposed, "::/0");
	add(&allowed, "2001:db8:1000:5::/64");
	add(&allowed, "10.66.0.7/32");
	ts_list_narrow(&proposed, &allowed, &out);
	ck_assert(ts_list_equal(&out, &allowed));
	ck_assert(ts_equal(&out.ts[0], &allowed.ts[0]));

	// More than allowed and less than allowed at once.
	proposed = allowed = (struct ts_list){};
	add(&proposed, "10.66.0.0/16[tcp]");
	add(&proposed, "192.0.2.0/24");
	add(&allowed, "10.66.1.0/24");
	add(&want, "10.66.1.0/24[tcp]");
	ts_list_narrow(&proposed, &allowed, &out);
	ck_assert(ts_list_equal(&out, &want));

	// In place, and down to nothing.
	allowed = (struct ts_list){};
	add(&allowed, "172.16.0.0/12");
	ts_list_narrow(&proposed, &allowed, &proposed);
	ck_assert_uint_eq(proposed.n, 0);
}
END_TEST

START_TEST(test_narrow_full)
{
	struct ts_list proposed = {}, allowed = {}, out;
	char text[40];

	for (int i = 0; i < TS_MAX; i++) {
		snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		add(&allowed, text);
		snprintf(text, sizeof(text), "10.0.0.0/8[tcp/%d]", i + 1);
		add(&proposed, text);
	}
	ts_list_narrow(&proposed, &allowed, &out); // 256 products
	ck_assert_uint_eq(out.n, TS_MAX);
	for (uint32_t i = 0; i < out.n; i++)
		ck_assert(ts_list_contains(&proposed, &out.ts[i]) &&
			ts_list_contains(&allowed, &out.ts[i]));
}
END_TEST

START_TEST(test_list_equal)
{
	struct ts_list a = {}, b = {};

	add(&a, "10.0.0.0/24");
	add(&a, "10.0.1.0/24");
	add(&b, "10.0.1.0/24");
	ck_assert(!ts_list_equal(&a, &b));
	add(&b, "10.0.0.0/24");
	ck_assert(ts_list_equal(&a, &b)); // order does not count
}
END_TEST

START_TEST(test_hostile)
{
	struct ts ts = ts_of("10.0.0.0/8");

	ts.family = 9;
	ck_assert(!ts_valid(&ts));
	ts = ts_of("10.0.0.0/8");
	ts.port_lo = 2;
	ts.port_hi = 1;
	ck_assert(!ts_valid(&ts));
	ts = ts_of("10.0.0.0/8");
	ts.lo[0] = 11;
	ck_assert(!ts_valid(&ts));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ts");
	TCase *tcase = tcase_create("ts");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_round_trip, 0, sizeof(round_trip) / sizeof(round_trip[0]));
	tcase_add_loop_test(tcase, test_refused, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tcase, test_contains, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tcase, test_intersect, 0, sizeof(crossings) / sizeof(crossings[0]));
	tcase_add_test(tcase, test_match);
	tcase_add_test(tcase, test_list_add);
	tcase_add_test(tcase, test_narrow);
	tcase_add_test(tcase, test_narrow_full);
	tcase_add_test(tcase, test_list_equal);
	tcase_add_test(tcase, test_hostile);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
