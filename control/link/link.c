// SPDX-License-Identifier: BSD-3-Clause
// What happens to links: attach, detach, grace, end. RFC 5739 sections 4.1 and 4.2. Control's thread.
#include "link.h"

#include "axis.h"
#include "clock.h"
#include "link_renumber.h"
#include "link_reply.h"
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
	TAILQ_INIT(&table->outbox);
	timer_heap_init(&table->expiry);
	timer_heap_init(&table->asking);
	setup->random(setup->random_arg, table->secret, sizeof(table->secret));
	table->leases =
		lease_book_new(setup->config, setup->store, setup->random, setup->random_arg);
	if (table->leases == NULL)
		error = -errno;
	else if (hash_init(&table->by_handle, table->secret) != 0 ||
		hash_init(&table->by_link_id, table->secret) != 0 ||
		hash_init(&table->by_identity, table->secret) != 0 ||
		hash_init(&table->claims, table->secret) != 0)
		error = -ENOMEM;
	else
		error = link_load(table);
	if (error == 0)
		error = link_extras_load(table);
	if (error != 0) {
		link_table_free(table);
		errno = -error;
		return NULL;
	}
	return table;
}

static bool free_entry(void *arg, struct hash_node *node)
{
	struct link_entry *entry = CONTAINER_OF(node, struct link_entry, by_handle);

	(void)arg;
	free(entry->link.extra);
	free(entry);
	return true;
}

void link_table_free(struct link_table *table)
{
	if (table == NULL)
		return;
	link_extras_fini(table);
	hash_each(&table->by_handle, free_entry, NULL);
	hash_fini(&table->by_handle);
	hash_fini(&table->by_link_id);
	hash_fini(&table->by_identity);
	lease_book_free(table->leases);
	link_reconfigure_fini(table);
	free(table);
}

struct lease_book *link_leases(struct link_table *table)
{
	return table->leases;
}

void link_finish(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	struct link *link = &entry->link;
	char text[300];

	set_state(table, entry, LINK_ORPHAN); // out of the grace queue
	LOG(INFO, "%lu of %s ends", link->handle, config_id_format(&link->identity, text));
	link_extras_end(table, entry);
	if (table->setup.events != NULL)
		table->setup.events->down(table->setup.events_arg, link);
	link_leases_drop(table, link, now_us);
	store_del_link(table->setup.store, link->handle);
	link_index_del(table, entry);
}

