// SPDX-License-Identifier: BSD-3-Clause
// Leases in memory: found by (identity, ordinal, pool) through a hash, reserved ones in a queue per
// pool with the longest unused first. All operations are O(1). Control's thread.
#include "lease_book.h"

#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("lease");

// Which index had which name, in the store's values.
#define NAMES_KEY "pool_names"

static const uint64_t no_secret[2];

static uint64_t owner_key(
	const uint64_t secret[2], uint32_t pool, const struct config_id *identity, uint32_t ordinal)
{
	uint8_t text[9 + sizeof(identity->data)];

	memcpy(text, &pool, 4);
	memcpy(text + 4, &ordinal, 4);
	text[8] = (uint8_t)identity->type;
	memcpy(text + 9, identity->data, identity->len);
	return hash_bytes(secret, text, 9u + identity->len);
}

uint64_t record_start_slot(const struct config_id *identity, uint32_t ordinal)
{
	return owner_key(no_secret, 0, identity, ordinal);
}

struct record *record_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal)
{
	uint64_t key = owner_key(book->secret, pool, identity, ordinal);

	for (struct hash_node *n = hash_find(&book->by_owner, key); n != NULL;
		n = hash_find_next(n)) {
		struct record *record = CONTAINER_OF(n, struct record, by_owner);

		if (record->lease.pool == pool && record->lease.ordinal == ordinal &&
			record->id_type == identity->type && record->id_len == identity->len &&
			memcmp(record->id, identity->data, identity->len) == 0)
			return record;
	}
	return NULL;
}

static struct record *add(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t slot)
{
	struct record *record = calloc(1, sizeof(*record) + identity->len);

	if (record == NULL)
		return NULL;
	record->lease = (struct lease){.pool = pool, .ordinal = ordinal, .slot = slot};
	record->id_type = (uint8_t)identity->type;
	record->id_len = identity->len;
	memcpy(record->id, identity->data, identity->len);
	hash_add(&book->by_owner, &record->by_owner,
		owner_key(book->secret, pool, identity, ordinal));
	return record;
}

struct record *record_add(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t slot)
{
	struct record *record = add(book, pool, identity, ordinal, slot);

	if (record != NULL)
		TAILQ_INSERT_TAIL(&book->shelf[pool].reserved, record, reserved);
	return record;
}

int record_add_static(struct lease_book *book, uint32_t pool, struct pool *from,
	const struct config_static *assignment)
{
	struct record *record = NULL;
	uint64_t slot = 0;
	int error = pool_slot_of(from, &assignment->prefix, &slot);

	if (error == 0)
		error = pool_take(from, slot);
	if (error != 0)
		return error;
	record = add(book, pool, &assignment->id, 0, slot);
	if (record == NULL) {
		pool_give(from, slot);
		return -ENOMEM;
	}
	record->is_static = true;
	return 0;
}

void record_drop(struct lease_book *book, struct record *record)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	if (!record->is_static)
		TAILQ_REMOVE(&shelf->reserved, record, reserved);
	hash_del(&book->by_owner, &record->by_owner);
	pool_give(shelf->pool, record->lease.slot);
	free(record);
}

int record_forget(struct lease_book *book, struct record *record)
{
	struct inet_prefix prefix = lease_prefix(book, &record->lease);

	if (store_del_lease(book->store, &prefix) != 0)
		return -EIO;
	record_drop(book, record);
	return 0;
}

struct search {
	uint32_t pool;
	uint64_t slot;
	struct record *found;
};

static bool is_at(void *arg, struct hash_node *node)
{
	struct search *search = arg;
	struct record *record = CONTAINER_OF(node, struct record, by_owner);

	if (record->lease.pool == search->pool && record->lease.slot == search->slot)
		search->found = record;
	return search->found == NULL;
}

struct record *record_at(const struct lease_book *book, uint32_t pool, uint64_t slot)
{
	struct search search = {.pool = pool, .slot = slot};

	hash_each(&book->by_owner, is_at, &search);
	return search.found;
}

void record_rename(struct lease_book *book, struct record *record, uint32_t pool, uint32_t ordinal)
{
	struct config_id identity;

	lease_identity(&record->lease, &identity);
	hash_del(&book->by_owner, &record->by_owner);
	record->lease.pool = pool;
	record->lease.ordinal = ordinal;
	hash_add(&book->by_owner, &record->by_owner,
		owner_key(book->secret, pool, &identity, ordinal));
}

