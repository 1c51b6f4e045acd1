// SPDX-License-Identifier: BSD-3-Clause
// One worker's crypto state, and which backend serves which algorithms. RFC 4106, 4543,
// 7634, 8750, 3602, 3686, 4868.
#include "crypto.h"

#include "crypto_impl.h"
#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct crypto *crypto_new(void)
{
	struct crypto *c = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*c), 64));
	int ret = -ENOMEM;

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->mgr = alloc_mb_mgr(0);
	if (!c->mgr)
		goto fail;
	init_mb_mgr_auto(c->mgr, NULL);
	if (imb_get_errno(c->mgr)) {
		ret = -ENOTSUP;
		goto fail;
	}
	ret = crypto_random_start(c);
	if (ret)
		goto fail;
	c->backend[CRYPTO_AES128_GCM] = &crypto_gcm128;
	c->backend[CRYPTO_AES192_GCM] = &crypto_gcm192;
	c->backend[CRYPTO_AES256_GCM] = &crypto_gcm256;
	c->backend[CRYPTO_CHACHA20_POLY1305] = &crypto_chacha;
	c->backend[CRYPTO_CBC_HMAC] = &crypto_hmac;
	c->backend[CRYPTO_STREAM_HMAC] = &crypto_hmac;
	c->backend[CRYPTO_AES_GMAC] = &crypto_gmac;
	return c;
fail:
	crypto_free(c);
	errno = -ret;
	return NULL;
}

void crypto_free(struct crypto *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->random);
	if (c->mgr)
		free_mb_mgr(c->mgr);
	secret_wipe(c, sizeof(*c));
	free(c);
}

int crypto_shape(const struct esp_suite *suite, struct crypto_shape *shape)
{
	const struct alg_encr *encr = alg_encr_find(suite->encr, suite->key_bits);
	const struct alg_integ *integ = alg_integ_find(suite->integ);

	if (!esp_suite_valid(suite) || !encr || !encr->esp || (!encr->aead && !integ))
		return -ENOTSUP;
	shape->iv_len = encr->iv_len;
	shape->icv_len = encr->aead ? encr->icv_len : integ->icv_len;
	shape->block = encr->block;
	shape->salt_len = encr->salt_len;
	shape->counter_iv = encr->counter_iv;
	switch (suite->encr) {
	case ENCR_AES_GCM_16:
	case ENCR_AES_GCM_16_IIV:
		shape->class = suite->key_bits == 128 ? CRYPTO_AES128_GCM
			: suite->key_bits == 192      ? CRYPTO_AES192_GCM
						      : CRYPTO_AES256_GCM;
		return 0;
	case ENCR_CHACHA20_POLY1305:
	case ENCR_CHACHA20_POLY1305_IIV:
		shape->class = CRYPTO_CHACHA20_POLY1305;
		return 0;
	case ENCR_NULL_AUTH_AES_GMAC:
		shape->class = CRYPTO_AES_GMAC;
		return 0;
	case ENCR_AES_CBC:
		shape->class = CRYPTO_CBC_HMAC;
		return 0;
	case ENCR_AES_CTR:
	case ENCR_NULL:
		shape->class = CRYPTO_STREAM_HMAC;
		return 0;
	default:
		return -ENOTSUP;
	}
}

const struct crypto_backend *crypto_backend(const struct crypto *c, enum crypto_class class)
{
	return c->backend[class];
}

uint8_t *crypto_bounce(struct crypto *c)
{
	return c->bounce;
}
