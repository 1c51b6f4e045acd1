// SPDX-License-Identifier: BSD-3-Clause
// The router side of MLD on a client's LAN (L5, L6): what several hosts want together, who is silent
// for too long, hosts of MLDv1 that keep silent for each other, and which queries are sent.
#include "clock.h"
#include "group_lan.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct group_lan *lan;
static struct inet_addr group;
static struct source_filter wanted;
static bool is_wanted;
static uint32_t told_n;

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static void on_change(void *arg, const struct inet_addr *of, const struct source_filter *filter)
{
	(void)arg;
	ck_assert(inet_addr_equal(of, &group));
	told_n++;
	is_wanted = filter != NULL;
	if (filter != NULL)
		wanted = *filter;
}

static void setup(void)
{
	static const uint64_t secret[2] = {8, 9};

	group = addr("ff15::77");
	is_wanted = false;
	told_n = 0;
	lan = group_lan_new(secret, on_change, NULL, 0);
	ck_assert_ptr_nonnull(lan);
}

static void teardown(void)
{
	group_lan_free(lan);
}

// One record, as mld_read() makes it of an MLDv1 message: it is in `first` whatever the version.
static void says(const char *host, uint32_t version, enum group_record_type type,
	const char *source, uint64_t now_us)
{
	uint8_t bytes[64];
	struct buf_writer w;
	struct group_record record = {.type = type, .group = group};
	struct group_msg msg = {.version = version, .src = addr(host), .record_n = 1};

	if (source != NULL)
		record.source[record.source_n++] = addr(source);
	if (version == 1) {
		msg.first = record;
	} else {
		buf_writer_init(&w, bytes, sizeof(bytes));
		group_record_write(&w, &record);
		buf_reader_init(&msg.records, bytes, sizeof(bytes));
	}
	group_lan_report(lan, &msg, now_us);
}

// Everything until then; how many General Queries there were, and how many for the group.
static void run(uint64_t until_us, uint32_t *general, uint32_t *specific)
{
	struct group_query query;

	*general = *specific = 0;
	while (group_lan_next_us(lan) <= until_us) {
		if (!group_lan_take(lan, group_lan_next_us(lan), &query))
			continue;
		*general += query.group.family == 0;
		*specific += query.group.family != 0;
	}
}

#define S(n) ((uint64_t)(n)*US_PER_S)

START_TEST(test_two_hosts)
{
	says("fe80::1", 2, GROUP_CHANGE_TO_EXCLUDE, NULL, 1);
	ck_assert(is_wanted && !wanted.include);
	says("fe80::2", 2, GROUP_CHANGE_TO_EXCLUDE, NULL, 2);
	says("fe80::1", 2, GROUP_CHANGE_TO_INCLUDE, NULL, 3);
	ck_assert(is_wanted);
	says("fe80::2", 2, GROUP_CHANGE_TO_INCLUDE, NULL, 4);
	ck_assert(!is_wanted);
	ck_assert_uint_eq(told_n, 2);
}
END_TEST

START_TEST(test_sources)
{
	says("fe80::1", 2, GROUP_ALLOW_NEW_SOURCES, "2001:db8::1", 1);
	ck_assert(is_wanted && wanted.include && wanted.source_n == 1);
	says("fe80::2", 2, GROUP_ALLOW_NEW_SOURCES, "2001:db8::2", 1);
	ck_assert_uint_eq(wanted.source_n, 2);
	says("fe80::1", 2, GROUP_BLOCK_OLD_SOURCES, "2001:db8::1", 1);
	ck_assert_uint_eq(wanted.source_n, 1);
	says("fe80::2", 2, GROUP_BLOCK_OLD_SOURCES, "2001:db8::2", 1);
	ck_assert(!is_wanted);
}
END_TEST

// Who answers stays, who is silent does not, in the end.
START_TEST(test_age)
{
	uint32_t general, specific;

	says("fe80::1", 2, GROUP_CHANGE_TO_EXCLUDE, NULL, 0);
	says("fe80::2", 2, GROUP_CHANGE_TO_EXCLUDE, NULL, 0);
	for (uint64_t s = 0; s < 3600; s += 100) {
		run(S(s), &general, &specific);
		says("fe80::1", 2, GROUP_MODE_IS_EXCLUDE, NULL, S(s));
	}
	ck_assert(is_wanted);
	ck_assert_uint_eq(told_n, 1);
	run(S(3500 + 255), &general, &specific);
	ck_assert(is_wanted);
	run(S(3500 + 530), &general, &specific);
	ck_assert(!is_wanted);
}
END_TEST

