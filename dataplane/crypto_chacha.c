// SPDX-License-Identifier: BSD-3-Clause
// ChaCha20-Poly1305 by libipsec-mb: whole packets as jobs, packets in pieces by its direct calls. The
// key block is the key itself. RFC 7634. Measured against OpenSSL 3.0's EVP calls with one context per
// key, which need 3 times as long for 68 bytes and twice as long for 1,404; libipsec-mb's direct calls
// need 1.4 and 1.15 times as long as its jobs.
// Worker threads, each with its own struct crypto.
#include "crypto_impl.h"

#include <string.h>

#define KEY 32
#define NONCE 12
#define ICV 16

static int key_init(struct crypto *c, void *key, const struct esp_suite *suite,
	const uint8_t *encr_key, const uint8_t *integ_key)
{
	RTE_SET_USED(c);
	RTE_SET_USED(suite);
	RTE_SET_USED(integ_key);
	memcpy(key, encr_key, KEY);
	return 0;
}

static void fill(IMB_JOB *job, struct crypto_op *op, uint8_t *icv, bool encrypting)
{
	job->enc_keys = op->key;
	job->dec_keys = op->key;
	job->key_len_in_bytes = KEY;
	job->src = op->data;
	job->dst = op->data;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = op->len;
	job->iv = op->nonce;
	job->iv_len_in_bytes = NONCE;
	job->auth_tag_output = icv;
	job->auth_tag_output_len_in_bytes = ICV;
	job->u.CHACHA20_POLY1305.aad = op->aad;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = op->aad_len;
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = encrypting ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = encrypting ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->user_data = op;
}

static void finish(IMB_JOB *job, bool encrypting)
{
	struct crypto_op *op = job->user_data;

	op->failed = job->status != IMB_STATUS_COMPLETED ||
		(!encrypting && !crypto_equal(job->auth_tag_output, op->data + op->len, ICV));
}

// `text` NULL: in place.
static uint32_t burst(
	struct crypto *c, struct crypto_op *ops, uint32_t n, bool encrypting, const uint8_t *text)
{
	uint8_t computed[CRYPTO_BURST_MAX][ICV];
	uint32_t failed = 0;
	IMB_JOB *job;

	for (uint32_t i = 0; i < n; i++) {
		ops[i].failed = true;
		job = IMB_GET_NEXT_JOB(c->mgr);
		fill(job, &ops[i], encrypting ? ops[i].data + ops[i].len : computed[i], encrypting);
		if (text)
			job->src = text;
		job = IMB_SUBMIT_JOB_NOCHECK(c->mgr);
		while (job) {
			finish(job, encrypting);
			job = IMB_GET_COMPLETED_JOB(c->mgr);
		}
	}
	while ((job = IMB_FLUSH_JOB(c->mgr)))
		finish(job, encrypting);
	for (uint32_t i = 0; i < n; i++)
		failed += ops[i].failed;
	return failed;
}

static uint32_t encrypt(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return burst(c, ops, n, true, NULL);
}

static uint32_t encrypt_fan(
	struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text)
{
	return burst(c, ops, n, true, text);
}

static uint32_t decrypt(struct crypto *c, struct crypto_op *ops, uint32_t n)
{
	return burst(c, ops, n, false, NULL);
}

static void segs(struct crypto *c, const struct crypto_op *op, const struct iovec *iov, uint32_t n,
	uint8_t *icv, chacha_poly_enc_dec_update_t update)
{
	struct chacha20_poly1305_context_data ctx;

	IMB_CHACHA20_POLY1305_INIT(c->mgr, op->key, &ctx, op->nonce, op->aad, op->aad_len);
	for (uint32_t i = 0; i < n; i++)
		update(op->key, &ctx, iov[i].iov_base, iov[i].iov_base, iov[i].iov_len);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(c->mgr, &ctx, icv, ICV); // the same both ways
	imb_clear_mem(&ctx, sizeof(ctx));
}

static void encrypt_segs(
	struct crypto *c, struct crypto_op *op, const struct iovec *iov, uint32_t n, uint8_t *icv)
{
	segs(c, op, iov, n, icv, c->mgr->chacha20_poly1305_enc_update);
}

static void decrypt_segs(struct crypto *c, struct crypto_op *op, const struct iovec *iov,
	uint32_t n, const uint8_t *icv)
{
	uint8_t computed[ICV];

	segs(c, op, iov, n, computed, c->mgr->chacha20_poly1305_dec_update);
	op->failed = !crypto_equal(computed, icv, ICV);
}

const struct crypto_backend crypto_chacha = {
	.name = "ipsec-mb-chacha20-poly1305",
	.key_init = key_init,
	.encrypt = encrypt,
	.encrypt_fan = encrypt_fan,
	.decrypt = decrypt,
	.encrypt_segs = encrypt_segs,
	.decrypt_segs = decrypt_segs,
};
