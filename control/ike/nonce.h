// SPDX-License-Identifier: BSD-3-Clause
// Nonces and key exchange groups as the tasks handle them. RFC 7296 sections 2.8.1, 2.10, 1.3. One
// thread per core.
#pragma once

#include "config.h"
#include "ike_keys.h"
#include "ike_msg.h"

#define NONCE_BYTES 32 // of ours; section 2.10 wants half the PRF's key size at least
#define NONCE_MAX 256

struct ike;
struct nonce {
	uint16_t len;
	uint8_t bytes[NONCE_MAX];
};

void nonce_fresh(struct ike *ike, struct nonce *nonce);
// The message's nonce payload. 0 or -EBADMSG.
int nonce_read(const struct ike_msg *msg, struct nonce *out);
// Octet by octet, the shorter one is lower: section 2.8.1.
int nonce_compare(const struct nonce *a, const struct nonce *b);
const struct nonce *nonce_lower(const struct nonce *a, const struct nonce *b);
static inline struct bytes nonce_bytes(const struct nonce *nonce)
{
	return (struct bytes){nonce->bytes, nonce->len};
}

// The group that we try first: NULL when none is configured.
const struct alg_dh *group_first(const struct config_proposals *config);
// The group that an INVALID_KE_PAYLOAD asks for, when it is configured and not the one that we used;
// else NULL. `data`: the two octets of the notify.
const struct alg_dh *group_wanted(
	const struct config_proposals *config, const struct alg_dh *used, const uint8_t *data);
