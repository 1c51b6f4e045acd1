// SPDX-License-Identifier: BSD-3-Clause
// Links and leases on disk: SQLite in WAL mode, so that what a transaction brought is there after a
// crash of the process at any moment. The tables' constraints say once more that a prefix has one
// owner. Control's thread; the calls write to the page cache and do not wait for the disk.
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_ID_BYTES 16

struct store;

struct store_lease {
	char pool[CONFIG_NAME_MAX];
	struct inet_prefix prefix;
	struct config_id identity;
	uint32_t ordinal;
	uint64_t used_s; // UNIX time
};

struct store_link {
	uint64_t handle; // below 2^63
	struct config_id identity;
	uint32_t ordinal;
	bool virtual_link;
	uint8_t link_id[LINK_ID_BYTES];
	uint8_t client_iid[8], gateway_iid[8];
	char peer[CONFIG_NAME_MAX];
	char profile[CONFIG_NAME_MAX];
	uint64_t created_s;
	// What it holds: ordinals of leases are the link's; these say which pools gave one.
	uint32_t pool_n;
	char pool[CONFIG_LINK_POOLS + 2][CONFIG_NAME_MAX];
};

// Path NULL: in memory, for tests. NULL and errno; what SQLite says goes to the log.
struct store *store_open(const char *path);
void store_close(struct store *store); // accepts NULL; without a commit what is open is undone

// Between the two, changes are all or nothing. -EIO: nothing of it was kept.
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

// Puts replace what is there for the same prefix, or the same (pool, identity, ordinal).
int store_put_lease(struct store *store, const struct store_lease *lease);
int store_del_lease(struct store *store, const struct inet_prefix *prefix);
int store_put_link(struct store *store, const struct store_link *link);
int store_del_link(struct store *store, uint64_t handle);

// Rows that make no sense are skipped and counted in the log.
int store_each_lease(
	struct store *store, bool (*fn)(void *arg, const struct store_lease *lease), void *arg);
int store_each_link(
	struct store *store, bool (*fn)(void *arg, const struct store_link *link), void *arg);
