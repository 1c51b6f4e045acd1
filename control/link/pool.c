// SPDX-License-Identifier: BSD-3-Clause
// Slots of a pool as a tree of bitmaps: a set bit of the lowest level is a slot that is taken, a
// set bit of a level above is a word below that is full. Control's thread.
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FANOUT_BITS 6
#define FANOUT (1u << FANOUT_BITS)
#define LEVELS_MAX 5 // 64^5 > 2^POOL_BITS_MAX

struct pool {
	char name[CONFIG_NAME_MAX];
	enum config_assign assign;
	struct inet_prefix prefix;
	uint8_t lease_len;
	bool shared;
	uint64_t slots; // of the prefix, a power of two; 0: shared
	uint64_t reserved; // never given out
	uint64_t taken; // given out
	uint32_t levels;
	uint64_t
		*level[LEVELS_MAX]; // 0: one bit a slot; calloc'ed, so untouched pages cost nothing
};

static uint64_t words_of(uint64_t bits)
{
	return (bits + FANOUT - 1) >> FANOUT_BITS;
}

static bool bit_get(const uint64_t *words, uint64_t bit)
{
	return words[bit >> FANOUT_BITS] >> (bit & (FANOUT - 1)) & 1;
}

static void mark_taken(struct pool *pool, uint64_t slot)
{
	for (uint32_t i = 0; i < pool->levels; i++) {
		uint64_t *word = &pool->level[i][slot >> FANOUT_BITS];

		*word |= UINT64_C(1) << (slot & (FANOUT - 1));
		if (*word != UINT64_MAX)
			return;
		slot >>= FANOUT_BITS;
	}
}

static void mark_free(struct pool *pool, uint64_t slot)
{
	for (uint32_t i = 0; i < pool->levels; i++) {
		uint64_t *word = &pool->level[i][slot >> FANOUT_BITS];
		bool was_full = *word == UINT64_MAX;

		*word &= ~(UINT64_C(1) << (slot & (FANOUT - 1)));
		if (!was_full)
			return;
		slot >>= FANOUT_BITS;
	}
}

// Bits behind the last one of each level count as taken for good.
static void close_tails(struct pool *pool)
{
	uint64_t bits = pool->slots;

	for (uint32_t i = 0; i < pool->levels; i++) {
		if (bits % FANOUT != 0)
			pool->level[i][bits >> FANOUT_BITS] |= UINT64_MAX << (bits % FANOUT);
		bits = words_of(bits);
	}
}

static void reserve(struct pool *pool, uint64_t slot)
{
	mark_taken(pool, slot);
	pool->reserved++;
}

// Addresses that nobody may have: IPv4 network and broadcast, and the subnet-router anycast address
// of an IPv6 prefix (RFC 4291 section 2.6.1).
static void reserve_addresses(struct pool *pool)
{
	if (pool->lease_len == 32 && pool->slots > 2) {
		reserve(pool, 0);
		reserve(pool, pool->slots - 1);
	}
	if (pool->lease_len == 128 && pool->slots > 1)
		reserve(pool, 0);
}

struct pool *pool_new(const struct config_pool *config)
{
	struct pool *pool = NULL;
	uint32_t bits = 0;

	if (config->lease_len < config->prefix.len ||
		config->lease_len > inet_addr_bits(config->prefix.addr.family)) {
		errno = EINVAL;
		return NULL;
	}
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return NULL;
	memcpy(pool->name, config->name, sizeof(pool->name));
	pool->name[sizeof(pool->name) - 1] = '\0';
	pool->assign = config->assign;
	pool->prefix = config->prefix;
	pool->lease_len = config->lease_len;
	pool->shared = config->shared;
	if (pool->shared)
		return pool;
	bits = config->lease_len - config->prefix.len;
	if (bits > POOL_BITS_MAX) {
		bits = POOL_BITS_MAX;
		pool->prefix.len = config->lease_len - POOL_BITS_MAX;
	}
	pool->slots = UINT64_C(1) << bits;
	for (uint64_t words = words_of(pool->slots);; words = words_of(words)) {
		pool->level[pool->levels] = calloc(words, sizeof(uint64_t));
		if (pool->level[pool->levels++] == NULL) {
			pool_free(pool);
			errno = ENOMEM;
			return NULL;
		}
		if (words == 1)
			break;
	}
	close_tails(pool);
	reserve_addresses(pool);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	for (uint32_t i = 0; i < pool->levels; i++)
		free(pool->level[i]);
	free(pool);
}

