// SPDX-License-Identifier: BSD-3-Clause
// The Encrypted payload: RFC 7296 section 3.14 (cipher, then integrity), RFC 5930 (AES-CTR), RFC
// 5282 and RFC 7634 section 3 (AEADs), and the Encrypted Fragment payload, RFC 7383 section 2.5, which
// has its number and the total before the IV. Any thread.
//
//	IKE header | generic header [| number, total] | IV | chain, padding, pad length | ICV
//	`------------ additional data --------------'      `------- encrypted -------'
//
// An AEAD's nonce is its salt, then the IV; the additional data are everything before the IV. The
// integrity algorithm of other ciphers covers everything before the ICV. AES-CTR has a salt, too: its
// counter block is salt, IV, and a counter of blocks from 1 on.

#include "ike_frag.h"
#include "ike_keys.h"
#include "prf.h"

#include <errno.h>
#include <string.h>

#define GENERIC_HEADER_BYTES 4
#define NONCE_BYTES_MAX 16

// What one direction uses, and where it lies in the message.
struct sk {
	const struct alg_encr *encr;
	const struct alg_integ *integ;
	const struct secret *encr_key; // with salt
	const struct secret *integ_key;
	size_t icv_len;
	uint8_t *message;
	size_t iv_offset; // end of the additional data
	size_t text_offset;
	size_t text_len; // with padding
};

static void sk_init(
	struct sk *sk, const struct ike_keys *keys, bool sent_by_initiator, void *message)
{
	*sk = (struct sk){
		.encr = keys->encr,
		.integ = keys->integ,
		.encr_key = sent_by_initiator ? &keys->sk_ei : &keys->sk_er,
		.integ_key = sent_by_initiator ? &keys->sk_ai : &keys->sk_ar,
		.icv_len = keys->encr->aead ? keys->encr->icv_len : keys->integ->icv_len,
		.message = message,
	};
}

// CBC fills its block; the others need no padding.
static size_t pad_bytes(const struct alg_encr *encr, size_t chain_len)
{
	return encr->counter_iv ? 0 : (encr->block - (chain_len + 1) % encr->block) % encr->block;
}

size_t sk_overhead(const struct ike_keys *keys)
{
	const struct alg_encr *encr = keys->encr;

	return IKE_HEADER_BYTES + GENERIC_HEADER_BYTES + encr->iv_len +
		(encr->counter_iv ? 1 : encr->block) +
		(encr->aead ? encr->icv_len : keys->integ->icv_len);
}

static void nonce_fill(const struct sk *sk, uint8_t nonce[NONCE_BYTES_MAX])
{
	memcpy(nonce, sk->encr_key->bytes + sk->encr->key_len, sk->encr->salt_len);
	memcpy(nonce + sk->encr->salt_len, sk->message + sk->iv_offset, sk->encr->iv_len);
}

static int aead_encrypt(const struct sk *sk)
{
	EVP_CIPHER_CTX *ctx = evp_cache_cipher(sk->encr);
	uint8_t nonce[NONCE_BYTES_MAX], *text = sk->message + sk->text_offset;
	int n;

	nonce_fill(sk, nonce);
	if (!ctx || !EVP_CipherInit_ex2(ctx, NULL, sk->encr_key->bytes, nonce, 1, NULL) ||
		!EVP_CipherUpdate(ctx, NULL, &n, sk->message, (int)sk->iv_offset) ||
		!EVP_CipherUpdate(ctx, text, &n, text, (int)sk->text_len) ||
		!EVP_CipherFinal_ex(ctx, text + n, &n) ||
		!EVP_CIPHER_CTX_ctrl(
			ctx, EVP_CTRL_AEAD_GET_TAG, (int)sk->icv_len, text + sk->text_len))
		return -EIO;
	return 0;
}

static int aead_decrypt(const struct sk *sk)
{
	EVP_CIPHER_CTX *ctx = evp_cache_cipher(sk->encr);
	uint8_t nonce[NONCE_BYTES_MAX], *text = sk->message + sk->text_offset;
	int n;

	nonce_fill(sk, nonce);
	if (!ctx || !EVP_CipherInit_ex2(ctx, NULL, sk->encr_key->bytes, nonce, 0, NULL) ||
		!EVP_CIPHER_CTX_ctrl(
			ctx, EVP_CTRL_AEAD_SET_TAG, (int)sk->icv_len, text + sk->text_len) ||
		!EVP_CipherUpdate(ctx, NULL, &n, sk->message, (int)sk->iv_offset) ||
		!EVP_CipherUpdate(ctx, text, &n, text, (int)sk->text_len))
		return -EIO;
	return EVP_CipherFinal_ex(ctx, text + n, &n) ? 0 : -EKEYREJECTED;
}

static int plain_crypt(const struct sk *sk, int encrypt)
{
	EVP_CIPHER_CTX *ctx = evp_cache_cipher(sk->encr);
	uint8_t iv[NONCE_BYTES_MAX] = {0}, *text = sk->message + sk->text_offset;
	int n, rest;

	nonce_fill(sk, iv);
	if (sk->encr->salt_len)
		iv[NONCE_BYTES_MAX - 1] = 1; // RFC 3686 section 4
	if (!ctx || !EVP_CipherInit_ex2(ctx, NULL, sk->encr_key->bytes, iv, encrypt, NULL) ||
		!EVP_CIPHER_CTX_set_padding(ctx, 0) ||
		!EVP_CipherUpdate(ctx, text, &n, text, (int)sk->text_len) ||
		!EVP_CipherFinal_ex(ctx, text + n, &rest))
		return -EIO;
	return 0;
}

