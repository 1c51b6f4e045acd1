// SPDX-License-Identifier: BSD-3-Clause
// The membership table: by link and group, in a list for each link and each group; of each group who
// names which source and how often, so that the union over all links (RFC 3810 section 4.2) follows
// each record without a look at the other members. Pure. Control's thread.
#include "group.h"

#include "clock.h"
#include "group_union.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct listener { // a link
	struct hash_node by_link;
	LIST_HEAD(, member) members;
	uint32_t member_n;
	uint64_t tokens_us; // records it may send, as time
	uint64_t filled_us;
};

struct member {
	struct hash_node by_key;
	LIST_ENTRY(member) in_link;
	struct listener *listener;
	struct group_union *group;
	struct group_union_member in_group;
	bool wide;
	uint64_t since_us;
};

struct group_table {
	struct hash listeners, members;
	struct group_unions unions;
	struct group_limits limits;
	struct group_events events;
	void *arg;
};

const char *group_result_name(enum group_result result)
{
	static const char *const names[] = {
#define X(id, name) name,
		GROUP_RESULTS(X)
#undef X
	};

	return names[result];
}

void group_table_limit(struct group_table *table, const struct group_limits *limits)
{
	table->limits = *limits;
	if (table->limits.per_link == 0)
		table->limits.per_link = GROUP_LINK_MAX;
	if (table->limits.sources == 0)
		table->limits.sources = GROUP_SOURCES;
}

struct group_table *group_table_new(const struct group_limits *limits,
	const struct group_events *events, void *arg, const uint64_t secret[2])
{
	struct group_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	group_table_limit(table, limits);
	table->events = *events;
	table->arg = arg;
	if (hash_init(&table->listeners, secret) != 0 || hash_init(&table->members, secret) != 0 ||
		group_unions_init(&table->unions, secret) != 0) {
		group_table_free(table);
		errno = ENOMEM;
		return NULL;
	}
	return table;
}

// ---- members ----

static uint64_t member_key(
	const struct group_table *table, uint64_t link, const struct inet_addr *group)
{
	struct {
		uint64_t link;
		struct inet_addr group;
		uint32_t zero;
	} key = {.link = link, .group = *group};

	return hash_bytes(table->members.secret, &key, sizeof(key));
}

static struct member *find(
	const struct group_table *table, uint64_t link, const struct inet_addr *group)
{
	struct hash_node *node = hash_find(&table->members, member_key(table, link, group));

	for (; node != NULL; node = hash_find_next(node)) {
		struct member *member = CONTAINER_OF(node, struct member, by_key);

		if (member->listener->by_link.key == link &&
			inet_addr_equal(group_union_group(member->group), group))
			return member;
	}
	return NULL;
}

static struct listener *find_listener(const struct group_table *table, uint64_t link)
{
	struct hash_node *node = hash_find(&table->listeners, link);

	return node != NULL ? CONTAINER_OF(node, struct listener, by_link) : NULL;
}

static void tell_upstream(struct group_table *table, struct group_union *group)
{
	struct inet_addr addr = *group_union_group(group);
	struct source_filter filter;

	if (!group_union_changed(&table->unions, group, &filter))
		return;
	table->events.upstream(table->arg, &addr, source_filter_none(&filter) ? NULL : &filter);
}

static void remove_member(struct group_table *table, struct member *member, bool tell)
{
	struct inet_addr group = *group_union_group(member->group);
	uint64_t link = member->listener->by_link.key;
	struct group_union *of = member->group;

	group_union_leave(&table->unions, of, &member->in_group);
	LIST_REMOVE(member, in_link);
	member->listener->member_n--;
	hash_del(&table->members, &member->by_key);
	free(member);
	if (tell) {
		table->events.member(table->arg, link, &group, NULL);
		tell_upstream(table, of);
	}
	group_union_put(&table->unions, of);
}

static void remove_listener(struct group_table *table, struct listener *listener, bool tell)
{
	struct member *member = NULL;

	while ((member = LIST_FIRST(&listener->members)) != NULL)
		remove_member(table, member, tell);
	hash_del(&table->listeners, &listener->by_link);
	free(listener);
}

static bool free_listener(void *arg, struct hash_node *node)
{
	remove_listener(arg, CONTAINER_OF(node, struct listener, by_link), false);
	return true;
}

void group_table_free(struct group_table *table)
{
	if (table == NULL)
		return;
	hash_each(&table->listeners, free_listener, table);
	hash_fini(&table->listeners);
	hash_fini(&table->members);
	group_unions_fini(&table->unions);
	free(table);
}

// ---- limits ----

// Of a token bucket that is counted in the time that records cost.
static bool take_token(const struct group_table *table, struct listener *listener, uint64_t now_us)
{
	uint64_t cost_us = 0;

	if (table->limits.records_per_s == 0)
		return true;
	cost_us = US_PER_S / table->limits.records_per_s;
	if (now_us > listener->filled_us) {
		listener->tokens_us += now_us - listener->filled_us;
		listener->filled_us = now_us;
	}
	if (listener->tokens_us > US_PER_S)
		listener->tokens_us = US_PER_S;
	if (listener->tokens_us < cost_us)
		return false;
	listener->tokens_us -= cost_us;
	return true;
}

static struct listener *get_listener(struct group_table *table, uint64_t link, uint64_t now_us)
{
	struct listener *listener = find_listener(table, link);

