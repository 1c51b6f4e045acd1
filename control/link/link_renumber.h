// SPDX-License-Identifier: BSD-3-Clause
// Renumbering of links: link.c calls these where IKE SAs come and go. At a reauthentication the set
// of leases is brought to what the profile says by then; what the link had before is marked leaving
// and stays until the last IKE SA from before is gone (make before break). Only the lease set of a
// link changes here. Control's thread.
#pragma once

#include "link_reply.h"
#include "link_table.h"

// A request came back to this link; before its reply is filled and before the new IKE SA is in the
// list of the link's. Within a store transaction; saves the link when something changed. The
// link_renumber() that was asked for is done, and what a reload of the configuration left to do;
// without either it does nothing.
void renumber_attach(struct link_table *table, struct link_entry *entry,
	const struct link_wants *wants, uint64_t now_us);
// The IKE SA was taken out of the link's list: the leases that only the ones from before used go.
void renumber_detach(
	struct link_table *table, struct link_entry *entry, uint64_t ike_sa, uint64_t now_us);
// An IKE SA was rekeyed.
void renumber_moved(struct link_entry *entry, uint64_t old_ike_sa, uint64_t new_ike_sa);
