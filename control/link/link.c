// SPDX-License-Identifier: BSD-3-Clause
// What happens to links: attach, detach, grace, end. RFC 5739 sections 4.1 and 4.2. Control's thread.
#include "link.h"

#include "clock.h"
#include "link_reply.h"
#include "link_table.h"
#include "log.h"
#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("link");

#define LINK_STATES(X) X(UP, "up") X(GRACE, "grace") X(ORPHAN, "orphan")

static const char *state_name(enum link_state state)
{
	static const char *const names[] = {
#define X(id, name) [LINK_##id] = name,
		LINK_STATES(X)
#undef X
	};

	return names[state];
}

// The one place where a state changes; UP and GRACE from any, ORPHAN is the start alone.
static void set_state(struct link_table *table, struct link_entry *entry, enum link_state state)
{
	char text[300];

	if (entry->link.state == LINK_GRACE)
		TAILQ_REMOVE(&table->grace, entry, grace);
	if (entry->link.state != state)
		LOG(DEBUG, "%lu %s: %s -> %s", entry->link.handle,
			config_id_format(&entry->link.identity, text),
			state_name(entry->link.state), state_name(state));
	entry->link.state = state;
}

struct link_table *link_table_new(const struct link_setup *setup)
{
	struct link_table *table = calloc(1, sizeof(*table));
	int error = 0;

	if (table == NULL)
		return NULL;
	table->setup = *setup;
	TAILQ_INIT(&table->grace);
	setup->random(setup->random_arg, table->secret, sizeof(table->secret));
	table->leases =
		lease_book_new(setup->config, setup->store, setup->random, setup->random_arg);
	if (table->leases == NULL)
		error = -errno;
	else if (hash_init(&table->by_handle, table->secret) != 0 ||
		hash_init(&table->by_link_id, table->secret) != 0 ||
		hash_init(&table->by_identity, table->secret) != 0)
		error = -ENOMEM;
	else
		error = link_load(table);
	if (error != 0) {
		link_table_free(table);
		errno = -error;
		return NULL;
	}
	return table;
}

static bool free_entry(void *arg, struct hash_node *node)
{
	(void)arg;
	free(CONTAINER_OF(node, struct link_entry, by_handle));
	return true;
}

void link_table_free(struct link_table *table)
{
	if (table == NULL)
		return;
	hash_each(&table->by_handle, free_entry, NULL);
	hash_fini(&table->by_handle);
	hash_fini(&table->by_link_id);
	hash_fini(&table->by_identity);
	lease_book_free(table->leases);
	free(table);
}

struct lease_book *link_leases(struct link_table *table)
{
	return table->leases;
}

bool link_owns(const struct link *link, const struct inet_addr *addr)
{
	struct inet_addr local = inet_addr_link_local(link->client_iid);

	if (link->virtual_link && inet_addr_equal(addr, &local))
		return true;
	for (uint32_t i = 0; i < link->lease_n; i++)
		if (inet_prefix_contains(&link->prefix[i], addr))
			return true;
	return false;
}

// The link's leases go back, and the link goes.
static void end(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	struct link *link = &entry->link;
	char text[300];

	set_state(table, entry, LINK_ORPHAN); // out of the grace queue
	LOG(INFO, "%lu of %s ends", link->handle, config_id_format(&link->identity, text));
	if (table->setup.events != NULL)
		table->setup.events->down(table->setup.events_arg, link);
	for (uint32_t i = 0; i < link->lease_n; i++)
		lease_give(table->leases, link->lease[i], link_wall_s(table, now_us));
	store_del_link(table->setup.store, link->handle);
	link_index_del(table, entry);
}

static void enter_grace(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	struct link *link = &entry->link;
	struct link_entry *before = NULL;

	if (link->no_grace || link->profile->grace_s == 0) {
		end(table, entry, now_us);
		return;
	}
	set_state(table, entry, LINK_GRACE);
	link->grace_until_us = now_us + link->profile->grace_s * US_PER_S;
	// Profiles with one grace time add at the end; others look for their place from there.
	before = TAILQ_LAST(&table->grace, link_queue);
	while (before != NULL && before->link.grace_until_us > link->grace_until_us)
		before = TAILQ_PREV(before, link_queue, grace);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&table->grace, before, entry, grace);
	else
		TAILQ_INSERT_HEAD(&table->grace, entry, grace);
	if (table->setup.events != NULL)
		table->setup.events->grace(table->setup.events_arg, link);
}

