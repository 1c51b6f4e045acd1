// SPDX-License-Identifier: BSD-3-Clause
// The router's side of RFC 3810 section 7.4 for one listener: without others on its link there is
// nobody to ask for before a source or the group is given up, so that no timer runs, and its state
// is what its records say.
#include "source_filter.h"

#include <string.h>

bool source_filter_valid(const struct inet_addr *group, const struct inet_addr *source)
{
	return source->family == group->family && !inet_addr_is_multicast(source) &&
		!inet_addr_is_unspecified(source);
}

// Where it is, or would be.
static uint32_t place_of(const struct source_filter *filter, const struct inet_addr *source)
{
	uint32_t at = 0;

	while (at < filter->source_n && inet_addr_compare(&filter->source[at], source) < 0)
		at++;
	return at;
}

static bool is_at(
	const struct source_filter *filter, uint32_t place, const struct inet_addr *source)
{
	return place < filter->source_n && inet_addr_equal(&filter->source[place], source);
}

bool source_filter_has(const struct source_filter *filter, const struct inet_addr *source)
{
	return is_at(filter, place_of(filter, source), source);
}

bool source_filter_add(struct source_filter *filter, const struct inet_addr *source)
{
	uint32_t at = place_of(filter, source);

	if (is_at(filter, at, source))
		return true;
	if (filter->source_n == GROUP_SOURCES)
		return false;
	memmove(&filter->source[at + 1], &filter->source[at],
		(filter->source_n - at) * sizeof(*source));
	filter->source[at] = *source;
	filter->source_n++;
	return true;
}

void source_filter_remove(struct source_filter *filter, const struct inet_addr *source)
{
	uint32_t at = place_of(filter, source);

	if (!is_at(filter, at, source))
		return;
	filter->source_n--;
	memmove(&filter->source[at], &filter->source[at + 1],
		(filter->source_n - at) * sizeof(*source));
}

bool source_filter_equal(const struct source_filter *a, const struct source_filter *b)
{
	if (a->include != b->include || a->source_n != b->source_n)
		return false;
	for (uint32_t i = 0; i < a->source_n; i++)
		if (!inet_addr_equal(&a->source[i], &b->source[i]))
			return false;
	return true;
}

// ---- records ----

// The record's sources in, as far as there is room. false: there was not.
static bool add_all(struct group_state *state, const struct group_record *record)
{
	bool fits = record->source_n <= GROUP_SOURCES;

	for (uint32_t i = 0; i < record->source_n && i < GROUP_SOURCES; i++)
		if (source_filter_valid(&record->group, &record->source[i]))
			fits = source_filter_add(&state->filter, &record->source[i]) && fits;
	state->over = !fits || state->filter.source_n > state->max;
	return !state->over;
}

static void remove_all(struct source_filter *filter, const struct group_record *record)
{
	for (uint32_t i = 0; i < record->source_n && i < GROUP_SOURCES; i++)
		source_filter_remove(filter, &record->source[i]);
}

// Every source, be it that the listener includes or excludes too many to be remembered.
static void every_source(struct group_state *state, bool wide)
{
	state->filter = (struct source_filter){.include = false};
	state->wide = wide;
}

static void none(struct group_state *state)
{
	state->filter = (struct source_filter){.include = true};
	state->wide = false;
}

// A list that is too long for one record comes in several (RFC 3810 section 5.2.15): while the state
// is wide, further ones are parts of it.
static void set_include(struct group_state *state, const struct group_record *record)
{
	if (state->wide && record->source_n > 0)
		return;
	none(state);
	if (!add_all(state, record))
		every_source(state, true);
}

static void set_exclude(struct group_state *state, const struct group_record *record)
{
	every_source(state, false);
	if (!add_all(state, record))
		every_source(state, false);
}

static void allow(struct group_state *state, const struct group_record *record)
{
	if (!state->filter.include)
		remove_all(&state->filter, record);
	else if (!add_all(state, record))
		every_source(state, true);
}

// Of a wide state nobody knows whether anything is left.
static bool block(struct group_state *state, const struct group_record *record)
{
	if (state->wide) {
		none(state);
		return false;
	}
	if (state->filter.include)
		remove_all(&state->filter, record);
	else if (!add_all(state, record))
		every_source(state, false);
	// Some of those to be removed were not looked at.
	if (state->filter.include && record->source_n > GROUP_SOURCES &&
		state->filter.source_n > 0) {
		none(state);
		return false;
	}
	return true;
}

bool group_state_apply(struct group_state *state, const struct group_record *record)
{
	switch (record->type) {
	case GROUP_MODE_IS_INCLUDE:
	case GROUP_CHANGE_TO_INCLUDE:
		set_include(state, record);
		return true;
	case GROUP_MODE_IS_EXCLUDE:
	case GROUP_CHANGE_TO_EXCLUDE:
		set_exclude(state, record);
		return true;
	case GROUP_ALLOW_NEW_SOURCES:
		allow(state, record);
		return true;
	case GROUP_BLOCK_OLD_SOURCES:
		return block(state, record);
	}
	return true;
}
