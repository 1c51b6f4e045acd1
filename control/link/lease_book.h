// SPDX-License-Identifier: BSD-3-Clause
// The inside of the lease book, for lease.c (what happens to leases), lease_book.c (where they are
// kept) and lease_reconfigure.c (other pools). Nobody else includes it.
#pragma once

#include "hash.h"
#include "lease.h"

#include <sys/queue.h>

// Identities of variable length lie behind the struct, so that a lease takes about 130 bytes.
struct record {
	struct lease lease; // first: what others hold a pointer to
	struct hash_node by_owner;
	TAILQ_ENTRY(record) reserved; // while it is, unless it is static
	bool is_static; // of the configuration: there whether or not a link ever had it
	bool saved; // it has a row in the store, with this slot and owner
	uint8_t id_type;
	uint8_t id_len;
	uint8_t id[];
};
TAILQ_HEAD(record_queue, record);

struct shelf {
	struct pool *pool; // NULL: this index is not in use
	struct record_queue reserved; // longest unused first
	uint64_t live;
	struct config_pool config; // a copy, its static leases too
};

struct lease_book {
	struct store *store;
	random_fn random;
	void *random_arg;
	uint64_t secret[2]; // of the hash
	struct hash by_owner;
	uint32_t shelf_n; // behind the highest index in use
	struct shelf shelf[LEASE_POOLS];
	char name[LEASE_POOLS][CONFIG_NAME_MAX]; // that each index was given to last
};

static inline struct record *record_of(const struct lease *lease)
{
	return (struct record *)(uintptr_t)lease;
}

// Same for the same owner in any pool of any book: where the search for a slot begins.
uint64_t record_start_slot(const struct config_id *identity, uint32_t ordinal);
struct record *record_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal);
// A record for a slot that was just taken from the pool; reserved, at the queue's end. NULL: no memory.
struct record *record_add(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t slot);
// A static lease, reserved, whose slot of `from` was free; found under the index `pool`. 0, -EBUSY,
// -ERANGE, -ENOMEM.
int record_add_static(struct lease_book *book, uint32_t pool, struct pool *from,
	const struct config_static *assignment);
// A reserved record and its slot go.
void record_drop(struct lease_book *book, struct record *record);
// The same, and its row in the store. 0 or -EIO: nothing has changed.
int record_forget(struct lease_book *book, struct record *record);
// Who has the slot of the pool; by looking at every record. NULL: nobody.
struct record *record_at(const struct lease_book *book, uint32_t pool, uint64_t slot);
// The same record under another owner.
void record_rename(struct lease_book *book, struct record *record, uint32_t pool, uint32_t ordinal);
void record_make_live(struct lease_book *book, struct record *record, uint64_t link);
void record_make_reserved(struct lease_book *book, struct record *record);
int record_save(struct lease_book *book, struct record *record);
// A row of the store becomes a reserved record if it fits and nobody has the slot or the lease.
// For store_each_lease(); false: no memory.
bool record_load(void *arg, const struct store_lease *row);
// An index for a pool of this name: the one that it had, else one that nobody has; `used` tells of
// each whether it is taken. LEASE_POOLS: none is left.
uint32_t book_find_index(
	const struct lease_book *book, const bool used[LEASE_POOLS], const char *name);
void book_set_name(struct lease_book *book, uint32_t index, const char *name);
int book_save_names(struct lease_book *book);
// Of a configured pool, with its static leases. 0 or -ENOMEM.
int book_copy_config(struct config_pool *out, const struct config_pool *config);
