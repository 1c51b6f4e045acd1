// SPDX-License-Identifier: BSD-3-Clause
// Reauthentication, make before break: RFC 7296 section 2.8.3, RFC 5739 section 4.2 (L7, L21), and when
// it is due: RFC 4478. The initiator makes another IKE SA from scratch, asks for its link by the Link ID,
// and deletes the old IKE SA when the new one carries its traffic. The responder says how long an
// authentication is good for, and deletes what was not replaced by then. One thread per core.
#pragma once

#include "ike_core.h"

struct connection;
struct ike_builder;
struct ike_sa;

// However short a time a gateway names: not more often than this.
#define REAUTH_MIN_US (10 * US_PER_S)
// An attempt that came to nothing is made again after this, and twice as much each time.
#define REAUTH_RETRY_MAX_US (120 * US_PER_S)
// What a responder gives beyond the time that it named: messages get lost.
#define REAUTH_MARGIN_US (30 * US_PER_S)
// The old IKE SA stays for so long beside the new one: both dataplanes have changed over by then, in
// all of their threads. With further child SAs to make anew, until they are there, but not for ever.
#define REAUTH_OVERLAP_US (1 * US_PER_S)
#define REAUTH_OVERLAP_MAX_US (15 * US_PER_S)

// In each IKE SA, all CLOCK_NEVER at first; goes to the IKE SA that a rekey replaces it with.
struct reauth {
	uint64_t since_us; // of the authentication
	uint64_t begin_us; // initiator: the next attempt
	uint64_t deadline_us; // initiator: the gateway's word, RFC 4478
	uint64_t end_us; // responder: deleted then
	uint64_t retire_us; // initiator: replaced, and to be deleted
	uint64_t retire_last_us; // however its successor is doing
	uint64_t successor; // handle of the IKE SA that replaced it, with retire_us
	uint32_t seconds; // responder: what the link layer wants, 0: nothing
};

void reauth_init(struct ike_sa *sa);
void reauth_inherit(struct ike_sa *old, struct ike_sa *new);
// It ends or is being deleted: nothing is due any more.
void reauth_over(struct ike_sa *sa);
uint64_t reauth_next_us(const struct ike_sa *sa);
void reauth_timeout(struct ike_sa *sa);

// Initiator: authenticated now, by the connection's own setting.
void reauth_authenticated(struct ike_sa *sa);
// Initiator: N(AUTH_LIFETIME) came. The earliest of all that was said counts.
void reauth_told(struct ike_sa *sa, uint32_t seconds);
// Responder, in the IKE_AUTH response: appends N(AUTH_LIFETIME) when the link layer wants it. Who was here
// just before is told a little later: some take a time that is shorter than their own margin for "at
// once", and would come again and again.
void reauth_promise(struct ike_sa *sa, struct ike_builder *b);
// Responder: the peer is told that it has so long.
void reauth_promised(struct ike_sa *sa, uint32_t seconds);

// Initiator: begins, for the connection's IKE SA in use. -EINPROGRESS: one is under way.
int reauth_begin(struct ike_sa *sa);
// This IKE SA is an attempt while another one still serves its connection.
bool reauth_is_attempt(const struct ike_sa *sa);
// The attempt has a child SA: it is the connection's IKE SA from now on, the old one is returned, its
// connection no longer. NULL: there is none.
struct ike_sa *reauth_take_over(struct ike_sa *attempt);
// Its traffic has gone over to the one that took over: it is deleted a little later.
void reauth_replaced(struct ike_sa *old, const struct ike_sa *by);
// The attempt has ended; the old one stays in use, and another attempt comes later.
void reauth_failed(struct connection *connection, const char *why);
// The old one has ended first: from now on the attempt is an ordinary one.
void reauth_orphaned(struct connection *connection);
