// SPDX-License-Identifier: BSD-3-Clause
// The client's wish for one connection: which IKE SA serves it now, when to try again. One thread
// per core.
#pragma once

#include "ike_core.h"

struct child_sa;

#define CONNECTION_BACKOFF_FIRST_US (1 * US_PER_S)
#define CONNECTION_BACKOFF_MAX_US (60 * US_PER_S)

struct connection {
	struct ike *ike;
	const struct config_connection *config;
	struct timer timer; // next try
	struct inet_addr local;
	uint64_t ike_sa; // handle, 0: none
	uint64_t child; // handle, 0: not up
	uint64_t backoff_us;
	bool wanted; // until an operator says otherwise
	uint8_t iid[8]; // of our link-local address, the same through reconnections
	uint8_t link_id[CP_LINK_ID_MAX]; // of the last link: asked for again, RFC 5739 section 4.2
	uint8_t link_id_len;
	struct cp_attrs cp; // the gateway's last answer
};

int connection_init_all(struct ike *ike);
void connection_fini_all(struct ike *ike);
struct connection *connection_of(struct ike *ike, const struct config_connection *config); // NULL
int connection_start(struct connection *connection, const struct inet_addr *local);
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
