// SPDX-License-Identifier: BSD-3-Clause
// AES-CBC, AES-CTR or no cipher at all, with HMAC-SHA2, by libipsec-mb's job queue, which works on
// several packets side by side: a burst is submitted whole, then flushed. RFC 3602, 3686, 2410, 4868;
// ESN in the ICV as RFC 4303 section 2.2.1 says: its upper half is hashed behind the packet, where
// the ICV goes.
// Worker threads, each with its own struct crypto.
#include "crypto_impl.h"
#include "secret.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HASH_BLOCK_MAX 128
#define ESP_HEADER 8
#define CBC_IV 16
#define CTR_IV 12 // salt and IV of the packet; the library counts blocks from 1 on

struct hmac_key {
	alignas(16) uint8_t enc[15 * 16];
	alignas(16) uint8_t dec[15 * 16];
	alignas(16) uint8_t ipad[64]; // hash state behind the block of key ^ ipad
	alignas(16) uint8_t opad[64];
	uint32_t hash; // IMB_HASH_ALG
	uint32_t cipher; // IMB_CIPHER_MODE
	uint8_t key_len;
	uint8_t iv_len; // in the packet
	uint8_t icv_len;
};
static_assert(sizeof(struct hmac_key) <= CRYPTO_KEY_BYTES);

// What a job in flight needs beyond its op.
struct hmac_flight {
	uint8_t received[CRYPTO_ICV_MAX];
	uint8_t computed[CRYPTO_ICV_MAX];
};

struct hmac_alg {
	uint16_t id;
	uint8_t key_len;
	uint8_t icv_len;
	uint8_t block;
	IMB_HASH_ALG hash;
};

static const struct hmac_alg hmac_algs[] = {
	{INTEG_HMAC_SHA2_256_128, 32, 16, 64, IMB_AUTH_HMAC_SHA_256},
	{INTEG_HMAC_SHA2_384_192, 48, 24, 128, IMB_AUTH_HMAC_SHA_384},
	{INTEG_HMAC_SHA2_512_256, 64, 32, 128, IMB_AUTH_HMAC_SHA_512},
};

static void hash_block(struct crypto *c, IMB_HASH_ALG hash, const uint8_t *block, uint8_t *state)
{
	if (hash == IMB_AUTH_HMAC_SHA_256)
		IMB_SHA256_ONE_BLOCK(c->mgr, block, state);
	else if (hash == IMB_AUTH_HMAC_SHA_384)
		IMB_SHA384_ONE_BLOCK(c->mgr, block, state);
	else
		IMB_SHA512_ONE_BLOCK(c->mgr, block, state);
}

static void hmac_init(
	struct crypto *c, struct hmac_key *k, const struct hmac_alg *alg, const uint8_t *integ_key)
{
	uint8_t block[HASH_BLOCK_MAX];

