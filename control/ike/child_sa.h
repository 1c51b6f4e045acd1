// SPDX-License-Identifier: BSD-3-Clause
// Child SAs. A child SA has a handle and an outbound slot that stay the same through rekeys, and one
// or more pairs of ESP SAs: the current one, and around a rekey the next and the previous one.
// RFC 7296 sections 2.8, 2.17. One thread per core.
#pragma once

#include "ike_core.h"
#include "ike_keys.h"
#include "proposal.h"

struct ike_sa;

enum pair_role {
	PAIR_CURRENT, // what we send with
	PAIR_NEXT, // the peer's rekey made it; we send with it when the peer has used it
	PAIR_PREVIOUS, // replaced, receives until it is deleted
	PAIR_REDUNDANT, // lost against a simultaneous rekey, receives until it is deleted
	PAIR_CLOSED, // deleted by both; receives what was under way, until timer_us
};

// Pairs of one child SA at once: a peer that rekeys without deleting has to wait.
#define PAIRS_MAX 8
// Packets that were sent before a rekeyed SA was deleted may arrive after its deletion.
#define PAIR_DRAIN_US (5 * US_PER_S)
// What is held back is used at the latest after this, long after a lost IKE_AUTH response was sent
// again: the other IKE SA may be one that its host has forgotten.
#define CHILD_HOLD_US (30 * US_PER_S)

struct child_pair {
	struct child_pair *next;
	struct hash_node by_spi;
	struct child_sa *child;
	enum pair_role role;
	uint32_t spi_in, spi_out;
	bool deleting; // our D for it is waiting or under way
	struct esp_suite suite;
	uint64_t timer_us; // CLOSED: end of draining; CURRENT: never; others: the peer forgot it
	struct ipc_sa_out_set *out; // keys to send with, until they are handed to the dataplane
};

struct child_sa {
	struct child_sa *next; // of the IKE SA's
	struct ike_sa *sa;
	struct hash_node by_handle;
	uint64_t handle;
	bool physical; // of the physical interface, though the IKE SA has a link
	uint64_t
		wish; // of its connection (connection_child.h), 0: the first child SA, or the peer's
	sa_ref_t ref;
	bool sending; // the outbound SA is in the dataplane
	bool held; // not yet: its link is served by another IKE SA until the peer uses this one
	bool encap;
	bool rekeying; // a task of ours is waiting or under way
	bool deleting; // all of it
	bool again; // once it is deleted, make another one
	bool lost; // the dataplane lost its SAs
	struct ts_list local, remote;
	struct child_pair *pairs;
	uint64_t established_us;
	uint64_t rekey_us; // CLOCK_NEVER
	uint64_t hard_us;
	uint32_t rekeys;
};

// What both sides agreed on in one exchange.
struct child_deal {
	struct ike_suite suite;
	uint32_t spi_in, spi_out;
	bool ours; // we initiated the exchange
	struct bytes ni, nr;
	struct bytes shared; // empty: no PFS
};

// An inbound SPI at the worker that owns the IKE SA's other child SAs. 0 or -errno.
int child_spi_alloc(struct ike_sa *sa, uint32_t *spi);
void child_spi_free(struct ike_sa *sa, uint32_t spi);

// A child SA without pairs yet, with an outbound slot. NULL and errno.
struct child_sa *child_new(
	struct ike_sa *sa, const struct ts_list *local, const struct ts_list *remote);
// The link whose traffic it carries, 0: none.
uint64_t child_link(const struct child_sa *child);
// A pair with keys from the deal (derived with the IKE SA's): its inbound SA goes to the dataplane,
// its outbound one waits in `out` for child_promote. Takes deal->spi_in over. NULL and errno; then
// the SPI is still the caller's.
struct child_pair *child_pair_add(
	struct child_sa *child, const struct child_deal *deal, enum pair_role role);
// The one place where outbound traffic changes keys: `next` becomes current, the current previous.
void child_promote(struct child_sa *child, struct child_pair *next);
// The first pair of a held one (reauthentication at the responder) is sent with now: the peer has used
// it, or the other IKE SA goes. No-op when that is so already.
void child_send_held(struct child_sa *child);
// The outbound SA leaves the dataplane; the child SA is about to go.
void child_stop_sending(struct child_sa *child);
// Both sides deleted the pair. Its inbound SA drains, or goes at once.
void child_pair_close(struct child_pair *pair, bool drain);
struct child_pair *child_pair_of(const struct child_sa *child, enum pair_role role); // or NULL
uint32_t child_pair_count(const struct child_sa *child);
// Everything of the child SA goes out of the dataplane, and the child SA with it.
void child_end(struct child_sa *child, const char *why);
// The same without effects or ops, when the core goes.
void child_free(struct child_sa *child);

// Asks for it: 0, -EINPROGRESS.
int child_rekey(struct child_sa *child);
int child_delete(struct child_sa *child, bool again);
void child_lost(struct child_sa *child); // the dataplane lost its SAs
void child_hard_expire(struct child_sa *child);

struct child_sa *child_by_handle(struct ike *ike, uint64_t handle);
struct child_pair *child_pair_by_spi(struct ike *ike, uint32_t spi_in);
// By the SPI that we send with: the peer's name for the pair. At most CHILDREN_MAX are looked at.
struct child_pair *child_pair_by_peer_spi(const struct ike_sa *sa, uint32_t spi_out);

void child_moved(struct child_sa *child); // the IKE SA's path changed
uint64_t child_next_us(const struct child_sa *child);
void child_timeout(struct child_sa *child);
const char *child_state_name(const struct child_sa *child);
