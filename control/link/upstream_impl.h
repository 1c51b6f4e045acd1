// SPDX-License-Identifier: BSD-3-Clause
// What upstream.c and upstream_record.c share: an entry, and what is reported of it. Control's thread.
#pragma once

#include "hash.h"
#include "source_filter.h"
#include "timer.h"
#include "upstream.h"

#include <sys/queue.h>

#define CHANGES (2 * GROUP_SOURCES) // sources that came or went and are still to be told

enum queue {
	QUEUE_NONE,
	QUEUE_NOW,
	QUEUE_AGAIN,
};

struct wanted {
	struct hash_node by_group;
	struct inet_addr group;
	struct source_filter filter; // INCLUDE of nothing: goes when all was told
	enum queue queue;
	TAILQ_ENTRY(wanted) in_queue;
	uint32_t mode_left; // times that the whole filter is still to be told as a change
	uint32_t change_n;
	struct inet_addr change[CHANGES];
	uint32_t change_left[CHANGES];
	bool answering;
	TAILQ_ENTRY(wanted) in_answers;
	struct timer answer; // to a query for the group
	uint32_t asked_n; // sources that it asked for, 0: all
	struct inet_addr asked[GROUP_QUERY_SOURCES];
};

// The records of what the entry still has to tell as a change, of which each counts as told once
// more; at most two.
uint32_t upstream_change_records(struct wanted *wanted, struct group_record out[2]);
// Its answer to the query that it waits with, which is over then. 0 or 1 records.
uint32_t upstream_answer_record(struct wanted *wanted, struct group_record *out);
