// SPDX-License-Identifier: BSD-3-Clause
// What control knows of the SAs that are in the dataplane: which link or connection and which child
// SA each belongs to, in what order a link's outbound SAs are tried, and counters that go on when
// SAs are replaced. Pure. Control's thread.
#pragma once

#include "control_api.h"
#include "hash.h"

#include <sys/queue.h>

#define SA_GROUP_REFS 32 // outbound SAs of one link at once

// A link of the gateway (key: its handle) or a connection of the client.
struct sa_group {
	struct hash_node node;
	uint64_t key;
	bool kept; // stays though it has no SAs, for its counters
	uint32_t sa_n;
	uint32_t orphan_n;
	uint32_t ref_n;
	sa_ref_t ref[SA_GROUP_REFS]; // newest first: the one that packets try first
	struct control_counters retired; // of children that are gone
	LIST_HEAD(, sa) sas;
	LIST_HEAD(, sa_child) children;
};

struct sa_child {
	struct hash_node node;
	uint64_t child; // handle
	struct sa_group *group; // NULL: neither link nor connection
	LIST_ENTRY(sa_child) in_group;
	uint32_t sa_n;
	bool missed; // the dataplane was not told of its newest outbound SA: it wants new keys
	struct control_counters retired; // of SAs that were replaced
	LIST_HEAD(, sa) sas;
};

struct sa {
	struct hash_node node;
	struct sa_group *group; // NULL: none
	struct sa_child *child; // NULL: orphan
	LIST_ENTRY(sa) in_group, in_child;
	bool orphan; // from before a restart of control
	bool dying; // its delete is on the way: not found any more
	bool seen; // by the listing that is going on
	uint64_t since_us;
	uint64_t heard_us; // outbound: last sign of life of the peer by IKE, when it was asked for
	struct ipc_sa_info info; // as last told by the dataplane, or as installed
	sa_ref_t next; // outbound: as given to the dataplane
	bool give_next; // `next` is a slot that nobody else uses: free it with this SA
};

struct sa_table;

struct sa_table *sa_table_new(const uint64_t secret[2]); // NULL and errno
void sa_table_free(struct sa_table *table); // accepts NULL

// spi_or_ref as the dataplane knows it: SPI inbound, slot outbound.
static inline uint32_t sa_id(const struct sa *sa)
{
	return sa->info.direction == IPC_DIR_IN ? sa->info.spi : sa->info.ref;
}
struct sa *sa_find(const struct sa_table *table, enum ipc_direction direction, uint32_t id);
struct sa_group *sa_group_find(const struct sa_table *table, uint64_t key); // NULL
// Made when it is not there; key 0: NULL.
struct sa_group *sa_group_get(struct sa_table *table, uint64_t key);
// The link or connection is there (true) or gone: without SAs the group goes with it.
void sa_group_keep(struct sa_table *table, uint64_t key, bool keep);

// What control installs now. An outbound SA that is there already is replaced in place: counters go
// on. `info` needs direction, spi, ref, flags, child, suite and addresses. NULL: no memory.
struct sa *sa_table_add(
	struct sa_table *table, uint64_t group, const struct ipc_sa_info *info, uint64_t now_us);
// What the dataplane had from before. NULL: no memory, or it is known already.
struct sa *sa_table_add_orphan(
	struct sa_table *table, const struct ipc_sa_info *info, uint64_t now_us);
// Counters from the dataplane, in any SA_INFO.
void sa_table_update(struct sa *sa, const struct ipc_sa_info *info);
// The delete was sent: lookups do not find it any more, its outbound slot is not tried any more.
void sa_table_dying(struct sa_table *table, struct sa *sa);
// It is gone; its counters stay with child and group. Frees it.
void sa_table_remove(struct sa_table *table, struct sa *sa);

// Outbound order of a group. Where the newest goes first and names the next one.
void sa_group_ref_add(struct sa_group *group, sa_ref_t ref); // no-op when it is there
sa_ref_t sa_group_next_of(const struct sa_group *group, sa_ref_t ref); // 0: none
// An SA of the group, other than `ref` itself, that names `ref` as its next one, or NULL.
struct sa *sa_group_namer(const struct sa_group *group, sa_ref_t ref);

// NULL: none of its SAs is here.
struct sa_child *sa_child_find(const struct sa_table *table, uint64_t child);
bool sa_child_counters(const struct sa_table *table, uint64_t child, struct control_counters *out);
void sa_group_counters(const struct sa_group *group, struct control_counters *out);

// fn may remove the SA that it is given.
void sa_table_each(struct sa_table *table, bool (*fn)(void *arg, struct sa *sa), void *arg);
// The same in turns, see hash_some(): cursor 0 begins; false: through.
bool sa_table_walk(struct sa_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, struct sa *sa), void *arg);
uint32_t sa_table_count(const struct sa_table *table);
