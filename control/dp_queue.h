// SPDX-License-Identifier: BSD-3-Clause
// Messages to one dataplane thread that wait for room in its ring: copies, in order, bounded, wiped
// when they go, for there are keys in them. Control's thread.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define DP_QUEUE_BYTES_MAX (64u << 20) // of one thread

struct dp_queued {
	uint32_t type; // enum ipc_type
	uint32_t id;
	const void *fixed; // lent when pushed; the queue's own afterwards
	size_t len;
	const void *data;
	size_t data_len;
};

struct dp_queue_entry;
struct dp_queue {
	STAILQ_HEAD(, dp_queue_entry) entries;
	size_t bytes;
};

void dp_queue_init(struct dp_queue *queue);
int dp_queue_push(struct dp_queue *queue, const struct dp_queued *message); // 0 or -ENOBUFS
struct dp_queued *dp_queue_first(const struct dp_queue *queue); // NULL: empty
void dp_queue_pop(struct dp_queue *queue);
void dp_queue_clear(struct dp_queue *queue);
