// SPDX-License-Identifier: BSD-3-Clause
// Token buckets by link, the longest unused first in a queue, from which full ones are taken out as
// new ones come. Pure. Control's thread.
#include "punt_limit.h"

#include "clock.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#define REFILL_US (PUNT_LIMIT_BURST * US_PER_S / PUNT_LIMIT_RATE) // an empty one is full again
#define TOKEN_US (US_PER_S / PUNT_LIMIT_RATE)
#define SWEEP 2 // buckets looked at for each new one: the queue gets shorter than it grows

struct bucket {
	struct hash_node by_link;
	TAILQ_ENTRY(bucket) use;
	uint64_t used_us; // last asked for
	uint64_t filled_us; // up to here tokens were added
	uint32_t tokens;
};
TAILQ_HEAD(bucket_queue, bucket);

struct punt_limit {
	struct hash buckets;
	struct bucket_queue used; // longest ago first
};

struct punt_limit *punt_limit_new(const uint64_t secret[2])
{
	struct punt_limit *limit = calloc(1, sizeof(*limit));

	if (limit == NULL)
		return NULL;
	TAILQ_INIT(&limit->used);
	if (hash_init(&limit->buckets, secret) != 0) {
		free(limit);
		errno = ENOMEM;
		return NULL;
	}
	return limit;
}

static void drop(struct punt_limit *limit, struct bucket *bucket)
{
	TAILQ_REMOVE(&limit->used, bucket, use);
	hash_del(&limit->buckets, &bucket->by_link);
	free(bucket);
}

void punt_limit_free(struct punt_limit *limit)
{
	struct bucket *bucket = NULL;

	if (limit == NULL)
		return;
	while ((bucket = TAILQ_FIRST(&limit->used)) != NULL)
		drop(limit, bucket);
	hash_fini(&limit->buckets);
	free(limit);
}

static void sweep(struct punt_limit *limit, uint64_t now_us)
{
	struct bucket *bucket = NULL;

	for (uint32_t i = 0; i < SWEEP && (bucket = TAILQ_FIRST(&limit->used)) != NULL &&
		now_us - bucket->used_us >= REFILL_US;
		i++)
		drop(limit, bucket);
}

static struct bucket *get(struct punt_limit *limit, uint64_t link, uint64_t now_us)
{
	struct hash_node *node = hash_find(&limit->buckets, link);
	struct bucket *bucket = NULL;

	if (node != NULL)
		return CONTAINER_OF(node, struct bucket, by_link);
	sweep(limit, now_us);
	bucket = calloc(1, sizeof(*bucket));
	if (bucket == NULL)
		return NULL;
	bucket->tokens = PUNT_LIMIT_BURST;
	bucket->filled_us = now_us;
	hash_add(&limit->buckets, &bucket->by_link, link);
	TAILQ_INSERT_TAIL(&limit->used, bucket, use);
	return bucket;
}

bool punt_limit_take(struct punt_limit *limit, uint64_t link, uint64_t now_us)
{
	struct bucket *bucket = get(limit, link, now_us);
	uint64_t more = 0;

	if (bucket == NULL)
		return false;
	more = (now_us - bucket->filled_us) / TOKEN_US;
	if (more >= PUNT_LIMIT_BURST - bucket->tokens) {
		bucket->tokens = PUNT_LIMIT_BURST;
		bucket->filled_us = now_us;
	} else {
		bucket->tokens += (uint32_t)more;
		bucket->filled_us += more * TOKEN_US;
	}
	bucket->used_us = now_us;
	TAILQ_REMOVE(&limit->used, bucket, use);
	TAILQ_INSERT_TAIL(&limit->used, bucket, use);
	if (bucket->tokens == 0)
		return false;
	bucket->tokens--;
	return true;
}

uint32_t punt_limit_count(const struct punt_limit *limit)
{
	return limit->buckets.n;
}