START_TEST(test_v1)
{
	uint32_t general, specific;

	run(S(40), &general, &specific);
	says("fe80::1", 1, GROUP_MODE_IS_EXCLUDE, NULL,
		S(41)); // fe80::2 has heard it and is silent
	says("fe80::1", 1, GROUP_CHANGE_TO_INCLUDE, NULL, S(50));
	ck_assert(is_wanted);
	run(S(50), &general, &specific);
	ck_assert_uint_eq(specific, 1);
	says("fe80::2", 1, GROUP_MODE_IS_EXCLUDE, NULL, S(51)); // asked, it says so
	run(S(60), &general, &specific);
	ck_assert(is_wanted);
	ck_assert_uint_eq(specific, 0);
	says("fe80::2", 1, GROUP_CHANGE_TO_INCLUDE, NULL, S(61));
	run(S(64), &general, &specific);
	ck_assert_uint_eq(specific, GROUP_LAN_ROBUSTNESS);
	ck_assert(!is_wanted);
	ck_assert_uint_eq(told_n, 2);
}
END_TEST

// A late answer of MLDv2 comes from a host that speaks MLDv1 by now.
START_TEST(test_v2_then_v1)
{
	uint32_t general, specific;

	says("fe80::1", 1, GROUP_MODE_IS_EXCLUDE, NULL, S(1));
	says("fe80::1", 2, GROUP_MODE_IS_EXCLUDE, NULL, S(2));
	says("fe80::1", 1, GROUP_CHANGE_TO_INCLUDE, NULL, S(3));
	run(S(6), &general, &specific);
	ck_assert_uint_eq(specific, GROUP_LAN_ROBUSTNESS);
	ck_assert(!is_wanted);
}
END_TEST

// Asked because one of MLDv1 left, a host of MLDv2 says that it wants it: of it alone is it known.
START_TEST(test_v2_answers)
{
	uint32_t general, specific;

	says("fe80::1", 1, GROUP_MODE_IS_EXCLUDE, NULL, S(1));
	says("fe80::2", 2, GROUP_CHANGE_TO_EXCLUDE, NULL, S(1));
	says("fe80::1", 1, GROUP_CHANGE_TO_INCLUDE, NULL, S(3));
	run(S(3), &general, &specific);
	says("fe80::2", 2, GROUP_MODE_IS_EXCLUDE, NULL, S(4));
	run(S(6), &general, &specific);
	ck_assert(is_wanted);
	says("fe80::2", 2, GROUP_CHANGE_TO_INCLUDE, NULL, S(7));
	ck_assert(!is_wanted);
}
END_TEST

// Two at startup, then one each 125 s; none while a router with a lower address asks.
START_TEST(test_queries)
{
	struct inet_addr own = addr("fe80::5");
	struct group_msg low = {.src = addr("fe80::4")}, high = {.src = addr("fe80::6")};
	uint32_t general, specific;

	run(S(1), &general, &specific);
	ck_assert_uint_eq(general, 1);
	run(S(32), &general, &specific);
	ck_assert_uint_eq(general, 1);
	run(S(32 + 1250), &general, &specific);
	ck_assert_uint_eq(general, 10);
	group_lan_heard_query(lan, &high, &own, S(1290));
	run(S(1290 + 250), &general, &specific);
	ck_assert_uint_eq(general, 2);
	group_lan_heard_query(lan, &low, &own, S(1540));
	run(S(1540 + 254), &general, &specific);
	ck_assert_uint_eq(general, 0);
	run(S(1540 + 500), &general, &specific);
	ck_assert_uint_ge(general, 1);
	ck_assert_uint_eq(specific, 0);
}
END_TEST

// As many as it takes, and one more.
START_TEST(test_many_hosts)
{
	for (uint32_t i = 0; i < GROUP_LAN_HOSTS + 10; i++) {
		char host[32];

		snprintf(host, sizeof(host), "fe80::1:%x", i);
		says(host, 2, GROUP_CHANGE_TO_EXCLUDE, NULL, i);
	}
	ck_assert(is_wanted);
	ck_assert_uint_eq(told_n, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group_lan");
	TCase *tcase = tcase_create("group_lan");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_two_hosts);
	tcase_add_test(tcase, test_sources);
	tcase_add_test(tcase, test_age);
	tcase_add_test(tcase, test_v1);
	tcase_add_test(tcase, test_v2_then_v1);
	tcase_add_test(tcase, test_v2_answers);
	tcase_add_test(tcase, test_queries);
	tcase_add_test(tcase, test_many_hosts);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
