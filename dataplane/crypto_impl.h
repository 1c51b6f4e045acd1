// SPDX-License-Identifier: BSD-3-Clause
// What the crypto backends share: one worker's crypto state. For crypto*.c only.
#pragma once

#include "crypto.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>

#include <stdalign.h>

#define CRYPTO_RANDOM_BYTES 1024

struct crypto {
	IMB_MGR *mgr; // libipsec-mb, for the best instructions of this CPU
	EVP_CIPHER_CTX *random; // OpenSSL: AES-256-CTR, see crypto_iv.c
	uint32_t random_left; // unused bytes at the end of random_pool
	struct gcm_context_data gcm;
	const struct crypto_backend *backend[CRYPTO_CLASSES];
	alignas(64) uint8_t random_pool[CRYPTO_RANDOM_BYTES];
	uint8_t bounce[CRYPTO_BOUNCE_BYTES];
};

extern const struct crypto_backend crypto_gcm128;
extern const struct crypto_backend crypto_gcm192;
extern const struct crypto_backend crypto_gcm256;
extern const struct crypto_backend crypto_chacha;
extern const struct crypto_backend crypto_hmac;
extern const struct crypto_backend crypto_gmac;

int crypto_random_start(struct crypto *c); // 0 or -errno

// Constant time in the contents.
static inline bool crypto_equal(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint8_t diff = 0;

	for (uint32_t i = 0; i < n; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}
