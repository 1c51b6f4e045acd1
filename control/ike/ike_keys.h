// SPDX-License-Identifier: BSD-3-Clause
// Keys of IKE and child SAs, the SK payload, and AUTH by shared key: RFC 7296 sections 2.13 to 2.18
// and 3.14, RFC 5282. OpenSSL below; no randomness but what is handed in. Any thread.
#pragma once

#include "ike_msg.h"
#include "ipc_msg.h"
#include "proposal.h"
#include "secret.h"

struct frag_head;

struct ike_keys {
	const struct alg_encr *encr;
	const struct alg_integ *integ; // NULL with AEAD
	const struct alg_prf *prf;
	struct secret sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr; // ei and er: key, then salt
};
void ike_keys_fini(struct ike_keys *keys); // wipes

struct bytes { // lends
	const uint8_t *data;
	size_t len;
};

int prf_hmac(const struct alg_prf *prf, struct bytes key, const struct bytes *parts, size_t n,
	uint8_t *out); // prf->len bytes; 0 or -EIO
int prf_plus(const struct alg_prf *prf, struct bytes key, const struct bytes *parts, size_t n,
	uint8_t *out, size_t out_len); // at most 255 blocks

// A new IKE SA. `old_sk_d` NULL: initial exchange (SKEYSEED = prf(Ni | Nr, g^ir)); else a rekey, with
// the *old* SA's PRF as RFC 7296 section 2.18 says.
int ike_keys_derive(struct ike_keys *keys, const struct ike_suite *suite, struct bytes ni,
	struct bytes nr, uint64_t spi_i, uint64_t spi_r, struct bytes shared,
	const struct secret *old_sk_d, const struct alg_prf *old_prf);

// A child SA's keys for both directions. `shared` empty: no PFS. The four outputs have
// IPC_KEY_MAX bytes; encr keys are key, then salt. i2r: what the exchange's initiator sends with.
struct child_keys {
	uint8_t encr_i2r[IPC_KEY_MAX], encr_r2i[IPC_KEY_MAX];
	uint8_t integ_i2r[IPC_KEY_MAX], integ_r2i[IPC_KEY_MAX];
	uint32_t encr_len, integ_len;
};
int child_keys_derive(struct child_keys *keys, const struct ike_keys *ike,
	const struct ike_suite *suite, struct bytes ni, struct bytes nr, struct bytes shared);

// SK payload around a finished chain. `iv_random`: at least 16 random bytes, of which the cipher
// takes what it needs (the IV of an AEAD and of AES-CTR must never repeat: iv_counter is used for
// those, the caller counts it up per key). Whole message into out: its length, -ENOSPC or -EIO.
int sk_seal(const struct ike_keys *keys, bool sent_by_initiator, const struct ike_header *header,
	uint8_t first_payload, const void *chain, size_t chain_len, uint64_t iv_counter,
	const uint8_t iv_random[16], void *out, size_t cap);
// The same for one fragment, RFC 7383: `chunk` is its part of the chain, `first_payload` that of the
// whole chain. It takes FRAG_HEAD_BYTES more than sk_seal().
int sk_seal_fragment(const struct ike_keys *keys, bool sent_by_initiator,
	const struct ike_header *header, const struct frag_head *fragment, uint8_t first_payload,
	const void *chunk, size_t chunk_len, uint64_t iv_counter, const uint8_t iv_random[16],
	void *out, size_t cap);
// SK or SKF. Checks and decrypts in place; on success `*inner` and `*inner_len` are the chain inside and
// *first its first payload type. -EBADMSG: too short or bad padding; -EKEYREJECTED: bad ICV.
int sk_open(const struct ike_keys *keys, bool sent_by_initiator, void *message, size_t len,
	const struct ike_msg *msg, uint8_t **inner, size_t *inner_len, uint8_t *first);
// Longest that the sealed message gets for a chain of this length.
size_t sk_overhead(const struct ike_keys *keys);

// AUTH data of one side with a shared key (RFC 7296 section 2.15). `message`: that side's first
// message whole; `peer_nonce`: the other side's; `id_body`: its ID payload behind the generic header.
int auth_psk(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes peer_nonce, struct bytes id_body, uint8_t *out,
	size_t *out_len);
// 0, or -EKEYREJECTED: not the AUTH data that this side has to send (any other length included).
// Constant time in the data.
int auth_psk_verify(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes peer_nonce, struct bytes id_body, struct bytes received);
