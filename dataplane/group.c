// SPDX-License-Identifier: BSD-3-Clause
// Groups and memberships: two hash tables, of groups by address and of memberships by group and link,
// the latter for commands alone. They grow by one slot for each entry, so that no command ever waits
// for all of a table to be moved. One worker, its thread.
#include "group.h"

#include "flow.h"
#include "sad.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BASE 256
#define HASH_ROOM (1u << 22) // address space; beyond, chains get longer
#define SCOPE_LINK 2
#define MEMBERS_MIN 4
#define SWEEP_MAX 1024 // memberships, and
#define SWEEP_SLOTS 16384 // slots that one command is for

struct hash {
	struct group_node **slot;
	uint32_t size; // slots in use: base to 2 * base
	uint32_t base; // power of two
	uint32_t n;
};

// Of any worker: where it is counted, and if it is ours where it stands.
struct membership {
	struct group_node node;
	struct group *group;
	uint64_t link;
	uint32_t worker;
	uint32_t at; // in group->member
	uint32_t epoch; // when it was last set
};

struct group_table {
	struct hash groups;
	struct hash memberships;
	uint32_t worker;
	uint32_t workers;
	uint32_t scope_min;
	uint32_t epoch; // grows when a sweep begins
	uint32_t swept; // slots of memberships that this one is through with
};

// ---- a hash table that grows by a slot at a time ----

static struct group_node **slot_of(const struct hash *h, uint64_t hash)
{
	uint64_t slot = hash & (h->base * UINT64_C(2) - 1);

	return &h->slot[slot < h->size ? slot : slot - h->base];
}

static int hash_init(struct hash *h)
{
	*h = (struct hash){.size = HASH_BASE, .base = HASH_BASE};
	h->slot = sad_map(HASH_ROOM * sizeof(*h->slot), false);
	return h->slot ? 0 : -ENOMEM;
}

// One slot more: what belongs there comes out of its lower twin.
static void hash_split(struct hash *h)
{
	struct group_node **from = &h->slot[h->size - h->base], **to = &h->slot[h->size], *node;

	h->size++;
	while ((node = *from)) {
		if (slot_of(h, node->hash) == to) {
			*from = node->next;
			node->next = *to;
			*to = node;
		} else {
			from = &node->next;
		}
	}
	if (h->size == 2 * h->base)
		h->base = h->size;
}

static void hash_put(struct hash *h, struct group_node *node)
{
	struct group_node **slot;

	if (++h->n > h->size && h->size < HASH_ROOM)
		hash_split(h);
	slot = slot_of(h, node->hash);
	node->next = *slot;
	*slot = node;
}

