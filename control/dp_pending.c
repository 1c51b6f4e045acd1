// SPDX-License-Identifier: BSD-3-Clause
// See dp_pending.h. Control's thread.
#include "dp_pending.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_BITS 20
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
static_assert(DP_PENDING_MAX <= 1u << INDEX_BITS);

static bool grow(struct dp_pending *pending)
{
	uint32_t size = pending->size == 0 ? 64 : pending->size * 2;
	struct dp_request *request = NULL;

	if (size > DP_PENDING_MAX)
		return false;
	request = realloc(pending->request, size * sizeof(*request));
	if (request == NULL)
		return false;
	memset(request + pending->size, 0, (size - pending->size) * sizeof(*request));
	pending->request = request;
	for (uint32_t i = size; i-- > pending->size;) {
		request[i].next = pending->free;
		request[i].generation = 1;
		pending->free = i + 1;
	}
	pending->size = size;
	return true;
}

uint32_t dp_pending_add(struct dp_pending *pending, const struct dp_request *request)
{
	struct dp_request *slot = NULL;
	uint32_t index = 0, generation = 0;

	if (pending->free == 0 && !grow(pending))
		return 0;
	index = pending->free - 1;
	slot = &pending->request[index];
	pending->free = slot->next;
	generation = slot->generation;
	*slot = *request;
	slot->generation = generation;
	slot->used = true;
	pending->used++;
	return generation << INDEX_BITS | index;
}

static void take_out(struct dp_pending *pending, uint32_t index)
{
	struct dp_request *slot = &pending->request[index];

	// 1 to 4095, so that an id is never 0.
	slot->generation = slot->generation % ((1u << (32 - INDEX_BITS)) - 1) + 1;
	slot->used = false;
	slot->next = pending->free;
	pending->free = index + 1;
	pending->used--;
}

static struct dp_request *find(const struct dp_pending *pending, uint32_t id)
{
	uint32_t index = id & INDEX_MASK;

	if (index >= pending->size || !pending->request[index].used ||
		pending->request[index].generation != id >> INDEX_BITS)
		return NULL;
	return &pending->request[index];
}

void dp_pending_cancel(struct dp_pending *pending, uint32_t id)
{
	if (find(pending, id) != NULL)
		take_out(pending, id & INDEX_MASK);
}

// Which items a command is answered with, and whether an ACK follows them.
static bool answer_fits(enum ipc_type command, uint32_t answer, bool *last)
{
	*last = true;
	switch (command) {
	case IPC_SA_IN_DEL:
	case IPC_SA_OUT_DEL:
	case IPC_SA_QUERY:
		return answer == IPC_SA_INFO;
	case IPC_SA_LIST:
		*last = false;
		return answer == IPC_SA_INFO;
	case IPC_PORT_LIST:
		*last = false;
		return answer == IPC_PORT_INFO;
	case IPC_NEIGH_LIST:
		*last = false;
		return answer == IPC_NEIGH_INFO;
	case IPC_ROUTE_LIST:
		*last = false;
		return answer == IPC_ROUTE_INFO;
	default:
		return false;
	}
}

bool dp_pending_match(struct dp_pending *pending, uint32_t thread, const struct ipc_hdr *hdr,
	const void *payload, struct dp_request *out, bool *last)
{
	struct dp_request *request = find(pending, hdr->id);

	if (request == NULL || request->thread != thread)
		return false;
	*last = true;
	if (hdr->type == IPC_ACK) {
		const struct ipc_ack *ack = payload;

		if (ack->command != (uint32_t)request->type)
			return false;
	} else if (!answer_fits(request->type, hdr->type, last)) {
		return false;
	}
	*out = *request;
	if (*last)
		take_out(pending, hdr->id & INDEX_MASK);
	return true;
}

void dp_pending_fail(
	struct dp_pending *pending, void (*fn)(void *arg, struct dp_request *request), void *arg)
{
	uint32_t size = pending->size;

	// Out of the table first: what fn adds must stay.
	for (uint32_t i = 0; i < size; i++) {
		struct dp_request request;

		if (!pending->request[i].used)
			continue;
		request = pending->request[i];
		take_out(pending, i);
		fn(arg, &request);
	}
}

void dp_pending_fini(struct dp_pending *pending)
{
	free(pending->request);
	*pending = (struct dp_pending){};
}
