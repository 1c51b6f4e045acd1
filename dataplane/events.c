// SPDX-License-Identifier: BSD-3-Clause
// Answers and events on their way to control. One thread of the dataplane each.
#include "events.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_BYTES (64 * 1024)

struct event_queue {
	uint32_t start, end; // of what is kept
	alignas(8) uint8_t bytes[QUEUE_BYTES]; // struct ipc_hdr and payload, each padded to 8
};

struct event_queue *event_queue_new(void)
{
	return calloc(1, sizeof(struct event_queue));
}

void event_queue_free(struct event_queue *q)
{
	free(q);
}

void event_queue_reset(struct event_queue *q)
{
	q->start = q->end = 0;
}

static uint32_t padded(uint32_t len)
{
	return (len + 7) & ~7u;
}

bool event_put(struct event_queue *q, struct ring *ring, uint32_t type, uint32_t id,
	uint32_t status, const void *payload, uint32_t len)
{
	struct ipc_hdr hdr = {.type = type, .id = id, .status = status, .len = len};

	if (event_flush(q, ring) && !ring_put(ring, type, id, status, payload, len, NULL, 0))
		return true;
	if (padded((uint32_t)sizeof(hdr) + len) > QUEUE_BYTES - q->end)
		return false;
	memcpy(q->bytes + q->end, &hdr, sizeof(hdr));
	memcpy(q->bytes + q->end + sizeof(hdr), payload, len);
	q->end += padded((uint32_t)sizeof(hdr) + len);
	return true;
}

bool event_flush(struct event_queue *q, struct ring *ring)
{
	while (q->start < q->end) {
		struct ipc_hdr hdr;

		memcpy(&hdr, q->bytes + q->start, sizeof(hdr));
		if (ring_put(ring, hdr.type, hdr.id, hdr.status, q->bytes + q->start + sizeof(hdr),
			    hdr.len, NULL, 0))
			return false;
		q->start += padded((uint32_t)sizeof(hdr) + hdr.len);
	}
	q->start = q->end = 0;
	return true;
}
