// SPDX-License-Identifier: BSD-3-Clause
// Renumbering: other prefixes for a link that lives on. The client learns them by reauthenticating;
// until its IKE SAs from before are gone the link has both, and both are routed to it and pass its
// ingress filter. Control's thread.
#include "link_renumber.h"

#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("link");

int link_renumber(struct link_table *table, uint64_t link, bool fresh)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry == NULL)
		return -ENOENT;
	entry->renumber = true;
	entry->renumber_fresh = entry->renumber_fresh || fresh;
	if (link_save(table, &entry->link) != 0)
		LOG_LIMITED(WARN,
			"lease database: a restart will forget that %lu is to be renumbered", link);
	return 0;
}

static bool is_of_pool(
	const struct link_table *table, const struct lease *lease, const struct config_pool *pool)
{
	return pool != NULL && lease->pool == lease_book_index(table->leases, pool);
}

// The pool of its profile that the lease is of, NULL: the profile has it no more.
static const struct config_pool *pool_now(
	const struct link_table *table, const struct link *link, uint32_t at)
{
	const struct config_profile *profile = link->profile;
	const struct config_pool *pool =
		link->role[at] == LINK_LEASE_IP4 ? profile->ipv4_pool : profile->ipv6_pool;

	if (link->role[at] != LINK_LEASE_PREFIX)
		return is_of_pool(table, link->lease[at], pool) ? pool : NULL;
	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		if (is_of_pool(table, link->lease[at], profile->prefix_pool[i]))
			return profile->prefix_pool[i];
	return NULL;
}

// Another lease of the same pool; the link keeps the old one if there is none.
static void replace(struct link_table *table, struct link *link, uint32_t at,
	const struct config_pool *pool, uint64_t now_us)
{
	uint32_t added = link->lease_n;

	if (added == LINK_LEASES || lease_leave(table->leases, link->lease[at]) != 0)
		return;
	if (link_lease_take(table, link, pool, link->role[at], link->lease_nth[at], now_us) != 0) {
		lease_stay(table->leases, link->lease[at]);
		return;
	}
	link->leaving[at] = true;
	link_prefix_added(table, link, &link->prefix[added], link->lease[added]);
}

// What DHCPv6 gave is its own matter.
static bool by_ikev2(const struct link *link, uint32_t at)
{
	return link->role[at] == LINK_LEASE_PREFIX || link->role[at] == LINK_LEASE_IP4 ||
		link->role[at] == LINK_LEASE_IP6;
}

static void withdraw(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	struct link *link = &entry->link;
	uint32_t n = link->lease_n;

	for (uint32_t i = 0; i < n; i++) {
		const struct config_pool *pool = NULL;

		if (link->leaving[i] || !by_ikev2(link, i))
			continue;
		pool = pool_now(table, link, i);
		if (pool == NULL)
			link->leaving[i] = true;
		else if (entry->renumber_fresh)
			replace(table, link, i, pool, now_us);
	}
}

// The link has a prefix of the pool, or keeps one that was about to leave.
static bool has_prefix_of(
	const struct link_table *table, struct link *link, const struct config_pool *pool)
{
	uint32_t kept = link->lease_n;

	for (uint32_t i = 0; i < link->lease_n; i++) {
		if (link->role[i] != LINK_LEASE_PREFIX || !is_of_pool(table, link->lease[i], pool))
			continue;
		if (!link->leaving[i])
			return true;
		if ((link->lease[i]->ordinal & LEASE_LEAVING) == 0)
			kept = i;
	}
	if (kept == link->lease_n)
		return false;
	link->leaving[kept] = false;
	return true;
}

// Addresses are added by the attachment itself, as they were asked for.
static void add(struct link_table *table, struct link *link, uint64_t now_us)
{
	const struct config_profile *profile = link->profile;

	if (!link->virtual_link || profile->link_model != CONFIG_LINK_P2P)
		return;
	for (uint32_t i = 0; i < profile->prefix_pool_n; i++) {
		uint32_t added = link->lease_n;

		if (!has_prefix_of(table, link, profile->prefix_pool[i]) &&
			link_lease_take(table, link, profile->prefix_pool[i], LINK_LEASE_PREFIX, 0,
				now_us) == 0)
			link_prefix_added(table, link, &link->prefix[added], link->lease[added]);
	}
}

