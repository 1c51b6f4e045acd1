// SPDX-License-Identifier: BSD-3-Clause
// Published vectors of key exchange and HMAC through the functions that IKE calls: NIST's KAS files with
// their public keys off the curve, RFC 4231, and Wycheproof where it is.
#include "../vectors/published.h"
#include "dh.h"
#include "prf.h"

#include <errno.h>

// An integer as so many octets; the file has P-521's with leading zeros too many or too few.
static void integer(const struct published *r, const char *name, size_t len, uint8_t *out)
{
	static uint8_t bytes[PUBLISHED_BYTES];
	size_t n = published_bytes(r, name, bytes), extra = n > len ? n - len : 0;

	for (size_t i = 0; i < extra; i++)
		ck_assert_uint_eq(bytes[i], 0);
	memset(out, 0, len);
	memcpy(out + len - (n - extra), bytes + extra, n - extra);
}

// "F (5 - IUT's Static public key ...": the number says what was spoilt.
static bool nist_ecdh(const struct published *r)
{
	static uint8_t own[PUBLISHED_BYTES], peer[PUBLISHED_BYTES], private_key[PUBLISHED_BYTES];
	static uint8_t z[PUBLISHED_BYTES], shared[DH_SHARED_MAX];
	static const char *const curves[] = {"EC -", "ED -", "EE -"};
	static const uint16_t ids[] = {DH_ECP_256, DH_ECP_384, DH_ECP_521};
	const char *result = published_text(r, "Result");
	const struct alg_dh *alg = NULL;
	size_t n, len = 0, half;
	struct dh *dh;
	int ret, spoilt;

	for (size_t i = 0; i < 3; i++)
		if (strncmp(r->section, curves[i], 4) == 0)
			alg = alg_dh_find(ids[i]);
	if (alg == NULL || result[0] == '\0')
		return false;
	half = alg->shared_len;
	integer(r, "QsCAVSx", half, peer);
	integer(r, "QsCAVSy", half, peer + half);
	integer(r, "QsIUTx", half, own);
	integer(r, "QsIUTy", half, own + half);
	n = published_bytes(r, "dsIUT", private_key);
	integer(r, "Z", half, z);
	spoilt = result[0] == 'F' ? atoi(result + 3) : 0;
	dh = dh_from_private(alg, private_key, n);
	if (dh == NULL) { // the change may take it out of the group's range
		ck_assert_msg(spoilt == 7, "%s, case %s", r->section, published_text(r, "COUNT"));
		return true;
	}
	ck_assert((memcmp(dh_public(dh), own, 2 * half) != 0) == (spoilt >= 5 && spoilt <= 7));
	ret = dh_shared(dh, peer, 2 * half, shared, &len);
	ck_assert_int_eq(ret, spoilt == 1 || spoilt == 2 ? -EINVAL : 0);
	if (spoilt == 0)
		ck_assert_mem_eq(shared, z, half);
	if (spoilt == 8)
		ck_assert_mem_ne(shared, z, half);
	dh_free(dh);
	return true;
}

static bool nist_hmac(const struct published *r)
{
	static uint8_t key[PUBLISHED_BYTES], msg[PUBLISHED_BYTES], tag[PUBLISHED_BYTES];
	struct bytes k = {key, published_bytes(r, "Key", key)};
	struct bytes part = {msg, published_bytes(r, "Msg", msg)};
	size_t n = published_bytes(r, "MD", tag);
	uint8_t out[DIGEST_BYTES_MAX];
	enum evp_digest digest = EVP_DIGEST_SHA512;

	if (n != 32 && n != 48 && n != 64)
		return false;
	if (n < 64)
		digest = n == 32 ? EVP_DIGEST_SHA256 : EVP_DIGEST_SHA384;
	ck_assert_int_eq(prf_digest_hmac(digest, k, &part, 1, out), 0);
	ck_assert_mem_eq(out, tag, n);
	return true;
}

static const struct alg_dh *curve_of(const struct published *r)
{
	static const struct {
		const char *curve;
		uint16_t id;
	} curves[] = {
		{"secp256r1", DH_ECP_256},
		{"secp384r1", DH_ECP_384},
		{"secp521r1", DH_ECP_521},
		{"curve25519", DH_X25519},
		{"curve448", DH_X448},
	};

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curves[i].curve, published_text(r, "curve")) == 0)
			return alg_dh_find(curves[i].id);
	return NULL;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

