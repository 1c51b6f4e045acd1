// SPDX-License-Identifier: BSD-3-Clause
// Adjacencies and the table that finds them by neighbour address. One worker, its thread; main reads
// and clears the notes of use.
#include "adj.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_SIZE (ADJ_MAX * 2)
#define TABLE_MASK (TABLE_SIZE - 1)

struct adj_table {
	struct adj adj[ADJ_MAX];
	atomic_uchar used[ADJ_MAX]; // worker: sets, main: reads and clears
	uint16_t index[TABLE_SIZE]; // entry + 1, 0: free
};

static uint32_t addr_hash(uint16_t port, uint8_t family, const uint8_t *addr)
{
	uint64_t a[2] = {0};
	uint64_t h;

	memcpy(a, addr, family == AF_INET ? 4 : 16);
	h = (a[0] ^ port) * UINT64_C(0x9e3779b97f4a7c15) ^ a[1] * UINT64_C(0xc2b2ae3d27d4eb4f);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32) & TABLE_MASK;
}

static bool adj_is(const struct adj *adj, uint16_t port, uint8_t family, const uint8_t *addr)
{
	return adj->port == port && adj->addr.family == family &&
		!memcmp(adj->addr.bytes, addr, family == AF_INET ? 4 : 16);
}

static uint32_t place_find(
	const struct adj_table *t, uint16_t port, uint8_t family, const uint8_t *addr)
{
	uint32_t i = addr_hash(port, family, addr);

	while (t->index[i] && !adj_is(&t->adj[t->index[i] - 1], port, family, addr))
		i = (i + 1) & TABLE_MASK;
	return i;
}

struct adj_table *adj_table_new(void)
{
	struct adj_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	for (uint32_t i = 0; i < ADJ_MAX; i++)
		t->adj[i].port = UINT16_MAX;
	return t;
}

void adj_table_free(struct adj_table *table)
{
	free(table);
}

void adj_set(struct adj_table *t, uint32_t index, const struct adj *adj)
{
	if (index >= ADJ_MAX)
		return;
	if (t->adj[index].port != UINT16_MAX)
		adj_clear(t, index);
	t->index[place_find(t, adj->port, adj->addr.family, adj->addr.bytes)] =
		(uint16_t)(index + 1);
	t->adj[index] = *adj;
}

// Moves back what stands behind a hole, so that no search ends too early.
static void close_hole(struct adj_table *t, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & TABLE_MASK; t->index[i]; i = (i + 1) & TABLE_MASK) {
		const struct adj *adj = &t->adj[t->index[i] - 1];
		uint32_t home = addr_hash(adj->port, adj->addr.family, adj->addr.bytes);

		if (((i - home) & TABLE_MASK) >= ((i - hole) & TABLE_MASK)) {
			t->index[hole] = t->index[i];
			hole = i;
		}
	}
	t->index[hole] = 0;
}

void adj_clear(struct adj_table *t, uint32_t index)
{
	struct adj *adj;
	uint32_t place;

	if (index >= ADJ_MAX)
		return;
	adj = &t->adj[index];
	if (adj->port == UINT16_MAX)
		return;
	place = place_find(t, adj->port, adj->addr.family, adj->addr.bytes);
	if (t->index[place] == index + 1)
		close_hole(t, place);
	adj->port = UINT16_MAX;
	atomic_store_explicit(&t->used[index], 0, memory_order_relaxed);
}

uint32_t adj_find(const struct adj_table *t, uint16_t port, uint8_t family, const uint8_t *addr)
{
	uint16_t index = t->index[place_find(t, port, family, addr)];

	return index ? index - 1u : ADJ_NONE;
}

const struct adj *adj_use(struct adj_table *t, uint32_t index)
{
	const struct adj *adj;

	if (index >= ADJ_MAX)
		return NULL;
	adj = &t->adj[index];
	if (adj->port == UINT16_MAX)
		return NULL;
	// Written once a probing interval, not per packet: the line stays shared otherwise.
	if (!atomic_load_explicit(&t->used[index], memory_order_relaxed))
		atomic_store_explicit(&t->used[index], 1, memory_order_relaxed);
	return adj;
}

bool adj_was_used(struct adj_table *t, uint32_t index)
{
	return atomic_exchange_explicit(&t->used[index], 0, memory_order_relaxed);
}
