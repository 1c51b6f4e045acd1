// SPDX-License-Identifier: BSD-3-Clause
// Leases: which slot of a pool belongs to which identity. A lease is live while a link holds it,
// else reserved: the identity that had it gets it again (stable assignment), or surely another one
// (random assignment), and it goes to somebody else only when its pool has no free slot left, the
// longest unused first. A static slot is its identity's alone. A slot is never live for two (L20).
// Memory first. The store has a row for each reserved lease; a live one stands in the row of its link, which
// whoever takes the lease writes in the same transaction: one row for a new link, whatever it has.
// Control's thread.
#pragma once

#include "pool.h"
#include "store.h"

#define LEASE_POOLS 64 // indexes; as many as the dataplane has

struct lease_book;

struct lease {
	uint32_t pool; // its index, see lease_book_index()
	uint32_t ordinal; // whose it is beside the identity, see below
	uint64_t slot;
	uint64_t link; // live: handle of the link that holds it; 0: reserved
	uint64_t used_s; // UNIX time: taken, or given back
};

// Of one pool an identity has a lease for each of its links (their ordinal, from 0), `nth` more of
// them where a link has several, and, while a link is renumbered, one more that leaves.
#define LEASE_NTH_SHIFT 16
#define LEASE_LEAVING (UINT32_C(1) << 31)
#define LEASE_OWNER(ordinal, nth) ((ordinal) | (nth) << LEASE_NTH_SHIFT)

typedef void (*random_fn)(void *arg, void *out, size_t len);

// Pools of `config` and what the store remembers of them, all reserved. `store` is lent. NULL and
// errno.
struct lease_book *lease_book_new(
	const struct config *config, struct store *store, random_fn random, void *random_arg);
void lease_book_free(struct lease_book *book); // accepts NULL; the store keeps everything

// A pool keeps its index, which is the dataplane's too, as long as the configuration has a pool of
// that name, over restarts as well. Below lease_book_pools() some indexes may have no pool: NULL.
uint32_t lease_book_index(const struct lease_book *book, const struct config_pool *pool);
uint32_t lease_book_index_of(const struct lease_book *book, const char *name); // LEASE_POOLS: none
const struct pool *lease_book_pool(const struct lease_book *book, uint32_t pool);
uint32_t lease_book_pools(const struct lease_book *book);
uint64_t lease_book_live(const struct lease_book *book, uint32_t pool);
struct inet_prefix lease_prefix(const struct lease_book *book, const struct lease *lease);
void lease_identity(const struct lease *lease, struct config_id *out);
bool lease_is_static(const struct lease *lease);

// The identity's lease of the pool for its link number `ordinal`, live for `link` from now on: the
// old one, another one or a new one, as the pool's assignment says. Within a store transaction.
// 0, -ENOSPC (every slot is live), -EIO, -ENOMEM, -EBUSY (that lease is live already).
int lease_take(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, uint64_t now_s, struct lease **out);
// The lease as the link's row has it, whatever the assignment; live since since_s if nothing else is known
// of it. -EBUSY: the owner has a live lease; -ENOENT: the prefix is no slot any more, or a static one by
// now, or live; -EIO, -ENOMEM. `prefix` NULL, or of no family: the one that the lease's own row has.
int lease_resume(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, const struct inet_prefix *prefix, uint64_t link, uint64_t since_s,
	struct lease **out);
// Reserved from now on.
void lease_give(struct lease_book *book, struct lease *lease, uint64_t now_s);

// A live lease makes room for another one of the same owner: LEASE_LEAVING is set in its ordinal.
// When it is given back its slot is free for anybody if the owner has another lease by then, else
// it is the owner's reservation again. -EBUSY: one is leaving already, or it is static; -EIO.
int lease_leave(struct lease_book *book, struct lease *lease);
int lease_stay(struct lease_book *book, struct lease *lease); // undoes that; -EBUSY, -EIO

// Pools as another configuration has them, matched by name. Where a pool's shape or its static slots
// are other ones, leases keep their prefixes as far as these are slots of the pool still. `lost` is
// told of each live lease that is not, before it goes; the store keeps it, in case the pool comes
// back as it was. 0; -ENOMEM, -ENOSPC (indexes): nothing has changed.
int lease_book_reconfigure(struct lease_book *book, const struct config *config,
	void (*lost)(void *arg, struct lease *lease), void *arg);

// The identity's lease, live or reserved, or NULL.
const struct lease *lease_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal);
void lease_foreach(
	const struct lease_book *book, bool (*fn)(void *arg, const struct lease *lease), void *arg);
// The same in turns, see hash_some(): cursor 0 begins; false: through.
bool lease_walk(const struct lease_book *book, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct lease *lease), void *arg);
