// SPDX-License-Identifier: BSD-3-Clause
// See sa_table.h. Control's thread.
#include "sa_table.h"

#include <stdlib.h>
#include <string.h>

struct sa_table {
	struct hash sas; // by direction and id
	struct hash groups, children;
};

static uint64_t sa_key(enum ipc_direction direction, uint32_t id)
{
	return (uint64_t)direction << 32 | id;
}

struct sa_table *sa_table_new(const uint64_t secret[2])
{
	struct sa_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	if (hash_init(&table->sas, secret) != 0 || hash_init(&table->groups, secret) != 0 ||
		hash_init(&table->children, secret) != 0) {
		sa_table_free(table);
		return NULL;
	}
	return table;
}

static bool free_sa(void *arg, struct hash_node *node)
{
	sa_table_remove(arg, CONTAINER_OF(node, struct sa, node));
	return true;
}

static bool free_group(void *arg, struct hash_node *node)
{
	struct sa_group *group = CONTAINER_OF(node, struct sa_group, node);
	struct sa *sa = NULL;

	// Those that are dying are found here alone.
	group->kept = true;
	while ((sa = LIST_FIRST(&group->sas)) != NULL)
		sa_table_remove(arg, sa);
	free(group);
	return true;
}

static bool free_child(void *arg, struct hash_node *node)
{
	struct sa_child *child = CONTAINER_OF(node, struct sa_child, node);
	struct sa *sa = LIST_FIRST(&child->sas);

	(void)arg;
	while (sa != NULL) {
		struct sa *next = LIST_NEXT(sa, in_child);

		free(sa);
		sa = next;
	}
	free(child);
	return true;
}

void sa_table_free(struct sa_table *table)
{
	if (table == NULL)
		return;
	hash_each(&table->sas, free_sa, table);
	hash_each(&table->groups, free_group, table);
	hash_each(&table->children, free_child, table);
	hash_fini(&table->sas);
	hash_fini(&table->groups);
	hash_fini(&table->children);
	free(table);
}

struct sa *sa_find(const struct sa_table *table, enum ipc_direction direction, uint32_t id)
{
	struct hash_node *node = hash_find(&table->sas, sa_key(direction, id));

	return node != NULL ? CONTAINER_OF(node, struct sa, node) : NULL;
}

struct sa_group *sa_group_find(const struct sa_table *table, uint64_t key)
{
	struct hash_node *node = hash_find(&table->groups, key);

	return node != NULL ? CONTAINER_OF(node, struct sa_group, node) : NULL;
}

struct sa_group *sa_group_get(struct sa_table *table, uint64_t key)
{
	struct sa_group *group = key != 0 ? sa_group_find(table, key) : NULL;

	if (key == 0 || group != NULL)
		return group;
	group = calloc(1, sizeof(*group));
	if (group == NULL)
		return NULL;
	group->key = key;
	LIST_INIT(&group->sas);
	LIST_INIT(&group->children);
	hash_add(&table->groups, &group->node, key);
	return group;
}

static void group_check(struct sa_table *table, struct sa_group *group)
{
	if (group->kept || group->sa_n > 0 || !LIST_EMPTY(&group->children))
		return;
	hash_del(&table->groups, &group->node);
	free(group);
}

void sa_group_keep(struct sa_table *table, uint64_t key, bool keep)
{
	struct sa_group *group = keep ? sa_group_get(table, key) : sa_group_find(table, key);

	if (group == NULL)
		return;
	group->kept = keep;
	group_check(table, group);
}

struct sa_child *sa_child_find(const struct sa_table *table, uint64_t handle)
{
	struct hash_node *node = hash_find(&table->children, handle);

	return node != NULL ? CONTAINER_OF(node, struct sa_child, node) : NULL;
}

static struct sa_child *child_get(struct sa_table *table, uint64_t handle, struct sa_group *group)
{
	struct sa_child *child = sa_child_find(table, handle);

	if (child != NULL)
		return child;
	child = calloc(1, sizeof(*child));
	if (child == NULL)
		return NULL;
	child->child = handle;
	child->group = group;
	LIST_INIT(&child->sas);
	if (group != NULL)
		LIST_INSERT_HEAD(&group->children, child, in_group);
	hash_add(&table->children, &child->node, handle);
	return child;
}