static int icv_compute(const struct sk *sk, uint8_t out[DIGEST_BYTES_MAX])
{
	struct bytes covered = {sk->message, sk->text_offset + sk->text_len};
	struct bytes key = {sk->integ_key->bytes, sk->integ_key->len};
	enum evp_digest digest;

	if (evp_digest_of_integ(sk->integ, &digest))
		return -EIO;
	return prf_digest_hmac(digest, key, &covered, 1, out);
}

static int seal(const struct sk *sk)
{
	uint8_t icv[DIGEST_BYTES_MAX];
	int ret;

	if (sk->encr->aead)
		return aead_encrypt(sk);
	ret = plain_crypt(sk, 1);
	if (!ret)
		ret = icv_compute(sk, icv);
	if (!ret)
		memcpy(sk->message + sk->text_offset + sk->text_len, icv, sk->icv_len);
	return ret;
}

static int unseal(const struct sk *sk)
{
	uint8_t icv[DIGEST_BYTES_MAX];
	int ret;

	if (sk->encr->aead)
		return aead_decrypt(sk);
	ret = icv_compute(sk, icv);
	if (ret)
		return ret;
	if (!secret_equal(icv, sk->message + sk->text_offset + sk->text_len, sk->icv_len))
		return -EKEYREJECTED;
	return plain_crypt(sk, 0);
}

// SK, or with `fragment` SKF.
static int seal_message(const struct ike_keys *keys, bool sent_by_initiator,
	const struct ike_header *header, const struct frag_head *fragment, uint8_t first_payload,
	const void *chain, size_t chain_len, uint64_t iv_counter, const uint8_t iv_random[16],
	void *out, size_t cap)
{
	struct ike_header h = *header;
	struct buf_writer w;
	struct sk sk;
	size_t pad;

	if (chain_len > IKE_MESSAGE_MAX)
		return -ENOSPC;
	sk_init(&sk, keys, sent_by_initiator, out);
	pad = pad_bytes(sk.encr, chain_len);
	sk.iv_offset = IKE_HEADER_BYTES + GENERIC_HEADER_BYTES + (fragment ? FRAG_HEAD_BYTES : 0);
	sk.text_offset = sk.iv_offset + sk.encr->iv_len;
	sk.text_len = chain_len + pad + 1;
	h.next_payload = fragment ? PAYLOAD_SKF : PAYLOAD_SK;
	h.length = (uint32_t)(sk.text_offset + sk.text_len + sk.icv_len);
	if (h.length > IKE_MESSAGE_MAX)
		return -ENOSPC;

	buf_writer_init(&w, out, cap);
	ike_header_write(&w, &h);
	buf_put_u8(&w, first_payload);
	buf_put_u8(&w, 0);
	buf_put_be16(&w, (uint16_t)(h.length - IKE_HEADER_BYTES));
	if (fragment) {
		buf_put_be16(&w, fragment->number);
		buf_put_be16(&w, fragment->total);
	}
	if (sk.encr->counter_iv)
		buf_put_be64(&w, iv_counter);
	else
		buf_put_bytes(&w, iv_random, sk.encr->iv_len);
	if (chain_len)
		buf_put_bytes(&w, chain, chain_len);
	buf_put_zero(&w, pad);
	buf_put_u8(&w, (uint8_t)pad);
	buf_put_zero(&w, sk.icv_len);
	if (w.failed)
		return -ENOSPC;
	return seal(&sk) ? -EIO : (int)h.length;
}

int sk_seal(const struct ike_keys *keys, bool sent_by_initiator, const struct ike_header *header,
	uint8_t first_payload, const void *chain, size_t chain_len, uint64_t iv_counter,
	const uint8_t iv_random[16], void *out, size_t cap)
{
	return seal_message(keys, sent_by_initiator, header, NULL, first_payload, chain, chain_len,
		iv_counter, iv_random, out, cap);
}

int sk_seal_fragment(const struct ike_keys *keys, bool sent_by_initiator,
	const struct ike_header *header, const struct frag_head *fragment, uint8_t first_payload,
	const void *chunk, size_t chunk_len, uint64_t iv_counter, const uint8_t iv_random[16],
	void *out, size_t cap)
{
	return seal_message(keys, sent_by_initiator, header, fragment,
		fragment->number == 1 ? first_payload : PAYLOAD_NONE, chunk, chunk_len, iv_counter,
		iv_random, out, cap);
}

int sk_open(const struct ike_keys *keys, bool sent_by_initiator, void *message, size_t len,
	const struct ike_msg *msg, uint8_t **inner, size_t *inner_len, uint8_t *first)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_SK);
	struct sk sk;
	size_t fixed, head = 0;
	uint8_t pad;
	int ret;

	sk_init(&sk, keys, sent_by_initiator, message);
	if (!p) {
		p = ike_msg_find(msg, PAYLOAD_SKF);
		head = FRAG_HEAD_BYTES;
	}
	fixed = head + sk.encr->iv_len + sk.icv_len;
	if (!p || p->len <= fixed)
		return -EBADMSG;
	sk.iv_offset = (size_t)(p->data - (const uint8_t *)message) + head;
	sk.text_offset = sk.iv_offset + sk.encr->iv_len;
	sk.text_len = p->len - fixed;
	if (sk.text_offset + sk.text_len + sk.icv_len != len)
		return -EBADMSG;
	if (!sk.encr->counter_iv && sk.text_len % sk.encr->block)
		return -EBADMSG;
	ret = unseal(&sk);
	if (ret)
		return ret;
	pad = sk.message[sk.text_offset + sk.text_len - 1];
	if (pad >= sk.text_len)
		return -EBADMSG;
	*inner = sk.message + sk.text_offset;
	*inner_len = sk.text_len - 1 - pad;
	*first = p->next;
	return 0;
}