// How well a link without IKE SA answers to what a returning peer asks: its interface ID or its
// address say which of the identity's hosts it is.
static int likeness(const struct link *link, const struct cp_attrs *asked)
{
	struct inet_addr ip4 = link_wanted_ip4(asked), ip6 = link_wanted_ip6(asked);

	if (link->virtual_link && asked->link && memcmp(link->client_iid, asked->link_iid, 8) == 0)
		return 2;
	if ((ip4.family != 0 && link_owns(link, &ip4)) ||
		(ip6.family != 0 && link_owns(link, &ip6)))
		return 2;
	return 1;
}

// Which of the identity's links a request for a new one becomes: the one that was this host's if
// that can be told, else the first that no IKE SA uses. *old: a link that has to make room.
static int choose_ordinal(const struct link_table *table, const struct config_id *identity,
	const struct cp_attrs *asked, uint32_t *ordinal, struct link_entry **old)
{
	struct link_entry *at[LINKS_PER_IDENTITY] = {};
	struct link_entry *best = NULL;
	uint32_t first = 0;

	for (struct link_entry *e = link_index_first(table, identity); e != NULL;
		e = link_index_next(e))
		if (e->link.ordinal < LINKS_PER_IDENTITY)
			at[e->link.ordinal] = e;
	while (first < LINKS_PER_IDENTITY && at[first] != NULL && at[first]->link.state == LINK_UP)
		first++;
	for (uint32_t i = first; i < LINKS_PER_IDENTITY; i++)
		if (at[i] != NULL && at[i]->link.state != LINK_UP &&
			likeness(&at[i]->link, asked) == 2 && best == NULL)
			best = at[i];
	if (best == NULL && first == LINKS_PER_IDENTITY)
		return -EDQUOT;
	*ordinal = best != NULL ? best->link.ordinal : first;
	*old = at[*ordinal];
	return 0;
}

static void make_ids(struct link_table *table, struct link *link, const struct cp_attrs *asked)
{
	struct link_setup *setup = &table->setup;

	memcpy(link->client_iid, asked->link_iid, 8);
	setup->random(setup->random_arg, link->link_id, LINK_ID_BYTES);
	do {
		setup->random(setup->random_arg, link->gateway_iid, 8);
		link->gateway_iid[0] &= 0xfd; // not a globally unique EUI-64, RFC 4291 appendix A
	} while (!link_iid_acceptable(link->gateway_iid) ||
		memcmp(link->gateway_iid, link->client_iid, 8) == 0); // L18
}

static int take_lease(struct link_table *table, struct link *link, const struct config_pool *pool,
	uint64_t now_us)
{
	uint32_t index = (uint32_t)(pool - table->setup.config->pool);
	struct lease *lease = NULL;
	int error = lease_take(table->leases, index, &link->identity, link->ordinal, link->handle,
		link_wall_s(table, now_us), &lease);
	char text[300];

	if (error != 0) {
		LOG_LIMITED(WARN, "pool %s has nothing for %s: %s", pool->name,
			config_id_format(&link->identity, text), strerror(-error));
		return error;
	}
	link->lease[link->lease_n] = lease;
	link->prefix[link->lease_n++] = lease_prefix(table->leases, lease);
	return 0;
}

// Takes what is wanted as far as the pools have it. false: nothing at all.
static bool take_leases(struct link_table *table, struct link *link, const struct link_wants *wants,
	uint64_t now_us)
{
	const struct config_profile *profile = link->profile;

	for (uint32_t i = 0; wants->virtual_link && i < profile->prefix_pool_n; i++)
		take_lease(table, link, profile->prefix_pool[i], now_us);
	link->virtual_link = wants->virtual_link && link->lease_n > 0;
	if (wants->ip6)
		take_lease(table, link, profile->ipv6_pool, now_us);
	if (wants->ip4)
		take_lease(table, link, profile->ipv4_pool, now_us);
	return link->lease_n > 0;
}

static void log_link(const struct link *link, const char *what)
{
	char text[300], prefixes[LINK_LEASES * (INET_PREFIX_STRLEN + 1)] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < link->lease_n; i++) {
		prefixes[len++] = ' ';
		inet_prefix_format(&link->prefix[i], prefixes + len);
		len += strlen(prefixes + len);
	}
	LOG(INFO, "%lu of %s %s:%s", link->handle, config_id_format(&link->identity, text), what,
		prefixes);
}

