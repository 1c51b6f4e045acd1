// SPDX-License-Identifier: BSD-3-Clause
// Which IKE SAs are of the same two authenticated identities: INITIAL_CONTACT ends them, RFC 7296
// section 2.4, and whoever knows one secret gets so many of them (ike.limits.ike_sas_max) and no more. Its
// hosts share it (L14): each link of a full identity (256 of them) may have an IKE SA and, until it is
// found dead, the one before. One thread per core.
#pragma once

#include "hash.h"

#include <stdbool.h>
#include <stdint.h>

struct ike_sa;

struct identity {
	struct hash_node node; // in ike->identities
	struct ike_sa *first; // newest first, never empty
	struct ike_sa *last;
	uint32_t all_n;
	uint32_t live_n;
};

// The IKE SA counts as one of its identities' until it is freed. No-op when it does already.
void identity_join(struct ike_sa *sa);
// It is up: found by INITIAL_CONTACT until identity_forget(). Joins.
void identity_known(struct ike_sa *sa);
void identity_forget(struct ike_sa *sa);
void identity_leave(struct ike_sa *sa); // it is about to be freed

// May one more IKE SA of these identities, which has not joined, come up? When there are too many,
// the oldest that is up for nothing (no link, no child SA) is deleted to make room.
bool identity_admits(struct ike_sa *sa);
// May one more be made that replaces one of them?
bool identity_admits_rekey(const struct ike_sa *sa);
// Older IKE SAs of the same two identities go without a word, RFC 7296 section 2.4. A user with
// several hosts has one IDi for all of them (L14): such hosts must not send INITIAL_CONTACT, and ours
// do not (first_contact.c).
void identity_initial_contact(struct ike_sa *sa);