const char *pool_name(const struct pool *pool)
{
	return pool->name;
}

enum config_assign pool_assign(const struct pool *pool)
{
	return pool->assign;
}

void pool_set_assign(struct pool *pool, enum config_assign assign)
{
	pool->assign = assign;
}

const struct inet_prefix *pool_prefix(const struct pool *pool)
{
	return &pool->prefix;
}

uint8_t pool_lease_len(const struct pool *pool)
{
	return pool->lease_len;
}

bool pool_is_shared(const struct pool *pool)
{
	return pool->shared;
}

uint64_t pool_size(const struct pool *pool)
{
	return pool->slots - pool->reserved;
}

uint64_t pool_taken(const struct pool *pool)
{
	return pool->taken;
}

// The first clear bit at or behind `from`: up until a word has one behind the path, then down.
static bool find_free(const struct pool *pool, uint64_t from, uint64_t *slot)
{
	uint32_t i = 0;
	uint64_t bit = from;

	for (;; i++) {
		uint64_t word = 0, free_bits = 0;

		if (i == pool->levels ||
			bit >> FANOUT_BITS >= words_of(pool->slots >> (i * FANOUT_BITS)))
			return false;
		word = pool->level[i][bit >> FANOUT_BITS];
		free_bits = ~word & UINT64_MAX << (bit & (FANOUT - 1));
		if (free_bits != 0) {
			bit = (bit & ~(uint64_t)(FANOUT - 1)) |
				(uint64_t)__builtin_ctzll(free_bits);
			break;
		}
		bit = (bit >> FANOUT_BITS) + 1; // words behind this one, in the level above
	}
	while (i-- > 0)
		bit = bit << FANOUT_BITS | (uint64_t)__builtin_ctzll(~pool->level[i][bit]);
	*slot = bit;
	return true;
}

int pool_take_next(struct pool *pool, uint64_t start, uint64_t *slot)
{
	if (pool->slots == 0 ||
		(!find_free(pool, start & (pool->slots - 1), slot) && !find_free(pool, 0, slot)))
		return -ENOSPC;
	mark_taken(pool, *slot);
	pool->taken++;
	return 0;
}

static bool is_reserved(const struct pool *pool, uint64_t slot)
{
	return pool->reserved != 0 &&
		(slot == 0 || (pool->reserved == 2 && slot == pool->slots - 1));
}

int pool_take(struct pool *pool, uint64_t slot)
{
	if (slot >= pool->slots || is_reserved(pool, slot))
		return -ERANGE;
	if (bit_get(pool->level[0], slot))
		return -EBUSY;
	mark_taken(pool, slot);
	pool->taken++;
	return 0;
}

void pool_give(struct pool *pool, uint64_t slot)
{
	if (!pool_is_taken(pool, slot))
		return;
	mark_free(pool, slot);
	pool->taken--;
}

bool pool_is_taken(const struct pool *pool, uint64_t slot)
{
	return slot < pool->slots && !is_reserved(pool, slot) && bit_get(pool->level[0], slot);
}

struct inet_prefix pool_slot_prefix(const struct pool *pool, uint64_t slot)
{
	struct inet_prefix prefix = {};

	if (inet_prefix_nth(&pool->prefix, pool->lease_len, slot, &prefix) != 0)
		return (struct inet_prefix){};
	return prefix;
}

int pool_slot_of(const struct pool *pool, const struct inet_prefix *prefix, uint64_t *slot)
{
	if (prefix->len != pool->lease_len)
		return -ERANGE;
	return inet_prefix_index(&pool->prefix, prefix, slot);
}
