// SPDX-License-Identifier: BSD-3-Clause
// What all members of a group want together. RFC 3810 section 4.2: one that excludes makes the whole
// EXCLUDE of the sources that all of those exclude and none includes; else it is INCLUDE of all that
// any includes. Counted, so that a change costs as much as its sources are many. Pure.
#pragma once

#include "hash.h"
#include "source_filter.h"

#include <sys/queue.h>

struct group_union;

struct group_union_member { // inside its owner
	LIST_ENTRY(group_union_member) same_mode;
	struct source_filter filter;
};
struct group_unions {
	struct hash groups, sources;
};

int group_unions_init(struct group_unions *unions, const uint64_t secret[2]); // 0 or -ENOMEM
void group_unions_fini(struct group_unions *unions); // empty, or never initialized but zeroed

// Taken into being when it is not there; NULL: no memory. With its last member, _put frees it.
struct group_union *group_union_get(struct group_unions *unions, const struct inet_addr *group);
void group_union_put(struct group_unions *unions, struct group_union *group); // accepts NULL
const struct inet_addr *group_union_group(const struct group_union *group);

// 0 or -ENOMEM: then all is as before. `filter` is copied.
int group_union_join(struct group_unions *unions, struct group_union *group,
	struct group_union_member *member, const struct source_filter *filter);
int group_union_change(struct group_unions *unions, struct group_union *group,
	struct group_union_member *member, const struct source_filter *filter);
void group_union_leave(
	struct group_unions *unions, struct group_union *group, struct group_union_member *member);

// Is it another one than at the last call? Then *now is what it is.
bool group_union_changed(
	const struct group_unions *unions, struct group_union *group, struct source_filter *now);
uint32_t group_unions_members(const struct group_unions *unions, const struct inet_addr *group);
void group_unions_each(const struct group_unions *unions,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg);
