// SPDX-License-Identifier: BSD-3-Clause
// The client's wish for one connection: which IKE SA serves it now, when to try again. One thread
// per core.
#pragma once

#include "ike_core.h"

struct child_sa;
struct connection_child;

#define CONNECTION_BACKOFF_FIRST_US (1 * US_PER_S)
#define CONNECTION_BACKOFF_MAX_US (60 * US_PER_S)

// What a reauthentication may change; kept until it is known how it ends.
struct connection_view {
	uint8_t iid[8];
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len;
	bool no_ipv4, no_ipv6;
	struct cp_attrs cp;
};
// What ike_connection_link() said, for the next IKE SA.
struct connection_given {
	bool set;
	bool used; // in the attempt that is under way
	uint8_t iid[8]; // zero: none
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len;
};

struct connection {
	struct ike *ike;
	const struct config_connection *config;
	struct timer timer; // next try
	struct inet_addr local;
	uint64_t ike_sa; // handle, 0: none
	uint64_t child; // handle, 0: not up
	uint64_t attempt; // handle of the IKE SA that a reauthentication makes, 0: none
	struct connection_view *kept; // while there is one: the view of `ike_sa`
	uint64_t reauth_pause_us; // before the next attempt, should this one fail
	uint64_t backoff_us;
	bool wanted; // until an operator says otherwise
	bool contacted; // an IKE SA has been up since the start
	bool alike; // another connection has the same two identities
	struct connection_given given;
	uint8_t iid[8]; // of our link-local address, the same through reconnections
	uint8_t link_id[CP_LINK_ID_MAX]; // of the last link: asked for again, RFC 5739 section 4.2
	uint8_t link_id_len;
	struct cp_attrs cp; // the gateway's last answer
	struct connection_child *children; // connection_child.h
	bool no_ipv4, no_ipv6; // the gateway has none of that family, RFC 8983
};

int connection_init_all(struct ike *ike);
void connection_fini_all(struct ike *ike);
struct connection *connection_new(struct ike *ike, const struct config_connection *config); // NULL
void connection_free(struct connection *connection); // its IKE SAs have let go of it; accepts NULL
void connection_find_alike(struct ike *ike); // sets `alike` of all
struct connection *connection_of(struct ike *ike, const struct config_connection *config); // NULL
void connection_link(
	struct connection *connection, const uint8_t iid[8], const uint8_t *link_id, size_t len);
int connection_start(struct connection *connection, const struct inet_addr *local);
// One more IKE SA for it, from scratch; its handle goes to *handle before anything can happen to it.
int connection_attempt(struct connection *connection, uint64_t *handle);
// INITIAL_CONTACT is to be sent: first_contact.c.
bool connection_is_first_contact(const struct connection *connection);
void connection_timeout(struct connection *connection);
// The operator ended it: no further try.
void connection_unwanted(struct connection *connection);
// The child SA is up, the first one or again.
void connection_up(struct ike_sa *sa, const struct child_sa *child);
// It did not come to a child SA; the IKE SA may stay. Tries again later when that is configured.
void connection_failed(struct ike_sa *sa, const char *why);
void connection_child_down(struct ike_sa *sa, const struct child_sa *child, const char *why);
void connection_sa_down(struct ike_sa *sa, const char *why);
// What a connection asks for: configuration payload and selectors.
void connection_request(const struct connection *connection, struct cp_attrs *cp,
	struct ts_list *local, struct ts_list *remote);
