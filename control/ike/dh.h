// SPDX-License-Identifier: BSD-3-Clause
// Key exchange: X25519, X448 (RFC 8031), ECP (RFC 5903: the shared secret is x alone), MODP (RFC 3526).
// With OpenSSL. Public values of the peer are checked as RFC 6989 says. One thread per object.
#pragma once

#include "algs.h"
#include "secret.h"

#define DH_PUBLIC_MAX 512 // bytes
#define DH_SHARED_MAX 512

struct dh;

// A fresh key pair, out of the bytes that `random` gives (cryptographically strong ones, but in
// tests) and of no other source. NULL and errno.
struct dh *dh_new(
	const struct alg_dh *alg, void (*random)(void *arg, void *out, size_t len), void *arg);
void dh_free(struct dh *dh); // wipes
const struct alg_dh *dh_alg(const struct dh *dh);
const uint8_t *dh_public(const struct dh *dh); // alg->public_len bytes, as in the KE payload
// 0, or -EINVAL: the peer's value is not acceptable. The secret is the caller's: up to DH_SHARED_MAX
// bytes.
int dh_shared(struct dh *dh, const void *peer, size_t peer_len, uint8_t *out, size_t *out_len);
// For test vectors: a pair with this private key.
struct dh *dh_from_private(const struct alg_dh *alg, const void *key, size_t len);
