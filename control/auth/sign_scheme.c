// SPDX-License-Identifier: BSD-3-Clause
// See sign_scheme.h. Any thread.
#include "sign_scheme.h"

#include "ike_payload.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <errno.h>
#include <string.h>

struct row {
	int key; // EVP_PKEY_*
	const char *md; // NULL: the scheme hashes itself
	enum sign_hash hash;
	uint8_t id_len; // DER of the AlgorithmIdentifier that we send
	uint8_t id[67];
};

// The AlgorithmIdentifiers of RFC 7427 appendix A and RFC 8420 appendix A. RSASSA-PSS: the same hash
// for MGF1, a salt as long as the hash (A.4.3).
#define PKCS1(last)                                                                                \
	15,                                                                                        \
	{                                                                                          \
		0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last, 5, 0 \
	}
#define ECDSA(last)                                                                                \
	12,                                                                                        \
	{                                                                                          \
		0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last             \
	}
#define SHA2(last) 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 3, 4, 2, last, 5, 0
#define PSS(last, salt)                                                                            \
	67,                                                                                        \
	{                                                                                          \
		0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a,      \
			0x30, 0x34, 0xa0, 0x0f, SHA2(last), 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09,    \
			0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, SHA2(last), 0xa2,    \
			0x03, 0x02, 0x01, salt                                                     \
	}
#define EDDSA(last)                                                                                \
	7,                                                                                         \
	{                                                                                          \
		0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, last                                           \
	}

static const struct row rows[SIGN_SCHEMES_N] = {
	[SIGN_RSA_PKCS1_SHA256] = {EVP_PKEY_RSA, "SHA256", SIGN_HASH_SHA2_256, PKCS1(0x0b)},
	[SIGN_RSA_PKCS1_SHA384] = {EVP_PKEY_RSA, "SHA384", SIGN_HASH_SHA2_384, PKCS1(0x0c)},
	[SIGN_RSA_PKCS1_SHA512] = {EVP_PKEY_RSA, "SHA512", SIGN_HASH_SHA2_512, PKCS1(0x0d)},
	[SIGN_RSA_PSS_SHA256] = {EVP_PKEY_RSA, "SHA256", SIGN_HASH_SHA2_256, PSS(1, 32)},
	[SIGN_RSA_PSS_SHA384] = {EVP_PKEY_RSA, "SHA384", SIGN_HASH_SHA2_384, PSS(2, 48)},
	[SIGN_RSA_PSS_SHA512] = {EVP_PKEY_RSA, "SHA512", SIGN_HASH_SHA2_512, PSS(3, 64)},
	[SIGN_ECDSA_SHA256] = {EVP_PKEY_EC, "SHA256", SIGN_HASH_SHA2_256, ECDSA(0x02)},
	[SIGN_ECDSA_SHA384] = {EVP_PKEY_EC, "SHA384", SIGN_HASH_SHA2_384, ECDSA(0x03)},
	[SIGN_ECDSA_SHA512] = {EVP_PKEY_EC, "SHA512", SIGN_HASH_SHA2_512, ECDSA(0x04)},
	[SIGN_ED25519] = {EVP_PKEY_ED25519, NULL, SIGN_HASH_IDENTITY, EDDSA(0x70)},
	[SIGN_ED448] = {EVP_PKEY_ED448, NULL, SIGN_HASH_IDENTITY, EDDSA(0x71)},
};

// The methods that name curve and hash, RFC 4754: r and s side by side.
static const struct {
	uint8_t method;
	int bits;
	enum sign_scheme scheme;
	int len; // of r and of s
} curves[] = {{AUTH_ECDSA_256, 256, SIGN_ECDSA_SHA256, 32},
	{AUTH_ECDSA_384, 384, SIGN_ECDSA_SHA384, 48}, {AUTH_ECDSA_521, 521, SIGN_ECDSA_SHA512, 66}};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

static bool is_pss(enum sign_scheme scheme)
{
	return scheme >= SIGN_RSA_PSS_SHA256 && scheme <= SIGN_RSA_PSS_SHA512;
}

const char *sign_scheme_name(enum sign_scheme scheme)
{
	static const char *const names[] = {"?",
#define X(id, name) name,
		SIGN_SCHEMES(X)
#undef X
	};

	return scheme < SIGN_SCHEMES_N ? names[scheme] : "?";
}

// May a key of this type sign so? An id-RSASSA-PSS key does nothing but PSS.
static bool suits(const EVP_PKEY *key, enum sign_scheme scheme)
{
	int type = EVP_PKEY_get_base_id(key);

	return type == rows[scheme].key || (type == EVP_PKEY_RSA_PSS && is_pss(scheme));
}

static enum sign_scheme by_method(uint8_t method, const EVP_PKEY *key)
{
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].method == method && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
			EVP_PKEY_get_bits(key) == curves[i].bits)
			return curves[i].scheme;
	return SIGN_NONE;
}

