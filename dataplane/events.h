// SPDX-License-Identifier: BSD-3-Clause
// Answers and events to control. They are never lost while control is there: what the ring has no
// room for is kept, bounded, and as long as anything is kept the thread takes no further commands,
// which is what stops control from asking. One thread of the dataplane each.
#pragma once

#include "ring.h"

#include <stdbool.h>
#include <stdint.h>

struct event_queue;

struct event_queue *event_queue_new(void);
void event_queue_free(struct event_queue *q);
void event_queue_reset(struct event_queue *q); // control is another one
// False: the queue itself is full and the message is lost; cannot happen to one answer per command.
bool event_put(struct event_queue *q, struct ring *ring, uint32_t type, uint32_t id,
	uint32_t status, const void *payload, uint32_t len);
// Moves what is kept to the ring. True: nothing is kept any more.
bool event_flush(struct event_queue *q, struct ring *ring);