// Where among the profile's prefixes a lease stands; what is none stands behind them.
static uint32_t place_of(const struct link_table *table, const struct link *link, uint32_t at)
{
	uint32_t place = 0;

	if (link->role[at] != LINK_LEASE_PREFIX)
		return CONFIG_LINK_POOLS;
	while (place < link->profile->prefix_pool_n &&
		!is_of_pool(table, link->lease[at], link->profile->prefix_pool[place]))
		place++;
	return place;
}

// What came last stands last, but clients go by the order that the profile has.
static void put_in_order(const struct link_table *table, struct link *link)
{
	for (uint32_t i = 1; i < link->lease_n; i++)
		for (uint32_t k = i;
			k > 0 && place_of(table, link, k - 1) > place_of(table, link, k); k--)
			link_lease_swap(link, k - 1, k);
}

static bool drop_leaving(struct link_table *table, struct link *link, uint64_t now_us)
{
	bool dropped = false;

	for (uint32_t i = link->lease_n; i-- > 0;) {
		struct inet_prefix prefix = link->prefix[i];
		char text[INET_PREFIX_STRLEN];

		if (!link->leaving[i])
			continue;
		LOG(INFO, "%lu: %s leaves", link->handle, inet_prefix_format(&prefix, text));
		link_prefix_leaving(table, link, &prefix, link->lease[i]);
		link_lease_drop(table, link, i, now_us);
		dropped = true;
	}
	return dropped;
}

static bool is_before(const struct link_entry *entry, uint64_t ike_sa)
{
	for (uint32_t i = 0; i < entry->before_n; i++)
		if (entry->before[i] == ike_sa)
			return true;
	return false;
}

static void note_before(struct link_entry *entry)
{
	for (uint32_t i = 0; i < entry->link.ike_sa_n; i++)
		if (!is_before(entry, entry->link.ike_sa[i]) && entry->before_n < LINK_IKE_SAS)
			entry->before[entry->before_n++] = entry->link.ike_sa[i];
}

void renumber_attach(struct link_table *table, struct link_entry *entry,
	const struct link_wants *wants, uint64_t now_us)
{
	struct link *link = &entry->link;
	bool leaving = false;

	(void)wants;
	if (entry->renumber) {
		withdraw(table, entry, now_us);
		add(table, link, now_us);
		put_in_order(table, link);
		entry->renumber = entry->renumber_fresh = false;
		for (uint32_t i = 0; i < link->lease_n; i++)
			leaving = leaving || link->leaving[i];
		if (leaving)
			note_before(entry);
	}
	// None from before: over a restart, or after the grace time has begun.
	if (link->ike_sa_n == 0 && drop_leaving(table, link, now_us))
		entry->before_n = 0;
}

void renumber_detach(
	struct link_table *table, struct link_entry *entry, uint64_t ike_sa, uint64_t now_us)
{
	uint32_t n = entry->before_n;

	for (uint32_t i = 0; i < entry->before_n; i++)
		if (entry->before[i] == ike_sa)
			entry->before[i--] = entry->before[--entry->before_n];
	if (n == entry->before_n || entry->before_n > 0)
		return;
	if (store_begin(table->setup.store) != 0)
		return; // they stay until the link ends
	if (drop_leaving(table, &entry->link, now_us))
		link_save(table, &entry->link);
	store_commit(table->setup.store);
}

void renumber_moved(struct link_entry *entry, uint64_t old_ike_sa, uint64_t new_ike_sa)
{
	for (uint32_t i = 0; i < entry->before_n; i++)
		if (entry->before[i] == old_ike_sa)
			entry->before[i] = new_ike_sa;
}