static void flow_add(struct control_flow *sum, const struct control_flow *flow)
{
	sum->pkts += flow->pkts;
	sum->bytes += flow->bytes;
	sum->drops += flow->drops;
	if (flow->idle_us < sum->idle_us)
		sum->idle_us = flow->idle_us;
	if (flow->seq > sum->seq)
		sum->seq = flow->seq;
}

static void counters_add_sa(struct control_counters *sum, const struct ipc_sa_info *info)
{
	struct control_flow flow = {info->pkts, info->bytes, info->drops, info->seq, info->idle_us};

	flow_add(info->direction == IPC_DIR_IN ? &sum->in : &sum->out, &flow);
}

static void counters_add(struct control_counters *sum, const struct control_counters *more)
{
	flow_add(&sum->in, &more->in);
	flow_add(&sum->out, &more->out);
}

// What is over counts packets; when the last one came and its number concern the living alone.
static void counters_retire(struct control_counters *sum, const struct control_counters *more)
{
	counters_add(sum, more);
	sum->in.seq = sum->out.seq = 0;
	sum->in.idle_us = sum->out.idle_us = 0;
}

static void child_put(struct sa_table *table, struct sa_child *child)
{
	if (child->sa_n > 0)
		return;
	if (child->group != NULL) {
		counters_retire(&child->group->retired, &child->retired);
		LIST_REMOVE(child, in_group);
	}
	hash_del(&table->children, &child->node);
	free(child);
}

static struct sa *sa_new(struct sa_table *table, struct sa_group *group, struct sa_child *child,
	const struct ipc_sa_info *info, uint64_t now_us)
{
	struct sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL)
		return NULL;
	sa->info = *info;
	sa->since_us = now_us;
	sa->group = group;
	sa->child = child;
	if (group != NULL) {
		group->sa_n++;
		LIST_INSERT_HEAD(&group->sas, sa, in_group);
	}
	if (child != NULL) {
		child->sa_n++;
		LIST_INSERT_HEAD(&child->sas, sa, in_child);
	}
	hash_add(&table->sas, &sa->node, sa_key((enum ipc_direction)info->direction, sa_id(sa)));
	return sa;
}

struct sa *sa_table_add(
	struct sa_table *table, uint64_t key, const struct ipc_sa_info *info, uint64_t now_us)
{
	uint32_t id = info->direction == IPC_DIR_IN ? info->spi : info->ref;
	struct sa *sa = sa_find(table, (enum ipc_direction)info->direction, id);
	struct sa_group *group = sa_group_get(table, key);
	struct sa_child *child = NULL;

	if (sa != NULL) {
		struct ipc_sa_info old = sa->info;

		sa->info = *info;
		sa->info.pkts = old.pkts;
		sa->info.bytes = old.bytes;
		sa->info.drops = old.drops;
		sa->info.idle_us = old.idle_us;
		return sa;
	}
	child = child_get(table, info->child, group);
	if (child == NULL)
		return NULL;
	sa = sa_new(table, group, child, info, now_us);
	if (sa == NULL) {
		child_put(table, child);
		return NULL;
	}
	sa->info.idle_us = UINT64_MAX;
	return sa;
}

struct sa *sa_table_add_orphan(
	struct sa_table *table, const struct ipc_sa_info *info, uint64_t now_us)
{
	uint32_t id = info->direction == IPC_DIR_IN ? info->spi : info->ref;
	struct sa_group *group = NULL;
	struct sa *sa = NULL;

	if (sa_find(table, (enum ipc_direction)info->direction, id) != NULL)
		return NULL;
	group = sa_group_get(table, info->cookie);
	sa = sa_new(table, group, NULL, info, now_us);
	if (sa == NULL)
		return NULL;
	sa->orphan = true;
	if (group != NULL)
		group->orphan_n++;
	return sa;
}

void sa_table_update(struct sa *sa, const struct ipc_sa_info *info)
{
	sa->info.pkts = info->pkts;
	sa->info.bytes = info->bytes;
	sa->info.drops = info->drops;
	sa->info.seq = info->seq;
	sa->info.idle_us = info->idle_us;
	sa->info.remote = info->remote;
	sa->info.remote_port = info->remote_port;
}

static void ref_remove(struct sa_group *group, sa_ref_t ref)
{
	for (uint32_t i = 0; i < group->ref_n; i++)
		if (group->ref[i] == ref) {
			group->ref_n--;
			memmove(&group->ref[i], &group->ref[i + 1],
				(group->ref_n - i) * sizeof(group->ref[0]));
			return;
		}
}

