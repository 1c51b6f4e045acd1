// SPDX-License-Identifier: BSD-3-Clause
// The slots of one pool: prefixes of one length inside a shorter one, of which each is free or
// taken. A tree of bitmaps, 64 children a node, so that finding a free slot costs at most five
// words whatever the size; memory is touched as slots are taken. Control's thread.
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

// The dataplane indexes slots with so many bits. Of a larger pool the first 2^28 slots are used.
#define POOL_BITS_MAX 28

struct pool;

// Copies what it needs of `config`, which it keeps as a name only. A shared pool has no slots. NULL
// and errno.
struct pool *pool_new(const struct config_pool *config);
void pool_free(struct pool *pool); // accepts NULL

const char *pool_name(const struct pool *pool);
enum config_assign pool_assign(const struct pool *pool);
void pool_set_assign(struct pool *pool, enum config_assign assign);
// The prefix that the slots fill, at most POOL_BITS_MAX shorter than a slot's.
const struct inet_prefix *pool_prefix(const struct pool *pool);
uint8_t pool_lease_len(const struct pool *pool);
bool pool_is_shared(const struct pool *pool); // every client's at once: nothing of it is given out
uint64_t pool_size(const struct pool *pool); // slots that can be given out
uint64_t pool_taken(const struct pool *pool);

// The first free slot at or behind `start` (any number), going round. 0 or -ENOSPC.
int pool_take_next(struct pool *pool, uint64_t start, uint64_t *slot);
// This slot: 0, -EBUSY, or -ERANGE (not one that may be given out).
int pool_take(struct pool *pool, uint64_t slot);
// The slot must be taken.
void pool_give(struct pool *pool, uint64_t slot);
bool pool_is_taken(const struct pool *pool, uint64_t slot);

struct inet_prefix pool_slot_prefix(const struct pool *pool, uint64_t slot);
// -ERANGE when the prefix is not a slot of the pool.
int pool_slot_of(const struct pool *pool, const struct inet_prefix *prefix, uint64_t *slot);
