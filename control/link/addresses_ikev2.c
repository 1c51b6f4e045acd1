// SPDX-License-Identifier: BSD-3-Clause
// addresses_by = "ikev2": the gateway gives single addresses of the shared prefixes by
// INTERNAL_IP6_ADDRESS2, at the begin one in each, later more on request. The client's interface ID
// and the address that it asks for are taken if they are free. The draft's appendix A.4.
#include "axis.h"

#include <errno.h>
#include <string.h>

#define TRIES 16 // random interface IDs; more than two are never seen

// Child SAs are narrowed to single addresses, so no more than a selector list holds.
#define SELECTORS_BESIDE 6 // link-local, IPv4, delegated prefixes

static int claim_random(struct link_table *table, struct link_entry *entry,
	const struct inet_prefix *prefix, uint64_t now_us, struct inet_addr *given)
{
	struct link_setup *setup = &table->setup;
	int error = -EADDRINUSE;

	*given = prefix->addr;
	for (int i = 0; i < TRIES && error == -EADDRINUSE; i++) {
		setup->random(setup->random_arg, given->bytes + 8, 8);
		given->bytes[8] &= 0xfd; // not a globally unique EUI-64, RFC 4291 appendix A
		error = link_claim(table, entry->link.handle, given, now_us);
	}
	return error;
}

static bool is_full(const struct link *link)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < link->extra_n; i++)
		n += link->extra[i].kind == LINK_EXTRA_CLAIM;
	return n >= TS_MAX - SELECTORS_BESIDE;
}

// `asked`, or if somebody has it another one of its prefix.
static int claim_wanted(struct link_table *table, struct link_entry *entry,
	const struct inet_addr *asked, uint64_t now_us, struct inet_addr *given)
{
	const struct config_pool *pool = link_shared_pool(&entry->link, asked);
	const struct claim *claim = claim_find(table, asked);
	int error = 0;

	if (pool == NULL)
		return -ERANGE;
	*given = *asked;
	if (claim != NULL && claim->link == entry->link.handle)
		return 0;
	if (is_full(&entry->link))
		return -EDQUOT;
	error = link_claim(table, entry->link.handle, asked, now_us);
	return error == -EADDRINUSE ? claim_random(table, entry, &pool->prefix, now_us, given)
				    : error;
}

static int extend(struct link_table *table, struct link_entry *entry, const struct inet_addr *asked,
	uint64_t now_us, struct inet_addr *given)
{
	struct inet_prefix first;

	if (asked->family != 0)
		return claim_wanted(table, entry, asked, now_us, given);
	if (axis_model(entry->link.profile)->prefixes(&entry->link, &first, 1) == 0)
		return -ERANGE;
	if (is_full(&entry->link))
		return -EDQUOT;
	return claim_random(table, entry, &first, now_us, given);
}

static bool has_one_in(const struct link *link, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < link->extra_n; i++)
		if (link->extra[i].kind == LINK_EXTRA_CLAIM &&
			inet_prefix_covers(prefix, &link->extra[i].prefix))
			return true;
	return false;
}

static int attach(struct link_table *table, struct link_entry *entry, const struct cp_attrs *asked,
	uint64_t now_us)
{
	struct link *link = &entry->link;
	struct inet_prefix prefix[CONFIG_LINK_POOLS];
	uint32_t n = axis_model(link->profile)->prefixes(link, prefix, CONFIG_LINK_POOLS);
	struct inet_addr given;
	int error = 0;

	// What is asked for first, so that it is what the link has in its prefix.
	for (uint32_t i = 0; asked != NULL && i < asked->address2_n; i++)
		if (asked->address2[i].family != 0)
			claim_wanted(table, entry, &asked->address2[i], now_us, &given);
	for (uint32_t i = 0; i < n && error == 0; i++) {
		given = prefix[i].addr;
		memcpy(given.bytes + 8, link->client_iid, 8);
		if (!has_one_in(link, &prefix[i]))
			error = claim_wanted(table, entry, &given, now_us, &given);
	}
	return error;
}

static void reply(const struct link *link, struct cp_attrs *cp)
{
	for (uint32_t i = 0; i < link->extra_n && cp->address2_n < CP_ADDRESS2_MAX; i++)
		if (link->extra[i].kind == LINK_EXTRA_CLAIM)
			cp->address2[cp->address2_n++] = link->extra[i].prefix.addr;
}

const struct axis_addresses axis_addresses_ikev2 = {
	.attach = attach, .reply = reply, .extend = extend};
