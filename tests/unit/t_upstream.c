// SPDX-License-Identifier: BSD-3-Clause
// The host's side of MLD and IGMP on an inner port (L5): changes at once and again, merged ones,
// answers to queries and their delays, lost packets, queriers of older versions.
#include "clock.h"
#include "igmp_msg.h"
#include "mld_msg.h"
#include "upstream.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

enum {
	RECORDS = 64
};

static struct upstream *up;
static uint64_t now_us;
static uint64_t dice; // what the random source says
static struct inet_addr group, other;
static struct group_record got[RECORDS];
static uint32_t got_n, packets, got_version;
static bool got_leave;

static void fixed_random(void *arg, void *out, size_t len)
{
	(void)arg;
	memset(out, 0, len);
	memcpy(out, &dice, len < sizeof(dice) ? len : sizeof(dice));
}

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	return addr;
}

static struct source_filter filter_of(bool include, uint32_t n)
{
	struct source_filter filter = {.include = include, .source_n = n};

	for (uint32_t i = 0; i < n; i++) {
		filter.source[i] = addr_of(group.family == AF_INET6 ? "2001:db8::" : "10.0.0.0");
		filter.source[i].bytes[group.family == AF_INET6 ? 15 : 3] = (uint8_t)(i + 1);
	}
	return filter;
}

static void start(uint8_t family)
{
	struct inet_addr source = addr_of(family == AF_INET6 ? "fe80::1" : "192.0.2.1");

	upstream_free(up);
	now_us = 1000 * US_PER_S;
	dice = 500000;
	up = upstream_new(family, fixed_random, NULL);
	ck_assert_ptr_nonnull(up);
	upstream_source(up, &source);
	group = addr_of(family == AF_INET6 ? "ff0e::1:2" : "239.1.2.3");
	other = addr_of(family == AF_INET6 ? "ff0e::1:3" : "239.1.2.4");
}

static void setup(void)
{
	start(AF_INET6);
}

static void teardown(void)
{
	upstream_free(up);
	up = NULL;
}

// Everything that is due now, in got[].
static uint32_t take(void)
{
	uint8_t packet[UPSTREAM_PACKET_MAX];
	size_t len = 0;

	got_n = packets = 0;
	while ((len = upstream_take(up, packet, now_us)) > 0) {
		struct inner_packet inner;
		struct group_msg msg;

		packets++;
		if (group.family == AF_INET6) {
			ck_assert_int_eq(inner_parse(packet, len, &inner), 0);
			ck_assert_int_eq(mld_read(&inner, &msg), GROUP_MSG_REPORT);
		} else {
			ck_assert_int_eq(igmp_read(packet, len, &msg), GROUP_MSG_REPORT);
		}
		got_version = msg.version;
		while (got_n < RECORDS && group_msg_next(&msg, &got[got_n]))
			got_n++;
	}
	got_leave = got_n == 1 && got[0].type == GROUP_CHANGE_TO_INCLUDE && got[0].source_n == 0;
	return packets;
}

// To the moment when something is due; false: nothing will be.
static bool forward(void)
{
	uint64_t next_us = upstream_next_us(up);

	if (next_us == CLOCK_NEVER)
		return false;
	if (next_us > now_us)
		now_us = next_us;
	return true;
}

static void want(const struct inet_addr *of, bool include, uint32_t n)
{
	struct source_filter filter = filter_of(include, n);

	ck_assert_int_eq(upstream_want(up, of, &filter, now_us), 0);
}

static void settle(void)
{
	while (forward())
		take();
}

static void ask(const struct inet_addr *of, uint32_t version, uint32_t sources)
{
	struct group_query query = {
		.version = version, .max_response_us = 10 * US_PER_S, .source_n = sources};

	if (of != NULL)
		query.group = *of;
	for (uint32_t i = 0; i < sources; i++)
		query.source[i] = filter_of(true, i + 1).source[i];
	upstream_query(up, &query, now_us);
}

