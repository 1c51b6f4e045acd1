// SPDX-License-Identifier: BSD-3-Clause
// Another configuration under links that live on: peers and profiles are found again by name, leases
// follow their pools. A link whose peer or profile is gone keeps a profile of its own that gives
// nothing more, until its IKE SAs end. Control's thread.
#include "link_table.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("link");

// As the profile was, without the pools. One for each name, with the table.
struct gone_profile {
	struct config_profile profile;
	struct gone_profile *next;
};

struct reconfigure {
	struct link_table *table;
	const struct config *config;
	void (*renumber)(void *arg, const struct link *link);
	void *arg;
	uint64_t now_us;
	uint64_t renumbered, ended;
	int error;
};

void link_reconfigure_fini(struct link_table *table)
{
	while (table->gone != NULL) {
		struct gone_profile *gone = table->gone;

		table->gone = gone->next;
		free(gone);
	}
}

static struct gone_profile *find_gone(const struct link_table *table, const char *name)
{
	struct gone_profile *gone = table->gone;

	while (gone != NULL && strcmp(gone->profile.name, name) != 0)
		gone = gone->next;
	return gone;
}

// For each profile that some link has and `config` has not, before anything changes.
static bool keep_profile(void *arg, struct hash_node *node)
{
	struct reconfigure *r = arg;
	const struct link *link = &CONTAINER_OF(node, struct link_entry, by_handle)->link;
	struct gone_profile *gone = NULL;

	if (link_find_profile(r->config, link->profile->name) != NULL ||
		find_gone(r->table, link->profile->name) != NULL)
		return true;
	gone = calloc(1, sizeof(*gone));
	if (gone == NULL) {
		r->error = -ENOMEM;
		return false;
	}
	gone->profile = *link->profile;
	gone->profile.prefix_pool_n = 0;
	gone->profile.ipv4_pool = gone->profile.ipv6_pool = gone->profile.delegation_pool = NULL;
	gone->profile.delegations_max = 0;
	gone->next = r->table->gone;
	r->table->gone = gone;
	return true;
}

// A live lease that fits no pool any more.
static void on_lost(void *arg, struct lease *lease)
{
	struct reconfigure *r = arg;
	struct link_entry *entry = link_index_find(r->table, lease->link);
	uint32_t at = 0;

	if (entry == NULL)
		return;
	while (at < entry->link.lease_n && entry->link.lease[at] != lease)
		at++;
	if (at < entry->link.lease_n) {
		struct inet_prefix prefix = entry->link.prefix[at];

		link_prefix_leaving(r->table, &entry->link, &prefix, lease);
		link_lease_forget(&entry->link, at);
	}
	entry->renumber = entry->lost = true;
}

// Addresses in prefixes that the profile does not share any more.
static void drop_claims(struct link_table *table, struct link *link)
{
	for (uint32_t i = link->extra_n; i-- > 0;) {
		struct inet_addr addr = link->extra[i].prefix.addr;

		if (link->extra[i].kind == LINK_EXTRA_CLAIM &&
			link_shared_pool(link, &addr) == NULL)
			link_unclaim(table, link->handle, &addr);
	}
}

static bool take_over(void *arg, struct hash_node *node)
{
	struct reconfigure *r = arg;
	struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_handle);
	struct link *link = &entry->link;
	const struct config_profile *profile = link_find_profile(r->config, link->profile->name);
	bool gone = profile == NULL;

	if (link->peer != NULL)
		link->peer = link_find_peer(r->config, link->peer->name);
	if (gone)
		profile = &find_gone(r->table, link->profile->name)->profile;
	link->profile = profile;
	drop_claims(r->table, link);
	link_relayed_check(r->table, entry);
	// It cannot be come back to: the peer gets another link, or none.
	if (gone || link->peer == NULL || link->peer->profile != profile)
		entry->lost = link->no_grace = true;
	return true;
}

static bool carry_out(void *arg, struct hash_node *node)
{
	struct reconfigure *r = arg;
	struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_handle);

	if (!entry->lost)
		return true;
	entry->lost = false;
	if (entry->link.state == LINK_GRACE && entry->link.no_grace) {
		r->ended++;
		link_finish(r->table, entry, r->now_us);
		return true;
	}
	if (link_save(r->table, &entry->link) != 0)
		LOG_LIMITED(WARN, "lease database: %lu is kept as it was", entry->link.handle);
	r->renumbered++;
	r->renumber(r->arg, &entry->link);
	return true;
}

int link_reconfigure(struct link_table *table, const struct config *config,
	void (*renumber)(void *arg, const struct link *link), void *arg, uint64_t now_us)
{
	struct reconfigure r = {.table = table,
		.config = config,
		.renumber = renumber,
		.arg = arg,
		.now_us = now_us};
	int error = 0;

	hash_each(&table->by_handle, keep_profile, &r);
	if (r.error != 0)
		return r.error;
	error = store_begin(table->setup.store);
	if (error != 0)
		return error;
	error = lease_book_reconfigure(table->leases, config, on_lost, &r);
	if (error != 0) {
		store_rollback(table->setup.store);
		return error;
	}
	table->setup.config = config;
	hash_each(&table->by_handle, take_over, &r);
	hash_each(&table->by_handle, carry_out, &r);
	if (store_commit(table->setup.store) != 0)
		LOG(ERR, "lease database: a restart will find the links as they were");
	if (r.renumbered > 0 || r.ended > 0)
		LOG(NOTICE, "another configuration: %lu links have to reauthenticate, %lu ended",
			r.renumbered, r.ended);
	return 0;
}
