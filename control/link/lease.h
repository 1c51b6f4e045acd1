// SPDX-License-Identifier: BSD-3-Clause
// Leases: which slot of a pool belongs to which identity. A lease is live while a link holds it,
// else reserved: the identity that had it gets it again (stable assignment), or surely another one
// (random assignment), and it goes to somebody else only when its pool has no free slot left, the
// longest unused first. A slot is never live for two (L20). Memory first, every change also in the
// store. Control's thread.
#pragma once

#include "pool.h"
#include "store.h"

struct lease_book;

struct lease {
	uint32_t pool; // index in the configuration
	uint32_t ordinal; // which of the identity's links, from 0
	uint64_t slot;
	uint64_t link; // live: handle of the link that holds it; 0: reserved
	uint64_t used_s; // UNIX time: taken, or given back
};

typedef void (*random_fn)(void *arg, void *out, size_t len);

// Pools of `config` and what the store remembers of them, all reserved. `store` is lent. NULL and
// errno.
struct lease_book *lease_book_new(
	const struct config *config, struct store *store, random_fn random, void *random_arg);
void lease_book_free(struct lease_book *book); // accepts NULL; the store keeps everything

const struct pool *lease_book_pool(const struct lease_book *book, uint32_t pool);
uint32_t lease_book_pools(const struct lease_book *book);
uint64_t lease_book_live(const struct lease_book *book, uint32_t pool);
struct inet_prefix lease_prefix(const struct lease_book *book, const struct lease *lease);
// Lent until the next change of the book.
void lease_identity(const struct lease *lease, struct config_id *out);

// The identity's lease of the pool for its link number `ordinal`, live for `link` from now on: the
// old one, another one or a new one, as the pool's assignment says. Within a store transaction.
// 0, -ENOSPC (every slot is live), -EIO, -ENOMEM, -EBUSY (that lease is live already).
int lease_take(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, uint64_t now_s, struct lease **out);
// The lease as it was before the process ended, whatever the assignment. -ENOENT, -EBUSY.
int lease_resume(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, struct lease **out);
// Reserved from now on.
void lease_give(struct lease_book *book, struct lease *lease, uint64_t now_s);

// The identity's lease, live or reserved, or NULL.
const struct lease *lease_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal);
void lease_foreach(
	const struct lease_book *book, bool (*fn)(void *arg, const struct lease *lease), void *arg);
