// SPDX-License-Identifier: BSD-3-Clause
// Which link a request becomes, and what a new one begins with. RFC 5739 sections 4.1 and 4.2.
// Control's thread.
#include "axis.h"
#include "link_reply.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("link");

static const uint8_t no_iid[8];

// Does the request show that its host is the one that had this link? By the interface ID or the
// address that it had.
static bool recognised(const struct link *link, const struct cp_attrs *asked)
{
	struct inet_addr ip4 = link_wanted_ip4(asked), ip6 = link_wanted_ip6(asked);

	if (link->virtual_link && !link->unasked && asked != NULL && asked->link &&
		memcmp(link->client_iid, asked->link_iid, 8) == 0)
		return true;
	return (ip4.family != 0 && link_owns(link, &ip4)) ||
		(ip6.family != 0 && link_owns(link, &ip6));
}

// Its host has given the link up, and this request may be that host's, coming back without a word about
// it: of the same kind, naming no other link. What only fell silent is not given away, since its host
// may still use the addresses and name them later.
static bool given_up(const struct link_entry *entry, const struct ike_link_request *request,
	const struct link_wants *wants)
{
	const struct link *link = &entry->link;

	return link->state == LINK_GRACE && link->profile == request->peer->profile &&
		link->virtual_link == wants->virtual_link && link->unasked == wants->unasked &&
		(request->asked == NULL || request->asked->link_id_len == 0) &&
		(entry->left == LINK_DELETED ||
			(entry->left == LINK_REPLACED && entry->left_for == request->ike_sa));
}

// The better one of two that were given up: most recently, else the first.
static struct link_entry *later(struct link_entry *a, struct link_entry *b)
{
	if (a == NULL || a->left_us != b->left_us)
		return a != NULL && a->left_us > b->left_us ? a : b;
	return a->link.ordinal < b->link.ordinal ? a : b;
}

// Which of the identity's links a request for a new one becomes (L14, L28): the one that was this
// host's if that can be told; else one that its host gave up; else the first number that no link has,
// whose reserved leases it gets. Any other link in its grace time is probably waiting for another host;
// it makes room (*old) only when no number is left.
static int choose_ordinal(const struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint32_t *ordinal, struct link_entry **old)
{
	bool used[LINKS_PER_IDENTITY] = {};
	struct link_entry *mine = NULL, *left = NULL, *oldest = NULL;
	uint32_t first = 0;

	for (struct link_entry *e = link_index_first(table, request->identity); e != NULL;
		e = link_index_next(e)) {
		struct link *link = &e->link;

		if (link->ordinal < LINKS_PER_IDENTITY)
			used[link->ordinal] = true;
		if (link->state != LINK_UP && recognised(link, request->asked) &&
			(mine == NULL || link->ordinal < mine->link.ordinal))
			mine = e;
		if (given_up(e, request, wants))
			left = later(left, e);
		if (link->state == LINK_GRACE &&
			(oldest == NULL || link->grace_until_us < oldest->link.grace_until_us))
			oldest = e;
	}
	while (first < LINKS_PER_IDENTITY && used[first])
		first++;
	*old = mine != NULL		     ? mine
		: left != NULL		     ? left
		: first < LINKS_PER_IDENTITY ? NULL
					     : oldest;
	if (*old == NULL && first == LINKS_PER_IDENTITY)
		return -EDQUOT;
	*ordinal = *old != NULL ? (*old)->link.ordinal : first;
	return 0;
}

static void make_ids(struct link_table *table, struct link *link, const uint8_t client_iid[8])
{
	struct link_setup *setup = &table->setup;

	memcpy(link->client_iid, client_iid, 8);
	setup->random(setup->random_arg, link->link_id, LINK_ID_BYTES);
	do {
		setup->random(setup->random_arg, link->gateway_iid, 8);
		link->gateway_iid[0] &= 0xfd; // not a globally unique EUI-64, RFC 4291 appendix A
	} while (!link_iid_acceptable(link->gateway_iid) ||
		memcmp(link->gateway_iid, link->client_iid, 8) == 0); // L18
}

