// SPDX-License-Identifier: BSD-3-Clause
// Multicast listeners of links, and what their union means upstream: the router side of MLD and IGMP
// with explicit tracking. A link has one listener, so its reports alone are the state: nothing is
// queried but at link up and on doubt (L3, L5; RFC 3810 section 7, RFC 6636). One table for both
// families. Pure: time is handed in. Control's thread.
#pragma once

#include "inet.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_SOURCES 16 // of one membership; who names more gets packets of every source
#define GROUP_LINK_MAX 256 // memberships of one link, default limit

// What one link wants of one group. RFC 3810 section 4.2.
struct source_filter {
	bool include; // these sources only; else all but these
	uint32_t source_n;
	struct inet_addr source[GROUP_SOURCES]; // ascending
};

// A record of a report, MLDv2 and IGMPv3 alike; v1 and v2 messages are turned into them.
// RFC 3810 section 5.2.12.
enum group_record_type {
	GROUP_MODE_IS_INCLUDE = 1,
	GROUP_MODE_IS_EXCLUDE = 2,
	GROUP_CHANGE_TO_INCLUDE = 3,
	GROUP_CHANGE_TO_EXCLUDE = 4,
	GROUP_ALLOW_NEW_SOURCES = 5,
	GROUP_BLOCK_OLD_SOURCES = 6,
};
struct group_record {
	enum group_record_type type;
	struct inet_addr group;
	uint32_t source_n; // may exceed GROUP_SOURCES: then `source` has the first ones
	struct inet_addr source[GROUP_SOURCES];
};

#define GROUP_RESULTS(X)                                                                           \
	X(CHANGED, "changed")                                                                      \
	X(SAME, "same")                                                                            \
	X(DOUBT, "doubt") /* the state is given up: ask the link for it */                         \
	X(SCOPE, "scope") /* interface- or link-local, or no group at all */                       \
	X(SOURCE_LIMIT, "source-limit") /* too many sources: it gets packets of every one */       \
	X(LINK_LIMIT, "link-limit") /* too many groups of one link */                              \
	X(TOTAL_LIMIT, "total-limit")                                                              \
	X(RATE, "rate") /* more records a second than a link may send */                           \
	X(NO_MEMORY, "no-memory")
enum group_result {
#define X(id, name) GROUP_##id,
	GROUP_RESULTS(X)
#undef X
	GROUP_RESULT_COUNT,
};
const char *group_result_name(enum group_result result);

struct group_events {
	// The link's membership is this now; filter NULL: it is none any more.
	void (*member)(void *arg, uint64_t link, const struct inet_addr *group,
		const struct source_filter *filter);
	// The union over all links is this now; NULL: nobody wants it (RFC 4605 section 4.1).
	void (*upstream)(
		void *arg, const struct inet_addr *group, const struct source_filter *filter);
};
struct group_limits {
	uint32_t per_link; // groups, 0: GROUP_LINK_MAX
	uint32_t total; // memberships; 0: any number
	uint32_t records_per_s; // of one link, with a burst of as many; 0: any number
	uint32_t sources; // of one membership, 0: GROUP_SOURCES, which is the most
};

struct group_member_info { // lends
	uint64_t link;
	const struct inet_addr *group;
	const struct source_filter *filter;
	uint64_t since_us;
};

struct group_table;

struct group_table *group_table_new(const struct group_limits *limits,
	const struct group_events *events, void *arg, const uint64_t secret[2]); // NULL and errno
void group_table_free(struct group_table *table); // accepts NULL; no events
// For what comes from now on: what is there stays.
void group_table_limit(struct group_table *table, const struct group_limits *limits);

enum group_result group_input(struct group_table *table, uint64_t link,
	const struct group_record *record, uint64_t now_us);
void group_link_gone(struct group_table *table, uint64_t link);

// The link's filter for the group, NULL: not a member.
const struct source_filter *group_find(
	const struct group_table *table, uint64_t link, const struct inet_addr *group);
uint32_t group_members(const struct group_table *table, const struct inet_addr *group);
// Every membership in turns, see hash_some(): cursor 0 begins; false: through.
bool group_walk(const struct group_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct group_member_info *info), void *arg);
uint64_t group_count(const struct group_table *table);
// All memberships of one link, for an SA that replaced another.
void group_link_each(const struct group_table *table, uint64_t link,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg);
// The union of every group that somebody wants, as upstream was told.
void group_upstream_each(const struct group_table *table,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg);
