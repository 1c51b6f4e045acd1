// SPDX-License-Identifier: BSD-3-Clause
// Pools of another configuration under leases that live on. Everything that needs memory is made
// before anything changes. Then, for each pool that changes, what does not fit leaves, and the rest
// is put into the new pool's slots. Control's thread.
#include "lease_book.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("lease");

// New static leases wait under their pool's index and this, until the pool itself is there.
#define WAITING LEASE_POOLS

struct change {
	struct lease_book *book;
	bool used[LEASE_POOLS]; // by a pool of the new configuration
	bool moves[LEASE_POOLS]; // becomes `pool` with `config`; both empty: is removed
	struct pool *pool[LEASE_POOLS];
	struct config_pool config[LEASE_POOLS];
	void (*lost)(void *arg, struct lease *lease);
	void *arg;
	uint64_t lost_n;
};

static bool same_pool(const struct config_pool *a, const struct config_pool *b)
{
	return inet_prefix_equal(&a->prefix, &b->prefix) && a->lease_len == b->lease_len &&
		a->shared == b->shared && config_static_equal(a, b);
}

static int plan_pool(struct change *change, uint32_t index, const struct config_pool *config)
{
	change->moves[index] = true;
	change->pool[index] = pool_new(config);
	if (change->pool[index] == NULL)
		return -errno;
	if (book_copy_config(&change->config[index], config) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->static_n; i++)
		if (record_add_static(change->book, index + WAITING, change->pool[index],
			    &config->static_lease[i]) == -ENOMEM)
			return -ENOMEM;
	return 0;
}

// Pools that stay keep their index before new ones look for one.
static int plan(struct change *change, const struct config *config)
{
	struct lease_book *book = change->book;
	int error = 0;

	for (uint32_t i = 0; i < config->pool_n; i++) {
		uint32_t index = lease_book_index(book, &config->pool[i]);

		if (index == LEASE_POOLS)
			continue;
		change->used[index] = true;
		if (!same_pool(&book->shelf[index].config, &config->pool[i]))
			error = plan_pool(change, index, &config->pool[i]);
		if (error != 0)
			return error;
	}
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		change->moves[i] |= book->shelf[i].pool != NULL && !change->used[i];
	for (uint32_t i = 0; i < config->pool_n; i++) {
		uint32_t index = 0;

		if (lease_book_index(book, &config->pool[i]) != LEASE_POOLS)
			continue;
		index = book_find_index(book, change->used, config->pool[i].name);
		if (index == LEASE_POOLS)
			return -ENOSPC;
		change->used[index] = true;
		error = plan_pool(change, index, &config->pool[i]);
		if (error != 0)
			return error;
	}
	return 0;
}

static struct record *waiting_static(
	const struct lease_book *book, uint32_t index, const struct config_id *id)
{
	return record_find(book, index + WAITING, id, 0);
}

static void free_waiting(struct lease_book *book, struct record *record)
{
	hash_del(&book->by_owner, &record->by_owner);
	free(record);
}

static void discard(struct change *change)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		for (uint32_t k = 0; k < change->config[i].static_n; k++) {
			struct record *record = waiting_static(
				change->book, i, &change->config[i].static_lease[k].id);

			if (record != NULL)
				free_waiting(change->book, record);
		}
		pool_free(change->pool[i]);
		free(change->config[i].static_lease);
	}
}

// The record has a place in the new pool, which is taken for it.
static bool fits(struct change *change, struct record *record)
{
	struct pool *pool = change->pool[record->lease.pool];
	struct inet_prefix prefix = lease_prefix(change->book, &record->lease);
	struct record *assigned = NULL;
	struct config_id id;
	uint64_t slot = 0;

	if (pool == NULL || pool_slot_of(pool, &prefix, &slot) != 0)
		return false;
	lease_identity(&record->lease, &id);
	if (record->lease.ordinal == 0)
		assigned = waiting_static(change->book, record->lease.pool, &id);
	if (assigned == NULL)
		return pool_take(pool, slot) == 0;
	return assigned->lease.slot == slot; // taken by the static lease, which it becomes
}

// The store keeps whose it was.
static void leave(struct change *change, struct record *record)
{
	struct lease_book *book = change->book;

	if (record->lease.link != 0) {
		change->lost_n++;
		change->lost(change->arg, &record->lease);
		record_make_reserved(book, record);
		// Also over a row that there is: it says when the lease was given back before, and
		// another row of this owner may be younger than that.
		record_save(book, record);
	}
	record_drop(book, record);
}