	if (listener != NULL)
		return listener;
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return NULL;
	LIST_INIT(&listener->members);
	listener->tokens_us = US_PER_S;
	listener->filled_us = now_us;
	hash_add(&table->listeners, &listener->by_link, link);
	return listener;
}

// Groups that leave the link: RFC 4291 section 2.7, RFC 5771 section 4.
static bool may_be_forwarded(const struct inet_addr *group)
{
	if (!inet_addr_valid(group) || !inet_addr_is_multicast(group))
		return false;
	if (group->family == AF_INET)
		return group->bytes[0] != 224 || group->bytes[1] != 0 || group->bytes[2] != 0;
	return (group->bytes[1] & 0xf) > 2;
}

// ---- records ----

static enum group_result join(struct group_table *table, struct listener *listener,
	const struct inet_addr *group, const struct group_state *state, uint64_t now_us)
{
	struct member *member = NULL;

	if (listener->member_n >= table->limits.per_link)
		return GROUP_LINK_LIMIT;
	if (table->limits.total > 0 && table->members.n >= table->limits.total)
		return GROUP_TOTAL_LIMIT;
	member = calloc(1, sizeof(*member));
	if (member == NULL)
		return GROUP_NO_MEMORY;
	member->group = group_union_get(&table->unions, group);
	if (member->group == NULL ||
		group_union_join(
			&table->unions, member->group, &member->in_group, &state->filter) != 0) {
		group_union_put(&table->unions, member->group);
		free(member);
		return GROUP_NO_MEMORY;
	}
	member->listener = listener;
	member->wide = state->wide;
	member->since_us = now_us;
	LIST_INSERT_HEAD(&listener->members, member, in_link);
	listener->member_n++;
	hash_add(&table->members, &member->by_key, member_key(table, listener->by_link.key, group));
	table->events.member(table->arg, listener->by_link.key, group, &member->in_group.filter);
	tell_upstream(table, member->group);
	return GROUP_CHANGED;
}

static enum group_result change(
	struct group_table *table, struct member *member, const struct group_state *state)
{
	member->wide = state->wide;
	if (source_filter_equal(&state->filter, &member->in_group.filter))
		return GROUP_SAME;
	if (group_union_change(&table->unions, member->group, &member->in_group, &state->filter) !=
		0)
		return GROUP_NO_MEMORY;
	table->events.member(table->arg, member->listener->by_link.key,
		group_union_group(member->group), &member->in_group.filter);
	tell_upstream(table, member->group);
	return GROUP_CHANGED;
}

enum group_result group_input(struct group_table *table, uint64_t link,
	const struct group_record *record, uint64_t now_us)
{
	struct group_state state = {.filter = {.include = true}, .max = table->limits.sources};
	struct listener *listener = NULL;
	struct member *member = NULL;
	enum group_result result = GROUP_SAME;
	bool known = true;

	listener = get_listener(table, link, now_us);
	if (listener == NULL)
		return GROUP_NO_MEMORY;
	if (!take_token(table, listener, now_us))
		return GROUP_RATE;
	if (!may_be_forwarded(&record->group))
		return GROUP_SCOPE;
	member = find(table, link, &record->group);
	if (member != NULL) {
		state.filter = member->in_group.filter;
		state.wide = member->wide;
	}
	known = group_state_apply(&state, record);
	if (source_filter_none(&state.filter)) {
		if (member == NULL)
			return GROUP_SAME;
		remove_member(table, member, true);
		return known ? GROUP_CHANGED : GROUP_DOUBT;
	}
	result = member != NULL ? change(table, member, &state)
				: join(table, listener, &record->group, &state, now_us);
	return state.over && (result == GROUP_CHANGED || result == GROUP_SAME) ? GROUP_SOURCE_LIMIT
									       : result;
}

void group_link_gone(struct group_table *table, uint64_t link)
{
	struct listener *listener = find_listener(table, link);

	if (listener != NULL)
		remove_listener(table, listener, true);
}

// ---- who is a member ----

const struct source_filter *group_find(
	const struct group_table *table, uint64_t link, const struct inet_addr *group)
{
	const struct member *member = find(table, link, group);

	return member != NULL ? &member->in_group.filter : NULL;
}

uint32_t group_members(const struct group_table *table, const struct inet_addr *group)
{
	return group_unions_members(&table->unions, group);
}

uint64_t group_count(const struct group_table *table)
{
	return table->members.n;
}

struct walk {
	bool (*fn)(void *arg, const struct group_member_info *info);
	void *arg;
};

static bool walk_member(void *arg, struct hash_node *node)
{
	const struct walk *walk = arg;
	const struct member *member = CONTAINER_OF(node, struct member, by_key);
	struct group_member_info info = {.link = member->listener->by_link.key,
		.group = group_union_group(member->group),
		.filter = &member->in_group.filter,
		.since_us = member->since_us};

	return walk->fn(walk->arg, &info);
}

bool group_walk(const struct group_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct group_member_info *info), void *arg)
{
	struct walk walk = {fn, arg};

	return hash_some(&table->members, cursor, max, walk_member, &walk);
}

void group_link_each(const struct group_table *table, uint64_t link,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg)
{
	const struct listener *listener = find_listener(table, link);
	const struct member *member = NULL;

	if (listener == NULL)
		return;
	LIST_FOREACH (member, &listener->members, in_link)
		fn(arg, group_union_group(member->group), &member->in_group.filter);
}

void group_upstream_each(const struct group_table *table,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg)
{
	group_unions_each(&table->unions, fn, arg);
}