static void hash_take(struct hash *h, struct group_node *node)
{
	struct group_node **at = slot_of(h, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	h->n--;
}

// ---- the tables ----

static uint64_t addr_hash(uint8_t family, const uint8_t *addr)
{
	uint64_t a[2] = {0};

	memcpy(a, addr, family == AF_INET ? 4 : 16);
	return flow_mix(flow_mix(a[0] ^ flow_seed[0], a[1] ^ flow_seed[1]) ^ flow_seed[2],
		flow_seed[3] ^ family);
}

static uint64_t membership_hash(const struct group *group, uint64_t link)
{
	return flow_mix(group->node.hash ^ flow_seed[1], link ^ flow_seed[2]);
}

static struct group *find(const struct group_table *table, uint8_t family, const uint8_t *addr)
{
	uint64_t hash = addr_hash(family, addr);

	for (struct group_node *n = *slot_of(&table->groups, hash); n; n = n->next) {
		struct group *group = (struct group *)n; // its first field

		if (n->hash == hash && group->addr.family == family &&
			!memcmp(group->addr.bytes, addr, family == AF_INET ? 4 : 16))
			return group;
	}
	return NULL;
}

static struct membership *member_find(
	const struct group_table *table, const struct group *group, uint64_t link)
{
	uint64_t hash = membership_hash(group, link);

	for (struct group_node *n = *slot_of(&table->memberships, hash); n; n = n->next) {
		struct membership *m = (struct membership *)n; // its first field

		if (m->group == group && m->link == link)
			return m;
	}
	return NULL;
}

struct group_table *group_table_new(uint32_t index, uint32_t count)
{
	struct group_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->worker = index;
	table->workers = count;
	table->scope_min = GROUP_SCOPE_NONE;
	if (hash_init(&table->groups) || hash_init(&table->memberships)) {
		group_table_free(table);
		errno = ENOMEM;
		return NULL;
	}
	return table;
}

static void group_free(struct group *group)
{
	for (uint32_t i = 0; i < group->member_n; i++)
		free(group->member[i].source);
	free(group->member);
	free(group);
}

static void hash_free(struct hash *h, bool groups)
{
	for (uint32_t i = 0; h->slot && i < h->size; i++) {
		struct group_node *next;

		for (struct group_node *n = h->slot[i]; n; n = next) {
			next = n->next;
			if (groups)
				group_free((struct group *)n);
			else
				free(n);
		}
	}
	sad_unmap(h->slot, HASH_ROOM * sizeof(*h->slot));
}

void group_table_free(struct group_table *table)
{
	if (!table)
		return;
	hash_free(&table->memberships, false);
	hash_free(&table->groups, true);
	free(table);
}

// ---- members of this worker ----

static int member_room(struct group *group)
{
	uint32_t room = group->member_room ? group->member_room * 2 : MEMBERS_MIN;
	struct group_member *grown;

	if (group->member_n < group->member_room)
		return 0;
	grown = realloc(group->member, room * sizeof(*grown));
	if (!grown)
		return -ENOSPC;
	group->member = grown;
	group->member_room = room;
	return 0;
}

// NULL and *failed: no memory.
static struct inet_addr *sources_copy(const struct ipc_group_set *cmd, bool *failed)
{
	struct inet_addr *copy = NULL;

	*failed = false;
	if (cmd->source_n) {
		copy = malloc(cmd->source_n * sizeof(*copy));
		*failed = !copy;
	}
	if (copy)
		memcpy(copy, cmd->source, cmd->source_n * sizeof(*copy));
	return copy;
}

// Out of the array; the last one takes its place.
static void member_remove(struct group_table *table, struct group *group, uint32_t at)
{
	uint32_t last = --group->member_n;

	free(group->member[at].source);
	if (at == last)
		return;
	group->member[at] = group->member[last];
	member_find(table, group, group->member[at].link)->at = at;
}

// Where this membership counts: in the array, or at its worker.
static int place(struct group_table *table, struct membership *m, const struct ipc_group_set *cmd)
{
	struct group *group = m->group;
	bool failed;

	m->worker = spi_worker(cmd->ref);
	if (m->worker != table->worker) {
		group->other_n[m->worker]++;
		group->others |= UINT64_C(1) << m->worker;
		return 0;
	}
	if (member_room(group))
		return -ENOSPC;
	group->member[group->member_n] = (struct group_member){
		.link = cmd->link,
		.ref = cmd->ref,
		.include = cmd->include,
		.source_n = cmd->source_n,
		.source = sources_copy(cmd, &failed),
	};
	if (failed)
		return -ENOSPC;
	m->at = group->member_n++;
	return 0;
}

static void displace(struct group_table *table, struct membership *m)
{
	struct group *group = m->group;

	if (m->worker == table->worker)
		member_remove(table, group, m->at);
	else if (!--group->other_n[m->worker])
		group->others &= ~(UINT64_C(1) << m->worker);
}

// ---- commands ----

static bool set_valid(const struct group_table *table, const struct ipc_group_set *cmd)
{
	if (!inet_addr_valid(&cmd->group) || cmd->include > 1 ||
		cmd->source_n > IPC_GROUP_SOURCES ||
		group_scope(cmd->group.family, cmd->group.bytes) <= SCOPE_LINK || !cmd->ref ||
		spi_worker(cmd->ref) >= table->workers)
		return false;
	for (uint32_t i = 0; i < cmd->source_n; i++) {
		if (cmd->source[i].family != cmd->group.family)
			return false;
	}
	return true;
}

static struct group *group_make(struct group_table *table, const struct inet_addr *addr)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->addr = *addr;
	group->node.hash = addr_hash(addr->family, addr->bytes);
	hash_put(&table->groups, &group->node);
	return group;
}

static void group_drop_empty(struct group_table *table, struct group *group)
{
	if (group->member_n || group->others)
		return;
	hash_take(&table->groups, &group->node);
	group_free(group);
}

static int member_add(
	struct group_table *table, struct group *group, const struct ipc_group_set *cmd)
{
	struct membership *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return -ENOSPC;
	*m = (struct membership){.group = group, .link = cmd->link, .epoch = table->epoch};
	m->node.hash = membership_hash(group, cmd->link);
	rc = place(table, m, cmd);
	if (rc)
		free(m);
	else
		hash_put(&table->memberships, &m->node);
	return rc;
}

// Same worker: in place, so that nothing is lost when memory is short.
static int member_replace(
	struct group_table *table, struct membership *m, const struct ipc_group_set *cmd)
{
	struct membership old = *m;
	struct group_member *member;
	struct inet_addr *source;
	bool failed;
	int rc;

