// SPDX-License-Identifier: BSD-3-Clause
// What a report says of one group: the filter as it is, what changed of it, or what of it was asked for.
// Pure. Control's thread.
#include "upstream_impl.h"

#include <string.h>

static struct group_record whole(const struct wanted *wanted, bool change)
{
	const struct source_filter *filter = &wanted->filter;
	struct group_record record = {.group = wanted->group, .source_n = filter->source_n};

	if (change)
		record.type = filter->include ? GROUP_CHANGE_TO_INCLUDE : GROUP_CHANGE_TO_EXCLUDE;
	else
		record.type = filter->include ? GROUP_MODE_IS_INCLUDE : GROUP_MODE_IS_EXCLUDE;
	memcpy(record.source, filter->source, filter->source_n * sizeof(filter->source[0]));
	return record;
}

static void add_source(struct group_record *record, const struct inet_addr *source)
{
	if (record->source_n < GROUP_SOURCES)
		record->source[record->source_n++] = *source;
}

// Which sources came and which went is what the filter says now, whatever happened meanwhile. What
// does not fit waits for the next time. RFC 3810 section 6.1.
static uint32_t source_changes(struct wanted *wanted, struct group_record out[2])
{
	struct group_record *allow = &out[0], *block = &out[1];
	uint32_t kept = 0;

	*allow = (struct group_record){.type = GROUP_ALLOW_NEW_SOURCES, .group = wanted->group};
	*block = (struct group_record){.type = GROUP_BLOCK_OLD_SOURCES, .group = wanted->group};
	for (uint32_t i = 0; i < wanted->change_n; i++) {
		struct inet_addr source = wanted->change[i];
		bool has = source_filter_has(&wanted->filter, &source);
		struct group_record *record = has == wanted->filter.include ? allow : block;
		uint32_t left = wanted->change_left[i] - (record->source_n < GROUP_SOURCES);

		add_source(record, &source);
		if (left == 0)
			continue;
		wanted->change[kept] = source;
		wanted->change_left[kept++] = left;
	}
	wanted->change_n = kept;
	if (allow->source_n > 0)
		return block->source_n > 0 ? 2 : 1;
	*allow = *block;
	return 1;
}

uint32_t upstream_change_records(struct wanted *wanted, struct group_record out[2])
{
	if (wanted->mode_left == 0)
		return wanted->change_n > 0 ? source_changes(wanted, out) : 0;
	wanted->mode_left--;
	out[0] = whole(wanted, true);
	return 1;
}

// Of the sources that were asked for, those that are let through: RFC 3810 section 6.2.
uint32_t upstream_answer_record(struct wanted *wanted, struct group_record *out)
{
	if (source_filter_none(&wanted->filter))
		return 0;
	if (wanted->asked_n == 0) {
		*out = whole(wanted, false);
		return 1;
	}
	*out = (struct group_record){.type = GROUP_MODE_IS_INCLUDE, .group = wanted->group};
	for (uint32_t i = 0; i < wanted->asked_n; i++)
		if (source_filter_has(&wanted->filter, &wanted->asked[i]) == wanted->filter.include)
			add_source(out, &wanted->asked[i]);
	wanted->asked_n = 0;
	return out->source_n > 0;
}