// A peer without RFC 7427 takes what its method says; with RSA the hash is the signer's choice.
static bool choose_old(const EVP_PKEY *key, struct sign_choice *out)
{
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		*out = (struct sign_choice){SIGN_RSA_PKCS1_SHA256, AUTH_RSA};
		return true;
	}
	for (size_t i = 0; i < CURVES; i++) {
		if (by_method(curves[i].method, key) == SIGN_NONE)
			continue;
		*out = (struct sign_choice){curves[i].scheme, curves[i].method};
		return true;
	}
	return false;
}

bool sign_choose(const EVP_PKEY *key, bool pss, uint32_t peer_hashes, struct sign_choice *out)
{
	enum sign_scheme wanted = SIGN_NONE;

	if (peer_hashes == 0)
		return choose_old(key, out);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS)
		pss = true;
	for (size_t i = 0; i < CURVES; i++) // the hash that is as strong as the curve goes first
		if (by_method(curves[i].method, key) != SIGN_NONE)
			wanted = curves[i].scheme;
	for (int pass = 0; pass < 2; pass++) {
		for (enum sign_scheme s = SIGN_NONE + 1; s < SIGN_SCHEMES_N; s++) {
			if (!suits(key, s) || !(peer_hashes & SIGN_HASH_BIT(rows[s].hash)) ||
				(rows[s].key == EVP_PKEY_RSA && is_pss(s) != pss) ||
				(pass == 0 && wanted != SIGN_NONE && s != wanted))
				continue;
			*out = (struct sign_choice){s, AUTH_SIGNATURE};
			return true;
		}
	}
	return false;
}

// SEQUENCE { r, s } as r | s.
static int ecdsa_raw(struct bytes signature, int len, uint8_t *out)
{
	const uint8_t *p = signature.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)signature.len);
	int ret = -EBADMSG;

	if (sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, len) == len &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + len, len) == len)
		ret = 2 * len;
	ECDSA_SIG_free(sig);
	return ret;
}

static int ecdsa_der(struct bytes raw, uint8_t buf[SIGN_BUF_MAX], struct bytes *out)
{
	int half = (int)raw.len / 2, len;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL), *s = BN_bin2bn(raw.data + half, half, NULL);
	uint8_t *p = buf;

	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		ECDSA_SIG_free(sig);
		BN_free(r);
		BN_free(s);
		return -ENOMEM;
	}
	len = i2d_ECDSA_SIG(sig, NULL);
	if (len > 0 && len <= SIGN_BUF_MAX)
		len = i2d_ECDSA_SIG(sig, &p);
	else
		len = -EBADMSG;
	ECDSA_SIG_free(sig);
	*out = (struct bytes){buf, len > 0 ? (size_t)len : 0};
	return len > 0 ? 0 : -EBADMSG;
}

int sign_auth_write(const struct sign_choice *choice, const EVP_PKEY *key, struct bytes signature,
	uint8_t *out, size_t cap)
{
	const struct row *row = &rows[choice->scheme];

	if (choice->method == AUTH_SIGNATURE) { // its length, the AlgorithmIdentifier, the value
		if (1 + (size_t)row->id_len + signature.len > cap)
			return -ENOSPC;
		out[0] = row->id_len;
		memcpy(out + 1, row->id, row->id_len);
		memcpy(out + 1 + row->id_len, signature.data, signature.len);
		return (int)(1 + row->id_len + signature.len);
	}
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].method == choice->method)
			return by_method(choice->method, key) != SIGN_NONE &&
					2 * (size_t)curves[i].len <= cap
				? ecdsa_raw(signature, curves[i].len, out)
				: -ENOSPC;
	if (signature.len > cap)
		return -ENOSPC;
	memcpy(out, signature.data, signature.len);
	return (int)signature.len;
}

// No parameters, which encoders write as NULL or not at all.
static bool is_plain(const X509_ALGOR *algor)
{
	return algor->parameter == NULL || algor->parameter->type == V_ASN1_NULL;
}

static int pss_hash(const X509_ALGOR *algor)
{
	if (algor == NULL)
		return NID_sha1; // DEFAULT
	return is_plain(algor) ? OBJ_obj2nid(algor->algorithm) : NID_undef;
}

// Parameters of RSASSA-PSS (RFC 4055): one hash for both, a salt as long as it, the usual trailer.
static enum sign_scheme pss_scheme(const X509_ALGOR *algor)
{
	static const struct {
		int nid;
		long salt;
		enum sign_scheme scheme;
	} known[] = {{NID_sha256, 32, SIGN_RSA_PSS_SHA256}, {NID_sha384, 48, SIGN_RSA_PSS_SHA384},
		{NID_sha512, 64, SIGN_RSA_PSS_SHA512}};
	enum sign_scheme found = SIGN_NONE;
	RSA_PSS_PARAMS *params = NULL;
	X509_ALGOR *mgf_hash = NULL;

