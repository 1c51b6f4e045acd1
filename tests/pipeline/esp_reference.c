// SPDX-License-Identifier: BSD-3-Clause
// A second implementation of ESP, straight from RFC 4303 with OpenSSL, to compare with: one packet at
// a time, slow, and as plain as can be.
#include "esp_test.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string.h>

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static const EVP_CIPHER *cipher_of(const struct esp_suite *suite)
{
	bool short_key = suite->key_bits == 128, middle = suite->key_bits == 192;

	switch (suite->encr) {
	case ENCR_AES_GCM_16:
	case ENCR_AES_GCM_16_IIV:
	case ENCR_NULL_AUTH_AES_GMAC:
		return short_key ? EVP_aes_128_gcm()
			: middle ? EVP_aes_192_gcm()
				 : EVP_aes_256_gcm();
	case ENCR_CHACHA20_POLY1305:
	case ENCR_CHACHA20_POLY1305_IIV:
		return EVP_chacha20_poly1305();
	case ENCR_AES_CTR:
		return short_key ? EVP_aes_128_ctr()
			: middle ? EVP_aes_192_ctr()
				 : EVP_aes_256_ctr();
	case ENCR_NULL:
		return EVP_enc_null();
	default:
		return short_key ? EVP_aes_128_cbc()
			: middle ? EVP_aes_192_cbc()
				 : EVP_aes_256_cbc();
	}
}

static const EVP_MD *hash_of(const struct esp_suite *suite)
{
	switch (suite->integ) {
	case INTEG_HMAC_SHA2_256_128:
		return EVP_sha256();
	case INTEG_HMAC_SHA2_384_192:
		return EVP_sha384();
	default:
		return EVP_sha512();
	}
}

static uint32_t aad_write(const struct ipc_sa *sa, uint64_t seq, uint8_t *aad)
{
	put32(aad, sa->spi);
	if (!sa->suite.esn) {
		put32(aad + 4, (uint32_t)seq);
		return 8;
	}
	put32(aad + 4, (uint32_t)(seq >> 32));
	put32(aad + 8, (uint32_t)seq);
	return 12;
}

// RFC 8750: the IV that is not in the packet.
static void iv_implicit(const struct ipc_sa *sa, uint64_t seq, uint8_t iv[8])
{
	put32(iv, sa->suite.esn ? (uint32_t)(seq >> 32) : 0);
	put32(iv + 4, (uint32_t)seq);
}

// `iv` is that of the packet. RFC 4543: GMAC has no text, and all of the packet in the AAD.
static void aead(const struct ipc_sa *sa, uint64_t seq, const uint8_t *iv, const uint8_t *from,
	uint32_t len, uint8_t *to, uint8_t *tag, bool seal, bool *good)
{
	const struct alg_encr *encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool gmac = sa->suite.encr == ENCR_NULL_AUTH_AES_GMAC;
	uint8_t nonce[12], aad[12];
	uint32_t aad_len = aad_write(sa, seq, aad);
	int n = 0;

	memcpy(nonce, sa->encr_key + sa->encr_key_len - 4, 4);
	if (encr->iv_len)
		memcpy(nonce + 4, iv, 8);
	else
		iv_implicit(sa, seq, nonce + 4);
	ck_assert_int_eq(
		EVP_CipherInit_ex(ctx, cipher_of(&sa->suite), NULL, sa->encr_key, nonce, seal), 1);
	if (!seal)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag);
	ck_assert_int_eq(EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len), 1);
	if (gmac) {
		ck_assert_int_eq(EVP_CipherUpdate(ctx, NULL, &n, iv, 8), 1);
		ck_assert_int_eq(EVP_CipherUpdate(ctx, NULL, &n, from, (int)len), 1);
		memmove(to, from, len);
		n = (int)len;
	} else {
		ck_assert_int_eq(EVP_CipherUpdate(ctx, to, &n, from, (int)len), 1);
	}
	*good = EVP_CipherFinal_ex(ctx, to + n, &n) == 1;
	if (seal)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
	EVP_CIPHER_CTX_free(ctx);
}

