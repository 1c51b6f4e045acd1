// SPDX-License-Identifier: BSD-3-Clause
// Longest-match routes: one open-addressing table of both families, and for each family the list of
// prefix lengths in use, longest first. A lookup probes once per length. One worker, its thread.
#include "fib.h"

#include <rte_common.h>

#include <errno.h>
#include <stdlib.h>

struct entry {
	uint64_t hi, lo; // masked
	uint8_t family; // 0: free
	uint8_t len;
	struct fib_hop hop;
};

struct lengths {
	uint32_t n;
	uint8_t len[129]; // in use, longest first
	uint32_t count[129]; // routes of each length
};

struct fib {
	uint32_t mask; // of the table's positions
	uint32_t capacity;
	uint32_t count;
	struct lengths v4, v6;
	struct entry entry[];
};

static struct fib_key key_mask(struct fib_key key, uint8_t len)
{
	if (len == 0)
		return (struct fib_key){0};
	if (len <= 64)
		return (struct fib_key){.hi = key.hi & (UINT64_MAX << (64 - len))};
	if (len < 128)
		key.lo &= UINT64_MAX << (128 - len);
	return key;
}

static uint32_t entry_hash(const struct fib *fib, uint8_t family, uint8_t len, struct fib_key key)
{
	uint64_t h = (key.hi ^ len) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= (key.lo ^ family) * UINT64_C(0xc2b2ae3d27d4eb4f);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32) & fib->mask;
}

static bool entry_is(const struct entry *e, uint8_t family, uint8_t len, struct fib_key key)
{
	return e->family == family && e->len == len && e->hi == key.hi && e->lo == key.lo;
}

// Position of the entry, or of the free place where it would stand.
static uint32_t entry_find(const struct fib *fib, uint8_t family, uint8_t len, struct fib_key key)
{
	uint32_t i = entry_hash(fib, family, len, key);

	while (fib->entry[i].family && !entry_is(&fib->entry[i], family, len, key))
		i = (i + 1) & fib->mask;
	return i;
}

struct fib *fib_new(uint32_t capacity)
{
	uint32_t size = rte_align32pow2(RTE_MAX(capacity, 8u) * 2);
	struct fib *fib = calloc(1, sizeof(*fib) + (size_t)size * sizeof(struct entry));

	if (!fib)
		return NULL;
	fib->mask = size - 1;
	fib->capacity = capacity;
	return fib;
}

void fib_free(struct fib *fib)
{
	free(fib);
}

static void lengths_add(struct lengths *l, uint8_t len)
{
	uint32_t i;

	if (l->count[len]++)
		return;
	for (i = l->n; i > 0 && l->len[i - 1] < len; i--)
		l->len[i] = l->len[i - 1];
	l->len[i] = len;
	l->n++;
}

static void lengths_del(struct lengths *l, uint8_t len)
{
	uint32_t i = 0;

	if (--l->count[len])
		return;
	while (l->len[i] != len)
		i++;
	l->n--;
	for (; i < l->n; i++)
		l->len[i] = l->len[i + 1];
}

static struct lengths *lengths_of(struct fib *fib, uint8_t family)
{
	return family == AF_INET ? &fib->v4 : &fib->v6;
}

int fib_set(struct fib *fib, const struct inet_prefix *prefix, struct fib_hop hop)
{
	uint8_t family = prefix->addr.family;
	struct fib_key key = key_mask(fib_key(&prefix->addr), prefix->len);
	struct entry *e = &fib->entry[entry_find(fib, family, prefix->len, key)];

	if (e->family) {
		if (e->hop.fixed && !hop.fixed)
			return -EPERM;
		e->hop = hop;
		return 0;
	}
	if (fib->count == fib->capacity)
		return -ENOSPC;
	*e = (struct entry){
		.hi = key.hi, .lo = key.lo, .family = family, .len = prefix->len, .hop = hop};
	lengths_add(lengths_of(fib, family), prefix->len);
	fib->count++;
	return 0;
}

// Moves back what stands behind a hole, so that no search ends too early.
static void close_hole(struct fib *fib, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & fib->mask; fib->entry[i].family; i = (i + 1) & fib->mask) {
		const struct entry *e = &fib->entry[i];
		uint32_t home = entry_hash(
			fib, e->family, e->len, (struct fib_key){.hi = e->hi, .lo = e->lo});

		if (((i - home) & fib->mask) >= ((i - hole) & fib->mask)) {
			fib->entry[hole] = *e;
			hole = i;
		}
	}
	fib->entry[hole] = (struct entry){0};
}

int fib_del(struct fib *fib, const struct inet_prefix *prefix)
{
	uint8_t family = prefix->addr.family;
	struct fib_key key = key_mask(fib_key(&prefix->addr), prefix->len);
	uint32_t i = entry_find(fib, family, prefix->len, key);

	if (!fib->entry[i].family)
		return -ENOENT;
	if (fib->entry[i].hop.fixed)
		return -EPERM;
	close_hole(fib, i);
	lengths_del(lengths_of(fib, family), prefix->len);
	fib->count--;
	return 0;
}

struct fib_hop fib_lookup(const struct fib *fib, uint8_t family, struct fib_key key)
{
	const struct lengths *l = family == AF_INET ? &fib->v4 : &fib->v6;

	for (uint32_t i = 0; i < l->n; i++) {
		struct fib_key masked = key_mask(key, l->len[i]);
		const struct entry *e = &fib->entry[entry_find(fib, family, l->len[i], masked)];

		if (e->family)
			return e->hop;
	}
	return (struct fib_hop){.kind = FIB_NONE};
}

uint32_t fib_count(const struct fib *fib)
{
	return fib->count;
}
