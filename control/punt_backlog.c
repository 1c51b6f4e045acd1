// SPDX-License-Identifier: BSD-3-Clause
// See punt_backlog.h: one queue for each kind. Pure. Control's thread.
#include "punt_backlog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct waiting {
	STAILQ_ENTRY(waiting) next;
	struct ike_datagram datagram;
	uint8_t data[];
};
STAILQ_HEAD(waiting_list, waiting);

struct queue {
	struct waiting_list list;
	uint32_t n;
	uint64_t bytes;
};
struct punt_backlog {
	struct queue queue[IKE_STANDING_PEER]; // by standing: the higher one goes first
	struct waiting *taken; // lent to the caller
};

struct punt_backlog *punt_backlog_new(void)
{
	struct punt_backlog *backlog = calloc(1, sizeof(*backlog));

	for (int i = 0; backlog != NULL && i < IKE_STANDING_PEER; i++)
		STAILQ_INIT(&backlog->queue[i].list);
	return backlog;
}

void punt_backlog_free(struct punt_backlog *backlog)
{
	if (backlog == NULL)
		return;
	while (punt_backlog_take(backlog) != NULL)
		;
	free(backlog);
}

bool punt_backlog_add(struct punt_backlog *backlog, enum ike_standing standing,
	const struct ike_datagram *datagram)
{
	struct queue *queue = &backlog->queue[standing];
	struct waiting *waiting = NULL;

	if (queue->n >= PUNT_BACKLOG_MAX || queue->bytes + datagram->len > PUNT_BACKLOG_BYTES)
		return false;
	waiting = malloc(sizeof(*waiting) + datagram->len);
	if (waiting == NULL)
		return false;
	waiting->datagram = *datagram;
	waiting->datagram.data = memcpy(waiting->data, datagram->data, datagram->len);
	STAILQ_INSERT_TAIL(&queue->list, waiting, next);
	queue->n++;
	queue->bytes += datagram->len;
	return true;
}

const struct ike_datagram *punt_backlog_take(struct punt_backlog *backlog)
{
	free(backlog->taken);
	backlog->taken = NULL;
	for (int i = IKE_STANDING_PEER - 1; i >= 0 && backlog->taken == NULL; i--) {
		struct queue *queue = &backlog->queue[i];

		backlog->taken = STAILQ_FIRST(&queue->list);
		if (backlog->taken == NULL)
			continue;
		STAILQ_REMOVE_HEAD(&queue->list, next);
		queue->n--;
		queue->bytes -= backlog->taken->datagram.len;
	}
	return backlog->taken == NULL ? NULL : &backlog->taken->datagram;
}

bool punt_backlog_empty(const struct punt_backlog *backlog)
{
	for (int i = 0; i < IKE_STANDING_PEER; i++)
		if (backlog->queue[i].n > 0)
			return false;
	return true;
}