static void plain(const struct ipc_sa *sa, const uint8_t *iv, const uint8_t *from, uint32_t len,
	uint8_t *to, bool seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t block[16] = {[15] = 1}; // RFC 3686 section 4
	int n;

	if (sa->suite.encr == ENCR_AES_CTR) {
		memcpy(block, sa->encr_key + sa->encr_key_len - 4, 4);
		memcpy(block + 4, iv, 8);
		iv = block;
	}
	ck_assert_int_eq(
		EVP_CipherInit_ex(ctx, cipher_of(&sa->suite), NULL, sa->encr_key, iv, seal), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	ck_assert_int_eq(EVP_CipherUpdate(ctx, to, &n, from, (int)len), 1);
	ck_assert_int_eq(EVP_CipherFinal_ex(ctx, to + n, &n), 1);
	EVP_CIPHER_CTX_free(ctx);
}

// Over ESP header, IV, ciphertext, and the upper half of an extended sequence number.
static void icv_write(
	const struct ipc_sa *sa, uint64_t seq, const uint8_t *pkt, uint32_t len, uint8_t *icv)
{
	static uint8_t data[TEST_PKT_MAX + 64];
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_len;

	memcpy(data, pkt, len);
	if (sa->suite.esn) {
		put32(data + len, (uint32_t)(seq >> 32));
		len += 4;
	}
	HMAC(hash_of(&sa->suite), sa->integ_key, (int)sa->integ_key_len, data, len, mac, &mac_len);
	memcpy(icv, mac, alg_integ_find(sa->suite.integ)->icv_len);
}

uint32_t reference_seal(const struct ipc_sa *sa, uint64_t seq, const uint8_t *iv,
	const uint8_t *text, uint32_t text_len, uint8_t *out)
{
	const struct alg_encr *encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);
	uint32_t head = 8u + encr->iv_len;
	bool good;

	put32(out, sa->spi);
	put32(out + 4, (uint32_t)seq);
	memcpy(out + 8, iv, encr->iv_len);
	if (encr->aead) {
		aead(sa, seq, iv, text, text_len, out + head, out + head + text_len, true, &good);
		return head + text_len + 16;
	}
	plain(sa, iv, text, text_len, out + head, true);
	icv_write(sa, seq, out, head + text_len, out + head + text_len);
	return head + text_len + alg_integ_find(sa->suite.integ)->icv_len;
}

int reference_open(
	const struct ipc_sa *sa, uint64_t seq, const uint8_t *pkt, uint32_t len, uint8_t *text)
{
	const struct alg_encr *encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);
	uint32_t head = 8u + encr->iv_len, text_len, icv_len;
	uint8_t icv[64];
	bool good;

	icv_len = encr->aead ? 16 : alg_integ_find(sa->suite.integ)->icv_len;
	ck_assert_uint_ge(len, head + icv_len);
	text_len = len - head - icv_len;
	memcpy(icv, pkt + len - icv_len, icv_len);
	if (encr->aead) {
		aead(sa, seq, pkt + 8, pkt + head, text_len, text, icv, false, &good);
		return good ? (int)text_len : -1;
	}
	icv_write(sa, seq, pkt, head + text_len, icv);
	if (memcmp(icv, pkt + len - icv_len, icv_len) != 0)
		return -1;
	plain(sa, pkt + 8, pkt + head, text_len, text, false);
	return (int)text_len;
}

uint32_t reference_pad(uint8_t *text, uint32_t payload_len, uint32_t block, uint8_t next)
{
	uint32_t n = payload_len, pad = 0;

	while ((n + 2) % block)
		text[n++] = (uint8_t)++pad;
	text[n++] = (uint8_t)pad;
	text[n++] = next;
	return n;
}

struct rte_mbuf *sealed_text(
	const struct ipc_sa *sa, uint64_t seq, const uint8_t *text, uint32_t text_len)
{
	static uint8_t pkt[TEST_PKT_MAX + 128];
	static const uint8_t iv[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
	uint32_t len = reference_seal(sa, seq, iv, text, text_len, pkt);
	struct rte_mbuf *m = len <= 2000 ? pkt_from(pkt, len) : pkt_pieces(pkt, len, 1480);

	pkt_meta(m)->sa = sa->spi;
	if (sa->flags & IPC_SA_ENCAP)
		pkt_meta(m)->flags = PKT_ENCAP;
	return m;
}

struct rte_mbuf *sealed(const struct ipc_sa *sa, uint64_t seq, const uint8_t *inner,
	uint32_t inner_len, uint8_t next)
{
	static uint8_t text[TEST_PKT_MAX + 64];
	const struct alg_encr *encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);

	memcpy(text, inner, inner_len);
	return sealed_text(sa, seq, text, reference_pad(text, inner_len, encr->block, next));
}