// ECP points come with X9.62's format octet, which IKE has not: compressed ones and those of another
// form are refused for their length. X: a result of zeros is refused, whatever the file thinks of it.
static bool wycheproof_dh(const struct published *r)
{
	static uint8_t peer[PUBLISHED_BYTES], private_key[PUBLISHED_BYTES], z[PUBLISHED_BYTES];
	static uint8_t shared[DH_SHARED_MAX];
	const struct alg_dh *alg = curve_of(r);
	size_t peer_len = published_bytes(r, "public", peer), len = 0, z_len;
	const char *secret = published_text(r, "private");
	bool ecp = alg->kind == DH_KIND_ECP;
	const uint8_t *value = peer;
	struct dh *dh;
	char even[512];
	int ret;

	z_len = published_bytes(r, "shared", z);
	snprintf(even, sizeof(even), "%s%s", strlen(secret) % 2 ? "0" : "", secret);
	dh = dh_from_private(alg, private_key, hex_parse(even, private_key, sizeof(private_key)));
	ck_assert_ptr_nonnull(dh);
	if (ecp && peer_len == 1u + alg->public_len && peer[0] == 4) {
		value++;
		peer_len--;
	}
	ret = dh_shared(dh, value, peer_len, shared, &len);
	if (ret == 0) {
		ck_assert_msg(published_valid(r), "case %s", published_text(r, "tcId"));
		ck_assert_uint_eq(len, z_len);
		ck_assert_mem_eq(shared, z, len);
	} else {
		ck_assert_msg(!published_valid(r) || peer_len != alg->public_len ||
				(!ecp && all_zero(z, z_len)),
			"case %s refused", published_text(r, "tcId"));
	}
	dh_free(dh);
	return true;
}

static bool wycheproof_hmac(const struct published *r, enum evp_digest digest)
{
	static uint8_t key[PUBLISHED_BYTES], msg[PUBLISHED_BYTES], tag[PUBLISHED_BYTES];
	struct bytes k = {key, published_bytes(r, "key", key)};
	struct bytes part = {msg, published_bytes(r, "msg", msg)};
	size_t n = published_bytes(r, "tag", tag);
	uint8_t out[DIGEST_BYTES_MAX];

	ck_assert_int_eq(prf_digest_hmac(digest, k, &part, 1, out), 0);
	ck_assert((memcmp(out, tag, n) == 0) == published_valid(r));
	return true;
}

static bool wycheproof_hmac_sha256(const struct published *r)
{
	return wycheproof_hmac(r, EVP_DIGEST_SHA256);
}

static bool wycheproof_hmac_sha384(const struct published *r)
{
	return wycheproof_hmac(r, EVP_DIGEST_SHA384);
}

static bool wycheproof_hmac_sha512(const struct published *r)
{
	return wycheproof_hmac(r, EVP_DIGEST_SHA512);
}

static const struct published_file files[] = {
	{"asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_init.fax", nist_ecdh, false,
		80},
	{"asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_resp.fax", nist_ecdh, false,
		80},
	{"HMAC/rfc-4231-sha256.txt", nist_hmac, false, 6},
	{"HMAC/rfc-4231-sha384.txt", nist_hmac, false, 6},
	{"HMAC/rfc-4231-sha512.txt", nist_hmac, false, 6},
	{"x25519", wycheproof_dh, true, 400},
	{"x448", wycheproof_dh, true, 400},
	{"ecdh_secp256r1_ecpoint", wycheproof_dh, true, 200},
	{"ecdh_secp384r1_ecpoint", wycheproof_dh, true, 200},
	{"ecdh_secp521r1_ecpoint", wycheproof_dh, true, 200},
	{"hmac_sha256", wycheproof_hmac_sha256, true, 100},
	{"hmac_sha384", wycheproof_hmac_sha384, true, 100},
	{"hmac_sha512", wycheproof_hmac_sha512, true, 100},
};

START_TEST(test_file)
{
	published_run(&files[_i]);
}
END_TEST

int main(void)
{
	return published_main("published", files, sizeof(files) / sizeof(files[0]), test_file);
}
