// SPDX-License-Identifier: BSD-3-Clause
// Binary heap of timers. One thread per heap.
#include "timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void timer_heap_init(struct timer_heap *heap)
{
	memset(heap, 0, sizeof(*heap));
}

void timer_heap_fini(struct timer_heap *heap)
{
	free(heap->at);
	memset(heap, 0, sizeof(*heap));
}

int timer_heap_reserve(struct timer_heap *heap, uint32_t n)
{
	uint32_t cap = heap->cap == 0 ? 64 : heap->cap;
	struct timer **at;

	while (cap < n + 1)
		cap *= 2;
	if (cap == heap->cap)
		return 0;
	at = realloc(heap->at, cap * sizeof(*at));
	if (at == NULL)
		return -ENOMEM;
	heap->at = at;
	heap->cap = cap;
	return 0;
}

static void put(struct timer_heap *heap, uint32_t place, struct timer *timer)
{
	heap->at[place] = timer;
	timer->place = place;
}

static void sift_up(struct timer_heap *heap, struct timer *timer, uint32_t place)
{
	while (place > 1 && heap->at[place / 2]->when_us > timer->when_us) {
		put(heap, place, heap->at[place / 2]);
		place /= 2;
	}
	put(heap, place, timer);
}

static void sift_down(struct timer_heap *heap, struct timer *timer, uint32_t place)
{
	for (;;) {
		uint32_t child = place * 2;

		if (child > heap->n)
			break;
		if (child < heap->n && heap->at[child + 1]->when_us < heap->at[child]->when_us)
			child++;
		if (heap->at[child]->when_us >= timer->when_us)
			break;
		put(heap, place, heap->at[child]);
		place = child;
	}
	put(heap, place, timer);
}

static void sift(struct timer_heap *heap, struct timer *timer, uint32_t place)
{
	if (place > 1 && heap->at[place / 2]->when_us > timer->when_us)
		sift_up(heap, timer, place);
	else
		sift_down(heap, timer, place);
}

static void take_out(struct timer_heap *heap, struct timer *timer)
{
	uint32_t place = timer->place;
	struct timer *last = heap->at[heap->n];

	timer->place = 0;
	heap->n--;
	if (last != timer)
		sift(heap, last, place);
}

void timer_set(struct timer_heap *heap, struct timer *timer, uint64_t when_us)
{
	if (when_us == CLOCK_NEVER) {
		if (timer->place != 0)
			take_out(heap, timer);
		return;
	}
	timer->when_us = when_us;
	if (timer->place == 0) {
		heap->n++;
		sift_up(heap, timer, heap->n);
		return;
	}
	sift(heap, timer, timer->place);
}

struct timer *timer_first(const struct timer_heap *heap)
{
	return heap->n == 0 ? NULL : heap->at[1];
}
