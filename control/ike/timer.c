// SPDX-License-Identifier: BSD-3-Clause
// Heap of timers with four children a node. The time stands in the heap, so that a comparison does not
// touch the owner, and four children share a cache line: with 100,000 IKE SAs, moving one from the top to
// where the far ones are reads nine lines instead of those of thirty other SAs. One thread per heap.
#include "timer.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
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

// The first place is 2: an array of its own mapping begins 16 octets behind a page (glibc), so that the four
// children of a place, which follow each other, fill a line.
#define FIRST 2
#define CHILDREN 4

struct timer_slot {
	uint64_t when_us;
	struct timer *timer;
};
static_assert(sizeof(struct timer_slot) * CHILDREN == 64);

int timer_heap_reserve(struct timer_heap *heap, uint32_t n)
{
	uint32_t cap = heap->cap == 0 ? 64 : heap->cap;
	struct timer_slot *at = NULL;

	while (cap < n + FIRST)
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

static uint32_t parent_of(uint32_t place)
{
	return (place - FIRST - 1) / CHILDREN + FIRST;
}

static uint32_t first_child_of(uint32_t place)
{
	return (place - FIRST) * CHILDREN + FIRST + 1;
}

static void put(struct timer_heap *heap, uint32_t place, struct timer_slot slot)
{
	heap->at[place] = slot;
	slot.timer->place = place;
}

static bool is_before_parent(const struct timer_heap *heap, uint32_t place, uint64_t when_us)
{
	return place > FIRST && heap->at[parent_of(place)].when_us > when_us;
}

static void sift_up(struct timer_heap *heap, struct timer_slot slot, uint32_t place)
{
	while (is_before_parent(heap, place, slot.when_us)) {
		put(heap, place, heap->at[parent_of(place)]);
		place = parent_of(place);
	}
	put(heap, place, slot);
}

// The earliest of the children; `end` when there are none.
static uint32_t earliest_child(const struct timer_heap *heap, uint32_t place, uint32_t end)
{
	uint32_t child = first_child_of(place), earliest = child;

	if (child >= end)
		return end;
	for (uint32_t other = child + 1; other < child + CHILDREN && other < end; other++)
		if (heap->at[other].when_us < heap->at[earliest].when_us)
			earliest = other;
	return earliest;
}

static void sift_down(struct timer_heap *heap, struct timer_slot slot, uint32_t place)
{
	const uint32_t end = FIRST + heap->n;

	for (;;) {
		uint32_t child = earliest_child(heap, place, end);

		if (child == end || heap->at[child].when_us >= slot.when_us)
			break;
		put(heap, place, heap->at[child]);
		place = child;
	}
	put(heap, place, slot);
}

static void sift(struct timer_heap *heap, struct timer_slot slot, uint32_t place)
{
	if (is_before_parent(heap, place, slot.when_us))
		sift_up(heap, slot, place);
	else
		sift_down(heap, slot, place);
}

static void take_out(struct timer_heap *heap, struct timer *timer)
{
	uint32_t place = timer->place;
	struct timer_slot last = heap->at[FIRST + heap->n - 1];

	timer->place = 0;
	heap->n--;
	if (last.timer != timer)
		sift(heap, last, place);
}

void timer_set(struct timer_heap *heap, struct timer *timer, uint64_t when_us)
{
	struct timer_slot slot = {when_us, timer};

	if (when_us == CLOCK_NEVER) {
		if (timer->place != 0)
			take_out(heap, timer);
		return;
	}
	timer->when_us = when_us;
	if (timer->place == 0) {
		heap->n++;
		sift_up(heap, slot, FIRST + heap->n - 1);
	} else {
		sift(heap, slot, timer->place);
	}
}

struct timer *timer_first(const struct timer_heap *heap)
{
	return heap->n == 0 ? NULL : heap->at[FIRST].timer;
}