static struct link_entry *create(struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint32_t ordinal, uint64_t now_us, const char **why)
{
	struct link link = {.handle = link_index_handle(table),
		.state = LINK_ORPHAN,
		.identity = *request->identity,
		.ordinal = ordinal,
		.peer = request->peer,
		.profile = request->peer->profile,
		.created_us = now_us};
	struct link_entry *entry = NULL;

	if (wants->virtual_link)
		make_ids(table, &link, request->asked);
	*why = "the pools are empty";
	if (!take_leases(table, &link, wants, now_us))
		return NULL;
	*why = "out of memory";
	entry = link_index_add(table, &link);
	if (entry != NULL && link_save(table, &entry->link) == 0)
		return entry;
	if (entry != NULL) {
		*why = "the lease database failed";
		link_index_del(table, entry);
	}
	for (uint32_t i = 0; i < link.lease_n; i++)
		lease_give(table->leases, link.lease[i], link_wall_s(table, now_us));
	return NULL;
}

// The link that the request names: by Link ID with the identity checked (L23), or, from a peer
// that knows no links, by the address that it has and wants to keep through reauthentication.
static struct link_entry *named_link(const struct link_table *table,
	const struct ike_link_request *request, const struct link_wants *wants)
{
	const struct cp_attrs *asked = request->asked;
	struct inet_addr ip4 = link_wanted_ip4(asked), ip6 = link_wanted_ip6(asked);
	struct link_entry *entry = NULL;

	if (wants->virtual_link) {
		entry = link_index_by_id(table, asked->link_id, asked->link_id_len);
		if (entry != NULL &&
			(!link_index_same_identity(&entry->link.identity, request->identity) ||
				entry->link.profile != request->peer->profile))
			return NULL;
		return entry;
	}
	for (entry = link_index_first(table, request->identity); entry != NULL;
		entry = link_index_next(entry))
		if (!entry->link.virtual_link && entry->link.profile == request->peer->profile &&
			((ip4.family != 0 && link_owns(&entry->link, &ip4)) ||
				(ip6.family != 0 && link_owns(&entry->link, &ip6))))
			return entry;
	return NULL;
}

// L18: what cannot be anybody's interface ID on this link.
static bool iid_refused(const struct link_entry *entry, const struct cp_attrs *asked)
{
	return !link_iid_acceptable(asked->link_iid) ||
		(entry != NULL && memcmp(asked->link_iid, entry->link.gateway_iid, 8) == 0);
}

static enum ike_link_outcome fail(
	const struct ike_link_request *request, struct ike_link_reply *reply, const char *why)
{
	char text[300];

	LOG_LIMITED(NOTICE, "no link for %s: %s", config_id_format(request->identity, text), why);
	*reply = (struct ike_link_reply){.why = why};
	return IKE_LINK_FAILED;
}

static struct link_entry *new_link(struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint64_t now_us, const char **why)
{
	struct link_entry *old = NULL;
	struct link_entry *entry = NULL;
	uint32_t ordinal = 0;

	*why = "the identity has too many links";
	if (choose_ordinal(table, request->identity, request->asked, &ordinal, &old) != 0)
		return NULL;
	*why = "the lease database failed";
	if (store_begin(table->setup.store) != 0)
		return NULL;
	if (old != NULL)
		end(table, old, now_us);
	entry = create(table, request, wants, ordinal, now_us, why);
	if (store_commit(table->setup.store) != 0 && entry != NULL) {
		*why = "the lease database failed";
		end(table, entry, now_us);
		return NULL;
	}
	return entry;
}

static void attach(
	struct link_table *table, struct link_entry *entry, uint64_t ike_sa, const char *what)
{
	struct link *link = &entry->link;

	set_state(table, entry, LINK_UP);
	link->ike_sa[link->ike_sa_n++] = ike_sa;
	link->no_grace = false;
	log_link(link, what);
	if (table->setup.events != NULL)
		table->setup.events->up(table->setup.events_arg, link);
}

enum ike_link_outcome link_attach(struct link_table *table, const struct ike_link_request *request,
	struct ike_link_reply *reply, uint64_t now_us)
{
	struct link_wants wants = link_wants_of(request->peer->profile, request->asked);
	struct link_entry *entry = NULL;
	const char *why = NULL;
	bool is_new = false;

