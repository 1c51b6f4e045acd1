// SPDX-License-Identifier: BSD-3-Clause
// Groups with two counters for each source that any member names. Nothing here walks the members:
// with one that excludes, only its own sources can be in the union; without any, all counted sources
// are. Pure. Control's thread.
#include "group_union.h"

#include <errno.h>
#include <stdlib.h>

LIST_HEAD(mode_list, group_union_member);

struct source_count {
	struct hash_node by_key;
	LIST_ENTRY(source_count) in_group;
	const struct group_union *group;
	struct inet_addr addr;
	uint32_t include_n, exclude_n;
};

struct group_union {
	struct hash_node by_group;
	struct inet_addr addr;
	struct mode_list including, excluding;
	uint32_t member_n, exclude_n;
	LIST_HEAD(, source_count) sources;
	uint32_t source_n;
	struct source_filter told; // at the last group_union_changed()
};

int group_unions_init(struct group_unions *unions, const uint64_t secret[2])
{
	if (hash_init(&unions->groups, secret) != 0 || hash_init(&unions->sources, secret) != 0)
		return -ENOMEM;
	return 0;
}

void group_unions_fini(struct group_unions *unions)
{
	hash_fini(&unions->groups);
	hash_fini(&unions->sources);
}

// ---- groups ----

static struct group_union *find(const struct group_unions *unions, const struct inet_addr *group)
{
	uint64_t key = hash_bytes(unions->groups.secret, group, sizeof(*group));
	struct hash_node *node = hash_find(&unions->groups, key);

	for (; node != NULL; node = hash_find_next(node)) {
		struct group_union *found = CONTAINER_OF(node, struct group_union, by_group);

		if (inet_addr_equal(&found->addr, group))
			return found;
	}
	return NULL;
}

struct group_union *group_union_get(struct group_unions *unions, const struct inet_addr *group)
{
	struct group_union *found = find(unions, group);

	if (found != NULL)
		return found;
	found = calloc(1, sizeof(*found));
	if (found == NULL)
		return NULL;
	found->addr = *group;
	found->told.include = true;
	LIST_INIT(&found->including);
	LIST_INIT(&found->excluding);
	LIST_INIT(&found->sources);
	hash_add(&unions->groups, &found->by_group,
		hash_bytes(unions->groups.secret, group, sizeof(*group)));
	return found;
}

void group_union_put(struct group_unions *unions, struct group_union *group)
{
	if (group == NULL || group->member_n > 0)
		return;
	hash_del(&unions->groups, &group->by_group);
	free(group);
}

const struct inet_addr *group_union_group(const struct group_union *group)
{
	return &group->addr;
}

// ---- sources ----

static uint64_t source_key(const struct group_unions *unions, const struct group_union *group,
	const struct inet_addr *addr)
{
	struct {
		struct inet_addr group, source;
	} key = {group->addr, *addr};

	return hash_bytes(unions->sources.secret, &key, sizeof(key));
}

static struct source_count *find_source(const struct group_unions *unions,
	const struct group_union *group, const struct inet_addr *addr)
{
	struct hash_node *node = hash_find(&unions->sources, source_key(unions, group, addr));

	for (; node != NULL; node = hash_find_next(node)) {
		struct source_count *count = CONTAINER_OF(node, struct source_count, by_key);

		if (count->group == group && inet_addr_equal(&count->addr, addr))
			return count;
	}
	return NULL;
}

static int count_in(struct group_unions *unions, struct group_union *group,
	const struct inet_addr *addr, bool include)
{
	struct source_count *count = find_source(unions, group, addr);

	if (count == NULL) {
		count = calloc(1, sizeof(*count));
		if (count == NULL)
			return -ENOMEM;
		count->group = group;
		count->addr = *addr;
		LIST_INSERT_HEAD(&group->sources, count, in_group);
		group->source_n++;
		hash_add(&unions->sources, &count->by_key, source_key(unions, group, addr));
	}
	count->include_n += include;
	count->exclude_n += !include;
	return 0;
}

