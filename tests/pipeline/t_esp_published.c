// SPDX-License-Identifier: BSD-3-Clause
// Published vectors of the ciphers through the crypto backends' own burst functions: NIST's GCM files,
// of which the cases without text are GMAC's, NIST's CBC and RFC 3686's CTR cases, RFC 7539 and
// Wycheproof where it is. What ESP cannot say, such as other lengths of nonce, tag and additional data,
// is left out and not counted.
#include "../vectors/published.h"
#include "crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdalign.h>

#define HEAD 64 // before the text
#define ESP_HEADER 8

static struct crypto *crypto;
static const uint8_t integ_key[64] = {7, 7, 7};

struct text { // of a record
	uint8_t key[PUBLISHED_BYTES], iv[PUBLISHED_BYTES], aad[PUBLISHED_BYTES];
	uint8_t plain[PUBLISHED_BYTES], sealed[PUBLISHED_BYTES], tag[PUBLISHED_BYTES];
	size_t key_len, iv_len, aad_len, plain_len, sealed_len, tag_len;
};
static struct text t;

struct names { // of the fields
	const char *key, *iv, *aad, *plain, *sealed, *tag;
};
static const struct names nist = {"Key", "IV", "AAD", "PT", "CT", "Tag"};
static const struct names nist_plain = {"KEY", "IV", "-", "PLAINTEXT", "CIPHERTEXT", "-"};
static const struct names wycheproof = {"key", "iv", "aad", "msg", "ct", "tag"};

static void text_read(const struct published *r, const struct names *names)
{
	t.key_len = published_bytes(r, names->key, t.key);
	t.iv_len = published_bytes(r, names->iv, t.iv);
	t.aad_len = published_bytes(r, names->aad, t.aad);
	t.plain_len = published_bytes(r, names->plain, t.plain);
	t.sealed_len = published_bytes(r, names->sealed, t.sealed);
	t.tag_len = published_bytes(r, names->tag, t.tag);
}

// One packet's place, with the record's text or ciphertext in it, and room for the ICV.
struct place {
	alignas(64) uint8_t key[CRYPTO_KEY_BYTES];
	uint8_t bytes[HEAD + PUBLISHED_BYTES + CRYPTO_ICV_MAX];
	struct crypto_op op;
	const struct crypto_backend *backend;
};
static struct place place;

static void place_init(const struct esp_suite *suite, const uint8_t *text, size_t len)
{
	struct crypto_shape shape;

	memset(&place, 0, sizeof(place));
	ck_assert_int_eq(crypto_shape(suite, &shape), 0);
	place.backend = crypto_backend(crypto, shape.class);
	ck_assert_int_eq(place.backend->key_init(crypto, place.key, suite, t.key, integ_key), 0);
	place.op = (struct crypto_op){
		.key = place.key, .data = place.bytes + HEAD, .len = (uint32_t)len};
	if (t.iv_len >= 12)
		memcpy(place.op.nonce, t.iv, 12);
	memcpy(place.op.data, text, len);
}

static bool aead(const struct published *r, uint16_t encr)
{
	struct esp_suite suite = {
		.encr = encr, .key_bits = encr == ENCR_AES_GCM_16 ? (uint16_t)(8 * t.key_len) : 0};
	bool valid = published_valid(r);

	if (t.iv_len != 12 || t.tag_len != 16 || t.aad_len > sizeof(place.op.aad))
		return false;
	if (valid) {
		place_init(&suite, t.plain, t.plain_len);
		place.op.aad_len = (uint8_t)t.aad_len;
		memcpy(place.op.aad, t.aad, t.aad_len);
		ck_assert_uint_eq(place.backend->encrypt(crypto, &place.op, 1), 0);
		ck_assert_mem_eq(place.op.data, t.sealed, t.sealed_len);
		ck_assert_mem_eq(place.op.data + t.sealed_len, t.tag, t.tag_len);
	}
	place_init(&suite, t.sealed, t.sealed_len);
	place.op.aad_len = (uint8_t)t.aad_len;
	memcpy(place.op.aad, t.aad, t.aad_len);
	memcpy(place.op.data + t.sealed_len, t.tag, t.tag_len);
	ck_assert_uint_eq(place.backend->decrypt(crypto, &place.op, 1), valid ? 0 : 1);
	ck_assert(place.op.failed == !valid);
	if (valid)
		ck_assert_mem_eq(place.op.data, t.plain, t.plain_len);
	return true;
}

// `data` is all that is authenticated: ESP header, IV and text for us.
static bool gmac(const uint8_t *data, size_t len, bool valid)
{
	struct esp_suite suite = {
		.encr = ENCR_NULL_AUTH_AES_GMAC, .key_bits = (uint16_t)(8 * t.key_len)};
	struct iovec iov;
	uint8_t icv[16];

	if (t.iv_len != 12 || t.tag_len != 16 || len < 16)
		return false;
	place_init(&suite, data + 16, len - 16);
	place.op.aad_len = ESP_HEADER;
	memcpy(place.op.aad, data, ESP_HEADER);
	memcpy(place.op.data - 16, data, 16);
	ck_assert_uint_eq(place.backend->encrypt(crypto, &place.op, 1), 0);
	ck_assert((memcmp(place.op.data + place.op.len, t.tag, 16) == 0) == valid);
	memcpy(place.op.data + place.op.len, t.tag, 16);
	ck_assert_uint_eq(place.backend->decrypt(crypto, &place.op, 1), valid ? 0 : 1);
	if (memcmp(t.iv + 4, data + 8, 8) != 0) // the pieces' IV comes out of the nonce
		return true;
	iov = (struct iovec){place.op.data, place.op.len};
	place.backend->encrypt_segs(crypto, &place.op, &iov, 1, icv);
	ck_assert((memcmp(icv, t.tag, 16) == 0) == valid);
	return true;
}

