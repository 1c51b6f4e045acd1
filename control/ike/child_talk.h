// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of one pair of ESP SAs, in IKE_AUTH or CREATE_CHILD_SA, either role: proposals, nonces,
// key exchange for PFS, traffic selectors. RFC 7296 sections 1.3, 2.7, 2.9. One thread per core.
#pragma once

#include "child_sa.h"
#include "dh.h"
#include "ike_sa.h"

struct child_talk {
	bool ours; // we initiate
	bool create; // CREATE_CHILD_SA: nonces and perhaps PFS; else the first one, in IKE_AUTH
	bool physical; // of the physical interface, though there is a link
	uint32_t spi_in; // ours; 0: none, or taken over by a pair
	uint32_t spi_out;
	const struct alg_dh *group; // NULL: no PFS
	struct dh *dh;
	struct nonce ni, nr;
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len;
	struct ike_suite suite;
	struct wire_sa answer; // responder
	struct payload_ke ke; // responder: the peer's, lent by the request
	struct ts_list local, remote; // as proposed, then as agreed
};

// Initiator. The SPI and, with PFS, the key pair are made. 0 or -errno.
int child_talk_open(struct ike_sa *sa, struct child_talk *talk, bool create);
// SA, [Ni, [KEi,]] TSi, TSr for talk->local and talk->remote.
void child_talk_offer(struct ike_sa *sa, struct child_talk *talk, struct ike_builder *b);
// The responder wants another group: 0 when it is one of ours; then child_talk_offer once more.
int child_talk_regroup(
	struct ike_sa *sa, struct child_talk *talk, const struct payload_notify *notify);
// NULL, or what is wrong with the answer.
const char *child_talk_accept(
	struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg);

// Responder. `dynamic`: an unspecified single address in TSi means any of its family. 0, or the
// notify to answer with.
uint16_t child_talk_respond(struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg,
	const struct ts_list *allow_local, const struct ts_list *allow_remote, bool dynamic);
// The same in two steps: everything that does not depend on what is allowed; then the rest.
uint16_t child_talk_choose(struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg);
uint16_t child_talk_narrow(struct ike_sa *sa, struct child_talk *talk,
	const struct ts_list *allow_local, const struct ts_list *allow_remote, bool dynamic);
// The same exchange refused: N(notify), with the wanted group behind INVALID_KE_PAYLOAD.
void child_talk_refuse(
	struct ike_sa *sa, const struct child_talk *talk, uint16_t notify, struct ike_builder *b);
// SA, [Nr, [KEr,]] TSi, TSr
void child_talk_answer(struct ike_sa *sa, const struct child_talk *talk, struct ike_builder *b);

// A pair of this child SA with the result; takes the SPI over. NULL and errno.
struct child_pair *child_talk_pair(
	struct child_talk *talk, struct child_sa *child, enum pair_role role);
// A new child SA with the result, in use at once. NULL and errno.
struct child_sa *child_talk_child(struct ike_sa *sa, struct child_talk *talk);
// Initiator: what was agreed on for the first child SA is what others may cover.
void child_talk_keep(struct ike_sa *sa, const struct child_talk *talk);
// The lower of its two nonces, RFC 7296 section 2.8.1.
const struct nonce *child_talk_lowest(const struct child_talk *talk);
void child_talk_close(struct ike_sa *sa, struct child_talk *talk); // frees what it still holds
