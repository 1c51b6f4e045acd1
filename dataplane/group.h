// SPDX-License-Identifier: BSD-3-Clause
// The multicast groups of links, as one worker needs them: its own members in an array that is read
// from one end to the other, of the others' only which workers have any. Tables grow while a command
// is carried out, never while a packet is. Keyed hashes: strangers choose the groups. One worker, its
// thread. RFC 3810 section 4.2, RFC 4007 section 4, RFC 2365.
#pragma once

#include "inet.h"
#include "ipc_msg.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define GROUP_WORKERS_MAX 64
#define GROUP_SCOPE_NONE 16 // upstream: nothing goes there

// A member whose SA this worker owns.
struct group_member {
	uint64_t link;
	sa_ref_t ref;
	uint8_t include;
	uint8_t source_n;
	uint8_t pad[2];
	struct inet_addr *source; // source_n of them, NULL: none
};
static_assert(sizeof(struct group_member) == 24);

struct group_node { // in a hash table of this file
	struct group_node *next;
	uint64_t hash;
};

struct group {
	struct group_node node;
	struct inet_addr addr;
	uint32_t member_n; // of this worker
	uint32_t member_room;
	struct group_member *member;
	uint64_t others; // one bit for each other worker that has members
	uint32_t other_n[GROUP_WORKERS_MAX]; // how many
};

struct group_table;

// For worker `index` of `count`. NULL and errno.
struct group_table *group_table_new(uint32_t index, uint32_t count);
void group_table_free(struct group_table *table); // accepts NULL

// Commands. 0; -EINVAL; -ENOSPC: no memory; -ENOENT.
int group_set(struct group_table *table, const struct ipc_group_set *cmd);
int group_del(struct group_table *table, const struct ipc_group_del *cmd);
int group_sweep(struct group_table *table, const struct ipc_group_sweep *cmd); // -EAGAIN: more
int group_upstream(struct group_table *table, const struct ipc_group_upstream *cmd);

// The group that the packet at `ip` is sent to, NULL: nobody's.
const struct group *group_lookup(
	const struct group_table *table, uint8_t family, const uint8_t *ip);
uint32_t group_scope_min(const struct group_table *table);

// RFC 4007's scope of a destination, 0: no group. For IPv4 those of RFC 2365.
uint32_t group_scope(uint8_t family, const uint8_t *addr);

// RFC 3810 section 4.2, RFC 3376 section 3.2. `source`: of the same family, 4 or 16 bytes.
bool group_wants_listed(const struct group_member *member, uint8_t family, const uint8_t *source);
static inline bool group_wants(
	const struct group_member *member, uint8_t family, const uint8_t *source)
{
	return !member->source_n ? !member->include : group_wants_listed(member, family, source);
}