START_TEST(test_join_leave)
{
	start(_i == 0 ? AF_INET6 : AF_INET);
	ck_assert(!forward());
	want(&group, false, 0);
	ck_assert_uint_eq(take(), 1);
	ck_assert_uint_eq(got_n, 1);
	ck_assert_int_eq(got[0].type, GROUP_CHANGE_TO_EXCLUDE);
	ck_assert(inet_addr_equal(&got[0].group, &group));
	ck_assert_uint_eq(take(), 0);
	// The first may be lost: there is another, within a second, and no third.
	ck_assert(forward());
	ck_assert_uint_eq(now_us, 1000 * US_PER_S + 500000);
	ck_assert_uint_eq(take(), 1);
	ck_assert_int_eq(got[0].type, GROUP_CHANGE_TO_EXCLUDE);
	ck_assert(!forward());
	ck_assert_int_eq(upstream_want(up, &group, NULL, now_us), 0);
	ck_assert_uint_eq(take(), 1);
	ck_assert(got_leave);
	ck_assert(forward());
	ck_assert_uint_eq(take(), 1);
	ck_assert(got_leave);
	ck_assert(!forward());
	ask(NULL, _i == 0 ? 2 : 3, 0);
	settle();
	ck_assert_uint_eq(got_n, 0); // nothing is left to answer with
}
END_TEST

START_TEST(test_source_changes)
{
	struct source_filter filter = filter_of(true, 3);

	want(&group, true, 2);
	take();
	ck_assert_int_eq(got[0].type, GROUP_ALLOW_NEW_SOURCES);
	ck_assert_uint_eq(got[0].source_n, 2);
	// Before that was told again the first goes and a third comes: each is told twice in all.
	filter.source[0] = filter.source[1];
	filter.source[1] = filter.source[2];
	filter.source_n = 2;
	ck_assert_int_eq(upstream_want(up, &group, &filter, now_us), 0);
	take();
	ck_assert_uint_eq(got_n, 2);
	ck_assert_int_eq(got[0].type, GROUP_ALLOW_NEW_SOURCES);
	ck_assert_uint_eq(got[0].source_n, 2);
	ck_assert_int_eq(got[1].type, GROUP_BLOCK_OLD_SOURCES);
	ck_assert_uint_eq(got[1].source_n, 1);
	ck_assert_uint_eq(got[1].source[0].bytes[15], 1);
	ck_assert(forward());
	take();
	ck_assert_uint_eq(got_n, 2);
	ck_assert_uint_eq(got[0].source_n, 1);
	ck_assert_uint_eq(got[0].source[0].bytes[15], 3);
	ck_assert(!forward());
	// A change of mode tells the whole filter.
	want(&group, false, 1);
	take();
	ck_assert_uint_eq(got_n, 1);
	ck_assert_int_eq(got[0].type, GROUP_CHANGE_TO_EXCLUDE);
	ck_assert_uint_eq(got[0].source_n, 1);
}
END_TEST

// Left while the join is still to be told again: only the leave is.
START_TEST(test_join_then_leave)
{
	want(&group, false, 0);
	take();
	upstream_want(up, &group, NULL, now_us);
	for (int i = 0; i < 2; i++) {
		ck_assert(forward());
		ck_assert_uint_eq(take(), 1);
		ck_assert(got_leave);
	}
	ck_assert(!forward());
}
END_TEST

