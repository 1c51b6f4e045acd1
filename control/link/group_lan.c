// SPDX-License-Identifier: BSD-3-Clause
// See group_lan.h. In a membership table each host is two listeners, of this period and of the one
// before. A period is as long as a host may be silent (the Multicast Address Listening Interval); what
// was said in it counts until the next one ends, so that each has answered a General Query before.
// Hosts of MLDv1, which keep silent when another one has spoken, are one.
#include "group_lan.h"

#include "clock.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// RFC 3810 sections 9.4 and 9.5.
#define PERIOD_US (GROUP_LAN_ROBUSTNESS * GROUP_LAN_INTERVAL_US + GROUP_LAN_RESPONSE_US)
#define OTHER_US (GROUP_LAN_ROBUSTNESS * GROUP_LAN_INTERVAL_US + GROUP_LAN_RESPONSE_US / 2)
#define LEFT_MAX 64 // groups at a time
#define RECORDS_A_SECOND 512 // of one host

struct host {
	struct hash_node by_key;
	uint32_t heard; // in which periods, one bit each
};

struct leaving {
	struct group_lan *lan;
	struct group_record record;
	uint64_t now_us;
};

struct left { // a group that an MLDv1 host left
	struct inet_addr group;
	uint64_t due_us;
	uint32_t queries; // still to be sent
	bool answered; // by a host of MLDv2
};

struct group_lan {
	struct group_table *table;
	struct hash hosts;
	group_lan_fn changed;
	void *arg;
	uint32_t period; // 0 or 1
	uint64_t period_end_us;
	uint64_t query_us; // the next General Query
	uint64_t silent_until_us; // another router asks
	uint32_t startup; // queries at a quarter of the interval
	uint32_t left_n;
	struct left left[LEFT_MAX];
};

static void on_member(
	void *arg, uint64_t link, const struct inet_addr *group, const struct source_filter *filter)
{
	(void)arg; // what the hosts want together is what counts
	(void)link;
	(void)group;
	(void)filter;
}

static void on_upstream(
	void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	const struct group_lan *lan = arg;

	lan->changed(lan->arg, group, filter);
}

struct group_lan *group_lan_new(
	const uint64_t secret[2], group_lan_fn changed, void *arg, uint64_t now_us)
{
	static const struct group_events events = {on_member, on_upstream};
	struct group_limits limits = {.records_per_s = RECORDS_A_SECOND};
	struct group_lan *lan = calloc(1, sizeof(*lan));

	if (lan == NULL)
		return NULL;
	lan->changed = changed;
	lan->arg = arg;
	lan->query_us = now_us;
	lan->period_end_us = now_us + PERIOD_US;
	lan->startup = GROUP_LAN_ROBUSTNESS;
	limits.total = 2 * GROUP_LINK_MAX;
	lan->table = group_table_new(&limits, &events, lan, secret);
	if (lan->table == NULL || hash_init(&lan->hosts, secret) != 0) {
		group_table_free(lan->table);
		free(lan);
		errno = ENOMEM;
		return NULL;
	}
	return lan;
}

static bool free_host(void *arg, struct hash_node *node)
{
	hash_del(arg, node);
	free(CONTAINER_OF(node, struct host, by_key));
	return true;
}

void group_lan_free(struct group_lan *lan)
{
	if (lan == NULL)
		return;
	hash_each(&lan->hosts, free_host, &lan->hosts);
	hash_fini(&lan->hosts);
	group_table_free(lan->table);
	free(lan);
}

// ---- hosts and periods ----

static uint64_t listener(uint64_t key, uint32_t period)
{
	return (key & ~UINT64_C(1)) | period;
}

static struct host *get_host(struct group_lan *lan, const struct group_msg *msg)
{
	uint64_t key = msg->version == 1
		? 0
		: hash_bytes(lan->hosts.secret, &msg->src, sizeof(msg->src)) | 2;
	struct hash_node *node = NULL;
	struct host *host = NULL;

	key &= ~UINT64_C(1);
	node = hash_find(&lan->hosts, key);
	if (node != NULL)
		return CONTAINER_OF(node, struct host, by_key);
	if (lan->hosts.n >= GROUP_LAN_HOSTS)
		return NULL;
	host = calloc(1, sizeof(*host));
	if (host != NULL)
		hash_add(&lan->hosts, &host->by_key, key);
	return host;
}

struct ageing {
	struct group_lan *lan;
	uint32_t old;
};

static bool age_host(void *arg, struct hash_node *node)
{
	const struct ageing *ageing = arg;
	struct host *host = CONTAINER_OF(node, struct host, by_key);

	if ((host->heard & 1u << ageing->old) != 0)
		group_link_gone(ageing->lan->table, listener(node->key, ageing->old));
	host->heard &= ~(1u << ageing->old);
	if (host->heard == 0)
		free_host(&ageing->lan->hosts, node);
	return true;
}

// What was said in the period before this one is forgotten, and the next one begins.
static void next_period(struct group_lan *lan, uint64_t now_us)
{
	struct ageing ageing = {lan, lan->period ^ 1};

	hash_each(&lan->hosts, age_host, &ageing);
	lan->period ^= 1;
	lan->period_end_us = now_us + PERIOD_US;
}

// ---- groups that MLDv1 hosts leave ----

static struct left *find_left(struct group_lan *lan, const struct inet_addr *group)
{
	for (uint32_t i = 0; i < lan->left_n; i++)
		if (inet_addr_equal(&lan->left[i].group, group))
			return &lan->left[i];
	return NULL;
}