// Takes what is wanted as far as the pools have it. false: nothing at all.
static bool take_leases(struct link_table *table, struct link *link, const struct link_wants *wants,
	uint64_t now_us)
{
	const struct config_profile *profile = link->profile;

	link->virtual_link = wants->virtual_link && axis_model(profile)->begin(table, link, now_us);
	if (wants->ip6)
		link_lease_take(table, link, profile->ipv6_pool, LINK_LEASE_IP6, 0, now_us);
	if (wants->ip4)
		link_lease_take(table, link, profile->ipv4_pool, LINK_LEASE_IP4, 0, now_us);
	link->unasked = link->virtual_link && wants->unasked;
	return link->virtual_link || link->lease_n > 0;
}

static struct link_entry *create(struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint32_t ordinal, uint64_t now_us, const char **why)
{
	struct link link = {.handle = link_index_handle(table, now_us),
		.state = LINK_ORPHAN,
		.identity = *request->identity,
		.ordinal = ordinal,
		.peer = request->peer,
		.profile = request->peer->profile,
		.created_us = now_us,
		.last_ra_us = now_us};
	const struct axis_addresses *addresses = axis_addresses(link.profile);
	struct link_entry *entry = NULL;

	*why = "the pools are empty";
	if (!take_leases(table, &link, wants, now_us))
		return NULL;
	if (link.virtual_link)
		make_ids(table, &link, wants->unasked ? no_iid : request->asked->link_iid);
	*why = "out of memory";
	entry = link_index_add(table, &link);
	if (entry == NULL) {
		link_leases_drop(table, &link, now_us);
		return NULL;
	}
	*why = "the lease database failed";
	if (link_save(table, &entry->link) != 0) {
		link_leases_drop(table, &entry->link, now_us);
		link_index_del(table, entry);
		return NULL;
	}
	*why = "the shared prefixes have no address for it";
	if (link.virtual_link && addresses->attach != NULL &&
		addresses->attach(table, entry, request->asked, now_us) != 0) {
		link_finish(table, entry, now_us);
		return NULL;
	}
	return entry;
}

// A host that knows no links and shows no address, so that nobody can tell it from another: it has
// the first link of its kind that no IKE SA uses. To keep that one for anybody would help nobody.
static struct link_entry *first_unasked(
	const struct link_table *table, const struct ike_link_request *request)
{
	struct link_entry *first = NULL;

	for (struct link_entry *e = link_index_first(table, request->identity); e != NULL;
		e = link_index_next(e))
		if (e->link.unasked && e->link.state != LINK_UP &&
			e->link.profile == request->peer->profile &&
			(first == NULL || e->link.ordinal < first->link.ordinal))
			first = e;
	return first;
}

// By Link ID with the identity checked (L23), or, from a peer that knows no links, by the address
// that it has and wants to keep through reauthentication.
struct link_entry *link_named(const struct link_table *table,
	const struct ike_link_request *request, const struct link_wants *wants)
{
	const struct cp_attrs *asked = request->asked;
	const struct config_profile *profile = request->peer->profile;
	struct inet_addr ip4 = link_wanted_ip4(asked), ip6 = link_wanted_ip6(asked);
	struct link_entry *entry = NULL;

	if (wants->virtual_link && !wants->unasked) {
		entry = link_index_by_id(table, asked->link_id, asked->link_id_len);
		if (entry != NULL &&
			(!link_index_same_identity(&entry->link.identity, request->identity) ||
				entry->link.profile != profile || entry->link.unasked))
			return NULL;
		return entry;
	}
	for (entry = link_index_first(table, request->identity); entry != NULL;
		entry = link_index_next(entry)) {
		const struct link *link = &entry->link;

		if ((wants->unasked ? link->unasked : !link->virtual_link) &&
			link->profile == profile &&
			((ip4.family != 0 && link_owns(link, &ip4)) ||
				(ip6.family != 0 && link_owns(link, &ip6))))
			return entry;
	}
	return wants->unasked ? first_unasked(table, request) : NULL;
}

struct link_entry *link_new(struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint64_t now_us, const char **why)
{
	struct link_entry *old = NULL;
	struct link_entry *entry = NULL;
	uint32_t ordinal = 0;

	*why = "the identity has too many links";
	if (choose_ordinal(table, request, wants, &ordinal, &old) != 0)
		return NULL;
	*why = "the lease database failed";
	if (store_begin(table->setup.store) != 0)
		return NULL;
	if (old != NULL)
		link_finish(table, old, now_us);
	entry = create(table, request, wants, ordinal, now_us, why);
	if (store_commit(table->setup.store) != 0 && entry != NULL) {
		*why = "the lease database failed";
		link_finish(table, entry, now_us);
		return NULL;
	}
	return entry;
}
