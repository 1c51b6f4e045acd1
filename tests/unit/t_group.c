// SPDX-License-Identifier: BSD-3-Clause
// Multicast memberships of links (L5, L25): what each record does, limits, and the table against a
// plain model, the union for upstream with it.
#include "clock.h"
#include "group.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

enum {
	LINKS = 12,
	GROUPS = 6,
	UNIVERSE = 24, // sources that there are
	OPS = 300000,
};

static const uint64_t secret[2] = {11, 12};
static struct group_table *table;

static uint32_t told_n, upstream_n;
static bool told_gone, upstream_gone;
static struct source_filter told, upstream;
static struct inet_addr last_group;
static uint64_t last_link;

// Model and what events said, in masks of sources.
struct want {
	bool on, include, wide;
	uint32_t mask;
};
static struct want model[LINKS][GROUPS], heard[LINKS][GROUPS], heard_up[GROUPS];

static struct inet_addr group_of(uint32_t g)
{
	struct inet_addr addr;

	inet_addr_parse(g % 2 == 0 ? "ff0e::100" : "239.1.0.0", &addr);
	addr.bytes[g % 2 == 0 ? 15 : 3] = (uint8_t)g;
	return addr;
}

static struct inet_addr source_of(uint32_t g, uint32_t s)
{
	struct inet_addr addr;

	inet_addr_parse(g % 2 == 0 ? "2001:db8::" : "10.0.0.0", &addr);
	addr.bytes[g % 2 == 0 ? 15 : 3] = (uint8_t)(s + 1);
	return addr;
}

static uint32_t group_index(const struct inet_addr *addr)
{
	return addr->bytes[addr->family == AF_INET6 ? 15 : 3];
}

static struct want want_of(const struct inet_addr *group, const struct source_filter *filter)
{
	struct want want = {.on = filter != NULL};

	if (filter == NULL)
		return want;
	want.include = filter->include;
	for (uint32_t i = 0; i < filter->source_n; i++) {
		if (i > 0)
			ck_assert_int_lt(
				inet_addr_compare(&filter->source[i - 1], &filter->source[i]), 0);
		want.mask |=
			1u << (filter->source[i].bytes[group->family == AF_INET6 ? 15 : 3] - 1);
	}
	return want;
}

static void on_member(
	void *arg, uint64_t link, const struct inet_addr *group, const struct source_filter *filter)
{
	(void)arg;
	told_n++;
	told_gone = filter == NULL;
	if (filter != NULL)
		told = *filter;
	last_group = *group;
	last_link = link;
	if (link < LINKS && group_index(group) < GROUPS)
		heard[link][group_index(group)] = want_of(group, filter);
}

static void on_upstream(
	void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	(void)arg;
	upstream_n++;
	upstream_gone = filter == NULL;
	if (filter != NULL)
		upstream = *filter;
	if (group_index(group) < GROUPS)
		heard_up[group_index(group)] = want_of(group, filter);
}

static const struct group_events events = {on_member, on_upstream};

static void start(uint32_t per_link, uint32_t total, uint32_t rate)
{
	struct group_limits limits = {.per_link = per_link, .total = total, .records_per_s = rate};

	group_table_free(table);
	table = group_table_new(&limits, &events, NULL, secret);
	ck_assert_ptr_nonnull(table);
	told_n = upstream_n = 0;
	memset(model, 0, sizeof(model));
	memset(heard, 0, sizeof(heard));
	memset(heard_up, 0, sizeof(heard_up));
}

static void setup(void)
{
	start(0, 0, 0);
}

static void teardown(void)
{
	group_table_free(table);
	table = NULL;
}

static struct group_record record_of(
	enum group_record_type type, uint32_t g, uint32_t mask, uint32_t more)
{
	struct group_record record = {.type = type, .group = group_of(g)};

	for (uint32_t s = 0; s < UNIVERSE; s++)
		if ((mask & 1u << s) != 0) {
			if (record.source_n < GROUP_SOURCES)
				record.source[record.source_n] = source_of(g, s);
			record.source_n++;
		}
	record.source_n += more;
	return record;
}

static enum group_result input(
	uint64_t link, enum group_record_type type, uint32_t g, uint32_t mask)
{
	struct group_record record = record_of(type, g, mask, 0);

	return group_input(table, link, &record, 0);
}

// ---- one record after the other ----

#define NONE                                                                                       \
	{                                                                                          \
		false, true, 0, 0                                                                  \
	}
#define IN(mask)                                                                                   \
	{                                                                                          \
		true, true, 0, mask                                                                \
	}
#define EX(mask)                                                                                   \
	{                                                                                          \
		true, false, 0, mask                                                               \
	}
