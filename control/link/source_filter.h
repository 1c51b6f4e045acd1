// SPDX-License-Identifier: BSD-3-Clause
// Source filters as ordered sets, and what records do to them. RFC 3810 sections 4.2 and 7.4. Pure.
#pragma once

#include "group.h"

// A source that a filter may name: unicast, of the group's family.
bool source_filter_valid(const struct inet_addr *group, const struct inet_addr *source);
bool source_filter_has(const struct source_filter *filter, const struct inet_addr *source);
// false: it is full. What is there already is there once.
bool source_filter_add(struct source_filter *filter, const struct inet_addr *source);
void source_filter_remove(struct source_filter *filter, const struct inet_addr *source);
bool source_filter_equal(const struct source_filter *a, const struct source_filter *b);
// INCLUDE of no source: not a member.
static inline bool source_filter_none(const struct source_filter *filter)
{
	return filter->include && filter->source_n == 0;
}

// A listener's filter as its records tell. `wide`: it includes more sources than it may have, and so it
// is given all.
struct group_state {
	struct source_filter filter;
	bool wide;
	bool over; // out: the record had too many
	uint32_t max; // sources that it may have, at most GROUP_SOURCES
};
// What the listener wants after this record; *state is that from before. false: that cannot be known
// any more, *state is no membership.
bool group_state_apply(struct group_state *state, const struct group_record *record);
