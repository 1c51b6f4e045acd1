// SPDX-License-Identifier: BSD-3-Clause
// Leases of a link: those it begins with, and those that DHCPv6 adds and takes back while it lives:
// delegated prefixes (L11) and single addresses (P6). Control's thread.
#include "axis.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("link");

int link_lease_take(struct link_table *table, struct link *link, const struct config_pool *pool,
	enum link_lease_role role, uint32_t nth, uint64_t now_us)
{
	uint32_t index = lease_book_index(table->leases, pool);
	struct lease *lease = NULL;
	char text[300];
	int error = -EDQUOT;

	if (link->lease_n < LINK_LEASES)
		error = lease_take(table->leases, index, &link->identity,
			LEASE_OWNER(link->ordinal, nth), link->handle, link_wall_s(table, now_us),
			&lease);
	if (error != 0) {
		LOG_LIMITED(WARN, "pool %s has nothing for %s: %s", pool->name,
			config_id_format(&link->identity, text), strerror(-error));
		return error;
	}
	link->lease[link->lease_n] = lease;
	link->role[link->lease_n] = role;
	link->lease_nth[link->lease_n] = nth;
	link->leaving[link->lease_n] = false;
	link->prefix[link->lease_n++] = lease_prefix(table->leases, lease);
	return 0;
}

void link_lease_forget(struct link *link, uint32_t at)
{
	uint32_t behind = link->lease_n - at - 1;

	memmove(&link->lease[at], &link->lease[at + 1], behind * sizeof(link->lease[0]));
	memmove(&link->prefix[at], &link->prefix[at + 1], behind * sizeof(link->prefix[0]));
	memmove(&link->role[at], &link->role[at + 1], behind * sizeof(link->role[0]));
	memmove(&link->lease_nth[at], &link->lease_nth[at + 1],
		behind * sizeof(link->lease_nth[0]));
	memmove(&link->leaving[at], &link->leaving[at + 1], behind * sizeof(link->leaving[0]));
	link->lease_n--;
}

void link_lease_swap(struct link *link, uint32_t a, uint32_t b)
{
	struct lease *lease = link->lease[a];
	struct inet_prefix prefix = link->prefix[a];
	enum link_lease_role role = link->role[a];
	uint32_t nth = link->lease_nth[a];
	bool leaving = link->leaving[a];

	link->lease[a] = link->lease[b];
	link->prefix[a] = link->prefix[b];
	link->role[a] = link->role[b];
	link->lease_nth[a] = link->lease_nth[b];
	link->leaving[a] = link->leaving[b];
	link->lease[b] = lease;
	link->prefix[b] = prefix;
	link->role[b] = role;
	link->lease_nth[b] = nth;
	link->leaving[b] = leaving;
}

void link_lease_drop(struct link_table *table, struct link *link, uint32_t at, uint64_t now_us)
{
	lease_give(table->leases, link->lease[at], link_wall_s(table, now_us));
	link_lease_forget(link, at);
}

void link_leases_drop(struct link_table *table, struct link *link, uint64_t now_us)
{
	while (link->lease_n > 0)
		link_lease_drop(table, link, link->lease_n - 1, now_us);
}

void link_prefix_added(struct link_table *table, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease)
{
	const struct link_events *events = table->setup.events;

	if (events != NULL && events->prefix_add != NULL)
		events->prefix_add(table->setup.events_arg, link, prefix, lease);
}

void link_prefix_leaving(struct link_table *table, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease)
{
	const struct link_events *events = table->setup.events;

	if (events != NULL && events->prefix_del != NULL)
		events->prefix_del(table->setup.events_arg, link, prefix, lease);
}

// ---- DHCPv6 ----

static uint32_t find_lease(const struct link *link, enum link_lease_role role, uint32_t nth)
{
	uint32_t at = 0;

	while (at < link->lease_n &&
		(link->role[at] != role || link->lease_nth[at] != nth || link->leaving[at]))
		at++;
	return at;
}

// A client that declines one address after another comes to an end.
#define DHCP6_NTH_MAX 64

static uint32_t count_role(const struct link *link, enum link_lease_role role)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < link->lease_n; i++)
		n += link->role[i] == role;
	return n;
}

// The pool, NULL: none, or the profile does not give so many (*error).
static const struct config_pool *pool_for(
	const struct link *link, enum link_lease_role role, uint32_t nth, int *error)
{
	const struct config_profile *profile = link->profile;
	const struct axis_addresses *addresses = axis_addresses(profile);
	const struct config_pool *pool = NULL;

	*error = -EDQUOT;
	if (role == LINK_LEASE_DHCP6 && addresses->dhcp6_pool != NULL && nth < DHCP6_NTH_MAX &&
		count_role(link, role) < CONFIG_LINK_POOLS)
		return addresses->dhcp6_pool(link, nth);
	if (role != LINK_LEASE_DELEGATED)
		return NULL;
	pool = profile->delegation_pool;
	if (pool == NULL)
		*error = -ENOSPC;
	return nth < profile->delegations_max && nth < LINK_DELEGATIONS ? pool : NULL;
}