static void enter_grace(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	struct link *link = &entry->link;
	struct link_entry *before = NULL;

	if (link->no_grace || link->profile->grace_s == 0) {
		link_finish(table, entry, now_us);
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

static void log_link(const struct link *link, const char *what)
{
	char text[300], prefixes[LINK_LEASES * (INET_PREFIX_STRLEN + 1)] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < link->lease_n; i++) {
		prefixes[len++] = ' ';
		inet_prefix_format(&link->prefix[i], prefixes + len);
		len += strlen(prefixes + len);
	}
	LOG(INFO, "%lu of %s %s:%s%s", link->handle, config_id_format(&link->identity, text), what,
		prefixes, link->unasked ? " (not asked for)" : "");
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

// What a link that goes on gets in addition: what was not asked for before.
static void complete(struct link_table *table, struct link_entry *entry,
	const struct link_wants *wants, uint64_t now_us)
{
	struct link *link = &entry->link;
	const struct config_profile *profile = link->profile;
	bool has4 = false, has6 = false;

	for (uint32_t i = 0; i < link->lease_n; i++) {
		has4 = has4 || (link->role[i] == LINK_LEASE_IP4 && !link->leaving[i]);
		has6 = has6 || (link->role[i] == LINK_LEASE_IP6 && !link->leaving[i]);
	}
	if (wants->ip6 && !has6 &&
		link_lease_take(table, link, profile->ipv6_pool, LINK_LEASE_IP6, 0, now_us) == 0)
		link_prefix_added(table, link, &link->prefix[link->lease_n - 1],
			link->lease[link->lease_n - 1]);
	if (wants->ip4 && !has4 &&
		link_lease_take(table, link, profile->ipv4_pool, LINK_LEASE_IP4, 0, now_us) == 0)
		link_prefix_added(table, link, &link->prefix[link->lease_n - 1],
			link->lease[link->lease_n - 1]);
}

// The client's interface ID may be another one each time. true: it is.
static bool take_iid(
	struct link *link, const struct ike_link_request *request, const struct link_wants *wants)
{
	if (!wants->virtual_link || wants->unasked ||
		memcmp(link->client_iid, request->asked->link_iid, 8) == 0)
		return false;
	memcpy(link->client_iid, request->asked->link_iid, 8);
	return true;
}

// The link goes on in one more IKE SA. NULL, or why not.
static const char *resume(struct link_table *table, struct link_entry *entry,
	const struct ike_link_request *request, const struct link_wants *wants, uint64_t now_us)
{
	struct link *link = &entry->link;
	const struct axis_addresses *addresses = axis_addresses(link->profile);
	bool iid_changed = false;
	int error = store_begin(table->setup.store);

	if (error != 0)
		return "the lease database failed";
	iid_changed = take_iid(link, request, wants);
	link->peer = request->peer;
	renumber_attach(table, entry, wants, now_us);
	complete(table, entry, wants, now_us);
	if (link->virtual_link && addresses->attach != NULL)
		addresses->attach(table, entry, request->asked, now_us);
	error = link_save(table, link);
	if (error == 0)
		error = store_commit(table->setup.store);
	else
		store_rollback(table->setup.store);
	if (error != 0)
		return "the lease database failed";
	if (iid_changed && table->setup.events != NULL && table->setup.events->iid_changed != NULL)
		table->setup.events->iid_changed(table->setup.events_arg, link);
	return NULL;
}

enum ike_link_outcome link_attach(struct link_table *table, const struct ike_link_request *request,
	struct ike_link_reply *reply, uint64_t now_us)
{
	struct link_wants wants = link_wants_of(request->peer->profile, request->asked);
	struct link_entry *entry = NULL;
	const char *why = NULL;
	bool is_new = false;

	*reply = (struct ike_link_reply){};
	if (!wants.asked && !wants.unasked)
		return IKE_LINK_NONE;
	if (!wants.virtual_link && !wants.ip4 && !wants.ip6)
		return fail(request, reply, "the profile has nothing of what was asked for");
	entry = link_named(table, request, &wants);
	if (wants.virtual_link && !wants.unasked && iid_refused(entry, request->asked))
		return fail(request, reply, "the interface ID cannot be accepted");
	// RFC 5739 section 4.2: somebody else's Link ID is a request for a new link; the draft says no.
	if (entry == NULL && wants.virtual_link && !wants.unasked &&
		request->asked->link_id_len > 0 &&
		request->peer->profile->wire == CONFIG_WIRE_IPSECME_00)
		return fail(request, reply, "the Link ID is not one of this identity's links");
	// To let go the oldest instead would leave an IKE SA whose link may end, and its prefixes be
	// another's, while its child SAs still carry them (L20).
	if (entry != NULL && entry->link.ike_sa_n == LINK_IKE_SAS)
		return fail(request, reply, "the link has too many IKE SAs");
	is_new = entry == NULL;
	if (is_new)
		entry = link_new(table, request, &wants, now_us, &why);
	else
		why = resume(table, entry, request, &wants, now_us);
	if (entry == NULL || (!is_new && why != NULL))
		return fail(request, reply, why);
	attach(table, entry, request->ike_sa, is_new ? "is new" : "goes on");
	link_reply_fill(&entry->link, request->asked, reply);
	return IKE_LINK_OK;
}

enum ike_link_outcome link_extend(struct link_table *table, uint64_t link,
	const struct cp_attrs *asked, struct ike_link_reply *reply, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);
	const struct axis_addresses *addresses =
		entry != NULL ? axis_addresses(entry->link.profile) : NULL;
	int error = -ENOENT;

	*reply = (struct ike_link_reply){.link = link, .reply = {.type = CP_REPLY}};
	reply->why = "no link that addresses are added to";
	if (entry == NULL || !entry->link.virtual_link || addresses->extend == NULL)
		return IKE_LINK_FAILED;
	for (uint32_t i = 0; i < asked->address2_n; i++) {
		struct inet_addr given;
		struct ts ts;
		int one = addresses->extend(table, entry, &asked->address2[i], now_us, &given);

		if (one != 0) {
			error = one;
			continue;
		}
		ts = ts_from_addr(&given);
		ts_list_add(&reply->remote, &ts);
		reply->reply.address2[reply->reply.address2_n++] = given;
	}
	if (reply->reply.address2_n == 0) {
		reply->why = error == -EDQUOT ? "the link has as many addresses as it may"
			: error == -ERANGE    ? "the address is in none of the link's prefixes"
					      : "no address";
		return IKE_LINK_FAILED;
	}
	reply->why = NULL;
	link_policy_local(&entry->link, &reply->local);
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

void link_detach(
	struct link_table *table, uint64_t link, uint64_t ike_sa, uint64_t left_by, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry == NULL || !take_out(&entry->link, ike_sa))
		return;
	renumber_detach(table, entry, ike_sa, now_us);
	if (entry->link.ike_sa_n > 0)
		return;
	entry->left = left_by == 0 ? LINK_LOST : left_by == ike_sa ? LINK_DELETED : LINK_REPLACED;
	entry->left_for = left_by;
	entry->left_us = now_us;
	enter_grace(table, entry, now_us);
}

void link_moved(struct link_table *table, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry == NULL || !take_out(&entry->link, old_ike_sa))
		return;
	entry->link.ike_sa[entry->link.ike_sa_n++] = new_ike_sa;
	renumber_moved(entry, old_ike_sa, new_ike_sa);
}