void record_make_live(struct lease_book *book, struct record *record, uint64_t link)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	if (!record->is_static)
		TAILQ_REMOVE(&shelf->reserved, record, reserved);
	record->lease.link = link;
	shelf->live++;
}

void record_make_reserved(struct lease_book *book, struct record *record)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	record->lease.link = 0;
	shelf->live--;
	if (!record->is_static)
		TAILQ_INSERT_TAIL(&shelf->reserved, record, reserved);
}

int record_save(struct lease_book *book, struct record *record)
{
	struct store_lease row = {.prefix = lease_prefix(book, &record->lease),
		.ordinal = record->lease.ordinal,
		.used_s = record->lease.used_s};
	int error = 0;

	lease_identity(&record->lease, &row.identity);
	strncpy(row.pool, book->name[record->lease.pool], sizeof(row.pool) - 1);
	error = store_put_lease(book->store, &row);
	record->saved = error == 0;
	return error;
}

// Whether the row may become a record. Two rows for one lease: a pool was moved away and back, and the
// identity had a lease in between. The one that was used last is right; rows come in that order.
static bool may_load(
	struct lease_book *book, uint32_t pool, uint64_t slot, const struct store_lease *row)
{
	struct record *old = record_find(book, pool, &row->identity, row->ordinal);

	if (old != NULL && old->is_static) {
		old->saved = old->saved || old->lease.slot == slot;
		return false;
	}
	if (pool_is_taken(book->shelf[pool].pool, slot) ||
		(old != NULL && (old->lease.link != 0 || old->lease.used_s > row->used_s)))
		return false;
	return old == NULL || record_forget(book, old) == 0;
}

bool record_load(void *arg, const struct store_lease *row)
{
	struct lease_book *book = arg;
	uint32_t pool = lease_book_index_of(book, row->pool);
	struct record *record = NULL;
	uint64_t slot = 0;

	// What does not fit the configuration any more stays in the store, in case it comes back.
	if (pool == LEASE_POOLS || pool_slot_of(book->shelf[pool].pool, &row->prefix, &slot) != 0)
		return true;
	if (!may_load(book, pool, slot, row) || pool_take(book->shelf[pool].pool, slot) != 0)
		return true;
	record = record_add(book, pool, &row->identity, row->ordinal, slot);
	if (record == NULL) {
		pool_give(book->shelf[pool].pool, slot);
		return false;
	}
	record->lease.used_s = row->used_s;
	record->saved = true;
	return true;
}

// ---- indexes ----

uint32_t lease_book_index_of(const struct lease_book *book, const char *name)
{
	for (uint32_t i = 0; i < book->shelf_n; i++)
		if (book->shelf[i].pool != NULL &&
			strcmp(pool_name(book->shelf[i].pool), name) == 0)
			return i;
	return LEASE_POOLS;
}

uint32_t lease_book_index(const struct lease_book *book, const struct config_pool *pool)
{
	return lease_book_index_of(book, pool->name);
}

uint32_t book_find_index(
	const struct lease_book *book, const bool used[LEASE_POOLS], const char *name)
{
	uint32_t unused = LEASE_POOLS, unnamed = LEASE_POOLS;

	for (uint32_t i = LEASE_POOLS; i-- > 0;) {
		if (used[i])
			continue;
		if (strcmp(book->name[i], name) == 0)
			return i;
		unused = i;
		if (book->name[i][0] == '\0')
			unnamed = i;
	}
	return unnamed != LEASE_POOLS ? unnamed : unused;
}

void book_set_name(struct lease_book *book, uint32_t index, const char *name)
{
	size_t len = strnlen(name, CONFIG_NAME_MAX - 1);

	memset(book->name[index], 0, CONFIG_NAME_MAX);
	memcpy(book->name[index], name, len);
	if (index >= book->shelf_n)
		book->shelf_n = index + 1;
}

int book_copy_config(struct config_pool *out, const struct config_pool *config)
{
	*out = *config;
	out->static_lease = calloc(config->static_n + 1, sizeof(*out->static_lease));
	if (out->static_lease == NULL)
		return -ENOMEM;
	if (config->static_n > 0)
		memcpy(out->static_lease, config->static_lease,
			config->static_n * sizeof(*out->static_lease));
	return 0;
}

