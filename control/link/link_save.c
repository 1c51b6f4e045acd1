// SPDX-License-Identifier: BSD-3-Clause
// Links to and from their rows in the store. A link that comes back has the leases that it had, or
// it does not come back. Control's thread.
#include "link_table.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("link");

#define ROLE_LEAVING UINT32_C(0x100) // in a row: the lease is leaving

// In a row: what link_renumber() asked for is still to be done.
#define RENUMBER UINT32_C(1)
#define RENUMBER_FRESH UINT32_C(2)

int link_save(struct link_table *table, const struct link *link)
{
	const struct link_entry *entry = (const struct link_entry *)(const void *)link;
	struct store_link row = {.handle = link->handle,
		.identity = link->identity,
		.ordinal = link->ordinal,
		.virtual_link = link->virtual_link,
		.unasked = link->unasked,
		.created_s = link_wall_s(table, link->created_us),
		.renumber = (entry->renumber ? RENUMBER : 0) |
			(entry->renumber_fresh ? RENUMBER_FRESH : 0)};

	memcpy(row.link_id, link->link_id, LINK_ID_BYTES);
	memcpy(row.client_iid, link->client_iid, 8);
	memcpy(row.gateway_iid, link->gateway_iid, 8);
	if (link->peer != NULL)
		memcpy(row.peer, link->peer->name, sizeof(row.peer));
	memcpy(row.profile, link->profile->name, sizeof(row.profile));
	for (uint32_t i = 0; i < link->lease_n; i++) {
		struct store_link_pool *pool = &row.pool[row.pool_n++];

		strncpy(pool->name, pool_name(lease_book_pool(table->leases, link->lease[i]->pool)),
			sizeof(pool->name) - 1);
		pool->role = link->role[i] | (link->leaving[i] ? ROLE_LEAVING : 0);
		pool->nth = link->lease[i]->ordinal >> LEASE_NTH_SHIFT; // with LEASE_LEAVING
		pool->prefix = link->prefix[i];
	}
	return store_put_link(table->setup.store, &row);
}

const struct config_profile *link_find_profile(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->profile_n; i++)
		if (strcmp(config->profile[i].name, name) == 0)
			return &config->profile[i];
	return NULL;
}

const struct config_peer *link_find_peer(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->gateway.peer_n; i++)
		if (strcmp(config->gateway.peer[i].name, name) == 0)
			return &config->gateway.peer[i];
	return NULL;
}

static bool resume_lease(struct link_table *table, struct link *link,
	const struct store_link_pool *row, uint64_t since_s)
{
	uint32_t owner = LEASE_OWNER(link->ordinal, row->nth);
	uint32_t pool = lease_book_index_of(table->leases, row->name), n = link->lease_n;
	struct lease *lease = NULL;

	if (n == LINK_LEASES || lease_book_pool(table->leases, pool) == NULL ||
		lease_resume(table->leases, pool, &link->identity, owner, &row->prefix,
			link->handle, since_s, &lease) != 0)
		return false;
	link->lease[n] = lease;
	link->prefix[n] = lease_prefix(table->leases, lease);
	link->role[n] = (enum link_lease_role)(row->role & ~ROLE_LEAVING);
	link->leaving[n] = (row->role & ROLE_LEAVING) != 0;
	link->lease_nth[n] = (owner & ~LEASE_LEAVING) >> LEASE_NTH_SHIFT;
	link->lease_n++;
	return true;
}

// The configuration has not the pool or not the prefix now. It is the identity's, if they come back.
static void keep_lease(
	struct link_table *table, const struct store_link *row, const struct store_link_pool *pool)
{
	struct store_lease lease = {.prefix = pool->prefix,
		.identity = row->identity,
		.ordinal = LEASE_OWNER(row->ordinal, pool->nth) & ~LEASE_LEAVING,
		.used_s = table->setup.wall_s};

	memcpy(lease.pool, pool->name, sizeof(lease.pool));
	if (pool->prefix.addr.family != 0)
		store_put_lease(table->setup.store, &lease);
}

struct load {
	struct link_table *table;
	int error;
	uint64_t lost[256]; // handles of rows to take out; more go at the next start
	uint32_t lost_n;
};

static bool load_link(void *arg, const struct store_link *row)
{
	struct load *load = arg;
	struct link_table *table = load->table;
	uint64_t age_us = (table->setup.wall_s - row->created_s) * 1000000;
	struct link link = {.handle = row->handle,
		.state = LINK_ORPHAN,
		.virtual_link = row->virtual_link,
		.unasked = row->unasked,
		.identity = row->identity,
		.ordinal = row->ordinal,
		.peer = link_find_peer(table->setup.config, row->peer),
		.profile = link_find_profile(table->setup.config, row->profile)};
	struct link_entry *entry = NULL;
	bool complete = link.profile != NULL && link_find(table, row->handle) == NULL;

	if (row->created_s < table->setup.wall_s && age_us < table->setup.now_us)
		link.created_us = table->setup.now_us - age_us;
	memcpy(link.link_id, row->link_id, LINK_ID_BYTES);
	memcpy(link.client_iid, row->client_iid, 8);
	memcpy(link.gateway_iid, row->gateway_iid, 8);
	for (uint32_t i = 0; i < row->pool_n; i++)
		if (!resume_lease(table, &link, &row->pool[i], row->created_s)) {
			keep_lease(table, row, &row->pool[i]);
			complete = false;
		}
	if (!complete) {
		link_leases_drop(table, &link, table->setup.now_us);
		if (load->lost_n < 256)
			load->lost[load->lost_n++] = row->handle;
		return true;
	}
	entry = link_index_add(table, &link);
	if (entry == NULL) {
		load->error = -ENOMEM;
	} else {
		entry->renumber = (row->renumber & RENUMBER) != 0;
		entry->renumber_fresh = (row->renumber & RENUMBER_FRESH) != 0;
	}
	return load->error == 0;
}

int link_load(struct link_table *table)
{
	struct load load = {.table = table};
	int error = store_each_link(table->setup.store, load_link, &load);

	for (uint32_t i = 0; i < load.lost_n; i++)
		store_del_link(table->setup.store, load.lost[i]);
	if (load.lost_n > 0)
		LOG(NOTICE, "%u links are gone: the configuration has not what they need",
			load.lost_n);
	if (table->by_handle.n > 0)
		LOG(NOTICE, "%u links from before", table->by_handle.n);
	return error != 0 ? error : load.error;
}
