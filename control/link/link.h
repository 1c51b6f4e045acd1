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
#define LINK_DELEGATIONS 4 // prefixes by DHCPv6 at once
// While it is renumbered a link has what it had and what it gets.
#define LINK_LEASES (2 * (CONFIG_LINK_POOLS + 2) + LINK_DELEGATIONS)
#define LINK_RELAYED 8 // prefixes and addresses that a relayed server gave, at once
#define LINKS_PER_IDENTITY 256

enum link_state {
	LINK_UP, // at least one IKE SA is attached
	LINK_GRACE, // none is; ends at grace_until_us
	LINK_ORPHAN, // from before a restart of control: SAs may be in the dataplane, IKE SAs are not
};

// What a lease is to its link.
enum link_lease_role {
	LINK_LEASE_PREFIX, // of the link itself
	LINK_LEASE_IP4,
	LINK_LEASE_IP6, // INTERNAL_IP6_ADDRESS, RFC 7296
	LINK_LEASE_DELEGATED, // by DHCPv6 prefix delegation (L11)
	LINK_LEASE_DHCP6, // a single address by DHCPv6 (P6)
};
// What a link has that is no lease of a pool of ours.
enum link_extra_kind {
	LINK_EXTRA_CLAIM, // an address in a shared prefix, first come first served (P3 to P5)
	LINK_EXTRA_RELAYED, // what a DHCPv6 server behind our relay gave
};
struct link_extra {
	struct inet_prefix prefix;
	enum link_extra_kind kind;
	uint64_t until_us; // CLOCK_NEVER: as long as the link
};

struct link {
	uint64_t handle; // 1 to 2^53 - 1, greater than those before; also the cookie of its SAs
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
	enum link_lease_role role[LINK_LEASES];
	uint32_t lease_nth[LINK_LEASES]; // DELEGATED, DHCP6: which of that role, from 0
	bool leaving
		[LINK_LEASES]; // renumbered: still used by IKE SAs from before, told to no new one
	uint32_t extra_n;
	struct link_extra *extra; // owned by the table
	// The peer did not ask for a link and was given one all the same, so that its host's kernel can
	// solicit a router (P2, P4): it chooses its interface ID without telling. client_iid is zero,
	// or what it was first seen with.
	bool unasked;
	uint32_t ike_sa_n;
	uint64_t ike_sa[LINK_IKE_SAS];
	uint64_t created_us; // may lie before the process' start; 0 then at the earliest
	uint64_t grace_until_us;
	uint64_t last_ra_us; // router advertisement, or the link's begin
};