	if (m->worker != spi_worker(cmd->ref)) {
		rc = place(table, m, cmd);
		if (rc)
			*m = old;
		else
			displace(table, &old);
		return rc;
	}
	if (m->worker != table->worker)
		return 0;
	source = sources_copy(cmd, &failed);
	if (failed)
		return -ENOSPC;
	member = &m->group->member[m->at];
	free(member->source);
	member->ref = cmd->ref;
	member->include = cmd->include;
	member->source_n = cmd->source_n;
	member->source = source;
	return 0;
}

int group_set(struct group_table *table, const struct ipc_group_set *cmd)
{
	struct group *group;
	struct membership *m;
	int rc;

	if (!set_valid(table, cmd))
		return -EINVAL;
	group = find(table, cmd->group.family, cmd->group.bytes);
	if (!group)
		group = group_make(table, &cmd->group);
	if (!group)
		return -ENOSPC;
	m = member_find(table, group, cmd->link);
	rc = m ? member_replace(table, m, cmd) : member_add(table, group, cmd);
	if (m)
		m->epoch = table->epoch;
	group_drop_empty(table, group);
	return rc;
}

static void member_drop(struct group_table *table, struct membership *m)
{
	struct group *group = m->group;

	displace(table, m);
	hash_take(&table->memberships, &m->node);
	free(m);
	group_drop_empty(table, group);
}

int group_del(struct group_table *table, const struct ipc_group_del *cmd)
{
	struct group *group;
	struct membership *m;

	if (!inet_addr_valid(&cmd->group))
		return -EINVAL;
	group = find(table, cmd->group.family, cmd->group.bytes);
	m = group ? member_find(table, group, cmd->link) : NULL;
	if (!m)
		return -ENOENT;
	member_drop(table, m);
	return 0;
}

// Of before the sweep, in this slot; NULL: none.
static struct membership *member_old(const struct group_table *table, uint32_t slot)
{
	for (struct group_node *n = table->memberships.slot[slot]; n; n = n->next) {
		struct membership *m = (struct membership *)n; // its first field

		if (m->epoch != table->epoch)
			return m;
	}
	return NULL;
}

// A bounded part at a time. When the table grows meanwhile, what moves goes to a slot that is to come.
int group_sweep(struct group_table *table, const struct ipc_group_sweep *cmd)
{
	uint32_t left = cmd->max < SWEEP_MAX ? cmd->max : SWEEP_MAX;

	if (cmd->begin > 1 || (!cmd->begin && !cmd->max))
		return -EINVAL;
	if (cmd->begin) {
		table->epoch++;
		table->swept = 0;
		return 0;
	}
	for (uint32_t slots = 0; table->swept < table->memberships.size; table->swept++, slots++) {
		struct membership *m;

		if (slots == SWEEP_SLOTS)
			return -EAGAIN;
		while ((m = member_old(table, table->swept))) {
			if (!left--)
				return -EAGAIN;
			member_drop(table, m);
		}
	}
	return 0;
}

int group_upstream(struct group_table *table, const struct ipc_group_upstream *cmd)
{
	if (cmd->scope_min <= SCOPE_LINK || cmd->scope_min > GROUP_SCOPE_NONE)
		return -EINVAL;
	table->scope_min = cmd->scope_min;
	return 0;
}

// ---- the packet path ----

const struct group *group_lookup(const struct group_table *table, uint8_t family, const uint8_t *ip)
{
	return find(table, family, ip + (family == AF_INET ? 16 : 24));
}

uint32_t group_scope_min(const struct group_table *table)
{
	return table->scope_min;
}

// RFC 2365 sections 6 and 8: 239.255.0.0/16 is local, 239.192.0.0/14 the organization's.
static uint32_t scope4(const uint8_t *addr)
{
	if ((addr[0] & 0xf0) != 0xe0)
		return 0;
	if (addr[0] == 224 && !addr[1] && !addr[2])
		return SCOPE_LINK;
	if (addr[0] == 239 && addr[1] == 255)
		return 3;
	if (addr[0] == 239 && (addr[1] & 0xfc) == 192)
		return 8;
	return 14;
}

// RFC 4291 section 2.7: the reserved scope F is treated as global.
uint32_t group_scope(uint8_t family, const uint8_t *addr)
{
	if (family == AF_INET)
		return scope4(addr);
	if (addr[0] != 0xff)
		return 0;
	return (addr[1] & 0xf) == 0xf ? 14 : addr[1] & 0xf;
}

bool group_wants_listed(const struct group_member *member, uint8_t family, const uint8_t *source)
{
	size_t len = family == AF_INET ? 4 : 16;

	for (uint32_t i = 0; i < member->source_n; i++) {
		if (!memcmp(member->source[i].bytes, source, len))
			return member->include;
	}
	return !member->include;
}
