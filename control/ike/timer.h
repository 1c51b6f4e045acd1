// SPDX-License-Identifier: BSD-3-Clause
// Timers that scale: a heap of nodes that live inside their owners, earliest first. Setting, moving and
// taking out cost O(log n); the earliest is read in O(1). One thread.
#pragma once

#include "clock.h"

#include <stddef.h>
#include <stdint.h>

enum timer_kind {
	TIMER_IKE_SA,
	TIMER_CONNECTION
};
struct timer {
	uint64_t when_us; // valid while it is set
	uint32_t place; // in the heap, see timer.c; 0: not set
	enum timer_kind kind; // which owner it is inside of
};
struct timer_heap {
	struct timer_slot *at;
	uint32_t n;
	uint32_t cap;
};

void timer_heap_init(struct timer_heap *heap);
void timer_heap_fini(struct timer_heap *heap); // the timers are their owners'
// Makes room for n timers, so that timer_set cannot fail for them. 0 or -ENOMEM.
int timer_heap_reserve(struct timer_heap *heap, uint32_t n);
// CLOCK_NEVER takes it out. Room must have been reserved.
void timer_set(struct timer_heap *heap, struct timer *timer, uint64_t when_us);
struct timer *timer_first(const struct timer_heap *heap); // lends; NULL when none is set
