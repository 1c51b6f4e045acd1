// SPDX-License-Identifier: BSD-3-Clause
// AES-GCM-16 by libipsec-mb, called directly: one call a packet, no job queue. RFC 4106; with
// an implicit IV (RFC 8750) nothing is different here.
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

static void segs(struct crypto *c, const struct crypto_op *op, const struct iovec *iov, uint32_t n,
	uint8_t *icv, aes_gcm_init_t init, aes_gcm_enc_dec_update_t update,
	aes_gcm_enc_dec_finalize_t finalize)
{
	init(op->key, &c->gcm, op->nonce, op->aad, op->aad_len);
	for (uint32_t i = 0; i < n; i++)
		update(op->key, &c->gcm, iov[i].iov_base, iov[i].iov_base, iov[i].iov_len);
	finalize(op->key, &c->gcm, icv, ICV);
}

// The backend of one key length.
#define GCM_BACKEND(bits)                                                                          \
	static int key_init##bits(struct crypto *c, void *key, const struct esp_suite *suite,      \
		const uint8_t *encr_key, const uint8_t *integ_key)                                 \
	{                                                                                          \
		RTE_SET_USED(suite);                                                               \
		RTE_SET_USED(integ_key);                                                           \
		IMB_AES##bits##_GCM_PRE(c->mgr, encr_key, key);                                    \
		return 0;                                                                          \
	}                                                                                          \
	static uint32_t encrypt##bits(struct crypto *c, struct crypto_op *ops, uint32_t n)         \
	{                                                                                          \
		return encrypt(c, ops, n, c->mgr->gcm##bits##_enc);                                \
	}                                                                                          \
	static uint32_t encrypt_fan##bits(                                                         \
		struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text)          \
	{                                                                                          \
		return encrypt_fan(c, ops, n, text, c->mgr->gcm##bits##_enc);                      \
	}                                                                                          \
	static uint32_t decrypt##bits(struct crypto *c, struct crypto_op *ops, uint32_t n)         \
	{                                                                                          \
		return decrypt(c, ops, n, c->mgr->gcm##bits##_dec);                                \
	}                                                                                          \
	static void encrypt_segs##bits(struct crypto *c, struct crypto_op *op,                     \
		const struct iovec *iov, uint32_t n, uint8_t *icv)                                 \
	{                                                                                          \
		segs(c, op, iov, n, icv, c->mgr->gcm##bits##_init, c->mgr->gcm##bits##_enc_update, \
			c->mgr->gcm##bits##_enc_finalize);                                         \
	}                                                                                          \
	static void decrypt_segs##bits(struct crypto *c, struct crypto_op *op,                     \
		const struct iovec *iov, uint32_t n, const uint8_t *icv)                           \
	{                                                                                          \
		uint8_t computed[ICV];                                                             \
                                                                                                   \
		segs(c, op, iov, n, computed, c->mgr->gcm##bits##_init,                            \
			c->mgr->gcm##bits##_dec_update, c->mgr->gcm##bits##_dec_finalize);         \
		op->failed = !icv_equal(computed, icv);                                            \
	}                                                                                          \
	const struct crypto_backend crypto_gcm##bits = {                                           \
		.name = "ipsec-mb-gcm" #bits,                                                      \
		.key_init = key_init##bits,                                                        \
		.encrypt = encrypt##bits,                                                          \
		.encrypt_fan = encrypt_fan##bits,                                                  \
		.decrypt = decrypt##bits,                                                          \
		.encrypt_segs = encrypt_segs##bits,                                                \
		.decrypt_segs = decrypt_segs##bits,                                                \
	}

GCM_BACKEND(128);
GCM_BACKEND(192);
GCM_BACKEND(256);
