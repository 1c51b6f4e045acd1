// SPDX-License-Identifier: BSD-3-Clause
// See dp_queue.h. Control's thread.
#include "dp_queue.h"

#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dp_queue_entry {
	STAILQ_ENTRY(dp_queue_entry) entries;
	struct dp_queued message;
	size_t bytes;
	uint8_t copy[];
};

void dp_queue_init(struct dp_queue *queue)
{
	STAILQ_INIT(&queue->entries);
	queue->bytes = 0;
}

int dp_queue_push(struct dp_queue *queue, const struct dp_queued *message)
{
	size_t bytes = message->len + message->data_len;
	struct dp_queue_entry *entry = NULL;

	if (queue->bytes + bytes > DP_QUEUE_BYTES_MAX)
		return -ENOBUFS;
	entry = malloc(sizeof(*entry) + bytes);
	if (entry == NULL)
		return -ENOBUFS;
	entry->message = *message;
	entry->bytes = bytes;
	entry->message.fixed = entry->copy;
	memcpy(entry->copy, message->fixed, message->len);
	if (message->data_len > 0) {
		memcpy(entry->copy + message->len, message->data, message->data_len);
		entry->message.data = entry->copy + message->len;
	}
	queue->bytes += bytes;
	STAILQ_INSERT_TAIL(&queue->entries, entry, entries);
	return 0;
}

struct dp_queued *dp_queue_first(const struct dp_queue *queue)
{
	struct dp_queue_entry *entry = STAILQ_FIRST(&queue->entries);

	return entry != NULL ? &entry->message : NULL;
}

void dp_queue_pop(struct dp_queue *queue)
{
	struct dp_queue_entry *entry = STAILQ_FIRST(&queue->entries);

	STAILQ_REMOVE_HEAD(&queue->entries, entries);
	queue->bytes -= entry->bytes;
	secret_wipe(entry->copy, entry->bytes);
	free(entry);
}

void dp_queue_clear(struct dp_queue *queue)
{
	while (dp_queue_first(queue) != NULL)
		dp_queue_pop(queue);
}
