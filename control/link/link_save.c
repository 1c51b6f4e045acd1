// SPDX-License-Identifier: BSD-3-Clause
// Links to and from their rows in the store. A link that comes back has the leases that it had, or
// it does not come back. Control's thread.
#include "link_table.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("link");

int link_save(struct link_table *table, const struct link *link)
{
	struct store_link row = {.handle = link->handle,
		.identity = link->identity,
		.ordinal = link->ordinal,
		.virtual_link = link->virtual_link,
		.created_s = link_wall_s(table, link->created_us)};

	memcpy(row.link_id, link->link_id, LINK_ID_BYTES);
	memcpy(row.client_iid, link->client_iid, 8);
	memcpy(row.gateway_iid, link->gateway_iid, 8);
	if (link->peer != NULL)
		memcpy(row.peer, link->peer->name, sizeof(row.peer));
	memcpy(row.profile, link->profile->name, sizeof(row.profile));
	for (uint32_t i = 0; i < link->lease_n; i++)
		strncpy(row.pool[row.pool_n++],
			pool_name(lease_book_pool(table->leases, link->lease[i]->pool)),
			CONFIG_NAME_MAX - 1);
	return store_put_link(table->setup.store, &row);
}

static const struct config_profile *find_profile(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->profile_n; i++)
		if (strcmp(config->profile[i].name, name) == 0)
			return &config->profile[i];
	return NULL;
}

static const struct config_peer *find_peer(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->gateway.peer_n; i++)
		if (strcmp(config->gateway.peer[i].name, name) == 0)
			return &config->gateway.peer[i];
	return NULL;
}

static bool resume_lease(struct link_table *table, struct link *link, const char *pool)
{
	uint32_t i = 0;
	struct lease *lease = NULL;

	while (i < lease_book_pools(table->leases) &&
		strcmp(pool_name(lease_book_pool(table->leases, i)), pool) != 0)
		i++;
	if (lease_resume(table->leases, i, &link->identity, link->ordinal, link->handle, &lease) !=
		0)
		return false;
	link->lease[link->lease_n] = lease;
	link->prefix[link->lease_n++] = lease_prefix(table->leases, lease);
	return true;
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
		.identity = row->identity,
		.ordinal = row->ordinal,
		.peer = find_peer(table->setup.config, row->peer),
		.profile = find_profile(table->setup.config, row->profile)};
	bool complete = link.profile != NULL && link_find(table, row->handle) == NULL;

	if (row->created_s < table->setup.wall_s && age_us < table->setup.now_us)
		link.created_us = table->setup.now_us - age_us;
	memcpy(link.link_id, row->link_id, LINK_ID_BYTES);
	memcpy(link.client_iid, row->client_iid, 8);
	memcpy(link.gateway_iid, row->gateway_iid, 8);
	for (uint32_t i = 0; i < row->pool_n && complete; i++)
		complete = resume_lease(table, &link, row->pool[i]);
	if (!complete) {
		for (uint32_t i = 0; i < link.lease_n; i++)
			lease_give(table->leases, link.lease[i], table->setup.wall_s);
		if (load->lost_n < 256)
			load->lost[load->lost_n++] = row->handle;
		return true;
	}
	if (link_index_add(table, &link) == NULL)
		load->error = -ENOMEM;
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
