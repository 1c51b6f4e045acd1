// SPDX-License-Identifier: BSD-3-Clause
// The router side of MLD on a LAN of several hosts, for a proxy (RFC 4605): who wants what by the
// reports of each host, General Queries that keep it fresh (on the LAN only, never on a link), and one
// for a group that an MLDv1 host has left, since others of that version may have kept silent. RFC 3810
// sections 7 and 8. Pure: time is handed in. Control's thread.
#pragma once

#include "group.h"
#include "group_msg.h"

#define GROUP_LAN_INTERVAL_US UINT64_C(125000000) // RFC 3810 section 9.2
#define GROUP_LAN_RESPONSE_US UINT64_C(10000000) // section 9.3
#define GROUP_LAN_LAST_US UINT64_C(1000000) // sections 9.8 and 9.10
#define GROUP_LAN_ROBUSTNESS 2
#define GROUP_LAN_HOSTS 1024

struct group_lan;

// What all of its hosts want together has changed; NULL: nobody wants it.
typedef void (*group_lan_fn)(
	void *arg, const struct inet_addr *group, const struct source_filter *filter);

// The first query is due at once. NULL and errno.
struct group_lan *group_lan_new(
	const uint64_t secret[2], group_lan_fn changed, void *arg, uint64_t now_us);
void group_lan_free(struct group_lan *lan); // accepts NULL; tells nothing

// What mld_read() made of a packet. `own`: our address on the LAN, family 0: not known. A query of a
// router with a lower one makes us silent for a while (section 7.6.2).
void group_lan_report(struct group_lan *lan, struct group_msg *msg, uint64_t now_us);
void group_lan_heard_query(struct group_lan *lan, const struct group_msg *msg,
	const struct inet_addr *own, uint64_t now_us);

uint64_t group_lan_next_us(const struct group_lan *lan);
// A query to be sent now. false: none is; what has grown old is forgotten then.
bool group_lan_take(struct group_lan *lan, uint64_t now_us, struct group_query *query);
// All that is wanted, as was told.
void group_lan_each(const struct group_lan *lan, group_lan_fn fn, void *arg);
