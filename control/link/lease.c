// SPDX-License-Identifier: BSD-3-Clause
// What happens to leases: taken, resumed after a restart, leaving, given back. Control's thread.
#include "lease.h"

#include "lease_book.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("lease");

void lease_identity(const struct lease *lease, struct config_id *out)
{
	const struct record *record = record_of(lease);

	*out = (struct config_id){
		.type = (enum config_id_type)record->id_type, .len = record->id_len};
	memcpy(out->data, record->id, record->id_len);
}

struct inet_prefix lease_prefix(const struct lease_book *book, const struct lease *lease)
{
	return pool_slot_prefix(book->shelf[lease->pool].pool, lease->slot);
}

bool lease_is_static(const struct lease *lease)
{
	return record_of(lease)->is_static;
}

// Where to look for a free slot: by identity, so that even a lost database gives most of them the
// same again; or anywhere.
static uint64_t start_slot(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal)
{
	uint64_t start = record_start_slot(identity, ordinal);

	if (pool_assign(book->shelf[pool].pool) == CONFIG_ASSIGN_RANDOM)
		book->random(book->random_arg, &start, sizeof(start));
	return start;
}

// Takes a free slot, or the one of the longest unused reservation but `keep`.
static int find_slot(
	struct lease_book *book, uint32_t pool, uint64_t start, struct record *keep, uint64_t *slot)
{
	struct shelf *shelf = &book->shelf[pool];
	struct record *oldest = NULL;

	if (pool_take_next(shelf->pool, start, slot) == 0)
		return 0;
	oldest = TAILQ_FIRST(&shelf->reserved);
	if (oldest != NULL && oldest == keep)
		oldest = TAILQ_NEXT(oldest, reserved);
	if (oldest == NULL)
		return -ENOSPC;
	*slot = oldest->lease.slot;
	return record_forget(book, oldest) == 0 ? pool_take(shelf->pool, *slot) : -EIO;
}

// The slot of a reserved record is changed for another one, as random assignment wants.
static int change_slot(struct lease_book *book, struct record *record, uint64_t start)
{
	struct pool *pool = book->shelf[record->lease.pool].pool;
	struct inet_prefix old = lease_prefix(book, &record->lease);
	uint64_t slot = 0;
	int error = find_slot(book, record->lease.pool, start, record, &slot);

	if (error != 0)
		return error == -ENOSPC ? 0
					: error; // all others are live: the old one is all there is
	if (store_del_lease(book->store, &old) != 0) {
		pool_give(pool, slot);
		return -EIO;
	}
	pool_give(pool, record->lease.slot);
	record->lease.slot = slot;
	record->saved = false;
	return 0;
}

static int take_new(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, struct record **out)
{
	uint64_t slot = 0;
	int error = find_slot(book, pool, start_slot(book, pool, identity, ordinal), NULL, &slot);

	if (error != 0)
		return error;
	*out = record_add(book, pool, identity, ordinal, slot);
	if (*out == NULL) {
		pool_give(book->shelf[pool].pool, slot);
		return -ENOMEM;
	}
	return 0;
}

static bool has_pool(const struct lease_book *book, uint32_t pool)
{
	return pool < book->shelf_n && book->shelf[pool].pool != NULL;
}

int lease_take(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, uint64_t now_s, struct lease **out)
{
	struct record *record = NULL;
	int error = 0;

	if (!has_pool(book, pool))
		return -ENOSPC;
	record = record_find(book, pool, identity, ordinal);
	if (record != NULL && record->lease.link != 0)
		return -EBUSY;
	if (record == NULL)
		error = take_new(book, pool, identity, ordinal, &record);
	else if (!record->is_static && pool_assign(book->shelf[pool].pool) == CONFIG_ASSIGN_RANDOM)
		error = change_slot(book, record, start_slot(book, pool, identity, ordinal));
	if (error != 0)
		return error;
	record->lease.used_s = now_s;
	// The row of a slot that was another's before it was given to this one by the configuration.
	if (record->is_static && !record->saved && record_save(book, record) != 0)
		return -EIO;
	record_make_live(book, record, link);
	*out = &record->lease;
	return 0;
}

static bool is_free_to_go(const struct record *record)
{
	return record->lease.link == 0 && !record->is_static;
}