static const struct {
	enum group_record_type first;
	uint32_t first_mask;
	enum group_record_type type;
	uint32_t mask;
	struct {
		bool on, include;
		uint32_t wide, mask;
	} then;
} steps[] = {
	{GROUP_CHANGE_TO_EXCLUDE, 0, GROUP_CHANGE_TO_INCLUDE, 0, NONE}, // leave, at once
	{GROUP_CHANGE_TO_EXCLUDE, 0, GROUP_MODE_IS_EXCLUDE, 0, EX(0)},
	{GROUP_CHANGE_TO_EXCLUDE, 0x3, GROUP_MODE_IS_EXCLUDE, 0x6, EX(0x6)},
	{GROUP_CHANGE_TO_EXCLUDE, 0x3, GROUP_ALLOW_NEW_SOURCES, 0x6, EX(0x1)},
	{GROUP_CHANGE_TO_EXCLUDE, 0x3, GROUP_BLOCK_OLD_SOURCES, 0x6, EX(0x7)},
	{GROUP_CHANGE_TO_EXCLUDE, 0x3, GROUP_CHANGE_TO_INCLUDE, 0x6, IN(0x6)},
	{GROUP_CHANGE_TO_INCLUDE, 0x3, GROUP_ALLOW_NEW_SOURCES, 0x6, IN(0x7)},
	{GROUP_CHANGE_TO_INCLUDE, 0x3, GROUP_BLOCK_OLD_SOURCES, 0x6, IN(0x1)},
	{GROUP_CHANGE_TO_INCLUDE, 0x3, GROUP_BLOCK_OLD_SOURCES, 0x7, NONE},
	{GROUP_CHANGE_TO_INCLUDE, 0x3, GROUP_MODE_IS_INCLUDE, 0x8, IN(0x8)},
	{GROUP_CHANGE_TO_INCLUDE, 0x3, GROUP_CHANGE_TO_EXCLUDE, 0x4, EX(0x4)},
	{GROUP_ALLOW_NEW_SOURCES, 0x3, GROUP_MODE_IS_INCLUDE, 0, NONE},
	{GROUP_BLOCK_OLD_SOURCES, 0x3, GROUP_ALLOW_NEW_SOURCES, 0x1, IN(0x1)},
};

START_TEST(test_steps)
{
	struct inet_addr group = group_of(0);
	const struct source_filter *filter = NULL;
	struct want want;

	input(7, steps[_i].first, 0, steps[_i].first_mask);
	input(7, steps[_i].type, 0, steps[_i].mask);
	filter = group_find(table, 7, &group);
	want = want_of(&group, filter);
	ck_assert_int_eq(want.on, steps[_i].then.on);
	if (want.on)
		ck_assert_int_eq(want.include, steps[_i].then.include);
	ck_assert_uint_eq(want.mask, steps[_i].then.mask);
	ck_assert_uint_eq(group_members(table, &group), want.on);
	ck_assert_uint_eq(group_count(table), want.on);
}
END_TEST

START_TEST(test_same_is_silent)
{
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 0, 0), GROUP_SAME);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_INCLUDE, 0, 0), GROUP_SAME);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert_uint_eq(told_n, 2);
	ck_assert_uint_eq(upstream_n, 1);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_INCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert(told_gone && last_link == 7);
	ck_assert_uint_eq(upstream_n, 1);
	group_link_gone(table, 8);
	ck_assert(told_gone && last_link == 8 && upstream_gone);
	ck_assert_uint_eq(upstream_n, 2);
	ck_assert_uint_eq(group_count(table), 0);
	group_link_gone(table, 8);
	ck_assert_uint_eq(told_n, 4);
}
END_TEST

// More sources than a filter has: every source; what is taken from that nobody can know.
START_TEST(test_wide)
{
	struct group_record record = record_of(GROUP_CHANGE_TO_INCLUDE, 0, 0xffff, 5);

	ck_assert_int_eq(group_input(table, 7, &record, 0), GROUP_SOURCE_LIMIT);
	ck_assert(!told.include && told.source_n == 0);
	ck_assert_int_eq(input(7, GROUP_MODE_IS_INCLUDE, 0, 0x3), GROUP_SAME); // the list's rest
	ck_assert_int_eq(input(7, GROUP_BLOCK_OLD_SOURCES, 0, 0x3), GROUP_DOUBT);
	ck_assert(told_gone);
	ck_assert_int_eq(input(7, GROUP_MODE_IS_INCLUDE, 0, 0x3), GROUP_CHANGED);
	ck_assert(told.include && told.source_n == 2);
	record = record_of(GROUP_BLOCK_OLD_SOURCES, 0, 0xfffe, 2);
	ck_assert_int_eq(group_input(table, 7, &record, 0), GROUP_DOUBT);
	record = record_of(GROUP_CHANGE_TO_EXCLUDE, 0, 0xffff, 5);
	ck_assert_int_eq(group_input(table, 7, &record, 0), GROUP_SOURCE_LIMIT);
	ck_assert(!told.include && told.source_n == 0);
	ck_assert_int_eq(input(7, GROUP_BLOCK_OLD_SOURCES, 0, 0x3), GROUP_CHANGED);
}
END_TEST