// All or nothing: in the pool, in the link and in the store.
static int add_lease(struct link_table *table, struct link *link, const struct config_pool *pool,
	enum link_lease_role role, uint32_t nth, uint64_t now_us)
{
	int error = store_begin(table->setup.store);

	if (error != 0)
		return error;
	error = link_lease_take(table, link, pool, role, nth, now_us);
	if (error != 0) {
		store_rollback(table->setup.store);
		return error;
	}
	error = link_save(table, link);
	if (error == 0)
		error = store_commit(table->setup.store);
	else
		store_rollback(table->setup.store);
	if (error != 0)
		link_lease_drop(table, link, link->lease_n - 1, now_us);
	return error;
}

int link_lease_add(struct link_table *table, uint64_t link, enum link_lease_role role, uint32_t nth,
	uint64_t now_us, struct inet_prefix *out)
{
	struct link_entry *entry = link_index_find(table, link);
	const struct config_pool *pool = NULL;
	uint32_t at = 0;
	int error = 0;

	if (entry == NULL || !entry->link.virtual_link)
		return -ENOENT;
	at = find_lease(&entry->link, role, nth);
	if (at < entry->link.lease_n) {
		*out = entry->link.prefix[at];
		return 0;
	}
	pool = pool_for(&entry->link, role, nth, &error);
	if (pool == NULL)
		return error;
	error = add_lease(table, &entry->link, pool, role, nth, now_us);
	if (error != 0)
		return error;
	*out = entry->link.prefix[at];
	link_prefix_added(table, &entry->link, out, entry->link.lease[at]);
	return 0;
}

// What the identity had or would get is reserved for it, without being the link's: that stays so
// while others are free.
static int reserve(struct link_table *table, const struct link *link,
	const struct config_pool *pool, uint32_t nth, uint64_t now_us, struct inet_prefix *out)
{
	uint32_t index = lease_book_index(table->leases, pool);
	uint32_t owner = LEASE_OWNER(link->ordinal, nth);
	const struct lease *had = lease_find(table->leases, index, &link->identity, owner);
	struct lease *lease = NULL;
	int error = 0;

	if (had != NULL && had->link == 0 && pool->assign == CONFIG_ASSIGN_STABLE) {
		*out = lease_prefix(table->leases, had);
		return 0;
	}
	error = store_begin(table->setup.store);
	if (error != 0)
		return error;
	error = lease_take(table->leases, index, &link->identity, owner, link->handle,
		link_wall_s(table, now_us), &lease);
	if (error != 0) {
		store_rollback(table->setup.store);
		return error;
	}
	*out = lease_prefix(table->leases, lease);
	lease_give(table->leases, lease, link_wall_s(table, now_us));
	return store_commit(table->setup.store);
}

int link_lease_offer(struct link_table *table, uint64_t link, enum link_lease_role role,
	uint32_t nth, uint64_t now_us, struct inet_prefix *out)
{
	const struct link_entry *entry = link_index_find(table, link);
	const struct config_pool *pool = NULL;
	uint32_t at = 0;
	int error = 0;

	if (entry == NULL || !entry->link.virtual_link)
		return -ENOENT;
	at = find_lease(&entry->link, role, nth);
	if (at < entry->link.lease_n) {
		*out = entry->link.prefix[at];
		return 0;
	}
	pool = pool_for(&entry->link, role, nth, &error);
	return pool != NULL ? reserve(table, &entry->link, pool, nth, now_us, out) : error;
}

int link_lease_del(
	struct link_table *table, uint64_t link, const struct inet_prefix *prefix, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);
	struct inet_prefix gone = *prefix;
	uint32_t at = 0;

	if (entry == NULL)
		return -ENOENT;
	while (at < entry->link.lease_n && !inet_prefix_equal(&entry->link.prefix[at], prefix))
		at++;
	if (at == entry->link.lease_n ||
		(entry->link.role[at] != LINK_LEASE_DELEGATED &&
			entry->link.role[at] != LINK_LEASE_DHCP6))
		return -ENOENT;
	link_prefix_leaving(table, &entry->link, &gone, entry->link.lease[at]);
	link_lease_drop(table, &entry->link, at, now_us);
	return link_save(table, &entry->link);
}