static bool nist_gcm(const struct published *r)
{
	text_read(r, &nist);
	return aead(r, ENCR_AES_GCM_16);
}

static bool nist_gmac(const struct published *r)
{
	text_read(r, &nist);
	return t.sealed_len == 0 && gmac(t.aad, t.aad_len, published_valid(r));
}

static bool wycheproof_gcm(const struct published *r)
{
	text_read(r, &wycheproof);
	return aead(r, ENCR_AES_GCM_16);
}

static bool wycheproof_gmac(const struct published *r)
{
	text_read(r, &wycheproof);
	return gmac(t.plain, t.plain_len, published_valid(r));
}

static bool wycheproof_chacha(const struct published *r)
{
	text_read(r, &wycheproof);
	return aead(r, ENCR_CHACHA20_POLY1305);
}

// The ICV is ours, but what it must be is computed here.
static bool with_hmac(uint16_t encr, uint32_t iv_len, const uint8_t *iv)
{
	struct esp_suite suite = {.encr = encr,
		.key_bits = (uint16_t)(8 * t.key_len),
		.integ = INTEG_HMAC_SHA2_256_128};
	uint8_t mac[32];

	place_init(&suite, t.plain, t.plain_len);
	place.op.aad_len = ESP_HEADER;
	memcpy(place.op.data - iv_len, iv, iv_len);
	ck_assert_uint_eq(place.backend->encrypt(crypto, &place.op, 1), 0);
	ck_assert_mem_eq(place.op.data, t.sealed, t.sealed_len);
	HMAC(EVP_sha256(), integ_key, 32, place.op.data - iv_len - ESP_HEADER,
		ESP_HEADER + iv_len + place.op.len, mac, NULL);
	ck_assert_mem_eq(place.op.data + place.op.len, mac, 16);
	ck_assert_uint_eq(place.backend->decrypt(crypto, &place.op, 1), 0);
	ck_assert_mem_eq(place.op.data, t.plain, t.plain_len);
	return true;
}

static bool nist_cbc(const struct published *r)
{
	text_read(r, &nist_plain);
	return t.plain_len > 0 && with_hmac(ENCR_AES_CBC, 16, t.iv);
}

// RFC 3686 section 6: the IV of the file is the first counter block.
static bool rfc_ctr(const struct published *r)
{
	text_read(r, &nist_plain);
	return t.plain_len > 0 && with_hmac(ENCR_AES_CTR, 8, t.iv + 4);
}

// PKCS #5 padding is not ours, but text with such padding is text.
static bool wycheproof_cbc(const struct published *r)
{
	uint8_t pad;

	text_read(r, &wycheproof);
	if (!published_valid(r))
		return false;
	pad = (uint8_t)(16 - t.plain_len % 16);
	memset(t.plain + t.plain_len, pad, pad);
	t.plain_len += pad;
	return with_hmac(ENCR_AES_CBC, 16, t.iv);
}

#define AES "ciphers/AES/"
static const struct published_file files[] = {
	{AES "GCM/gcmDecrypt128.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmDecrypt192.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmDecrypt256.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmEncryptExtIV128.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmEncryptExtIV192.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmEncryptExtIV256.rsp", nist_gcm, false, 70},
	{AES "GCM/gcmDecrypt128.rsp", nist_gmac, false, 50},
	{AES "GCM/gcmDecrypt192.rsp", nist_gmac, false, 50},
	{AES "GCM/gcmDecrypt256.rsp", nist_gmac, false, 50},
	{AES "CBC/CBCMMT128.rsp", nist_cbc, false, 20},
	{AES "CBC/CBCMMT192.rsp", nist_cbc, false, 20},
	{AES "CBC/CBCMMT256.rsp", nist_cbc, false, 20},
	{AES "CBC/CBCGFSbox192.rsp", nist_cbc, false, 10},
	{AES "CTR/aes-128-ctr.txt", rfc_ctr, false, 3},
	{AES "CTR/aes-192-ctr.txt", rfc_ctr, false, 3},
	{AES "CTR/aes-256-ctr.txt", rfc_ctr, false, 3},
	{"aes_gcm", wycheproof_gcm, true, 100},
	{"aes_gmac", wycheproof_gmac, true, 100},
	{"chacha20_poly1305", wycheproof_chacha, true, 200},
	{"aes_cbc_pkcs5", wycheproof_cbc, true, 70},
};

START_TEST(test_file)
{
	crypto = crypto_new();
	ck_assert_ptr_nonnull(crypto);
	published_run(&files[_i]);
	crypto_free(crypto);
}
END_TEST

int main(void)
{
	return published_main("esp_published", files, sizeof(files) / sizeof(files[0]), test_file);
}
