// SPDX-License-Identifier: BSD-3-Clause
// Addresses of shared prefixes: claimed by duplicate address detection (P3, P4) or given by IKEv2
// (P5), given up when the link ends. RFC 6620 calls the like of it a binding. Control's thread.
#include "claim.h"

#include "link_reply.h"
#include "link_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const struct link_table *table, const struct inet_addr *addr)
{
	return hash_bytes(table->secret, addr->bytes, 16);
}

struct claim *claim_find(const struct link_table *table, const struct inet_addr *addr)
{
	struct hash_node *node = hash_find(&table->claims, key_of(table, addr));

	for (; node != NULL; node = hash_find_next(node)) {
		struct claim *claim = CONTAINER_OF(node, struct claim, by_addr);

		if (inet_addr_equal(&claim->addr, addr))
			return claim;
	}
	return NULL;
}

int claim_note(
	struct link_table *table, const struct inet_addr *addr, uint64_t link, uint64_t now_us)
{
	struct claim *claim = claim_find(table, addr);

	if (claim != NULL)
		return claim->link == link ? 0 : -EADDRINUSE;
	claim = malloc(sizeof(*claim));
	if (claim == NULL)
		return -ENOMEM;
	*claim = (struct claim){
		.addr = *addr, .link = link, .heard_us = now_us, .next_us = CLOCK_NEVER};
	hash_add(&table->claims, &claim->by_addr, key_of(table, addr));
	return 0;
}

void claim_forget(struct link_table *table, const struct inet_addr *addr)
{
	struct claim *claim = claim_find(table, addr);

	if (claim == NULL)
		return;
	hash_del(&table->claims, &claim->by_addr);
	free(claim);
}

static bool free_claim(void *arg, struct hash_node *node)
{
	(void)arg;
	free(CONTAINER_OF(node, struct claim, by_addr));
	return true;
}

void claim_fini(struct link_table *table)
{
	if (table->claims.slot != NULL)
		hash_each(&table->claims, free_claim, NULL);
	hash_fini(&table->claims);
}

// L18, L20: the subnet-router anycast address, reserved interface IDs (RFC 5453), and what is the
// gateway's own there.
static bool may_be_claimed(
	const struct link_table *table, const struct link *link, const struct inet_addr *addr)
{
	const struct config_dataplane *dataplane = &table->setup.config->dataplane;

	if (!link_iid_acceptable(addr->bytes + 8) ||
		memcmp(addr->bytes + 8, link->gateway_iid, 8) == 0)
		return false;
	for (uint32_t i = 0; i < dataplane->port_n; i++)
		for (uint32_t k = 0; k < dataplane->port[i].addr_n; k++)
			if (inet_addr_equal(&dataplane->port[i].addr[k].addr, addr))
				return false;
	return true;
}

static struct inet_prefix host_prefix(const struct inet_addr *addr)
{
	return (struct inet_prefix){.addr = *addr, .len = 128};
}

int link_claim(
	struct link_table *table, uint64_t link, const struct inet_addr *addr, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);
	struct link_extra extra = {host_prefix(addr), LINK_EXTRA_CLAIM, CLOCK_NEVER};
	struct claim *claim = NULL;
	int error = 0;

	if (entry == NULL)
		return -ENOENT;
	if (!entry->link.virtual_link || link_shared_pool(&entry->link, addr) == NULL)
		return -ERANGE;
	claim = claim_find(table, addr);
	if (claim != NULL && claim->link == link)
		claim_age_heard(table, claim, now_us);
	if (claim != NULL)
		return claim->link == link ? 0 : -EADDRINUSE;
	if (!may_be_claimed(table, &entry->link, addr))
		return -EADDRINUSE;
	error = claim_note(table, addr, link, now_us);
	if (error != 0)
		return error;
	error = link_extra_put(table, entry, &extra, entry->link.profile->addresses_max, now_us);
	if (error != 0)
		claim_forget(table, addr);
	else
		link_prefix_added(table, &entry->link, &extra.prefix, NULL);
	if (error == 0 || error == -EDQUOT)
		claim_age_claimed(table, entry, now_us);
	return error;
}

int link_unclaim(struct link_table *table, uint64_t link, const struct inet_addr *addr)
{
	struct link_entry *entry = link_index_find(table, link);
	struct inet_prefix prefix = host_prefix(addr);
	uint32_t at = 0;

	if (entry == NULL)
		return -ENOENT;
	at = link_extra_at(&entry->link, &prefix, LINK_EXTRA_CLAIM);
	if (at == entry->link.extra_n)
		return -ENOENT;
	link_prefix_leaving(table, &entry->link, &prefix, NULL);
	return link_extra_del(table, entry, at);
}

const struct link *link_claimed_by(const struct link_table *table, const struct inet_addr *addr)
{
	const struct claim *claim = claim_find(table, addr);

	return claim != NULL ? link_find(table, claim->link) : NULL;
}