START_TEST(test_queries)
{
	want(&group, true, 3);
	want(&other, false, 2);
	settle();
	dice = 7 * US_PER_S;
	ask(NULL, 2, 0);
	ck_assert_uint_eq(upstream_next_us(up), now_us + 7 * US_PER_S);
	dice = 8 * US_PER_S; // the general answer comes before
	ask(&group, 2, 0);
	dice = 3 * US_PER_S;
	ask(&group, 2, 2);
	ck_assert(forward());
	ck_assert_uint_eq(take(), 1);
	ck_assert_uint_eq(got_n, 1);
	ck_assert_int_eq(got[0].type, GROUP_MODE_IS_INCLUDE);
	ck_assert_uint_eq(got[0].source_n, 2);
	ck_assert(forward());
	ck_assert_uint_eq(take(), 1);
	ck_assert_uint_eq(got_n, 2);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(got[i].type,
			inet_addr_equal(&got[i].group, &group) ? GROUP_MODE_IS_INCLUDE
							       : GROUP_MODE_IS_EXCLUDE);
	ck_assert(!forward());
	// Of an excluding group those that are let through; none: silence.
	ask(&other, 2, 3);
	ck_assert(forward());
	take();
	ck_assert_uint_eq(got_n, 1);
	ck_assert_int_eq(got[0].type, GROUP_MODE_IS_INCLUDE);
	ck_assert_uint_eq(got[0].source_n, 1);
	ask(&other, 2, 2);
	ck_assert(forward());
	ck_assert_uint_eq(take(), 0);
	ck_assert(!forward());
	// For some sources, then for the group: the group.
	ask(&group, 2, 1);
	ask(&group, 2, 0);
	ck_assert(forward());
	take();
	ck_assert_uint_eq(got[0].source_n, 3);
}
END_TEST

START_TEST(test_many)
{
	struct source_filter filter = filter_of(false, 0);
	struct inet_addr many = group;

	for (uint32_t i = 0; i < 500; i++) {
		many.bytes[13] = (uint8_t)(i >> 8);
		many.bytes[14] = (uint8_t)i;
		upstream_want(up, &many, &filter, now_us);
	}
	ck_assert_uint_ge(take(), 500 / 61);
	ck_assert_uint_le(packets, 20);
	ck_assert(forward());
	ck_assert_uint_le(take(), 20);
	ck_assert(!forward());
	ask(NULL, 2, 0);
	ck_assert(forward());
	ck_assert_uint_le(take(), 20);
	ck_assert(!forward());
}
END_TEST

START_TEST(test_older_querier)
{
	start(_i == 0 ? AF_INET6 : AF_INET);
	want(&group, true, 2);
	settle();
	ask(NULL, 1 + (_i == 1), 0);
	ck_assert_uint_eq(upstream_version(up, now_us), 1 + (_i == 1));
	ck_assert(forward());
	ck_assert_uint_eq(take(), 1);
	ck_assert_uint_eq(got_version, 1 + (_i == 1));
	ck_assert_int_eq(got[0].type, GROUP_MODE_IS_EXCLUDE);
	ck_assert(!forward());
	want(&group, true, 1); // it could not be told
	ck_assert(!forward());
	want(&other, false, 0);
	ck_assert_uint_eq(take(), 1);
	ck_assert(forward());
	ck_assert_uint_eq(take(), 1);
	ck_assert(!forward());
	// Somebody else answers first.
	ask(&other, 1 + (_i == 1), 0);
	ck_assert_uint_ne(upstream_next_us(up), CLOCK_NEVER);
	upstream_report(up, &other, now_us);
	ck_assert(!forward());
	upstream_want(up, &other, NULL, now_us);
	ck_assert_uint_eq(take(), 1);
	ck_assert(got_leave);
	ck_assert(!forward());
	now_us += 261 * US_PER_S;
	ck_assert_uint_eq(upstream_version(up, now_us), 2 + (_i == 1));
	want(&other, false, 0);
	take();
	ck_assert_uint_eq(got_version, 2 + (_i == 1));
}
END_TEST

// IGMPv1 knows no leave.
START_TEST(test_igmp_v1)
{
	start(AF_INET);
	want(&group, false, 0);
	settle();
	ask(NULL, 1, 0);
	ck_assert(forward());
	take();
	ck_assert_uint_eq(got_version, 1);
	upstream_want(up, &group, NULL, now_us);
	ck_assert_uint_eq(take(), 0);
	ck_assert(!forward());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("upstream");
	TCase *tc = tcase_create("upstream");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_join_leave, 0, 2);
	tcase_add_test(tc, test_source_changes);
	tcase_add_test(tc, test_join_then_leave);
	tcase_add_test(tc, test_queries);
	tcase_add_test(tc, test_many);
	tcase_add_loop_test(tc, test_older_querier, 0, 2);
	tcase_add_test(tc, test_igmp_v1);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