static const struct {
	const char *group;
	enum group_result result;
} scopes[] = {{"ff01::1234", GROUP_SCOPE}, {"ff02::1234", GROUP_SCOPE}, {"ff00::1", GROUP_SCOPE},
	{"ff32::1", GROUP_SCOPE}, {"ff03::1", GROUP_CHANGED}, {"ff05::1:3", GROUP_CHANGED},
	{"ff3e::8000:1", GROUP_CHANGED}, {"2001:db8::1", GROUP_SCOPE}, {"224.0.0.251", GROUP_SCOPE},
	{"224.0.1.1", GROUP_CHANGED}, {"239.255.0.1", GROUP_CHANGED}, {"192.0.2.1", GROUP_SCOPE}};

START_TEST(test_scope)
{
	struct group_record record = {.type = GROUP_CHANGE_TO_EXCLUDE};

	inet_addr_parse(scopes[_i].group, &record.group);
	ck_assert_int_eq(group_input(table, 20, &record, 0), scopes[_i].result);
	record.group = (struct inet_addr){};
	ck_assert_int_eq(group_input(table, 20, &record, 0), GROUP_SCOPE);
}
END_TEST

START_TEST(test_limits)
{
	start(2, 3, 0);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 1, 0), GROUP_CHANGED);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 2, 0), GROUP_LINK_LIMIT);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 1, 0), GROUP_TOTAL_LIMIT);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_EXCLUDE, 0, 1), GROUP_CHANGED);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_INCLUDE, 0, 0), GROUP_CHANGED);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 1, 0), GROUP_CHANGED);
}
END_TEST

// Fewer sources than there is room for; what is there when a limit comes stays.
START_TEST(test_other_limits)
{
	struct group_limits limits = {.per_link = 1, .sources = 2};
	struct inet_addr group = group_of(0);

	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_INCLUDE, 0, 0xf), GROUP_CHANGED);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_INCLUDE, 1, 0x1), GROUP_CHANGED);
	group_table_limit(table, &limits);
	ck_assert_uint_eq(group_find(table, 7, &group)->source_n, 4);
	ck_assert_uint_eq(group_count(table), 2);
	ck_assert_int_eq(input(7, GROUP_CHANGE_TO_INCLUDE, 2, 0x1), GROUP_LINK_LIMIT);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_INCLUDE, 0, 0x3), GROUP_CHANGED);
	ck_assert_int_eq(input(8, GROUP_ALLOW_NEW_SOURCES, 0, 0x1), GROUP_SAME);
	ck_assert_int_eq(input(8, GROUP_ALLOW_NEW_SOURCES, 0, 0x4), GROUP_SOURCE_LIMIT);
	ck_assert(!told.include && told.source_n == 0);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 0, 0x7), GROUP_SOURCE_LIMIT);
	ck_assert(!told.include && told.source_n == 0);
	ck_assert_int_eq(input(8, GROUP_CHANGE_TO_EXCLUDE, 0, 0x3), GROUP_CHANGED);
	ck_assert(!told.include && told.source_n == 2);
}
END_TEST

// A link that joins and leaves as fast as it can does not use up what others may send.
START_TEST(test_rate)
{
	struct group_record record = record_of(GROUP_CHANGE_TO_EXCLUDE, 0, 0, 0);
	uint32_t passed = 0;

	start(0, 0, 50);
	for (uint32_t i = 0; i < 100000; i++) {
		record.type = i % 2 == 0 ? GROUP_CHANGE_TO_EXCLUDE : GROUP_CHANGE_TO_INCLUDE;
		passed += group_input(table, 7, &record, US_PER_S + i * 100) != GROUP_RATE;
	}
	ck_assert_uint_ge(passed, 548); // the burst and ten seconds
	ck_assert_uint_le(passed, 551);
	record.type = GROUP_CHANGE_TO_EXCLUDE;
	ck_assert_int_eq(group_input(table, 8, &record, 11 * US_PER_S), GROUP_CHANGED);
	ck_assert_int_ne(group_input(table, 7, &record, 12 * US_PER_S), GROUP_RATE);
}
END_TEST

// ---- against the model ----

