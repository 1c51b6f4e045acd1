// SPDX-License-Identifier: BSD-3-Clause
// Finding links: by handle, by Link ID, by identity. Control's thread.
#include "link_table.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

// Below 2^53, so that JSON carries handles as numbers: the time in seconds, and what tells links of a
// second apart.
#define HANDLE_SHIFT 20
#define HANDLE_MASK ((UINT64_C(1) << 53) - 1)

bool link_index_same_identity(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static uint64_t identity_key(const struct link_table *table, const struct config_id *identity)
{
	return hash_bytes(table->secret, identity->data, identity->len) + identity->type;
}

static uint64_t link_id_key(const uint8_t *link_id)
{
	uint64_t key = 0;

	memcpy(&key, link_id, sizeof(key)); // random already
	return key;
}

uint64_t link_index_handle(struct link_table *table, uint64_t now_us)
{
	uint64_t handle = 0;

	table->setup.random(table->setup.random_arg, &handle, sizeof(handle));
	handle &= (UINT64_C(1) << HANDLE_SHIFT) - 1;
	handle |= link_wall_s(table, now_us) << HANDLE_SHIFT & HANDLE_MASK;
	if (handle <= table->last_handle)
		handle = table->last_handle + 1;
	while (handle == 0 || handle > HANDLE_MASK || hash_find(&table->by_handle, handle) != NULL)
		handle = (handle + 1) & HANDLE_MASK; // the clock was in a far future once
	table->last_handle = handle;
	return handle;
}

struct link_entry *link_index_add(struct link_table *table, const struct link *link)
{
	struct link_entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->link = *link;
	if (link->handle > table->last_handle)
		table->last_handle = link->handle;
	hash_add(&table->by_handle, &entry->by_handle, entry->link.handle);
	hash_add(&table->by_identity, &entry->by_identity,
		identity_key(table, &entry->link.identity));
	if (link->virtual_link)
		hash_add(&table->by_link_id, &entry->by_link_id, link_id_key(entry->link.link_id));
	return entry;
}

void link_index_del(struct link_table *table, struct link_entry *entry)
{
	hash_del(&table->by_handle, &entry->by_handle);
	hash_del(&table->by_identity, &entry->by_identity);
	if (entry->link.virtual_link)
		hash_del(&table->by_link_id, &entry->by_link_id);
	free(entry->link.extra);
	free(entry);
}

struct link_entry *link_index_find(const struct link_table *table, uint64_t handle)
{
	struct hash_node *node = hash_find(&table->by_handle, handle);

	return node != NULL ? CONTAINER_OF(node, struct link_entry, by_handle) : NULL;
}

struct link_entry *link_index_by_id(
	const struct link_table *table, const uint8_t *link_id, size_t len)
{
	struct hash_node *node = NULL;

	if (len != LINK_ID_BYTES)
		return NULL;
	for (node = hash_find(&table->by_link_id, link_id_key(link_id)); node != NULL;
		node = hash_find_next(node)) {
		struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_link_id);

		if (secret_equal(entry->link.link_id, link_id, LINK_ID_BYTES))
			return entry;
	}
	return NULL;
}

static struct link_entry *same_identity(struct hash_node *node, const struct config_id *identity)
{
	for (; node != NULL; node = hash_find_next(node)) {
		struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_identity);

		if (link_index_same_identity(&entry->link.identity, identity))
			return entry;
	}
	return NULL;
}

struct link_entry *link_index_first(
	const struct link_table *table, const struct config_id *identity)
{
	return same_identity(
		hash_find(&table->by_identity, identity_key(table, identity)), identity);
}

struct link_entry *link_index_next(const struct link_entry *entry)
{
	return same_identity(hash_find_next(&entry->by_identity), &entry->link.identity);
}

const struct link *link_find(const struct link_table *table, uint64_t link)
{
	const struct link_entry *entry = link_index_find(table, link);

	return entry != NULL ? &entry->link : NULL;
}

struct walk {
	bool (*fn)(void *arg, const struct link *link);
	void *arg;
};

static bool walk_entry(void *arg, struct hash_node *node)
{
	const struct walk *walk = arg;

	return walk->fn(walk->arg, &CONTAINER_OF(node, struct link_entry, by_handle)->link);
}

void link_foreach(
	const struct link_table *table, bool (*fn)(void *arg, const struct link *link), void *arg)
{
	struct walk walk = {fn, arg};

	hash_each(&table->by_handle, walk_entry, &walk);
}

bool link_walk(const struct link_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct link *link), void *arg)
{
	struct walk walk = {fn, arg};

	return hash_some(&table->by_handle, cursor, max, walk_entry, &walk);
}

uint64_t link_count(const struct link_table *table)
{
	return table->by_handle.n;
}