	*reply = (struct ike_link_reply){};
	if (!wants.asked)
		return IKE_LINK_NONE;
	if (!wants.virtual_link && !wants.ip4 && !wants.ip6)
		return fail(request, reply, "the profile has nothing of what was asked for");
	entry = named_link(table, request, &wants);
	if (wants.virtual_link && iid_refused(entry, request->asked))
		return fail(request, reply, "the interface ID cannot be accepted");
	// RFC 5739 section 4.2: somebody else's Link ID is a request for a new link; the draft says no.
	if (entry == NULL && wants.virtual_link && request->asked->link_id_len > 0 &&
		request->peer->profile->wire == CONFIG_WIRE_IPSECME_00)
		return fail(request, reply, "the Link ID is not one of this identity's links");
	if (entry != NULL && entry->link.ike_sa_n == LINK_IKE_SAS)
		return fail(request, reply, "the link has too many IKE SAs");
	if (entry == NULL) {
		is_new = true;
		entry = new_link(table, request, &wants, now_us, &why);
		if (entry == NULL)
			return fail(request, reply, why);
	} else if (wants.virtual_link) {
		memcpy(entry->link.client_iid, request->asked->link_iid, 8);
	}
	entry->link.peer = request->peer;
	attach(table, entry, request->ike_sa, is_new ? "is new" : "goes on");
	link_reply_fill(&entry->link, request->asked, reply);
	return IKE_LINK_OK;
}

static bool take_out(struct link *link, uint64_t ike_sa)
{
	for (uint32_t i = 0; i < link->ike_sa_n; i++)
		if (link->ike_sa[i] == ike_sa) {
			link->ike_sa[i] = link->ike_sa[--link->ike_sa_n];
			return true;
		}
	return false;
}

void link_detach(struct link_table *table, uint64_t link, uint64_t ike_sa, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry != NULL && take_out(&entry->link, ike_sa) && entry->link.ike_sa_n == 0)
		enter_grace(table, entry, now_us);
}

void link_moved(struct link_table *table, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry != NULL && take_out(&entry->link, old_ike_sa))
		entry->link.ike_sa[entry->link.ike_sa_n++] = new_ike_sa;
}

bool link_id_matches(
	const struct link_table *table, uint64_t link, const uint8_t *link_id, size_t len)
{
	const struct link_entry *entry = link_index_find(table, link);

	return entry != NULL && entry->link.virtual_link && len == LINK_ID_BYTES &&
		secret_equal(entry->link.link_id, link_id, LINK_ID_BYTES);
}

struct reconcile {
	struct link_table *table;
	bool (*has_sas)(void *arg, const struct link *link);
	void *arg;
	uint64_t now_us;
};

static bool reconcile_entry(void *arg, struct hash_node *node)
{
	const struct reconcile *r = arg;
	struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_handle);

	if (entry->link.state == LINK_ORPHAN && !r->has_sas(r->arg, &entry->link))
		enter_grace(r->table, entry, r->now_us);
	return true;
}

void link_reconcile(struct link_table *table, bool (*has_sas)(void *arg, const struct link *link),
	void *arg, uint64_t now_us)
{
	struct reconcile reconcile = {table, has_sas, arg, now_us};

	hash_each(&table->by_handle, reconcile_entry, &reconcile);
}

void link_orphan_done(struct link_table *table, uint64_t link, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry != NULL && entry->link.state == LINK_ORPHAN)
		enter_grace(table, entry, now_us);
}

int link_end(struct link_table *table, uint64_t link, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry == NULL)
		return -ENOENT;
	entry->link.no_grace = true;
	if (entry->link.ike_sa_n == 0)
		end(table, entry, now_us);
	return 0;
}

uint64_t link_next_us(const struct link_table *table)
{
	const struct link_entry *first = TAILQ_FIRST(&table->grace);

	return first != NULL ? first->link.grace_until_us : CLOCK_NEVER;
}

void link_timeout(struct link_table *table, uint64_t now_us)
{
	struct link_entry *entry = NULL;
	bool begun = false;

	while ((entry = TAILQ_FIRST(&table->grace)) != NULL &&
		entry->link.grace_until_us <= now_us) {
		begun = begun || store_begin(table->setup.store) == 0;
		end(table, entry, now_us);
	}
	if (begun)
		store_commit(table->setup.store);
}
