// SPDX-License-Identifier: BSD-3-Clause
// AES-GMAC by libipsec-mb: nothing is encrypted, the ICV covers the ESP header with the whole sequence
// number, the IV, and the text. RFC 4543. Worker threads, each with its own struct crypto.
#include "crypto_impl.h"

#include <assert.h>
#include <string.h>

#define ESP_HEADER 8
#define NONCE 12
#define SALT 4
#define IV 8
#define ICV 16

struct gmac_key {
	struct gcm_key_data gcm;
	uint32_t key_len;
};
static_assert(sizeof(struct gmac_key) <= CRYPTO_KEY_BYTES);

struct gmac_calls {
	aes_gmac_init_t init;
	aes_gmac_update_t update;
	aes_gmac_finalize_t finalize;
};

static struct gmac_calls calls_of(const struct crypto *c, const struct gmac_key *k)
{
	const IMB_MGR *m = c->mgr;

	if (k->key_len == 16)
		return (struct gmac_calls){m->gmac128_init, m->gmac128_update, m->gmac128_finalize};
	if (k->key_len == 24)
		return (struct gmac_calls){m->gmac192_init, m->gmac192_update, m->gmac192_finalize};
	return (struct gmac_calls){m->gmac256_init, m->gmac256_update, m->gmac256_finalize};
}

static int key_init(struct crypto *c, void *key, const struct esp_suite *suite,
	const uint8_t *encr_key, const uint8_t *integ_key)
{
	struct gmac_key *k = key;

	RTE_SET_USED(integ_key);
	k->key_len = suite->key_bits / 8u;
	if (k->key_len == 16)
		IMB_AES128_GCM_PRE(c->mgr, encr_key, &k->gcm);
	else if (k->key_len == 24)
		IMB_AES192_GCM_PRE(c->mgr, encr_key, &k->gcm);
	else
		IMB_AES256_GCM_PRE(c->mgr, encr_key, &k->gcm);
	return 0;
}

// Section 3.3: with ESN the sequence number's upper half stands in the middle of the header.
static void icv_compute(struct crypto *c, const struct crypto_op *op, uint8_t icv[ICV])
{
	const struct gmac_key *k = op->key;
	struct gmac_calls call = calls_of(c, k);

	call.init(&k->gcm, &c->gcm, op->nonce, NONCE);
	if (op->aad_len == ESP_HEADER) {
		call.update(&k->gcm, &c->gcm, op->data - IV - ESP_HEADER,
			(uint64_t)ESP_HEADER + IV + op->len);
	} else {
		call.update(&k->gcm, &c->gcm, op->aad, op->aad_len);
		call.update(&k->gcm, &c->gcm, op->data - IV, (uint64_t)IV + op->len);
	}
	call.finalize(&k->gcm, &c->gcm, icv, ICV);
}

static uint32_t encrypt(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		icv_compute(c, &ops[i], ops[i].data + ops[i].len);
	return 0;
}

static uint32_t encrypt_fan(
	struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text)
{
	for (uint32_t i = 0; i < n; i++)
		memcpy(ops[i].data, text, ops[i].len);
	return encrypt(c, ops, n);
}

static uint32_t decrypt(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];
		uint8_t icv[ICV];

		icv_compute(c, op, icv);
		op->failed = !crypto_equal(icv, op->data + op->len, ICV);
		failed += op->failed;
	}
	return failed;
}

static void segs_compute(struct crypto *c, const struct crypto_op *op, const struct iovec *iov,
	uint32_t n, uint8_t icv[ICV])
{
	const struct gmac_key *k = op->key;
	struct gmac_calls call = calls_of(c, k);

	call.init(&k->gcm, &c->gcm, op->nonce, NONCE);
	call.update(&k->gcm, &c->gcm, op->aad, op->aad_len);
	call.update(&k->gcm, &c->gcm, op->nonce + SALT, IV);
	for (uint32_t i = 0; i < n; i++)
		call.update(&k->gcm, &c->gcm, iov[i].iov_base, iov[i].iov_len);
	call.finalize(&k->gcm, &c->gcm, icv, ICV);
}

static void encrypt_segs(
	struct crypto *c, struct crypto_op *op, const struct iovec *iov, uint32_t n, uint8_t *icv)
{
	segs_compute(c, op, iov, n, icv);
}

static void decrypt_segs(struct crypto *c, struct crypto_op *op, const struct iovec *iov,
	uint32_t n, const uint8_t *icv)
{
	uint8_t computed[ICV];

	segs_compute(c, op, iov, n, computed);
	op->failed = !crypto_equal(computed, icv, ICV);
}

const struct crypto_backend crypto_gmac = {
	.name = "ipsec-mb-gmac",
	.key_init = key_init,
	.encrypt = encrypt,
	.encrypt_fan = encrypt_fan,
	.decrypt = decrypt,
	.encrypt_segs = encrypt_segs,
	.decrypt_segs = decrypt_segs,
};
