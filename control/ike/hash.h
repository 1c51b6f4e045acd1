// SPDX-License-Identifier: BSD-3-Clause
// Hash table of nodes that live inside their owners, by 64-bit keys that strangers may choose: the
// slot is a keyed hash (SipHash-2-4) under a secret of the core. Grows slot by slot as it fills. One
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct hash_node {
	struct hash_node *next;
	uint64_t key;
};
struct hash {
	struct hash_node **slot;
	uint32_t size; // slots in use
	uint32_t base, room; // see slot_of(); slots there is memory for
	uint32_t n;
	uint64_t secret[2];
};

int hash_init(struct hash *hash, const uint64_t secret[2]); // 0 or -ENOMEM
void hash_fini(struct hash *hash); // the nodes are their owners'
// Several nodes may have the same key. Never fails: a table that cannot grow gets slower.
void hash_add(struct hash *hash, struct hash_node *node, uint64_t key);
void hash_del(struct hash *hash, struct hash_node *node); // must be in it
// First node with this key, then the others with the same key; NULL behind the last.
struct hash_node *hash_find(const struct hash *hash, uint64_t key);
struct hash_node *hash_find_next(const struct hash_node *node);

// A walk in several turns, between which nodes may come and go and the table may grow: about `max`
// nodes from *cursor on, 0: the beginning. A node that is there through the whole walk is given once.
// true: call again; false: these were the last, or fn returned false. fn as for hash_each().
bool hash_some(const struct hash *hash, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, struct hash_node *node), void *arg);

uint64_t hash_bytes(const uint64_t secret[2], const void *data, size_t len); // SipHash-2-4

// Every node, in no order, until fn returns false. fn may take out the node that it is given, and
// no other; it adds none.
static inline void hash_each(
	const struct hash *hash, bool (*fn)(void *arg, struct hash_node *node), void *arg)
{
	for (uint32_t i = 0; i < hash->size; i++)
		for (struct hash_node *node = hash->slot[i], *next = NULL; node != NULL;
			node = next) {
			next = node->next;
			if (!fn(arg, node))
				return;
		}
}
