// SPDX-License-Identifier: BSD-3-Clause
// Links and leases on disk: SQLite in WAL mode, so that what a transaction brought is there after a
// crash of the process at any moment. A link's row has its live leases; the others have rows of their
// own, whose key is the prefix: a prefix has one owner. Control's thread; the calls write to the page cache and do not wait for the disk, which a
// thread of the store's own sees to.
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_ID_BYTES 16
// Twice what a link can have by IKEv2, for while it is renumbered, and what DHCPv6 adds.
#define STORE_LINK_POOLS (2 * (CONFIG_LINK_POOLS + 2) + 8)

struct store;

struct store_lease {
	char pool[CONFIG_NAME_MAX];
	struct inet_prefix prefix;
	struct config_id identity;
	uint32_t ordinal;
	uint64_t used_s; // UNIX time
};

// What a link holds: the lease of this pool whose ordinal is the link's with `nth` above it.
struct store_link_pool {
	char name[CONFIG_NAME_MAX];
	uint32_t role;
	uint32_t nth;
	struct inet_prefix prefix; // family 0: not known, the row is of an earlier version
};

struct store_link {
	uint64_t handle; // below 2^63
	struct config_id identity;
	uint32_t ordinal;
	bool virtual_link;
	bool unasked;
	uint32_t renumber; // what the link's owner keeps there about a renumbering to come
	uint8_t link_id[LINK_ID_BYTES];
	uint8_t client_iid[8], gateway_iid[8];
	char peer[CONFIG_NAME_MAX];
	char profile[CONFIG_NAME_MAX];
	uint64_t created_s;
	uint32_t pool_n;
	struct store_link_pool pool[STORE_LINK_POOLS];
};

// What a link has that is no lease of a pool.
struct store_extra {
	uint64_t link;
	struct inet_prefix prefix;
	uint32_t kind;
	uint64_t until_s; // UINT64_MAX: no end
};

// Path NULL: in memory, for tests. NULL and errno (EBUSY: another process has it open); what SQLite
// says goes to the log. A file of an earlier version is brought up to date.
struct store *store_open(const char *path);
void store_close(struct store *store); // accepts NULL; without a commit what is open is undone

// Between the two, changes are all or nothing. -EIO: nothing of it was kept.
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

// Puts replace what is there for the same prefix, handle or key. That a (pool, identity, ordinal) has
// one lease is the lease book's business.
int store_put_lease(struct store *store, const struct store_lease *lease);
int store_del_lease(struct store *store, const struct inet_prefix *prefix);
int store_put_link(struct store *store, const struct store_link *link);
int store_del_link(struct store *store, uint64_t handle); // and its extras
int store_put_extra(struct store *store, const struct store_extra *extra);
int store_del_extra(struct store *store, uint64_t link, const struct inet_prefix *prefix);

// Rows that make no sense are skipped and counted in the log. Leases come longest unused first, links
// oldest first.
int store_each_lease(
	struct store *store, bool (*fn)(void *arg, const struct store_lease *lease), void *arg);
int store_each_pool_lease(struct store *store, const char *pool,
	bool (*fn)(void *arg, const struct store_lease *lease), void *arg);
int store_each_link(
	struct store *store, bool (*fn)(void *arg, const struct store_link *link), void *arg);
int store_each_extra(
	struct store *store, bool (*fn)(void *arg, const struct store_extra *extra), void *arg);

// Small things that outlive the process, by name.
int store_put_value(struct store *store, const char *key, const void *value, size_t len);
// The length, which may exceed `max`: then nothing was copied. -ENOENT, -EIO.
int store_get_value(struct store *store, const char *key, void *out, size_t max);
