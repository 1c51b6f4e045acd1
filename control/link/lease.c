// SPDX-License-Identifier: BSD-3-Clause
// Leases in memory: found by (identity, ordinal, pool) through a hash, reserved ones in a queue per
// pool with the longest unused first. All operations are O(1). Control's thread.
#include "lease.h"

#include "hash.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

LOG_TYPE("lease");

// Identities of variable length lie behind the struct, so that a lease takes about 130 bytes.
struct record {
	struct lease lease; // first: what others hold a pointer to
	struct hash_node by_owner;
	TAILQ_ENTRY(record) reserved;
	uint8_t id_type;
	uint8_t id_len;
	uint8_t id[];
};
TAILQ_HEAD(record_queue, record);

struct shelf {
	struct pool *pool;
	struct record_queue reserved;
	uint64_t live;
};

struct lease_book {
	struct store *store;
	random_fn random;
	void *random_arg;
	uint64_t secret[2]; // of the hash
	struct hash by_owner;
	uint32_t shelf_n;
	struct shelf *shelf;
};

static struct record *record_of(const struct lease *lease)
{
	return (struct record *)(uintptr_t)lease;
}

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

static struct record *find(const struct lease_book *book, uint32_t pool,
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

// A record for a slot that was just taken from the pool; reserved, at the queue's end.
static struct record *record_add(struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal, uint64_t slot)
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
	TAILQ_INSERT_TAIL(&book->shelf[pool].reserved, record, reserved);
	return record;
}

// A reserved record and its slot go.
static void record_drop(struct lease_book *book, struct record *record)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	TAILQ_REMOVE(&shelf->reserved, record, reserved);
	hash_del(&book->by_owner, &record->by_owner);
	pool_give(shelf->pool, record->lease.slot);
	free(record);
}

static void make_live(struct lease_book *book, struct record *record, uint64_t link)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	TAILQ_REMOVE(&shelf->reserved, record, reserved);
	record->lease.link = link;
	shelf->live++;
}

static void make_reserved(struct lease_book *book, struct record *record)
{
	struct shelf *shelf = &book->shelf[record->lease.pool];

	record->lease.link = 0;
	shelf->live--;
	TAILQ_INSERT_TAIL(&shelf->reserved, record, reserved);
}

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

static int save(struct lease_book *book, const struct record *record)
{
	struct store_lease row = {.prefix = lease_prefix(book, &record->lease),
		.ordinal = record->lease.ordinal,
		.used_s = record->lease.used_s};

	lease_identity(&record->lease, &row.identity);
	strncpy(row.pool, pool_name(book->shelf[record->lease.pool].pool), sizeof(row.pool) - 1);
	return store_put_lease(book->store, &row);
}

static bool load_lease(void *arg, const struct store_lease *row)
{
	struct lease_book *book = arg;
	struct record *record = NULL;
	uint64_t slot = 0;
	uint32_t pool = 0;

	while (pool < book->shelf_n && strcmp(row->pool, pool_name(book->shelf[pool].pool)) != 0)
		pool++;
	// What does not fit the configuration any more stays in the store, in case it comes back.
	if (pool == book->shelf_n || find(book, pool, &row->identity, row->ordinal) != NULL ||
		pool_slot_of(book->shelf[pool].pool, &row->prefix, &slot) != 0 ||
		pool_take(book->shelf[pool].pool, slot) != 0)
		return true;
	record = record_add(book, pool, &row->identity, row->ordinal, slot);
	if (record == NULL) {
		pool_give(book->shelf[pool].pool, slot);
		return false;
	}
	record->lease.used_s = row->used_s;
	return true;
}

struct lease_book *lease_book_new(
	const struct config *config, struct store *store, random_fn random, void *random_arg)
{
	struct lease_book *book = calloc(1, sizeof(*book));
	int saved = 0;

	if (book == NULL)
		return NULL;
	book->store = store;
	book->random = random;
	book->random_arg = random_arg;
	random(random_arg, book->secret, sizeof(book->secret));
	book->shelf = calloc(config->pool_n > 0 ? config->pool_n : 1, sizeof(*book->shelf));
	if (book->shelf == NULL || hash_init(&book->by_owner, book->secret) != 0)
		goto fail;
	for (uint32_t i = 0; i < config->pool_n; i++) {
		TAILQ_INIT(&book->shelf[i].reserved);
		book->shelf[i].pool = pool_new(&config->pool[i]);
		if (book->shelf[i].pool == NULL)
			goto fail;
		book->shelf_n++;
	}
	if (store_each_lease(store, load_lease, book) != 0) {
		errno = EIO;
		goto fail;
	}
	return book;
fail:
	saved = errno;
	lease_book_free(book);
	errno = saved;
	return NULL;
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
	for (uint32_t i = 0; i < book->shelf_n; i++)
		pool_free(book->shelf[i].pool);
	free(book->shelf);
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

// Where to look for a free slot: by identity, so that even a lost database gives most of them the
// same again; or anywhere.
static uint64_t start_slot(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal)
{
	uint64_t start = owner_key(no_secret, 0, identity, ordinal);

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
	record_drop(book, oldest);
	return pool_take(shelf->pool, *slot);
}

// The slot of a reserved record is changed for another one, as random assignment wants.
static int change_slot(struct lease_book *book, struct record *record, uint64_t start)
{
	struct pool *pool = book->shelf[record->lease.pool].pool;
	struct inet_prefix old = lease_prefix(book, &record->lease);
	uint64_t slot = 0;

	if (find_slot(book, record->lease.pool, start, record, &slot) != 0)
		return 0; // all others are live: the old one is all there is
	if (store_del_lease(book->store, &old) != 0) {
		pool_give(pool, slot);
		return -EIO;
	}
	pool_give(pool, record->lease.slot);
	record->lease.slot = slot;
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

int lease_take(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, uint64_t now_s, struct lease **out)
{
	struct record *record = find(book, pool, identity, ordinal);
	int error = 0;

	if (record != NULL && record->lease.link != 0)
		return -EBUSY;
	if (record == NULL)
		error = take_new(book, pool, identity, ordinal, &record);
	else if (pool_assign(book->shelf[pool].pool) == CONFIG_ASSIGN_RANDOM)
		error = change_slot(book, record, start_slot(book, pool, identity, ordinal));
	if (error != 0)
		return error;
	record->lease.used_s = now_s;
	error = save(book, record);
	if (error != 0) {
		record_drop(book, record);
		return error;
	}
	make_live(book, record, link);
	*out = &record->lease;
	return 0;
}

int lease_resume(struct lease_book *book, uint32_t pool, const struct config_id *identity,
	uint32_t ordinal, uint64_t link, struct lease **out)
{
	struct record *record = find(book, pool, identity, ordinal);

	if (record == NULL)
		return -ENOENT;
	if (record->lease.link != 0)
		return -EBUSY;
	make_live(book, record, link);
	*out = &record->lease;
	return 0;
}

void lease_give(struct lease_book *book, struct lease *lease, uint64_t now_s)
{
	struct record *record = record_of(lease);

	record->lease.used_s = now_s;
	make_reserved(book, record);
	// Not saved: only the order of reuse after a restart would be a little off. The log has it.
	if (save(book, record) != 0)
		LOG_LIMITED(WARN, "lease database: the time of a lease's return was not kept");
}

const struct lease *lease_find(const struct lease_book *book, uint32_t pool,
	const struct config_id *identity, uint32_t ordinal)
{
	const struct record *record = find(book, pool, identity, ordinal);

	return record != NULL ? &record->lease : NULL;
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
