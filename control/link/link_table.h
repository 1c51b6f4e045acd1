// SPDX-License-Identifier: BSD-3-Clause
// The inside of the link table, for link.c (what happens to links), link_index.c (finding them) and
// link_save.c (their rows in the store). Nobody else includes it.
#pragma once

#include "hash.h"
#include "link.h"

#include <sys/queue.h>

struct link_entry {
	struct link link; // first: what others hold a pointer to
	struct hash_node by_handle;
	struct hash_node by_link_id; // virtual links
	struct hash_node by_identity;
	TAILQ_ENTRY(link_entry) grace; // LINK_GRACE
};
TAILQ_HEAD(link_queue, link_entry);

struct link_table {
	struct link_setup setup;
	struct lease_book *leases;
	uint64_t secret[2]; // of the hashes
	struct hash by_handle, by_link_id, by_identity;
	struct link_queue grace; // earliest end first
};

static inline uint64_t link_wall_s(const struct link_table *table, uint64_t now_us)
{
	return table->setup.wall_s + (now_us - table->setup.now_us) / UINT64_C(1000000);
}

// link_index.c
uint64_t link_index_handle(const struct link_table *table); // one that no link has
// An entry with this content; NULL: no memory.
struct link_entry *link_index_add(struct link_table *table, const struct link *link);
void link_index_del(struct link_table *table, struct link_entry *entry); // frees it
struct link_entry *link_index_find(const struct link_table *table, uint64_t handle);
struct link_entry *link_index_by_id(
	const struct link_table *table, const uint8_t *link_id, size_t len);
// The first link of the identity, and the next.
struct link_entry *link_index_first(
	const struct link_table *table, const struct config_id *identity);
struct link_entry *link_index_next(const struct link_entry *entry);
bool link_index_same_identity(const struct config_id *a, const struct config_id *b);

// link_save.c
int link_save(struct link_table *table, const struct link *link);
int link_load(struct link_table *table); // fills the table; 0, -EIO, -ENOMEM
