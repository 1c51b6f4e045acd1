// SPDX-License-Identifier: BSD-3-Clause
// Chained hash table with nodes inside their owners, and SipHash-2-4 (Aumasson, Bernstein), so that
// nobody outside can aim at one chain. One thread per table.
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 64

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t load_le64(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

uint64_t hash_bytes(const uint64_t secret[2], const void *data, size_t len)
{
	uint64_t v[4] = {secret[0] ^ UINT64_C(0x736f6d6570736575),
		secret[1] ^ UINT64_C(0x646f72616e646f6d), secret[0] ^ UINT64_C(0x6c7967656e657261),
		secret[1] ^ UINT64_C(0x7465646279746573)};
	const uint8_t *p = data;
	size_t left = len;
	uint64_t m;

	for (; left >= 8; left -= 8, p += 8) {
		m = load_le64(p, 8);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	m = load_le64(p, left) | (uint64_t)(len & 0xff) << 56;
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// Linear hashing: `base` slots, a power of two, of which the first size - base were split in two.
static struct hash_node **slot_of(const struct hash *hash, uint64_t key)
{
	uint64_t bits = hash_bytes(hash->secret, &key, sizeof(key));
	uint64_t at = bits & (2 * (uint64_t)hash->base - 1);

	return &hash->slot[at < hash->size ? at : at & (hash->base - 1)];
}

int hash_init(struct hash *hash, const uint64_t secret[2])
{
	memset(hash, 0, sizeof(*hash));
	hash->slot = calloc(SIZE_FIRST, sizeof(struct hash_node *));
	if (hash->slot == NULL)
		return -ENOMEM;
	hash->size = hash->base = hash->room = SIZE_FIRST;
	hash->secret[0] = secret[0];
	hash->secret[1] = secret[1];
	return 0;
}

void hash_fini(struct hash *hash)
{
	free(hash->slot);
	memset(hash, 0, sizeof(*hash));
}

// By one slot, so that no addition takes longer than others: the nodes of one slot are shared out
// between it and a new one at the end. A large array moves by its page tables.
static void grow(struct hash *hash)
{
	struct hash_node **from = NULL, *node = NULL;

	if (hash->size == hash->room) {
		struct hash_node **slot =
			realloc(hash->slot, 2 * (size_t)hash->room * sizeof(struct hash_node *));

		if (slot == NULL)
			return;
		hash->slot = slot;
		hash->room *= 2;
	}
	from = &hash->slot[hash->size - hash->base];
	node = *from;
	*from = NULL;
	hash->slot[hash->size++] = NULL;
	while (node != NULL) {
		struct hash_node *next = node->next;
		struct hash_node **to = slot_of(hash, node->key);

		node->next = *to;
		*to = node;
		node = next;
	}
	if (hash->size == 2 * hash->base)
		hash->base = hash->size;
}

void hash_add(struct hash *hash, struct hash_node *node, uint64_t key)
{
	struct hash_node **to;

	if (hash->n >= hash->size && hash->size < UINT32_C(1) << 30)
		grow(hash);
	to = slot_of(hash, key);
	node->key = key;
	node->next = *to;
	*to = node;
	hash->n++;
}

void hash_del(struct hash *hash, struct hash_node *node)
{
	for (struct hash_node **at = slot_of(hash, node->key); *at != NULL; at = &(*at)->next) {
		if (*at == node) {
			*at = node->next;
			node->next = NULL;
			hash->n--;
			return;
		}
	}
}

struct hash_node *hash_find(const struct hash *hash, uint64_t key)
{
	struct hash_node *node = *slot_of(hash, key);

	while (node != NULL && node->key != key)
		node = node->next;
	return node;
}

struct hash_node *hash_find_next(const struct hash_node *node)
{
	struct hash_node *next = node->next;

	while (next != NULL && next->key != node->key)
		next = next->next;
	return next;
}

static uint32_t reverse_bits(uint32_t x)
{
	x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
	x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
	x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
	return __builtin_bswap32(x);
}

// Slots in the order of their reversed bits: the two that a slot is split into come one after the
// other, so that both lie before the cursor if the slot was given, else behind it.
bool hash_some(const struct hash *hash, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, struct hash_node *node), void *arg)
{
	uint32_t done = 0;

	do {
		uint32_t at = *cursor & (hash->base - 1);
		bool split = at + hash->base < hash->size;
		uint32_t mask = (split ? 2 * hash->base : hash->base) - 1;
		struct hash_node *node = hash->slot[*cursor & mask], *next = NULL;

		for (done++; node != NULL; node = next, done++) { // an empty slot costs too
			next = node->next;
			if (!fn(arg, node))
				return false;
		}
		*cursor = reverse_bits(reverse_bits(*cursor | ~mask) + 1);
	} while (*cursor != 0 && done < max);
	return *cursor != 0;
}