static void model_apply(struct want *w, enum group_record_type type, uint32_t mask)
{
	uint32_t n = (uint32_t)__builtin_popcount(mask);
	uint32_t seen = mask;

	for (uint32_t s = UNIVERSE; n > GROUP_SOURCES && s-- > 0;)
		if ((uint32_t)__builtin_popcount(seen) > GROUP_SOURCES)
			seen &= ~(1u << s);
	if (!w->on)
		*w = (struct want){.include = true};
	if (type == GROUP_MODE_IS_INCLUDE || type == GROUP_CHANGE_TO_INCLUDE) {
		if (!w->wide || n == 0)
			*w = (struct want){.include = true, .mask = mask};
	} else if (type == GROUP_MODE_IS_EXCLUDE || type == GROUP_CHANGE_TO_EXCLUDE) {
		*w = (struct want){.mask = mask};
	} else if (type == GROUP_ALLOW_NEW_SOURCES) {
		w->mask = w->include ? w->mask | mask : w->mask & ~seen;
	} else if (w->wide) {
		*w = (struct want){.include = true};
	} else if (w->include) {
		w->mask &= ~seen;
		if (n > GROUP_SOURCES)
			w->mask = 0;
	} else {
		w->mask |= mask;
	}
	if (__builtin_popcount(w->mask) > GROUP_SOURCES)
		*w = (struct want){.wide = w->include};
	w->on = !w->include || w->mask != 0;
}

static struct want model_union(uint32_t g)
{
	struct want all = {.include = true};
	uint32_t included = 0, excluded = ~0u;

	for (uint32_t l = 0; l < LINKS; l++) {
		const struct want *w = &model[l][g];

		if (!w->on)
			continue;
		all.on = true;
		all.include = all.include && w->include;
		if (w->include)
			included |= w->mask;
		else
			excluded &= w->mask;
	}
	all.mask = all.include ? included : excluded & ~included;
	if (__builtin_popcount(all.mask) > GROUP_SOURCES)
		all = (struct want){.on = true};
	return all;
}

static bool same(const struct want *a, const struct want *b)
{
	return a->on == b->on && (!a->on || (a->include == b->include && a->mask == b->mask));
}

static bool count_walked(void *arg, const struct group_member_info *info)
{
	uint32_t *left = arg;
	struct want want = want_of(info->group, info->filter);

	ck_assert(same(&want, &model[info->link][group_index(info->group)]));
	(*left)--;
	return true;
}

static void check_all(void)
{
	uint32_t left = (uint32_t)group_count(table), cursor = 0;

	while (group_walk(table, &cursor, 5, count_walked, &left))
		;
	ck_assert_uint_eq(left, 0);
}

START_TEST(test_model)
{
	srandom(4711);
	for (uint32_t op = 0; op < OPS; op++) {
		uint32_t l = (uint32_t)random() % LINKS, g = (uint32_t)random() % GROUPS;
		uint32_t mask = (uint32_t)random() & (uint32_t)random() & 0xffffff;
		enum group_record_type type = 1 + (uint32_t)random() % 6;
		struct inet_addr group = group_of(g);
		struct want want;

		if (random() % 8 == 0)
			mask = (uint32_t)random() & 0xffffff; // often too many
		if (random() % 3 != 0)
			mask &= (uint32_t)random() & (uint32_t)random();
		if (random() % 500 == 0) {
			group_link_gone(table, l);
			memset(model[l], 0, sizeof(model[l]));
		} else {
			input(l, type, g, mask);
			model_apply(&model[l][g], type, mask);
		}
		want = want_of(&group, group_find(table, l, &group));
		ck_assert_msg(same(&want, &model[l][g]), "operation %u", op);
		ck_assert_msg(same(&heard[l][g], &model[l][g]), "event of operation %u", op);
		for (uint32_t i = 0; i < GROUPS; i++) {
			want = model_union(i);
			ck_assert_msg(same(&heard_up[i], &want), "union %u of operation %u", i, op);
		}
		if (op % 5000 == 0)
			check_all();
	}
	for (uint32_t l = 0; l < LINKS; l++)
		group_link_gone(table, l);
	ck_assert_uint_eq(group_count(table), 0);
	for (uint32_t g = 0; g < GROUPS; g++)
		ck_assert(!heard_up[g].on);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("group");
	TCase *tc = tcase_create("group");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_steps, 0, sizeof(steps) / sizeof(steps[0]));
	tcase_add_test(tc, test_same_is_silent);
	tcase_add_test(tc, test_wide);
	tcase_add_loop_test(tc, test_scope, 0, sizeof(scopes) / sizeof(scopes[0]));
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_other_limits);
	tcase_add_test(tc, test_rate);
	tcase_add_test(tc, test_model);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