static void stays(struct group_lan *lan, const struct inet_addr *group)
{
	struct left *left = find_left(lan, group);

	if (left != NULL)
		*left = lan->left[--lan->left_n];
}

static void answered(struct group_lan *lan, const struct inet_addr *group)
{
	struct left *left = find_left(lan, group);

	if (left != NULL)
		left->answered = true;
}

static bool wanted_by_old(const struct group_lan *lan, const struct inet_addr *group)
{
	return group_find(lan->table, listener(0, 0), group) != NULL ||
		group_find(lan->table, listener(0, 1), group) != NULL;
}

// false: it is to be left at once.
static bool may_be_left(struct group_lan *lan, const struct inet_addr *group, uint64_t now_us)
{
	if (!wanted_by_old(lan, group) || find_left(lan, group) != NULL)
		return true; // nothing to leave, or on its way
	if (lan->left_n == LEFT_MAX)
		return false;
	lan->left[lan->left_n++] =
		(struct left){.group = *group, .due_us = now_us, .queries = GROUP_LAN_ROBUSTNESS};
	return true;
}

// ---- records ----

// In both periods, where the host has something in the one before.
static void take_record(struct group_lan *lan, const struct host *host,
	const struct group_record *record, uint64_t now_us)
{
	uint64_t old = listener(host->by_key.key, lan->period ^ 1);

	group_input(lan->table, listener(host->by_key.key, lan->period), record, now_us);
	if (group_find(lan->table, old, &record->group) != NULL)
		group_input(lan->table, old, record, now_us);
}

void group_lan_report(struct group_lan *lan, struct group_msg *msg, uint64_t now_us)
{
	struct host *host = get_host(lan, msg);
	struct group_record record;

	if (host == NULL)
		return;
	host->heard |= 1u << lan->period;
	while (group_msg_next(msg, &record)) {
		bool done = record.type == GROUP_CHANGE_TO_INCLUDE && record.source_n == 0;

		if (msg->version == 1 && done && may_be_left(lan, &record.group, now_us))
			continue;
		if (msg->version == 1 && !done)
			stays(lan, &record.group);
		else if (!done && record.type != GROUP_BLOCK_OLD_SOURCES)
			answered(lan, &record.group);
		take_record(lan, host, &record, now_us);
	}
}

// ---- queries ----

void group_lan_heard_query(struct group_lan *lan, const struct group_msg *msg,
	const struct inet_addr *own, uint64_t now_us)
{
	if (own->family == msg->src.family && inet_addr_compare(&msg->src, own) < 0)
		lan->silent_until_us = now_us + OTHER_US;
}

uint64_t group_lan_next_us(const struct group_lan *lan)
{
	uint64_t next_us = lan->query_us < lan->period_end_us ? lan->query_us : lan->period_end_us;

	for (uint32_t i = 0; i < lan->left_n; i++)
		if (lan->left[i].due_us < next_us)
			next_us = lan->left[i].due_us;
	return next_us;
}

static void general(struct group_lan *lan, uint64_t now_us)
{
	if (lan->startup > 0)
		lan->startup--;
	lan->query_us =
		now_us + (lan->startup > 0 ? GROUP_LAN_INTERVAL_US / 4 : GROUP_LAN_INTERVAL_US);
}

static bool leave_host(void *arg, struct hash_node *node)
{
	const struct leaving *leaving = arg;

	for (uint32_t period = 0; period < 2; period++) {
		uint64_t key = listener(node->key, period);

		if (group_find(leaving->lan->table, key, &leaving->record.group) != NULL)
			group_input(leaving->lan->table, key, &leaving->record, leaving->now_us);
	}
	return true;
}

// No host of MLDv1 wanted it after all. Where nobody else answered either, nobody has it: a host that
// went from MLDv2 to MLDv1 stands here twice, and said of the first that it wants it (RFC 3810 section
// 8.3.2: the group as a whole is in the older mode).
static void leave(struct group_lan *lan, struct left *left, uint64_t now_us)
{
	struct leaving leaving = {
		.lan = lan,
		.record = {.type = GROUP_CHANGE_TO_INCLUDE, .group = left->group},
		.now_us = now_us,
	};
	struct hash_node *old = hash_find(&lan->hosts, 0);
	bool others = left->answered;

	*left = lan->left[--lan->left_n];
	if (!others)
		hash_each(&lan->hosts, leave_host, &leaving);
	else if (old != NULL)
		leave_host(&leaving, old);
}

static bool take_left(struct group_lan *lan, uint64_t now_us, struct group_query *query)
{
	for (uint32_t i = 0; i < lan->left_n; i++) {
		struct left *left = &lan->left[i];

		if (left->due_us > now_us)
			continue;
		if (left->queries == 0) {
			leave(lan, left, now_us);
			i--;
			continue;
		}
		left->queries--;
		left->due_us = now_us + GROUP_LAN_LAST_US;
		query->group = left->group;
		query->max_response_us = GROUP_LAN_LAST_US;
		return true;
	}
	return false;
}

bool group_lan_take(struct group_lan *lan, uint64_t now_us, struct group_query *query)
{
	*query = (struct group_query){.version = 2,
		.max_response_us = GROUP_LAN_RESPONSE_US,
		.robustness = GROUP_LAN_ROBUSTNESS};
	if (lan->period_end_us <= now_us)
		next_period(lan, now_us);
	if (take_left(lan, now_us, query))
		return true;
	if (lan->query_us > now_us)
		return false;
	general(lan, now_us);
	return lan->silent_until_us <= now_us;
}

void group_lan_each(const struct group_lan *lan, group_lan_fn fn, void *arg)
{
	group_upstream_each(lan->table, fn, arg);
}