static void count_out(struct group_unions *unions, struct group_union *group,
	const struct inet_addr *addr, bool include)
{
	struct source_count *count = find_source(unions, group, addr);

	if (count == NULL)
		return;
	count->include_n -= include;
	count->exclude_n -= !include;
	if (count->include_n > 0 || count->exclude_n > 0)
		return;
	LIST_REMOVE(count, in_group);
	group->source_n--;
	hash_del(&unions->sources, &count->by_key);
	free(count);
}

static void count_out_some(struct group_unions *unions, struct group_union *group,
	const struct source_filter *filter, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		count_out(unions, group, &filter->source[i], filter->include);
}

static int count_in_all(
	struct group_unions *unions, struct group_union *group, const struct source_filter *filter)
{
	for (uint32_t i = 0; i < filter->source_n; i++)
		if (count_in(unions, group, &filter->source[i], filter->include) != 0) {
			count_out_some(unions, group, filter, i);
			return -ENOMEM;
		}
	return 0;
}

// ---- members ----

static void enter(struct group_union *group, struct group_union_member *member)
{
	LIST_INSERT_HEAD(
		member->filter.include ? &group->including : &group->excluding, member, same_mode);
	group->exclude_n += !member->filter.include;
	group->member_n++;
}

static void exit_mode(struct group_union *group, struct group_union_member *member)
{
	LIST_REMOVE(member, same_mode);
	group->exclude_n -= !member->filter.include;
	group->member_n--;
}

int group_union_join(struct group_unions *unions, struct group_union *group,
	struct group_union_member *member, const struct source_filter *filter)
{
	if (count_in_all(unions, group, filter) != 0)
		return -ENOMEM;
	member->filter = *filter;
	enter(group, member);
	return 0;
}

int group_union_change(struct group_unions *unions, struct group_union *group,
	struct group_union_member *member, const struct source_filter *filter)
{
	if (count_in_all(unions, group, filter) != 0)
		return -ENOMEM;
	count_out_some(unions, group, &member->filter, member->filter.source_n);
	exit_mode(group, member);
	member->filter = *filter;
	enter(group, member);
	return 0;
}

void group_union_leave(
	struct group_unions *unions, struct group_union *group, struct group_union_member *member)
{
	count_out_some(unions, group, &member->filter, member->filter.source_n);
	exit_mode(group, member);
}

// ---- the union ----

static void unite_exclude(const struct group_unions *unions, const struct group_union *group,
	struct source_filter *out)
{
	const struct group_union_member *one = LIST_FIRST(&group->excluding);

	for (uint32_t i = 0; i < one->filter.source_n; i++) {
		const struct source_count *count =
			find_source(unions, group, &one->filter.source[i]);

		if (count != NULL && count->exclude_n == group->exclude_n && count->include_n == 0)
			source_filter_add(out, &count->addr);
	}
}

// More sources than a filter takes: all of them.
static void unite_include(const struct group_union *group, struct source_filter *out)
{
	const struct source_count *count = NULL;

	if (group->source_n > GROUP_SOURCES) {
		out->include = false;
		return;
	}
	LIST_FOREACH (count, &group->sources, in_group)
		source_filter_add(out, &count->addr);
}

bool group_union_changed(
	const struct group_unions *unions, struct group_union *group, struct source_filter *now)
{
	*now = (struct source_filter){.include = group->exclude_n == 0};
	if (group->exclude_n > 0)
		unite_exclude(unions, group, now);
	else
		unite_include(group, now);
	if (source_filter_equal(now, &group->told))
		return false;
	group->told = *now;
	return true;
}

uint32_t group_unions_members(const struct group_unions *unions, const struct inet_addr *group)
{
	const struct group_union *found = find(unions, group);

	return found != NULL ? found->member_n : 0;
}

struct each {
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter);
	void *arg;
};

static bool each_union(void *arg, struct hash_node *node)
{
	const struct each *each = arg;
	const struct group_union *group = CONTAINER_OF(node, struct group_union, by_group);

	if (!source_filter_none(&group->told))
		each->fn(each->arg, &group->addr, &group->told);
	return true;
}

void group_unions_each(const struct group_unions *unions,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg)
{
	struct each each = {fn, arg};

	hash_each(&unions->groups, each_union, &each);
}
