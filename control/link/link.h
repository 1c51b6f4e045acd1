// SPDX-License-Identifier: BSD-3-Clause
// Links: what an authenticated peer was given, and for how long. A virtual link (RFC 5739) has a
// Link ID, interface IDs and prefixes; a peer that knows no links has addresses alone; IPv4 goes
// with both. A link is neither an IKE SA nor a child SA: it outlives its last IKE SA by a grace
// time, and a restart of control by its row in the store. The functions link_attach to
// link_id_matches are what struct ike_ops asks for. Pure but for the store: time and randomness are
// handed in. Control's thread.
#pragma once

#include "ike.h"
#include "lease.h"

#define LINK_IKE_SAS 8 // attached at once: reauthentication needs two
#define LINK_LEASES (CONFIG_LINK_POOLS + 2)
#define LINKS_PER_IDENTITY 256

enum link_state {
	LINK_UP, // at least one IKE SA is attached
	LINK_GRACE, // none is; ends at grace_until_us
	LINK_ORPHAN, // from before a restart of control: SAs may be in the dataplane, IKE SAs are not
};

struct link {
	uint64_t handle; // random, 1 to 2^53 - 1; also the cookie of its SAs
	enum link_state state;
	bool virtual_link;
	bool no_grace; // ends with its last IKE SA
	uint8_t link_id[LINK_ID_BYTES];
	uint8_t client_iid[8], gateway_iid[8];
	struct config_id identity;
	uint32_t ordinal; // which of the identity's links
	const struct config_peer *peer; // NULL: the configuration knows it no more
	const struct config_profile *profile;
	uint32_t lease_n;
	struct lease *lease[LINK_LEASES];
	struct inet_prefix prefix[LINK_LEASES]; // of each lease
	uint32_t ike_sa_n;
	uint64_t ike_sa[LINK_IKE_SAS];
	uint64_t created_us; // may lie before the process' start; 0 then at the earliest
	uint64_t grace_until_us;
};

// Told at once, within the call that caused it. `down` comes before the leases go back.
struct link_events {
	void (*up)(void *arg, const struct link *link); // new, or an IKE SA again
	void (*grace)(void *arg, const struct link *link);
	void (*down)(void *arg, const struct link *link);
};

struct link_table;

struct link_setup {
	const struct config *config; // lent, like all of these
	struct store *store;
	random_fn random;
	void *random_arg;
	const struct link_events *events; // NULL: nobody wants to know
	void *events_arg;
	uint64_t now_us;
	uint64_t wall_s; // UNIX time at now_us
};
// Loads what the store has: such links are LINK_ORPHAN until link_reconcile(). NULL and errno.
struct link_table *link_table_new(const struct link_setup *setup);
void link_table_free(struct link_table *table); // accepts NULL; the store keeps everything

enum ike_link_outcome link_attach(struct link_table *table, const struct ike_link_request *request,
	struct ike_link_reply *reply, uint64_t now_us);
void link_detach(struct link_table *table, uint64_t link, uint64_t ike_sa, uint64_t now_us);
void link_moved(struct link_table *table, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa);
bool link_id_matches(
	const struct link_table *table, uint64_t link, const uint8_t *link_id, size_t len);

// After a (re)start, once it is known which links have SAs in the dataplane: orphans without any
// enter their grace time.
void link_reconcile(struct link_table *table, bool (*has_sas)(void *arg, const struct link *link),
	void *arg, uint64_t now_us);
// The orphan's last SA is gone: grace time.
void link_orphan_done(struct link_table *table, uint64_t link, uint64_t now_us);
// Ends it when no IKE SA is attached any more, without grace. -ENOENT.
int link_end(struct link_table *table, uint64_t link, uint64_t now_us);

uint64_t link_next_us(const struct link_table *table); // CLOCK_NEVER: nothing to do
void link_timeout(struct link_table *table, uint64_t now_us);

const struct link *link_find(const struct link_table *table, uint64_t link);
void link_foreach(
	const struct link_table *table, bool (*fn)(void *arg, const struct link *link), void *arg);
uint64_t link_count(const struct link_table *table);
struct lease_book *link_leases(struct link_table *table);

// An inner source that the link may use: its prefixes and addresses, its link-local address.
bool link_owns(const struct link *link, const struct inet_addr *addr);
