// SPDX-License-Identifier: BSD-3-Clause
// Commands that the dataplane has not answered yet, found by the id that it echoes. An answer has to
// come from the thread that was asked and be of a type that fits the question. Control's thread.
#pragma once

#include "dp_client.h"

#define DP_PENDING_MAX (1u << 20)

struct dp_request {
	dp_answer_fn fn; // NULL: nobody waits
	void *arg;
	enum ipc_type type;
	uint32_t thread;
	uint32_t generation; // high bits of the id
	uint32_t next; // free list
	bool used;
};

struct dp_pending { // all zero: empty
	struct dp_request *request;
	uint32_t size;
	uint32_t free; // index + 1 of the first free one
	uint32_t used;
};

uint32_t dp_pending_add(struct dp_pending *pending, const struct dp_request *request); // 0: full
void dp_pending_cancel(struct dp_pending *pending, uint32_t id);
// The request that this answers, by value; taken out when it is its last answer. false: none.
bool dp_pending_match(struct dp_pending *pending, uint32_t thread, const struct ipc_hdr *hdr,
	const void *payload, struct dp_request *out, bool *last);
// Takes all out, each one given to fn, which may add new ones.
void dp_pending_fail(
	struct dp_pending *pending, void (*fn)(void *arg, struct dp_request *request), void *arg);
void dp_pending_fini(struct dp_pending *pending);
