// SPDX-License-Identifier: BSD-3-Clause
// Unpredictable IVs for AES-CBC (RFC 3602 section 3): one generator per worker, AES-256 in counter
// mode, whose key is replaced by its own output at each refill, so that what it gave out cannot be
// computed from what it holds. The kernel is asked once, at start.
#include "crypto_impl.h"
#include "secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define KEY_BYTES 32

static bool refill(struct crypto *c)
{
	static const uint8_t zero_iv[16];
	uint8_t *pool = c->random_pool;
	int n;

	memset(pool, 0, CRYPTO_RANDOM_BYTES);
	if (EVP_EncryptUpdate(c->random, pool, &n, pool, CRYPTO_RANDOM_BYTES) != 1)
		return false;
	if (EVP_EncryptInit_ex(c->random, NULL, NULL, pool, zero_iv) != 1)
		return false;
	secret_wipe(pool, KEY_BYTES);
	c->random_left = CRYPTO_RANDOM_BYTES - KEY_BYTES;
	return true;
}

int crypto_random_start(struct crypto *c)
{
	static const uint8_t zero_iv[16];
	uint8_t seed[KEY_BYTES];
	int ret = 0;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return -EIO;
	c->random = EVP_CIPHER_CTX_new();
	if (!c->random)
		ret = -ENOMEM;
	else if (EVP_EncryptInit_ex(c->random, EVP_aes_256_ctr(), NULL, seed, zero_iv) != 1 ||
		!refill(c))
		ret = -ENOTSUP;
	secret_wipe(seed, sizeof(seed));
	return ret;
}

bool crypto_random(struct crypto *c, uint8_t *out, uint32_t n)
{
	uint8_t *from;

	if (c->random_left < n && !refill(c))
		return false;
	from = c->random_pool + CRYPTO_RANDOM_BYTES - c->random_left;
	memcpy(out, from, n);
	memset(from, 0, n);
	c->random_left -= n;
	return true;
}