int book_save_names(struct lease_book *book)
{
	char was[sizeof(book->name)];

	if (store_get_value(book->store, NAMES_KEY, was, sizeof(was)) == (int)sizeof(was) &&
		memcmp(was, book->name, sizeof(was)) == 0)
		return 0;
	return store_put_value(book->store, NAMES_KEY, book->name, sizeof(book->name));
}

static void load_names(struct lease_book *book)
{
	int len = store_get_value(book->store, NAMES_KEY, book->name, sizeof(book->name));

	if (len != (int)sizeof(book->name))
		memset(book->name, 0, sizeof(book->name));
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		book->name[i][CONFIG_NAME_MAX - 1] = '\0';
}

static int add_pool(struct lease_book *book, uint32_t index, const struct config_pool *config)
{
	struct shelf *shelf = &book->shelf[index];

	shelf->pool = pool_new(config);
	if (shelf->pool == NULL)
		return -errno;
	if (book_copy_config(&shelf->config, config) != 0)
		return -ENOMEM;
	book_set_name(book, index, config->name);
	for (uint32_t i = 0; i < config->static_n; i++)
		if (record_add_static(book, index, shelf->pool, &config->static_lease[i]) ==
			-ENOMEM)
			return -ENOMEM;
	return 0;
}

static bool name_is_known(const struct lease_book *book, const char *name)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (strcmp(book->name[i], name) == 0)
			return true;
	return false;
}

// Pools with a known name come first: a new one must not take the index of another.
static int fill(struct lease_book *book, const struct config *config)
{
	bool used[LEASE_POOLS] = {}, done[LEASE_POOLS] = {};

	if (config->pool_n > LEASE_POOLS)
		return -ENOSPC;
	load_names(book);
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < config->pool_n; i++) {
			uint32_t index = 0;
			int error = 0;

			if (done[i] || (pass == 0 && !name_is_known(book, config->pool[i].name)))
				continue;
			index = book_find_index(book, used, config->pool[i].name);
			error = add_pool(book, index, &config->pool[i]);
			if (error != 0)
				return error;
			used[index] = done[i] = true;
		}
	if (book_save_names(book) != 0 || store_each_lease(book->store, record_load, book) != 0)
		return -EIO;
	return 0;
}

struct lease_book *lease_book_new(
	const struct config *config, struct store *store, random_fn random, void *random_arg)
{
	struct lease_book *book = calloc(1, sizeof(*book));
	int error = 0;

	if (book == NULL)
		return NULL;
	book->store = store;
	book->random = random;
	book->random_arg = random_arg;
	random(random_arg, book->secret, sizeof(book->secret));
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		TAILQ_INIT(&book->shelf[i].reserved);
	error = hash_init(&book->by_owner, book->secret);
	if (error == 0)
		error = fill(book, config);
	if (error != 0) {
		lease_book_free(book);
		errno = -error;
		return NULL;
	}
	return book;
}

static bool free_record(void *arg, struct hash_node *node)
{
	(void)arg;
	free(CONTAINER_OF(node, struct record, by_owner));
	return true;
}

void lease_book_free(struct lease_book *book)
{
	if (book == NULL)
		return;
	hash_each(&book->by_owner, free_record, NULL);
	hash_fini(&book->by_owner);
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		pool_free(book->shelf[i].pool);
		free(book->shelf[i].config.static_lease);
	}
	free(book);
}

const struct pool *lease_book_pool(const struct lease_book *book, uint32_t pool)
{
	return pool < book->shelf_n ? book->shelf[pool].pool : NULL;
}

uint32_t lease_book_pools(const struct lease_book *book)
{
	return book->shelf_n;
}

uint64_t lease_book_live(const struct lease_book *book, uint32_t pool)
{
	return pool < book->shelf_n ? book->shelf[pool].live : 0;
}

struct walk {
	bool (*fn)(void *arg, const struct lease *lease);
	void *arg;
};

static bool walk_record(void *arg, struct hash_node *node)
{
	const struct walk *walk = arg;

	return walk->fn(walk->arg, &CONTAINER_OF(node, struct record, by_owner)->lease);
}

void lease_foreach(
	const struct lease_book *book, bool (*fn)(void *arg, const struct lease *lease), void *arg)
{
	struct walk walk = {fn, arg};

	hash_each(&book->by_owner, walk_record, &walk);
}

bool lease_walk(const struct lease_book *book, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct lease *lease), void *arg)
{
	struct walk walk = {fn, arg};

	return hash_some(&book->by_owner, cursor, max, walk_record, &walk);
}
