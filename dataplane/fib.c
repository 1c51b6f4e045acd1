// SPDX-License-Identifier: BSD-3-Clause
// Longest-match routes: one open-addressing table of both families, and for each family the list of
// prefix lengths in use, longest first. A lookup probes once per length. One worker, its thread.
//
// The table doubles without a pause: entries move to the larger one a few at each change, while
// lookups go on in the old one, which has every route until the last entry has moved.
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

#define ROUTES_FIRST 1024 // room at the beginning
#define MOVES_A_CHANGE 8 // so that the move ends before the old table is two thirds full

struct table {
	uint32_t mask; // of its positions
	struct entry *entry;
};

struct fib {
	struct table now; // twice as many positions as routes, but while it grows
	uint32_t capacity;
	uint32_t count;
	struct lengths v4, v6;
	struct table next; // entry NULL: it does not grow
	uint32_t moved; // positions of `now` whose entries stand in `next` too
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

static uint32_t entry_hash(const struct table *t, uint8_t family, uint8_t len, struct fib_key key)
{
	uint64_t h = (key.hi ^ len) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= (key.lo ^ family) * UINT64_C(0xc2b2ae3d27d4eb4f);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32) & t->mask;
}

static bool entry_is(const struct entry *e, uint8_t family, uint8_t len, struct fib_key key)
{
	return e->family == family && e->len == len && e->hi == key.hi && e->lo == key.lo;
}

// Position of the entry, or of the free place where it would stand.
static uint32_t entry_find(const struct table *t, uint8_t family, uint8_t len, struct fib_key key)
{
	uint32_t i = entry_hash(t, family, len, key);

	while (t->entry[i].family && !entry_is(&t->entry[i], family, len, key))
		i = (i + 1) & t->mask;
	return i;
}

static int table_init(struct table *t, uint32_t size)
{
	t->entry = calloc(size, sizeof(*t->entry));
	t->mask = size - 1;
	return t->entry ? 0 : -ENOMEM;
}

static void table_put(struct table *t, const struct entry *e)
{
	struct fib_key key = {.hi = e->hi, .lo = e->lo};

	t->entry[entry_find(t, e->family, e->len, key)] = *e;
}

struct fib *fib_new(uint32_t capacity)
{
	uint32_t room = RTE_MIN(RTE_MAX(capacity, 8u), ROUTES_FIRST);
	struct fib *fib = calloc(1, sizeof(*fib));

	if (!fib)
		return NULL;
	fib->capacity = RTE_MIN(capacity, FIB_ROUTES_MAX);
	if (table_init(&fib->now, rte_align32pow2(room * 2))) {
		free(fib);
		errno = ENOMEM;
		return NULL;
	}
	return fib;
}

void fib_free(struct fib *fib)
{
	if (!fib)
		return;
	free(fib->now.entry);
	free(fib->next.entry);
	free(fib);
}

// A part of the move, when there is one.
static void grow_step(struct fib *fib)
{
	for (uint32_t i = 0; fib->next.entry && i < MOVES_A_CHANGE; i++) {
		const struct entry *e = &fib->now.entry[fib->moved];

		if (e->family)
			table_put(&fib->next, e);
		if (fib->moved++ < fib->now.mask)
			continue;
		free(fib->now.entry);
		fib->now = fib->next;
		fib->next = (struct table){0};
	}
}

static int grow_begin(struct fib *fib)
{
	fib->moved = 0;
	return table_init(&fib->next, (fib->now.mask + 1) * 2);
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
	struct entry fresh = {
		.hi = key.hi, .lo = key.lo, .family = family, .len = prefix->len, .hop = hop};
	struct entry *e;

	grow_step(fib);
	e = &fib->now.entry[entry_find(&fib->now, family, prefix->len, key)];
	if (e->family && e->hop.fixed && !hop.fixed)
		return -EPERM;
	if (!e->family) {
		if (fib->count == fib->capacity)
			return -ENOSPC;
		if (!fib->next.entry && fib->count > fib->now.mask / 2 && grow_begin(fib))
			return -ENOMEM;
		lengths_add(lengths_of(fib, family), prefix->len);
		fib->count++;
	}
	*e = fresh;
	if (fib->next.entry)
		table_put(&fib->next, &fresh);
	return 0;
}

// Moves back what stands behind a hole, so that no search ends too early. An entry that gets to a
// position behind which the move to a larger table has passed is put there at once.
static void close_hole(struct fib *fib, struct table *t, uint32_t hole)
{
	bool growing = t == &fib->now && fib->next.entry;

	for (uint32_t i = (hole + 1) & t->mask; t->entry[i].family; i = (i + 1) & t->mask) {
		const struct entry *e = &t->entry[i];
		uint32_t home = entry_hash(
			t, e->family, e->len, (struct fib_key){.hi = e->hi, .lo = e->lo});

		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			if (growing && hole < fib->moved)
				table_put(&fib->next, e);
			t->entry[hole] = *e;
			hole = i;
		}
	}
	t->entry[hole] = (struct entry){0};
}

static void table_del(
	struct fib *fib, struct table *t, uint8_t family, uint8_t len, struct fib_key key)
{
	uint32_t i = entry_find(t, family, len, key);

	if (t->entry[i].family)
		close_hole(fib, t, i);
}

int fib_del(struct fib *fib, const struct inet_prefix *prefix)
{
	uint8_t family = prefix->addr.family;
	struct fib_key key = key_mask(fib_key(&prefix->addr), prefix->len);
	const struct entry *e;

	grow_step(fib);
	e = &fib->now.entry[entry_find(&fib->now, family, prefix->len, key)];
	if (!e->family)
		return -ENOENT;
	if (e->hop.fixed)
		return -EPERM;
	table_del(fib, &fib->now, family, prefix->len, key);
	if (fib->next.entry)
		table_del(fib, &fib->next, family, prefix->len, key);
	lengths_del(lengths_of(fib, family), prefix->len);
	fib->count--;
	return 0;
}

struct fib_hop fib_lookup(const struct fib *fib, uint8_t family, struct fib_key key)
{
	const struct lengths *l = family == AF_INET ? &fib->v4 : &fib->v6;

	for (uint32_t i = 0; i < l->n; i++) {
		struct fib_key masked = key_mask(key, l->len[i]);
		const struct entry *e =
			&fib->now.entry[entry_find(&fib->now, family, l->len[i], masked)];

		if (e->family)
			return e->hop;
	}
	return (struct fib_hop){.kind = FIB_NONE};
}

uint32_t fib_count(const struct fib *fib)
{
	return fib->count;
}