static bool sort_out(void *arg, struct hash_node *node)
{
	struct change *change = arg;
	struct record *record = CONTAINER_OF(node, struct record, by_owner);

	if (record->lease.pool >= WAITING || !change->moves[record->lease.pool])
		return true;
	// A static lease that nobody holds is the configuration's, old or new.
	if ((record->is_static && record->lease.link == 0) || !fits(change, record))
		leave(change, record);
	return true;
}

static bool move_record(void *arg, struct hash_node *node)
{
	struct change *change = arg;
	struct record *record = CONTAINER_OF(node, struct record, by_owner);
	struct inet_prefix prefix;

	if (record->lease.pool >= WAITING || !change->moves[record->lease.pool])
		return true;
	prefix = lease_prefix(change->book, &record->lease);
	pool_slot_of(change->pool[record->lease.pool], &prefix, &record->lease.slot);
	return true;
}

static void make_plain(struct lease_book *book, struct record *record)
{
	if (!record->is_static)
		return;
	record->is_static = false;
	if (record->lease.link == 0)
		TAILQ_INSERT_TAIL(&book->shelf[record->lease.pool].reserved, record, reserved);
}

static bool forget_static(void *arg, struct hash_node *node)
{
	struct change *change = arg;
	struct record *record = CONTAINER_OF(node, struct record, by_owner);

	if (record->lease.pool < WAITING && change->moves[record->lease.pool])
		make_plain(change->book, record);
	return true;
}

// Static leases are taken over by who has their slot already, the others stand for themselves.
static void place_statics(struct change *change, uint32_t index)
{
	struct lease_book *book = change->book;
	const struct config_pool *config = &change->config[index];

	for (uint32_t i = 0; i < config->static_n; i++) {
		const struct config_id *id = &config->static_lease[i].id;
		struct record *assigned = waiting_static(book, index, id);
		struct record *holder = record_find(book, index, id, 0);

		if (assigned == NULL)
			continue;
		if (holder == NULL) {
			record_rename(book, assigned, index, 0);
			continue;
		}
		if (holder->lease.link == 0)
			TAILQ_REMOVE(&book->shelf[index].reserved, holder, reserved);
		holder->is_static = true;
		free_waiting(book, assigned);
	}
}

static void swap_pool(struct change *change, uint32_t index)
{
	struct lease_book *book = change->book;
	struct shelf *shelf = &book->shelf[index];

	pool_free(shelf->pool);
	free(shelf->config.static_lease);
	shelf->pool = change->pool[index];
	shelf->config = change->config[index];
	if (shelf->pool == NULL)
		return;
	book_set_name(book, index, shelf->config.name);
	place_statics(change, index);
}

static void set_assigns(struct lease_book *book, const struct config *config)
{
	for (uint32_t i = 0; i < config->pool_n; i++) {
		struct shelf *shelf = &book->shelf[lease_book_index(book, &config->pool[i])];

		shelf->config.assign = config->pool[i].assign;
		pool_set_assign(shelf->pool, config->pool[i].assign);
	}
}

// What the store kept of pools that are new, or have slots again that they once had.
static void load_rows(struct change *change)
{
	struct lease_book *book = change->book;
	int error = book_save_names(book);

	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (change->moves[i] && book->shelf[i].pool != NULL &&
			store_each_pool_lease(book->store, book->name[i], record_load, book) != 0)
			error = -EIO;
	if (error != 0)
		LOG(ERR, "lease database: who had what in other pools is not known");
}

int lease_book_reconfigure(struct lease_book *book, const struct config *config,
	void (*lost)(void *arg, struct lease *lease), void *arg)
{
	struct change *change = calloc(1, sizeof(*change));
	int error = 0;

	if (change == NULL)
		return -ENOMEM;
	change->book = book;
	change->lost = lost;
	change->arg = arg;
	error = config->pool_n > LEASE_POOLS ? -ENOSPC : plan(change, config);
	if (error != 0) {
		discard(change);
		free(change);
		return error;
	}
	hash_each(&book->by_owner, sort_out, change);
	hash_each(&book->by_owner, move_record, change);
	hash_each(&book->by_owner, forget_static, change);
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (change->moves[i])
			swap_pool(change, i);
	set_assigns(book, config);
	load_rows(change);
	if (change->lost_n > 0)
		LOG(NOTICE, "%lu live leases fit no pool any more", change->lost_n);
	free(change);
	return 0;
}
