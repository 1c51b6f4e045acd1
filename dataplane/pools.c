// SPDX-License-Identifier: BSD-3-Clause
// Address pools as arrays of SA references. One worker, its thread.
#include "pools.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

// What a lookup reads of one pool.
struct match {
	uint64_t hi, mask_hi, lo, mask_lo;
	sa_ref_t *ref; // one per slot
	uint8_t slot_len; // in the key's bits: up to 64 for IPv4
	uint8_t family;
};

struct pool {
	struct inet_prefix prefix; // family 0: index not in use
	uint8_t slot_len;
	uint64_t slots;
	sa_ref_t *ref;
};

struct pools {
	uint32_t n;
	struct match match[IPC_POOLS]; // those in use, packed
	struct pool pool[IPC_POOLS];
};

struct pools *pools_new(void)
{
	return calloc(1, sizeof(struct pools));
}

static void pool_unmap(struct pool *p)
{
	if (p->ref)
		munmap(p->ref, p->slots * sizeof(sa_ref_t));
	*p = (struct pool){0};
}

void pools_free(struct pools *pools)
{
	if (!pools)
		return;
	for (uint32_t i = 0; i < IPC_POOLS; i++)
		pool_unmap(&pools->pool[i]);
	free(pools);
}

static void match_rebuild(struct pools *pools)
{
	pools->n = 0;
	for (uint32_t i = 0; i < IPC_POOLS; i++) {
		const struct pool *p = &pools->pool[i];
		struct match *m = &pools->match[pools->n];
		struct fib_key key;

		if (!p->prefix.addr.family)
			continue;
		key = fib_key(&p->prefix.addr);
		*m = (struct match){.hi = key.hi,
			.lo = key.lo,
			.ref = p->ref,
			.slot_len = p->slot_len,
			.family = p->prefix.addr.family};
		if (p->prefix.len >= 64) {
			m->mask_hi = UINT64_MAX;
			m->mask_lo = p->prefix.len > 64 ? UINT64_MAX << (128 - p->prefix.len) : 0;
		} else {
			m->mask_hi = p->prefix.len ? UINT64_MAX << (64 - p->prefix.len) : 0;
		}
		pools->n++;
	}
}

int pools_add(struct pools *pools, const struct ipc_pool_add *cmd)
{
	struct pool *p;
	struct inet_prefix prefix = cmd->prefix;
	void *map;

	if (cmd->pool >= IPC_POOLS || !inet_prefix_valid(&prefix) ||
		cmd->slot_len > inet_addr_bits(prefix.addr.family) || cmd->slot_len < prefix.len ||
		cmd->slot_len - prefix.len > 28)
		return -EINVAL;
	inet_prefix_normalize(&prefix);
	p = &pools->pool[cmd->pool];
	if (p->prefix.addr.family) {
		if (p->slot_len == cmd->slot_len && inet_prefix_equal(&p->prefix, &prefix))
			return 0;
		return -EEXIST;
	}
	for (uint32_t i = 0; i < IPC_POOLS; i++) {
		const struct inet_prefix *other = &pools->pool[i].prefix;

		if (other->addr.family &&
			(inet_prefix_covers(other, &prefix) || inet_prefix_covers(&prefix, other)))
			return -EADDRINUSE;
	}
	p->slots = UINT64_C(1) << (cmd->slot_len - prefix.len);
	map = mmap(NULL, p->slots * sizeof(sa_ref_t), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	p->ref = map;
	p->prefix = prefix;
	p->slot_len = (uint8_t)cmd->slot_len;
	match_rebuild(pools);
	return 0;
}

int pools_del(struct pools *pools, const struct ipc_pool_del *cmd)
{
	if (cmd->pool >= IPC_POOLS)
		return -EINVAL;
	if (!pools->pool[cmd->pool].prefix.addr.family)
		return -ENOENT;
	pool_unmap(&pools->pool[cmd->pool]);
	match_rebuild(pools);
	return 0;
}

int pools_set(struct pools *pools, const struct ipc_pool_set *cmd)
{
	struct pool *p;

	if (cmd->pool >= IPC_POOLS)
		return -EINVAL;
	p = &pools->pool[cmd->pool];
	if (!p->prefix.addr.family)
		return -ENOENT;
	if (cmd->slot >= p->slots)
		return -ERANGE;
	// Clearing a slot that was never set must not touch its page.
	if (p->ref[cmd->slot] != cmd->ref)
		p->ref[cmd->slot] = cmd->ref;
	return 0;
}

static uint64_t slot_of(const struct match *m, struct fib_key key)
{
	uint64_t hi = key.hi & ~m->mask_hi;
	uint64_t lo = key.lo & ~m->mask_lo;

	if (m->slot_len == 0)
		return 0;
	if (m->slot_len <= 64)
		return hi >> (64 - m->slot_len);
	lo >>= 128 - m->slot_len;
	// A pool shorter than 64 whose slots are longer: its index straddles both halves. At most
	// 28 bits, so nothing is shifted out.
	return hi ? hi << (m->slot_len - 64) | lo : lo;
}

bool pools_lookup(const struct pools *pools, uint8_t family, struct fib_key key, sa_ref_t *ref)
{
	for (uint32_t i = 0; i < pools->n; i++) {
		const struct match *m = &pools->match[i];

		if (((key.hi ^ m->hi) & m->mask_hi) | ((key.lo ^ m->lo) & m->mask_lo) ||
			m->family != family)
			continue;
		*ref = m->ref[slot_of(m, key)];
		return true;
	}
	return false;
}
