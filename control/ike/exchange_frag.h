// SPDX-License-Identifier: BSD-3-Clause
// IKE fragmentation of one IKE SA, RFC 7383: whether the peer takes part, how large a datagram may be,
// messages cut when they are sealed and put together when they are opened. What goes out as fragments
// is kept as it is sent, one message behind the other: each has its length in its header. One thread
// per core.
#pragma once

#include "ike_core.h"
#include "ike_frag.h"

struct ike_builder;
struct ike_sa;
struct window_out;

struct fragmentation {
	bool supported; // both sides said so
	uint32_t size; // largest IP datagram, learned for this path; 0: what the configuration says
	struct frag_set *in[2]; // being put together: requests, responses
};

// N(IKEV2_FRAGMENTATION_SUPPORTED) in IKE_SA_INIT: the initiator's wish, the responder's answer.
void fragmentation_write(const struct ike_sa *sa, struct ike_builder *b);
void fragmentation_read(struct ike_sa *sa, const struct ike_msg *msg);
void fragmentation_inherit(struct ike_sa *fresh, const struct ike_sa *old);
void fragmentation_free(struct ike_sa *sa);
// Gives up what was not completed in time.
void fragmentation_timeout(struct ike_sa *sa);
uint64_t fragmentation_next_us(const struct ike_sa *sa);

// The chain of `len` bytes in ike->chain, sealed into ike->out: one message, or *n fragments. Bytes or
// -errno.
int fragmentation_seal(struct ike_sa *sa, const struct ike_header *header, uint8_t first_payload,
	size_t len, uint32_t *n);
// A request was sent again and not answered: smaller fragments in its place, to be sent from the start,
// section 2.5.2. false: it is small enough already.
bool fragmentation_shrink(struct ike_sa *sa, struct window_out *place);

// A message that ends in SKF, parsed and not yet opened. false: it is not looked at, and counted.
// `repeated`: its request has been answered; only the first fragment asks for the answer again.
bool fragment_expected(struct ike_sa *sa, const struct ike_msg *msg, bool repeated);
// Its chunk as sk_open() says. true: the message is whole, its chain in ike->in, *inner, *len and *first
// say where and what. false: kept, or counted and dropped.
bool fragment_take(
	struct ike_sa *sa, const struct ike_msg *msg, uint8_t **inner, size_t *len, uint8_t *first);
