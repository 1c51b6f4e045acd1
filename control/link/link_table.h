// SPDX-License-Identifier: BSD-3-Clause
// The inside of the link table, for the files of control/link that change links: link.c (attach,
// grace, end), link_new.c (which link a request becomes, what it begins with), link_lease.c, claim.c
// and link_extra.c (what comes and goes later), claim_age.c
// (claims that nobody uses), link_policy.c, link_index.c (finding), link_save.c
// (rows in the store); for link_renumber.h and link_reconfigure.c. Nobody else includes it.
#pragma once

#include "claim.h"
#include "hash.h"
#include "link.h"
#include "timer.h"

#include <sys/queue.h>

// How a link's last IKE SA ended: did its host give the link up?
enum link_left {
	LINK_LOST, // nobody knows: time-out, lifetime, operator, a restart
	LINK_DELETED, // it did, with a delete
	LINK_REPLACED, // it did, with INITIAL_CONTACT on another IKE SA, which is about to ask
};

struct link_entry {
	struct link link; // first: what others hold a pointer to
	struct hash_node by_handle;
	struct hash_node by_link_id; // virtual links
	struct hash_node by_identity;
	TAILQ_ENTRY(link_entry) grace; // LINK_GRACE
	// link_renumber.c: what was asked for, and the IKE SAs that still use leases that leave.
	bool renumber, renumber_fresh;
	bool lost; // link_reconfigure.c: something that another configuration has not
	enum link_left left; // in grace: how it came there, and when
	uint64_t left_us;
	uint64_t left_for; // LINK_REPLACED: the IKE SA
	uint32_t before_n;
	uint64_t before[LINK_IKE_SAS];
	struct timer expiry; // of the extra that ends first
	// claim_age.c: the next step of the round that asks for old claims, and when it began (0: none
	// did).
	struct timer asking;
	uint64_t round_us;
	bool in_outbox;
	TAILQ_ENTRY(link_entry) outbox;
};
TAILQ_HEAD(link_queue, link_entry);

struct link_table {
	struct link_setup setup;
	struct lease_book *leases;
	uint64_t secret[2]; // of the hashes
	uint64_t last_handle; // the greatest of all links that are known to have been
	struct hash by_handle, by_link_id, by_identity;
	struct link_queue grace; // earliest end first
	struct timer_heap expiry; // of links with extras that end
	struct hash claims; // struct claim by address
	struct timer_heap asking; // of links whose old claims are asked for
	struct link_queue outbox; // such with questions to send
	struct gone_profile *gone; // link_reconfigure.c: profiles that only links still have
	void *relayed; // tsearch() tree of relayed prefixes, none of which overlap
};

static inline uint64_t link_wall_s(const struct link_table *table, uint64_t now_us)
{
	return table->setup.wall_s + (now_us - table->setup.now_us) / UINT64_C(1000000);
}
// Times before the start or never stay what they are.
static inline uint64_t link_mono_us(const struct link_table *table, uint64_t wall_s)
{
	if (wall_s == UINT64_MAX)
		return CLOCK_NEVER;
	return wall_s <= table->setup.wall_s
		? table->setup.now_us
		: table->setup.now_us + (wall_s - table->setup.wall_s) * UINT64_C(1000000);
}

// link_index.c
// One that no link has. They grow, so that the row of a new link is the last one in the store: it goes
// where the one before went, however many there are.
uint64_t link_index_handle(struct link_table *table, uint64_t now_us);
// An entry with this content; NULL: no memory.
struct link_entry *link_index_add(struct link_table *table, const struct link *link);
void link_index_del(struct link_table *table, struct link_entry *entry); // frees it
struct link_entry *link_index_find(const struct link_table *table, uint64_t handle);
struct link_entry *link_index_by_id(
	const struct link_table *table, const uint8_t *link_id, size_t len);
// The first link of the identity, and the next.
struct link_entry *link_index_first(
	const struct link_table *table, const struct config_id *identity);
struct link_entry *link_index_next(const struct link_entry *entry);
bool link_index_same_identity(const struct config_id *a, const struct config_id *b);

// link_save.c
int link_save(struct link_table *table, const struct link *link); // of an entry
int link_load(struct link_table *table); // fills the table; 0, -EIO, -ENOMEM
// By name, as rows and another configuration have them. NULL: there is none.
const struct config_profile *link_find_profile(const struct config *config, const char *name);
const struct config_peer *link_find_peer(const struct config *config, const char *name);

// link.c: the link and all that it has go, at once. Within a store transaction or not.
void link_finish(struct link_table *table, struct link_entry *entry, uint64_t now_us);

// link_new.c
struct link_wants;
// The link that the request names, or NULL.
struct link_entry *link_named(const struct link_table *table,
	const struct ike_link_request *request, const struct link_wants *wants);
// A new one. NULL: *why.
struct link_entry *link_new(struct link_table *table, const struct ike_link_request *request,
	const struct link_wants *wants, uint64_t now_us, const char **why);

// link_lease.c: one lease more or less, without store row and event; the caller saves the link.
// `nth` tells several leases of one pool apart: it is part of what stable assignment goes by.
int link_lease_take(struct link_table *table, struct link *link, const struct config_pool *pool,
	enum link_lease_role role, uint32_t nth, uint64_t now_us);
// Gives back lease number `at` of the link; the others keep their order.
void link_lease_drop(struct link_table *table, struct link *link, uint32_t at, uint64_t now_us);
void link_leases_drop(struct link_table *table, struct link *link, uint64_t now_us); // all
void link_lease_forget(struct link *link, uint32_t at); // without giving it back
void link_lease_swap(struct link *link, uint32_t a, uint32_t b); // their places
// The events.
void link_prefix_added(struct link_table *table, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease);
void link_prefix_leaving(struct link_table *table, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease);

// link_extra.c: one extra more or less, in memory and store, without event. `put` replaces the one
// with the same prefix. 0, -EDQUOT (`max` of its kind are there), -EIO, -ENOMEM.
int link_extra_put(struct link_table *table, struct link_entry *entry,
	const struct link_extra *extra, uint32_t max, uint64_t now_us);
int link_extra_del(struct link_table *table, struct link_entry *entry, uint32_t at);
uint32_t link_extra_at(const struct link *link, const struct inet_prefix *prefix,
	enum link_extra_kind kind); // extra_n: it has none
// The link ends: told to the events, forgotten in memory; the rows go with the link's.
void link_extras_end(struct link_table *table, struct link_entry *entry);
int link_extras_load(struct link_table *table); // 0, -EIO, -ENOMEM
// Another configuration: what a relayed server gave and is ours to give now goes (L20).
void link_relayed_check(struct link_table *table, struct link_entry *entry);
void link_extras_timeout(struct link_table *table, uint64_t now_us);
void link_extras_fini(struct link_table *table); // with the table

// link_policy.c: the shared prefix of the link's profile that the address is in, or NULL.
const struct config_pool *link_shared_pool(const struct link *link, const struct inet_addr *addr);

// link_reconfigure.c: with the table.
void link_reconfigure_fini(struct link_table *table);

// ra_link.c: an advertisement went out.
void link_ra_sent(struct link_table *table, const struct link *link, uint64_t now_us);
// link.c: a host on an unasked link shows its link-local address.
void link_saw(struct link_table *table, const struct link *link, const struct inet_addr *addr);
