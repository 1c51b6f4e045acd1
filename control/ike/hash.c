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

static struct hash_node **slot_of(const struct hash *hash, uint64_t key)
{
	return &hash->slot[hash_bytes(hash->secret, &key, sizeof(key)) & (hash->size - 1)];
}

int hash_init(struct hash *hash, const uint64_t secret[2])
{
	memset(hash, 0, sizeof(*hash));
	hash->slot = calloc(SIZE_FIRST, sizeof(struct hash_node *));
	if (hash->slot == NULL)
		return -ENOMEM;
	hash->size = SIZE_FIRST;
	hash->secret[0] = secret[0];
	hash->secret[1] = secret[1];
	return 0;
}

void hash_fini(struct hash *hash)
{
	free(hash->slot);
	memset(hash, 0, sizeof(*hash));
}

static void grow(struct hash *hash)
{
	struct hash old = *hash;
	struct hash_node **slot = calloc((size_t)old.size * 2, sizeof(struct hash_node *));

	if (slot == NULL)
		return;
	hash->slot = slot;
	hash->size = old.size * 2;
	for (uint32_t i = 0; i < old.size; i++) {
		struct hash_node *node = old.slot[i];

		while (node != NULL) {
			struct hash_node *next = node->next;
			struct hash_node **to = slot_of(hash, node->key);

			node->next = *to;
			*to = node;
			node = next;
		}
	}
	free(old.slot);
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
