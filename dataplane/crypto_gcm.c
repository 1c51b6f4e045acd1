// SPDX-License-Identifier: BSD-3-Clause
// AES-GCM-16 by libipsec-mb, called directly: one call a packet, no job queue. RFC 4106.
// Worker threads, each with its own struct crypto.
#include "crypto_impl.h"

#include <assert.h>
#include <string.h>

#define ICV 16

static_assert(sizeof(struct gcm_key_data) <= CRYPTO_KEY_BYTES);

static bool icv_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, ICV);
	memcpy(y, b, ICV);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline uint32_t encrypt(
	struct crypto *c, struct crypto_op *ops, uint32_t n, aes_gcm_enc_dec_t gcm_enc)
{
	for (uint32_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];

		gcm_enc(op->key, &c->gcm, op->data, op->data, op->len, op->nonce, op->aad,
			op->aad_len, op->data + op->len, ICV);
	}
	return 0;
}

static inline uint32_t encrypt_fan(struct crypto *c, struct crypto_op *ops, uint32_t n,
	const uint8_t *text, aes_gcm_enc_dec_t gcm_enc)
{
	for (uint32_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];

		gcm_enc(op->key, &c->gcm, op->data, text, op->len, op->nonce, op->aad, op->aad_len,
			op->data + op->len, ICV);
	}
	return 0;
}

static inline uint32_t decrypt(
	struct crypto *c, struct crypto_op *ops, uint32_t n, aes_gcm_enc_dec_t gcm_dec)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];
		uint8_t icv[ICV];

		gcm_dec(op->key, &c->gcm, op->data, op->data, op->len, op->nonce, op->aad,
			op->aad_len, icv, ICV);
		op->failed = !icv_equal(icv, op->data + op->len);
		failed += op->failed;
	}
	return failed;
}

static int key_init128(struct crypto *c, void *key, const struct esp_suite *suite,
	const uint8_t *encr_key, const uint8_t *integ_key)
{
	RTE_SET_USED(suite);
	RTE_SET_USED(integ_key);
	IMB_AES128_GCM_PRE(c->mgr, encr_key, key);
	return 0;
}

static int key_init256(struct crypto *c, void *key, const struct esp_suite *suite,
	const uint8_t *encr_key, const uint8_t *integ_key)
{
	RTE_SET_USED(suite);
	RTE_SET_USED(integ_key);
	IMB_AES256_GCM_PRE(c->mgr, encr_key, key);
	return 0;
}

static uint32_t encrypt128(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return encrypt(c, ops, n, c->mgr->gcm128_enc);
}

static uint32_t encrypt256(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return encrypt(c, ops, n, c->mgr->gcm256_enc);
}

static uint32_t encrypt_fan128(
	struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text)
{
	return encrypt_fan(c, ops, n, text, c->mgr->gcm128_enc);
}

static uint32_t encrypt_fan256(
	struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text)
{
	return encrypt_fan(c, ops, n, text, c->mgr->gcm256_enc);
}

static uint32_t decrypt128(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return decrypt(c, ops, n, c->mgr->gcm128_dec);
}

static uint32_t decrypt256(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return decrypt(c, ops, n, c->mgr->gcm256_dec);
}

static void segs(struct crypto *c, const struct crypto_op *op, const struct iovec *iov, uint32_t n,
	uint8_t *icv, aes_gcm_init_t init, aes_gcm_enc_dec_update_t update,
	aes_gcm_enc_dec_finalize_t finalize)
{
	init(op->key, &c->gcm, op->nonce, op->aad, op->aad_len);
	for (uint32_t i = 0; i < n; i++)
		update(op->key, &c->gcm, iov[i].iov_base, iov[i].iov_base, iov[i].iov_len);
	finalize(op->key, &c->gcm, icv, ICV);
}

static void encrypt_segs128(
	struct crypto *c, struct crypto_op *op, const struct iovec *iov, uint32_t n, uint8_t *icv)
{
	segs(c, op, iov, n, icv, c->mgr->gcm128_init, c->mgr->gcm128_enc_update,
		c->mgr->gcm128_enc_finalize);
}

static void encrypt_segs256(
	struct crypto *c, struct crypto_op *op, const struct iovec *iov, uint32_t n, uint8_t *icv)
{
	segs(c, op, iov, n, icv, c->mgr->gcm256_init, c->mgr->gcm256_enc_update,
		c->mgr->gcm256_enc_finalize);
}

static void decrypt_segs128(struct crypto *c, struct crypto_op *op, const struct iovec *iov,
	uint32_t n, const uint8_t *icv)
{
	uint8_t computed[ICV];

	segs(c, op, iov, n, computed, c->mgr->gcm128_init, c->mgr->gcm128_dec_update,
		c->mgr->gcm128_dec_finalize);
	op->failed = !icv_equal(computed, icv);
}

static void decrypt_segs256(struct crypto *c, struct crypto_op *op, const struct iovec *iov,
	uint32_t n, const uint8_t *icv)
{
	uint8_t computed[ICV];

	segs(c, op, iov, n, computed, c->mgr->gcm256_init, c->mgr->gcm256_dec_update,
		c->mgr->gcm256_dec_finalize);
	op->failed = !icv_equal(computed, icv);
}

const struct crypto_backend crypto_gcm128 = {
	.name = "ipsec-mb-gcm128",
	.key_init = key_init128,
	.encrypt = encrypt128,
	.encrypt_fan = encrypt_fan128,
	.decrypt = decrypt128,
	.encrypt_segs = encrypt_segs128,
	.decrypt_segs = decrypt_segs128,
};

const struct crypto_backend crypto_gcm256 = {
	.name = "ipsec-mb-gcm256",
	.key_init = key_init256,
	.encrypt = encrypt256,
	.encrypt_fan = encrypt_fan256,
	.decrypt = decrypt256,
	.encrypt_segs = encrypt_segs256,
	.decrypt_segs = decrypt_segs256,
};