// Takes the slot that a live link had. Where a lease's row says something else of the slot or of the owner
// (*record, NULL: nothing), it is older than the link and goes. A static slot that the configuration gave
// either while nobody was running stays.
static int take_back(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t slot, struct record **record)
{
	struct pool *slots = book->shelf[pool].pool;
	struct record *had = *record, *holder = NULL;

	if (had != NULL && !is_free_to_go(had))
		return -ENOENT;
	if (pool_is_taken(slots, slot)) {
		holder = record_at(book, pool, slot);
		if (holder == NULL || !is_free_to_go(holder))
			return -ENOENT;
		if (record_forget(book, holder) != 0)
			return -EIO;
	}
	if (had != NULL && record_forget(book, had) != 0)
		return -EIO;
	*record = NULL;
	if (pool_take(slots, slot) != 0)
		return -ENOENT;
	*record = record_add(book, pool, identity, ordinal, slot);
	if (*record == NULL) {
		pool_give(slots, slot);
		return -ENOMEM;
	}
	return 0;
}

// An early row of a link does not name the prefix: then the lease's own row has to be there.
static int find_again(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, const struct inet_prefix *prefix, struct record **out)
{
	struct record *record = record_find(book, pool, identity, ordinal);
	uint64_t slot = 0;
	int error = 0;

	if (record != NULL && record->lease.link != 0)
		return -EBUSY;
	if (prefix == NULL || prefix->addr.family == 0)
		error = record != NULL && record->saved ? 0 : -ENOENT;
	else if (pool_slot_of(book->shelf[pool].pool, prefix, &slot) != 0)
		error = -ENOENT;
	else if (record == NULL || record->lease.slot != slot)
		error = take_back(book, pool, identity, ordinal, slot, &record);
	*out = record;
	return error;
}

int lease_resume(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, const struct inet_prefix *prefix, uint64_t link, uint64_t since_s,
	struct lease **out)
{
	struct record *record = NULL;
	int error = has_pool(book, pool)
		? find_again(book, pool, identity, ordinal, prefix, &record)
		: -ENOENT;

	if (error != 0)
		return error;
	if (record->lease.used_s < since_s)
		record->lease.used_s = since_s;
	record_make_live(book, record, link);
	*out = &record->lease;
	return 0;
}

int lease_leave(struct lease_book *book, struct lease *lease)
{
	struct record *record = record_of(lease);
	uint32_t ordinal = lease->ordinal | LEASE_LEAVING;
	struct config_id identity;

	lease_identity(lease, &identity);
	if (record->is_static || ordinal == lease->ordinal ||
		record_find(book, lease->pool, &identity, ordinal) != NULL)
		return -EBUSY;
	record_rename(book, record, lease->pool, ordinal);
	if (record_save(book, record) == 0)
		return 0;
	record_rename(book, record, lease->pool, ordinal & ~LEASE_LEAVING);
	return -EIO;
}

int lease_stay(struct lease_book *book, struct lease *lease)
{
	struct record *record = record_of(lease);
	uint32_t ordinal = lease->ordinal & ~LEASE_LEAVING;
	struct config_id identity;

	lease_identity(lease, &identity);
	if (ordinal == lease->ordinal)
		return 0;
	if (record_find(book, lease->pool, &identity, ordinal) != NULL)
		return -EBUSY;
	record_rename(book, record, lease->pool, ordinal);
	return record_save(book, record);
}

// It was replaced while it was live: the slot is anybody's now.
static void give_left(struct lease_book *book, struct record *record)
{
	struct inet_prefix prefix = lease_prefix(book, &record->lease);

	if (store_del_lease(book->store, &prefix) != 0)
		LOG_LIMITED(WARN, "lease database: a lease that was replaced stays there");
	record_drop(book, record);
}

void lease_give(struct lease_book *book, struct lease *lease, uint64_t now_s)
{
	struct record *record = record_of(lease);

	record->lease.used_s = now_s;
	record_make_reserved(book, record);
	if ((lease->ordinal & LEASE_LEAVING) != 0) {
		if (lease_stay(book, lease) == -EBUSY)
			give_left(book, record);
		return;
	}
	// Not saved: only the order of reuse after a restart would be a little off. The log has it.
	if (record_save(book, record) != 0)
		LOG_LIMITED(WARN, "lease database: the time of a lease's return was not kept");
}

const struct lease *lease_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal)
{
	const struct record *record = record_find(book, pool, identity, ordinal);

	return record != NULL ? &record->lease : NULL;
}