// Told at once, within the call that caused it. `down` comes before the leases go back.
struct link_events {
	void (*up)(void *arg, const struct link *link); // new, or an IKE SA again
	void (*grace)(void *arg, const struct link *link);
	void (*down)(void *arg, const struct link *link);
	// A prefix or address came to a link that is there, or is about to leave it. `lease` NULL: it is
	// no lease, and a route has to lead there; such come also before `up`, and leave before `down`.
	// May be NULL.
	void (*prefix_add)(void *arg, const struct link *link, const struct inet_prefix *prefix,
		const struct lease *lease);
	void (*prefix_del)(void *arg, const struct link *link, const struct inet_prefix *prefix,
		const struct lease *lease);
	// The link goes on with another interface ID of the client's, SAs from before have to know it.
	// May be NULL.
	void (*iid_changed)(void *arg, const struct link *link);
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
// left_by as in struct ike_ops. While the link is in its grace time, one that its own peer gave up may
// become anybody's of the same identity; one whose peer fell silent waits for its host (L13, L14).
void link_detach(struct link_table *table, uint64_t link, uint64_t ike_sa, uint64_t left_by,
	uint64_t now_us);
void link_moved(struct link_table *table, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa);
bool link_id_matches(
	const struct link_table *table, uint64_t link, const uint8_t *link_id, size_t len);

// What child SAs of the link may cover now: the access_control axis. false: no such link.
bool link_policy(const struct link_table *table, uint64_t link, struct ts_list *remote,
	struct ts_list *local);
// More single addresses for a link whose profile has addresses by IKEv2 (P5).
enum ike_link_outcome link_extend(struct link_table *table, uint64_t link,
	const struct cp_attrs *asked, struct ike_link_reply *reply, uint64_t now_us);
// Prefixes that an inner source of the link may have, for the ingress filter; at most max, the number
// is returned.
uint32_t link_ingress(const struct link *link, struct inet_prefix *out, uint32_t max);

// Shared prefixes (router aggregation): single addresses, first come first served. 0 (also when it
// is the link's already), -ENOENT, -EADDRINUSE: another link's, the gateway's or nobody's to have;
// -EDQUOT: the link has its profile's addresses_max; -ERANGE: in no shared prefix of its profile;
// -EIO, -ENOMEM.
int link_claim(
	struct link_table *table, uint64_t link, const struct inet_addr *addr, uint64_t now_us);
int link_unclaim(struct link_table *table, uint64_t link, const struct inet_addr *addr); // -ENOENT
const struct link *link_claimed_by(const struct link_table *table, const struct inet_addr *addr);
// When a link comes near its limit of claims, it is asked for those not heard of lately; the ones that
// do not answer are given up (prefix_del). Questions lie ready after link_timeout(): each is a whole
// packet to send by *link. false: none is left.
bool link_probe_take(
	struct link_table *table, uint64_t *link, uint8_t *out, size_t max, size_t *len);
// It could not be sent: no question is out, and so no silence counts.
void link_probe_stop(struct link_table *table, uint64_t link);
// The link's host advertises the address. false: that was not asked for.
bool link_claim_present(struct link_table *table, const struct link *link,
	const struct inet_addr *addr, uint64_t now_us);

// One more lease for the link: LINK_LEASE_DELEGATED from the profile's delegation_pool,
// LINK_LEASE_DHCP6 from its prefix pool number `nth`. The same (role, nth) again gives the same
// prefix. 0, -ENOENT, -ENOSPC (pool), -EDQUOT (link), -EIO, -ENOMEM.
int link_lease_add(struct link_table *table, uint64_t link, enum link_lease_role role, uint32_t nth,
	uint64_t now_us, struct inet_prefix *out);
// What it would give: a DHCPv6 server's offer. Of a pool with random assignment it is one of many.
int link_lease_offer(struct link_table *table, uint64_t link, enum link_lease_role role,
	uint32_t nth, uint64_t now_us, struct inet_prefix *out);
int link_lease_del(struct link_table *table, uint64_t link, const struct inet_prefix *prefix,
	uint64_t now_us); // only DELEGATED and DHCP6; -ENOENT
// What a relayed server gave or took back; replaces until_us. -ENOENT, -EADDRINUSE: overlaps what
// another link, a pool or a port has; -EDQUOT, -ENOMEM.
int link_relayed_add(struct link_table *table, uint64_t link, const struct inet_prefix *prefix,
	uint64_t until_us, uint64_t now_us);
int link_relayed_del(struct link_table *table, uint64_t link, const struct inet_prefix *prefix);
// Handle of the link that a relayed server gave something of this to, 0: none.
uint64_t link_relayed_to(const struct link_table *table, const struct inet_prefix *prefix);

// At its next reauthentication the link gets what its profile says by then; `fresh`: other prefixes
// than it has, though assignment be stable. The old ones stay until no IKE SA from before is left.
// -ENOENT.
int link_renumber(struct link_table *table, uint64_t link, bool fresh);
// Another configuration, from now on: peers and profiles by name, pools by shape. Links whose peer or
// profile is gone end with their IKE SAs; leases that fit no pool any more are taken from their
// links (prefix_del), which the caller then makes reauthenticate: `renumber` is called for each.
int link_reconfigure(struct link_table *table, const struct config *config,
	void (*renumber)(void *arg, const struct link *link), void *arg, uint64_t now_us);

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
// The same in turns, see hash_some(): cursor 0 begins; false: through.
bool link_walk(const struct link_table *table, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct link *link), void *arg);
uint64_t link_count(const struct link_table *table);
struct lease_book *link_leases(struct link_table *table);

bool link_has_ip4(const struct link *link);
// An inner source that the link may use: its prefixes and addresses, its link-local address.
bool link_owns(const struct link *link, const struct inet_addr *addr);

// Router advertisements (RFC 4861 section 6.2.3) where the profile has prefixes by RA or DHCPv6: the
// whole packet from fe80::gateway_iid. 0: this link has none.
size_t link_ra(const struct link *link, uint8_t *out, size_t max, const struct inet_addr *to);
// After a child SA of the link was rekeyed: is the last advertisement so old that the host's default
// route needs another one? Then *to is the address to send it to, and it counts as sent.
bool link_ra_due(struct link_table *table, uint64_t link, uint64_t now_us, struct inet_addr *to);
