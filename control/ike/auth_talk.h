// SPDX-License-Identifier: BSD-3-Clause
// What each side proves in IKE_AUTH, and how: shared key or signature with certificate. RFC 7296
// sections 2.15, 3.6, 3.7; RFC 7427. Our own signature is made by somebody else (struct ike_ops), and
// whoever needs it waits. One thread per core.
#pragma once

#include "ike_msg.h"
#include "ike_payload.h"

struct auth_talk;
struct ike_sa;

void auth_talk_free(struct auth_talk *talk); // accepts NULL

// IKE_SA_INIT: N(SIGNATURE_HASH_ALGORITHMS), the responder's CERTREQ; and the peer's. Nothing is
// written when we authenticate by a secret. 0 or -EBADMSG.
void auth_talk_offer(struct ike_sa *sa, struct ike_builder *b);
int auth_talk_read(struct ike_sa *sa, const struct ike_msg *msg);

// Whom the peer claims to be.
struct auth_claim {
	const struct ike_payload_ref *id; // its ID payload
	const struct config_id *identity; // the same, read
	const struct payload_auth *auth;
	bool known; // false: nobody has this identity, and it shall take as long
	enum config_auth by;
	const struct secret *psk;
	enum config_address_check address_check;
};
// NULL: proved; else why not. Notes in the IKE SA how it was proved.
const char *auth_talk_verify(
	struct ike_sa *sa, const struct ike_msg *msg, const struct auth_claim *claim);

// How we authenticate in this IKE SA: a signature is asked for when one is needed and there is none.
// NULL, and *waits until ike_on_signed(); else why it cannot be.
const char *auth_talk_sign(struct ike_sa *sa, enum config_auth by, bool *waits);
// ike_on_signed(). `why` NULL: takes a copy.
void auth_talk_signed(struct ike_sa *sa, const char *why, const void *signature, size_t len);
// It waits for one.
bool auth_talk_waits(const struct ike_sa *sa);
// CERT payloads and, by the initiator, CERTREQ.
void auth_talk_write_certs(struct ike_sa *sa, struct ike_builder *b);
// AUTH. 0 or -errno.
int auth_talk_write(
	struct ike_sa *sa, enum config_auth by, const struct secret *psk, struct ike_builder *b);