void sa_table_dying(struct sa_table *table, struct sa *sa)
{
	if (sa->dying)
		return;
	sa->dying = true;
	hash_del(&table->sas, &sa->node);
	if (sa->group != NULL && sa->info.direction == IPC_DIR_OUT)
		ref_remove(sa->group, sa->info.ref);
}

void sa_table_remove(struct sa_table *table, struct sa *sa)
{
	struct control_counters last = {};

	sa_table_dying(table, sa);
	counters_add_sa(&last, &sa->info);
	if (sa->child != NULL) {
		LIST_REMOVE(sa, in_child);
		sa->child->sa_n--;
		counters_retire(&sa->child->retired, &last);
		child_put(table, sa->child);
	} else if (sa->group != NULL) {
		counters_retire(&sa->group->retired, &last);
	}
	if (sa->group != NULL) {
		LIST_REMOVE(sa, in_group);
		sa->group->sa_n--;
		sa->group->orphan_n -= sa->orphan;
		group_check(table, sa->group);
	}
	free(sa);
}

void sa_group_ref_add(struct sa_group *group, sa_ref_t ref)
{
	for (uint32_t i = 0; i < group->ref_n; i++)
		if (group->ref[i] == ref)
			return;
	if (group->ref_n == SA_GROUP_REFS)
		group->ref_n--; // the oldest is not tried any more
	memmove(&group->ref[1], &group->ref[0], group->ref_n * sizeof(group->ref[0]));
	group->ref[0] = ref;
	group->ref_n++;
}

sa_ref_t sa_group_next_of(const struct sa_group *group, sa_ref_t ref)
{
	for (uint32_t i = 0; i + 1 < group->ref_n; i++)
		if (group->ref[i] == ref)
			return group->ref[i + 1];
	return 0;
}

struct sa *sa_group_namer(const struct sa_group *group, sa_ref_t ref)
{
	struct sa *sa = NULL;

	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->info.direction == IPC_DIR_OUT && sa->next == ref && sa->info.ref != ref)
			return sa;
	return NULL;
}

static void counters_start(struct control_counters *out)
{
	*out = (struct control_counters){
		.in = {.idle_us = UINT64_MAX}, .out = {.idle_us = UINT64_MAX}};
}

// The sums of what is over, and everything of what lives.
static void child_sum(const struct sa_child *child, struct control_counters *sum)
{
	const struct sa *sa = NULL;
	struct control_counters over = child->retired;

	over.in.idle_us = over.out.idle_us = UINT64_MAX;
	counters_add(sum, &over);
	LIST_FOREACH (sa, &child->sas, in_child)
		counters_add_sa(sum, &sa->info);
}

bool sa_child_counters(const struct sa_table *table, uint64_t handle, struct control_counters *out)
{
	struct hash_node *node = hash_find(&table->children, handle);

	counters_start(out);
	if (node == NULL)
		return false;
	child_sum(CONTAINER_OF(node, struct sa_child, node), out);
	return true;
}

void sa_group_counters(const struct sa_group *group, struct control_counters *out)
{
	const struct sa_child *child = NULL;
	const struct sa *sa = NULL;
	struct control_counters over = group->retired;

	counters_start(out);
	over.in.idle_us = over.out.idle_us = UINT64_MAX;
	counters_add(out, &over);
	LIST_FOREACH (child, &group->children, in_group)
		child_sum(child, out);
	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->child == NULL)
			counters_add_sa(out, &sa->info);
}

struct walk {
	bool (*fn)(void *arg, struct sa *sa);
	void *arg;
};

static bool walk_sa(void *arg, struct hash_node *node)
{
	const struct walk *walk = arg;

	return walk->fn(walk->arg, CONTAINER_OF(node, struct sa, node));
}

void sa_table_each(struct sa_table *table, bool (*fn)(void *arg, struct sa *sa), void *arg)
{
	struct walk walk = {fn, arg};

	hash_each(&table->sas, walk_sa, &walk);
}

bool sa_table_walk(struct sa_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, struct sa *sa), void *arg)
{
	struct walk walk = {fn, arg};

	return hash_some(&table->sas, cursor, max, walk_sa, &walk);
}

uint32_t sa_table_count(const struct sa_table *table)
{
	return table->sas.n;
}
