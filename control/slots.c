// SPDX-License-Identifier: BSD-3-Clause
// Free slots as doubly linked queues in arrays, one for each worker and direction, so that any slot
// can also be claimed from the middle. Control's thread.
#include "slots.h"

#include <errno.h>
#include <stdlib.h>

#define USED UINT32_MAX
#define GENERATION_MASK 0xf

struct slot { // 12 bytes each
	uint32_t prev,
		next; // in the queue of free ones, its head at index count; prev USED: in use
	uint32_t generation; // of the SPI when it is taken next
};

struct queue {
	struct slot *slot; // count + 1 of them: the last is the queue's head
	uint32_t used;
};

struct slots {
	uint32_t workers;
	uint32_t count;
	struct queue *queue; // 2 * worker + direction
};

static void append(struct slots *slots, struct queue *q, uint32_t at)
{
	uint32_t head = slots->count, last = q->slot[head].prev;

	q->slot[at].prev = last;
	q->slot[at].next = head;
	q->slot[last].next = at;
	q->slot[head].prev = at;
}

static void unlink_slot(struct queue *q, uint32_t at)
{
	q->slot[q->slot[at].prev].next = q->slot[at].next;
	q->slot[q->slot[at].next].prev = q->slot[at].prev;
	q->slot[at].prev = USED;
	q->used++;
}

static bool queue_init(struct slots *slots, struct queue *q,
	void (*random)(void *arg, void *out, size_t len), void *arg)
{
	uint32_t head = slots->count;
	uint8_t seed[1024];

	q->slot = calloc(head + 1u, sizeof(*q->slot));
	if (q->slot == NULL)
		return false;
	q->slot[head].prev = q->slot[head].next = head;
	for (uint32_t i = 0; i < head; i++) {
		if (i % sizeof(seed) == 0)
			random(arg, seed, sizeof(seed));
		q->slot[i].generation = seed[i % sizeof(seed)] & GENERATION_MASK;
		append(slots, q, i);
	}
	return true;
}

struct slots *slots_new(uint32_t workers, uint32_t slots_per_worker,
	void (*random)(void *arg, void *out, size_t len), void *arg)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (slots == NULL)
		return NULL;
	slots->workers = workers;
	slots->count = slots_per_worker;
	if (workers == 0 || workers > 62 || slots_per_worker == 0 ||
		slots_per_worker > 1u << SPI_SLOT_BITS) {
		free(slots);
		errno = EINVAL;
		return NULL;
	}
	slots->queue = calloc(2ul * workers, sizeof(*slots->queue));
	for (uint32_t i = 0; slots->queue != NULL && i < 2 * workers; i++)
		if (!queue_init(slots, &slots->queue[i], random, arg)) {
			slots_free(slots);
			errno = ENOMEM;
			return NULL;
		}
	if (slots->queue == NULL) {
		free(slots);
		return NULL;
	}
	return slots;
}

void slots_free(struct slots *slots)
{
	if (slots == NULL)
		return;
	for (uint32_t i = 0; i < 2 * slots->workers; i++)
		free(slots->queue[i].slot);
	free(slots->queue);
	free(slots);
}

uint32_t slots_workers(const struct slots *slots)
{
	return slots->workers;
}

uint32_t slots_per_worker(const struct slots *slots)
{
	return slots->count;
}

// NULL when the SPI or reference names no worker or slot of ours.
static struct queue *queue_of(
	const struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction)
{
	uint32_t worker = spi_worker(spi_or_ref);

	if (worker >= slots->workers || spi_slot(spi_or_ref) >= slots->count)
		return NULL;
	return &slots->queue[2 * worker + (uint32_t)direction];
}

uint32_t slots_used(const struct slots *slots, uint32_t worker, enum ipc_direction direction)
{
	return worker < slots->workers ? slots->queue[2 * worker + (uint32_t)direction].used : 0;
}

static uint32_t least_used(const struct slots *slots, enum ipc_direction direction)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < slots->workers; i++)
		if (slots_used(slots, i, direction) < slots_used(slots, best, direction))
			best = i;
	return best;
}

static int take(
	struct slots *slots, uint32_t worker, enum ipc_direction direction, struct slot **out)
{
	struct queue *q = &slots->queue[2 * worker + (uint32_t)direction];
	uint32_t first = q->slot[slots->count].next;

	if (first == slots->count)
		return -ENOSPC;
	unlink_slot(q, first);
	*out = &q->slot[first];
	return (int)first;
}

int slots_take_spi(struct slots *slots, uint32_t worker, uint32_t *spi)
{
	struct slot *slot = NULL;
	int at = 0;

	if (worker == UINT32_MAX)
		worker = least_used(slots, IPC_DIR_IN);
	if (worker >= slots->workers)
		return -ERANGE;
	at = take(slots, worker, IPC_DIR_IN, &slot);
	if (at < 0)
		return at;
	*spi = spi_make(worker, slot->generation++, (uint32_t)at);
	return 0;
}

int slots_take_ref(struct slots *slots, uint32_t worker, sa_ref_t *ref)
{
	struct slot *slot = NULL;
	int at = 0;

	if (worker == UINT32_MAX)
		worker = least_used(slots, IPC_DIR_OUT);
	if (worker >= slots->workers)
		return -ERANGE;
	at = take(slots, worker, IPC_DIR_OUT, &slot);
	if (at < 0)
		return at;
	*ref = spi_make(worker, 0, (uint32_t)at);
	return 0;
}

int slots_claim(struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction)
{
	struct queue *q = queue_of(slots, spi_or_ref, direction);
	uint32_t at = spi_slot(spi_or_ref);

	if (q == NULL)
		return -ERANGE;
	if (q->slot[at].prev == USED)
		return -EBUSY;
	unlink_slot(q, at);
	q->slot[at].generation = (spi_or_ref >> SPI_GENERATION_SHIFT & GENERATION_MASK) + 1;
	return 0;
}

bool slots_is_used(const struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction)
{
	struct queue *q = queue_of(slots, spi_or_ref, direction);

	return q != NULL && q->slot[spi_slot(spi_or_ref)].prev == USED;
}

static void give(struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction)
{
	struct queue *q = queue_of(slots, spi_or_ref, direction);

	if (q == NULL || q->slot[spi_slot(spi_or_ref)].prev != USED)
		return;
	append(slots, q, spi_slot(spi_or_ref));
	q->used--;
}

void slots_give_spi(struct slots *slots, uint32_t spi)
{
	struct queue *q = queue_of(slots, spi, IPC_DIR_IN);
	uint32_t last = spi >> SPI_GENERATION_SHIFT & GENERATION_MASK;

	// Who has the slot now came after this SPI.
	if (q == NULL ||
		(q->slot[spi_slot(spi)].generation & GENERATION_MASK) !=
			((last + 1) & GENERATION_MASK))
		return;
	give(slots, spi, IPC_DIR_IN);
}

void slots_give_ref(struct slots *slots, sa_ref_t ref)
{
	give(slots, ref, IPC_DIR_OUT);
}