	for (uint32_t i = 0; i < alg->block; i++)
		block[i] = (i < alg->key_len ? integ_key[i] : 0) ^ 0x36;
	hash_block(c, alg->hash, block, k->ipad);
	for (uint32_t i = 0; i < alg->block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	hash_block(c, alg->hash, block, k->opad);
	secret_wipe(block, sizeof(block));
}

static void cipher_init(
	struct crypto *c, struct hmac_key *k, const struct alg_encr *encr, const uint8_t *encr_key)
{
	k->cipher = IMB_CIPHER_NULL;
	if (encr->id != ENCR_NULL)
		k->cipher = encr->id == ENCR_AES_CBC ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR;
	k->key_len = encr->key_len;
	k->iv_len = encr->iv_len;
	if (k->key_len == 16)
		IMB_AES_KEYEXP_128(c->mgr, encr_key, k->enc, k->dec);
	else if (k->key_len == 24)
		IMB_AES_KEYEXP_192(c->mgr, encr_key, k->enc, k->dec);
	else if (k->key_len == 32)
		IMB_AES_KEYEXP_256(c->mgr, encr_key, k->enc, k->dec);
}

static int key_init(struct crypto *c, void *key, const struct esp_suite *suite,
	const uint8_t *encr_key, const uint8_t *integ_key)
{
	const struct alg_encr *encr = alg_encr_find(suite->encr, suite->key_bits);
	struct hmac_key *k = key;

	for (size_t i = 0; i < RTE_DIM(hmac_algs); i++) {
		const struct hmac_alg *alg = &hmac_algs[i];

		if (alg->id != suite->integ)
			continue;
		k->hash = alg->hash;
		k->icv_len = alg->icv_len;
		cipher_init(c, k, encr, encr_key);
		hmac_init(c, k, alg, integ_key);
		return 0;
	}
	return -EINVAL;
}

// Takes the jobs that are done. Their order is that of submission, but nothing depends on it.
static void finish(IMB_JOB *job, bool encrypting)
{
	struct crypto_op *op = job->user_data;
	const struct hmac_key *k = op->key;
	struct hmac_flight *flight = job->user_data2;
	bool good = job->status == IMB_STATUS_COMPLETED;

	if (encrypting)
		memcpy(op->data + op->len, flight->computed, k->icv_len);
	else
		good &= crypto_equal(flight->computed, flight->received, k->icv_len);
	op->failed = !good;
}

static void fill(IMB_JOB *job, struct crypto_op *op, struct hmac_flight *flight, bool encrypting)
{
	const struct hmac_key *k = op->key;
	uint32_t head = ESP_HEADER + k->iv_len;
	uint8_t *start = op->data - head;
	uint8_t *icv = op->data + op->len;
	uint32_t hashed = head + op->len;

	if (!encrypting)
		memcpy(flight->received, icv, k->icv_len);
	if (op->aad_len == 12) {
		memcpy(icv, op->aad + 4, 4);
		hashed += 4;
	}
	job->enc_keys = k->enc;
	job->dec_keys = k->dec;
	job->key_len_in_bytes = k->key_len;
	job->src = start;
	job->dst = op->data;
	job->cipher_start_src_offset_in_bytes = head;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = hashed;
	job->iv = k->cipher == IMB_CIPHER_CNTR ? op->nonce : start + ESP_HEADER;
	job->iv_len_in_bytes = k->cipher == IMB_CIPHER_CNTR ? CTR_IV : CBC_IV;
	job->auth_tag_output = flight->computed;
	job->auth_tag_output_len_in_bytes = k->icv_len;
	job->u.HMAC._hashed_auth_key_xor_ipad = k->ipad;
	job->u.HMAC._hashed_auth_key_xor_opad = k->opad;
	job->cipher_mode = (IMB_CIPHER_MODE)k->cipher;
	job->cipher_direction = encrypting ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->hash_alg = k->hash;
	job->chain_order = encrypting ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->user_data = op;
	job->user_data2 = flight;
}

// The text lies elsewhere. What is hashed is the result all the same, and the library wants its
// distance from the text, which wraps when it lies before it. Without a cipher nobody else would
// carry the text over.
static void fill_text(IMB_JOB *job, const struct crypto_op *op, const uint8_t *text)
{
	const struct hmac_key *k = op->key;
	const uint8_t *start = op->data - k->iv_len - ESP_HEADER;

	if (k->cipher == IMB_CIPHER_NULL) {
		memcpy(op->data, text, op->len);
		return;
	}
	job->src = text;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = (uintptr_t)start - (uintptr_t)text;
}

// `text` NULL: in place.
static uint32_t burst(
	struct crypto *c, struct crypto_op *ops, uint32_t n, bool encrypting, const uint8_t *text)
{
	struct hmac_flight flight[CRYPTO_BURST_MAX];
	uint32_t failed = 0;
	IMB_JOB *job;

	for (uint32_t i = 0; i < n; i++) {
		ops[i].failed = true;
		job = IMB_GET_NEXT_JOB(c->mgr);
		fill(job, &ops[i], &flight[i], encrypting);
		if (text)
			fill_text(job, &ops[i], text);
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

const struct crypto_backend crypto_hmac = {
	.name = "ipsec-mb-hmac",
	.key_init = key_init,
	.encrypt = encrypt,
	.encrypt_fan = encrypt_fan,
	.decrypt = decrypt,
};