bool link_id_matches(
	const struct link_table *table, uint64_t link, const uint8_t *link_id, size_t len)
{
	const struct link_entry *entry = link_index_find(table, link);

	return entry != NULL && entry->link.virtual_link && !entry->link.unasked &&
		len == LINK_ID_BYTES && secret_equal(entry->link.link_id, link_id, LINK_ID_BYTES);
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
		link_finish(table, entry, now_us);
	return 0;
}

void link_saw(struct link_table *table, const struct link *link, const struct inet_addr *addr)
{
	static const uint8_t unknown[8] = {};
	struct link_entry *entry = link_index_find(table, link->handle);

	if (entry == NULL || !entry->link.unasked || !inet_addr_is_link_local(addr) ||
		memcmp(entry->link.client_iid, unknown, 8) != 0)
		return;
	memcpy(entry->link.client_iid, addr->bytes + 8, 8);
	link_save(table, &entry->link);
}

uint64_t link_next_us(const struct link_table *table)
{
	const struct link_entry *grace = TAILQ_FIRST(&table->grace);
	const struct timer *expiry = timer_first(&table->expiry);
	const struct timer *asking = timer_first(&table->asking);
	uint64_t next_us = grace != NULL ? grace->link.grace_until_us : CLOCK_NEVER;

	if (expiry != NULL && expiry->when_us < next_us)
		next_us = expiry->when_us;
	return asking != NULL && asking->when_us < next_us ? asking->when_us : next_us;
}

void link_timeout(struct link_table *table, uint64_t now_us)
{
	struct link_entry *entry = NULL;
	bool begun = link_next_us(table) <= now_us && store_begin(table->setup.store) == 0;

	link_extras_timeout(table, now_us);
	claim_age_timeout(table, now_us);
	while ((entry = TAILQ_FIRST(&table->grace)) != NULL && entry->link.grace_until_us <= now_us)
		link_finish(table, entry, now_us);
	if (begun)
		store_commit(table->setup.store);
}