	if (algor->parameter == NULL || algor->parameter->type != V_ASN1_SEQUENCE)
		return SIGN_NONE;
	params = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algor->parameter);
	if (params != NULL && params->maskGenAlgorithm != NULL &&
		OBJ_obj2nid(params->maskGenAlgorithm->algorithm) == NID_mgf1 &&
		params->maskGenAlgorithm->parameter != NULL &&
		params->maskGenAlgorithm->parameter->type == V_ASN1_SEQUENCE)
		mgf_hash = ASN1_TYPE_unpack_sequence(
			ASN1_ITEM_rptr(X509_ALGOR), params->maskGenAlgorithm->parameter);
	for (size_t i = 0; mgf_hash != NULL && i < sizeof(known) / sizeof(known[0]); i++)
		if (pss_hash(params->hashAlgorithm) == known[i].nid &&
			pss_hash(mgf_hash) == known[i].nid && params->saltLength != NULL &&
			ASN1_INTEGER_get(params->saltLength) == known[i].salt &&
			(params->trailerField == NULL ||
				ASN1_INTEGER_get(params->trailerField) == 1))
			found = known[i].scheme;
	X509_ALGOR_free(mgf_hash);
	RSA_PSS_PARAMS_free(params);
	return found;
}

// The AlgorithmIdentifier by its meaning: encodings differ.
static enum sign_scheme scheme_of(const uint8_t *der, size_t len)
{
	static const struct {
		int nid;
		enum sign_scheme scheme;
	} known[] = {{NID_sha256WithRSAEncryption, SIGN_RSA_PKCS1_SHA256},
		{NID_sha384WithRSAEncryption, SIGN_RSA_PKCS1_SHA384},
		{NID_sha512WithRSAEncryption, SIGN_RSA_PKCS1_SHA512},
		{NID_ecdsa_with_SHA256, SIGN_ECDSA_SHA256},
		{NID_ecdsa_with_SHA384, SIGN_ECDSA_SHA384},
		{NID_ecdsa_with_SHA512, SIGN_ECDSA_SHA512}, {NID_ED25519, SIGN_ED25519},
		{NID_ED448, SIGN_ED448}};
	enum sign_scheme found = SIGN_NONE;
	const uint8_t *p = der;
	X509_ALGOR *algor = d2i_X509_ALGOR(NULL, &p, (long)len);
	int nid = algor != NULL && p == der + len ? OBJ_obj2nid(algor->algorithm) : NID_undef;

	if (nid == NID_rsassaPss)
		found = pss_scheme(algor);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nid == nid && is_plain(algor))
			found = known[i].scheme;
	X509_ALGOR_free(algor);
	ERR_clear_error();
	return found;
}

int sign_auth_read(uint8_t method, struct bytes data, const EVP_PKEY *key, enum sign_scheme *scheme,
	struct bytes *signature, uint8_t buf[SIGN_BUF_MAX])
{
	*signature = data;
	if (data.len == 0)
		return -EBADMSG;
	if (method == AUTH_RSA) { // the hash stands within: tried one after the other
		*scheme = SIGN_RSA_PKCS1_SHA256;
		return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? 0 : -ENOTSUP;
	}
	if (method == AUTH_SIGNATURE) {
		size_t len = data.data[0];

		if (1 + len >= data.len)
			return -EBADMSG;
		*scheme = scheme_of(data.data + 1, len);
		*signature = (struct bytes){data.data + 1 + len, data.len - 1 - len};
		return *scheme != SIGN_NONE && suits(key, *scheme) ? 0 : -ENOTSUP;
	}
	*scheme = by_method(method, key);
	if (*scheme == SIGN_NONE)
		return -ENOTSUP;
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].method == method && data.len != 2 * (size_t)curves[i].len)
			return -EBADMSG;
	return ecdsa_der(data, buf, signature);
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum sign_scheme scheme)
{
	if (rows[scheme].key != EVP_PKEY_RSA)
		return true;
	if (!is_pss(scheme))
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

int sign_make(EVP_PKEY *key, enum sign_scheme scheme, struct bytes data, uint8_t *out, size_t *len)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = NULL;
	int ret = -EIO;

	if (md != NULL && scheme > SIGN_NONE && scheme < SIGN_SCHEMES_N && suits(key, scheme) &&
		EVP_DigestSignInit_ex(md, &ctx, rows[scheme].md, NULL, NULL, key, NULL) == 1 &&
		set_padding(ctx, scheme) && EVP_DigestSign(md, out, len, data.data, data.len) == 1)
		ret = 0;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ret;
}

bool sign_verify(EVP_PKEY *key, enum sign_scheme scheme, struct bytes data, struct bytes signature)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = NULL;
	bool good = md != NULL && suits(key, scheme) &&
		EVP_DigestVerifyInit_ex(md, &ctx, rows[scheme].md, NULL, NULL, key, NULL) == 1 &&
		set_padding(ctx, scheme) &&
		EVP_DigestVerify(md, signature.data, signature.len, data.data, data.len) == 1;

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return good;
}
