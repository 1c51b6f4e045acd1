// SPDX-License-Identifier: BSD-3-Clause
// Child SAs that a connection has beside its first one (struct ike_child_spec in ike.h): made when the
// first one is up, again after each reauthentication, and again when one was refused or went down.
// RFC 7296 section 1.3.1, RFC 5739 section 4.3. One thread per core.
#pragma once

#include "ike_core.h"

struct child_sa;
struct connection;
struct ike_sa;

// A refusal that an attempt a little later cannot change (TS_UNACCEPTABLE and its like).
#define CONNECTION_CHILD_RARE_US (600 * US_PER_S)

// One of them. The list hangs at struct connection's `children`.
struct connection_child {
	struct connection_child *next;
	uint64_t id; // what tasks and child SAs know it by: another one when the tag is used again
	struct ike_child_spec spec;
	bool configured; // its tag is that of a child of the configuration
	uint64_t child; // handle, 0: not up
	uint64_t ike_sa; // that it was reported with, in CHILD_UP and so in CHILD_DOWN
	uint64_t up_us;
	uint64_t backoff_us;
	struct cp_attrs cp; // the gateway's answer, with spec.ask
};

// The configured ones get tags index + 1. Also after a change of connection->config: what is the same
// stays, what is not goes and comes anew. -ENOSPC, -ENOMEM.
int connection_children_configure(struct connection *connection);
void connection_children_fini(struct connection *connection); // emits nothing
// 0, -EEXIST, -ENOSPC, -ENOMEM.
int connection_child_add(struct connection *connection, const struct ike_child_spec *spec);
int connection_child_remove(struct connection *connection, uint32_t tag); // -ENOENT

// The connection's first child SA is up, on this IKE SA, which may be another one than before: what
// is missing is asked for, and what is there is reported once more.
void connection_children_start(struct ike_sa *sa);
// Each of them is up on this IKE SA or was refused: what it replaces may go.
bool connection_children_settled(struct ike_sa *sa);

// For task_child.c and child_sa.c. NULL: removed meanwhile.
struct connection_child *connection_child_find(const struct connection *connection, uint64_t id);
// The selectors to propose; empty lists of the specification are filled.
void connection_child_selectors(const struct ike_sa *sa, const struct connection_child *wish,
	struct ts_list *local, struct ts_list *remote);
void connection_child_up(
	struct connection_child *wish, struct child_sa *child, const struct cp_attrs *cp);
// The peer said no. `lasting`: reported, and tried again rarely.
void connection_child_refused(
	struct ike_sa *sa, struct connection_child *wish, const char *why, bool lasting);
void connection_child_ended(struct child_sa *child, const char *why);
// What a request of the peer's about the physical interface may cover: what its child SAs here do.
void connection_child_physical(
	const struct connection *connection, struct ts_list *local, struct ts_list *remote);
