// SPDX-License-Identifier: BSD-3-Clause
// Key exchange: X25519 and X448 (RFC 8031), ECP (RFC 5903 sections 7 and 9: KE data are x | y, the
// shared secret is x alone), MODP (RFC 3526; padded to the modulus, RFC 7296 sections 2.14 and 3.4).
// Checks of the peer's value as RFC 6989 section 2. One thread per object.
//
// ECP and MODP use OpenSSL's curve and number arithmetic directly. Its EVP layer does the same
// below, but cannot make the public half of a private key that comes from our random source.

#include "dh.h"

#include "evp_cache.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ECP_BYTES_MAX 66 // of a coordinate or a scalar
#define ECP_TRIES 128 // one fails with a chance of at most 1/2 (P-521, whose top bits are cut off)

struct dh {
	const struct alg_dh *alg;
	EVP_PKEY *pkey; // X25519, X448
	BIGNUM *private_key; // ECP, MODP
	uint8_t public_key[]; // alg->public_len
};

// What OpenSSL needs for a group. Made once, never changed or freed; NULL when there was no memory at
// that time.
struct ecp_group {
	uint16_t id; // enum dh_id
	int nid;
	EC_GROUP *group;
};
struct modp_group {
	uint16_t id;
	BIGNUM *(*prime_get)(BIGNUM *to);
	BIGNUM *prime, *prime_minus_1;
	BN_MONT_CTX *mont;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct ecp_group ecp_groups[] = {
	{DH_ECP_256, NID_X9_62_prime256v1, NULL},
	{DH_ECP_384, NID_secp384r1, NULL},
	{DH_ECP_521, NID_secp521r1, NULL},
};
static struct modp_group modp_groups[] = {
	{.id = DH_MODP_2048, .prime_get = BN_get_rfc3526_prime_2048},
	{.id = DH_MODP_3072, .prime_get = BN_get_rfc3526_prime_3072},
	{.id = DH_MODP_4096, .prime_get = BN_get_rfc3526_prime_4096},
};

static void modp_make(struct modp_group *g, BN_CTX *bn)
{
	g->prime = g->prime_get(NULL);
	g->prime_minus_1 = g->prime ? BN_dup(g->prime) : NULL;
	g->mont = BN_MONT_CTX_new();
	if (!bn || !g->prime_minus_1 || !g->mont || !BN_sub_word(g->prime_minus_1, 1) ||
		!BN_MONT_CTX_set(g->mont, g->prime, bn)) {
		BN_MONT_CTX_free(g->mont);
		g->mont = NULL;
	}
}

static void groups_make(void)
{
	BN_CTX *bn = BN_CTX_new();

	for (size_t i = 0; i < sizeof(ecp_groups) / sizeof(ecp_groups[0]); i++)
		ecp_groups[i].group = EC_GROUP_new_by_curve_name(ecp_groups[i].nid);
	for (size_t i = 0; i < sizeof(modp_groups) / sizeof(modp_groups[0]); i++)
		modp_make(&modp_groups[i], bn);
	BN_CTX_free(bn);
}

static const EC_GROUP *ecp_group(const struct alg_dh *alg)
{
	pthread_once(&once, groups_make);
	for (size_t i = 0; i < sizeof(ecp_groups) / sizeof(ecp_groups[0]); i++)
		if (ecp_groups[i].id == alg->id)
			return ecp_groups[i].group;
	return NULL;
}

static const struct modp_group *modp_group(const struct alg_dh *alg)
{
	pthread_once(&once, groups_make);
	for (size_t i = 0; i < sizeof(modp_groups) / sizeof(modp_groups[0]); i++)
		if (modp_groups[i].id == alg->id && modp_groups[i].mont)
			return &modp_groups[i];
	return NULL;
}

// X25519 and X448

static int x_type(const struct alg_dh *alg)
{
	return alg->id == DH_X448 ? EVP_PKEY_X448 : EVP_PKEY_X25519;
}

static int x_set_private(struct dh *dh, const uint8_t *key)
{
	size_t len = dh->alg->public_len;

	dh->pkey = EVP_PKEY_new_raw_private_key(x_type(dh->alg), NULL, key, len);
	if (!dh->pkey || !EVP_PKEY_get_raw_public_key(dh->pkey, dh->public_key, &len))
		return -EIO;
	return 0;
}

static bool all_zero(const uint8_t *data, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= data[i];
	return any == 0;
}

// RFC 8031 section 3.2: any octets of the right number are a public key, but no result of zeros is
// taken. OpenSSL refuses that already; it must not depend on its version.
static int x_shared(struct dh *dh, const uint8_t *peer, uint8_t *out)
{
	size_t len = dh->alg->shared_len;
	EVP_PKEY *peer_key = EVP_PKEY_new_raw_public_key(x_type(dh->alg), NULL, peer, len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(dh->pkey, NULL);
	int ret = -EINVAL;

	if (peer_key && ctx && EVP_PKEY_derive_init(ctx) > 0 &&
		EVP_PKEY_derive_set_peer_ex(ctx, peer_key, 0) > 0 &&
		EVP_PKEY_derive(ctx, out, &len) > 0 && len == dh->alg->shared_len &&
		!all_zero(out, len))
		ret = 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer_key);
	return ret;
}

// ECP

// KE data without the format octet that OpenSSL and X9.62 put in front.
static int ecp_set_private(struct dh *dh, const uint8_t *key, size_t len)
{
	const EC_GROUP *group = ecp_group(dh->alg);
	uint8_t encoded[1 + 2 * ECP_BYTES_MAX];
	BN_CTX *bn = evp_cache_bn();
	EC_POINT *point = NULL;
	int ret = -EIO;

	if (!group || !bn)
		return -EIO;
	dh->private_key = BN_bin2bn(key, (int)len, NULL);
	if (!dh->private_key)
		return -EIO;
	BN_set_flags(dh->private_key, BN_FLG_CONSTTIME);
	if (BN_is_zero(dh->private_key) || BN_cmp(dh->private_key, EC_GROUP_get0_order(group)) >= 0)
		return -EINVAL;
	point = EC_POINT_new(group);
	if (point && EC_POINT_mul(group, point, dh->private_key, NULL, NULL, bn) &&
		EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, encoded,
			sizeof(encoded), bn) == 1u + dh->alg->public_len) {
		memcpy(dh->public_key, encoded + 1, dh->alg->public_len);
		ret = 0;
	}
	EC_POINT_free(point);
	return ret;
}

// RFC 6989 section 2.3: coordinates below the prime, on the curve (both are what
// EC_POINT_oct2point() checks); the point at infinity has no such form. These curves have no
// small subgroups.
static int ecp_shared(struct dh *dh, const uint8_t *peer, uint8_t *out)
{
	const EC_GROUP *group = ecp_group(dh->alg);
	uint8_t encoded[1 + 2 * ECP_BYTES_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	EC_POINT *point = EC_POINT_new(group);
	BIGNUM *x = BN_new();
	BN_CTX *bn = evp_cache_bn();
	int ret = -EINVAL;

	memcpy(encoded + 1, peer, dh->alg->public_len);
	if (point && x && bn &&
		EC_POINT_oct2point(group, point, encoded, 1u + dh->alg->public_len, bn) &&
		EC_POINT_mul(group, point, NULL, point, dh->private_key, bn) &&
		EC_POINT_get_affine_coordinates(group, point, x, NULL, bn) &&
		BN_bn2binpad(x, out, dh->alg->shared_len) == dh->alg->shared_len)
		ret = 0;
	BN_clear_free(x);
	EC_POINT_clear_free(point);
	return ret;
}

// MODP, generator 2

static int modp_set_private(struct dh *dh, const uint8_t *key, size_t len)
{
	const struct modp_group *g = modp_group(dh->alg);
	BN_CTX *bn = evp_cache_bn();
	BIGNUM *result = BN_new(), *two = BN_new();
	int ret = -EIO;

	dh->private_key = BN_bin2bn(key, (int)len, NULL);
	if (!g || !bn || !result || !two || !dh->private_key)
		goto out;
	BN_set_flags(dh->private_key, BN_FLG_CONSTTIME);
	if (BN_is_zero(dh->private_key) || BN_is_one(dh->private_key) ||
		BN_cmp(dh->private_key, g->prime_minus_1) >= 0) {
		ret = -EINVAL;
		goto out;
	}
	if (BN_set_word(two, 2) &&
		BN_mod_exp_mont_consttime(result, two, dh->private_key, g->prime, bn, g->mont) &&
		BN_bn2binpad(result, dh->public_key, dh->alg->public_len) == dh->alg->public_len)
		ret = 0;
out:
	BN_free(two);
	BN_free(result);
	return ret;
}

// RFC 6989 section 2.1: 1 < y < p - 1.
static int modp_shared(struct dh *dh, const uint8_t *peer, uint8_t *out)
{
	const struct modp_group *g = modp_group(dh->alg);
	BIGNUM *y = BN_bin2bn(peer, dh->alg->public_len, NULL), *result = BN_new();
	BN_CTX *bn = evp_cache_bn();
	int ret = -EINVAL;

	if (g && y && result && bn && BN_cmp(y, BN_value_one()) > 0 &&
		BN_cmp(y, g->prime_minus_1) < 0 &&
		BN_mod_exp_mont_consttime(result, y, dh->private_key, g->prime, bn, g->mont) &&
		BN_bn2binpad(result, out, dh->alg->shared_len) == dh->alg->shared_len)
		ret = 0;
	BN_clear_free(result);
	BN_free(y);
	return ret;
}

// All groups

// 0, -EINVAL: not a private key of this group, -EIO.
static int set_private(struct dh *dh, const uint8_t *key, size_t len)
{
	switch (dh->alg->kind) {
	case DH_KIND_X:
		return len == dh->alg->private_len ? x_set_private(dh, key) : -EINVAL;
	case DH_KIND_ECP:
		return ecp_set_private(dh, key, len);
	case DH_KIND_MODP:
		return modp_set_private(dh, key, len);
	default:
		return -EOPNOTSUPP;
	}
}

static struct dh *dh_alloc(const struct alg_dh *alg)
{
	struct dh *dh = calloc(1, sizeof(*dh) + alg->public_len);

	if (!dh) {
		errno = ENOMEM;
		return NULL;
	}
	assert(alg->public_len <= DH_PUBLIC_MAX && alg->shared_len <= DH_SHARED_MAX);
	dh->alg = alg;
	return dh;
}

struct dh *dh_from_private(const struct alg_dh *alg, const void *key, size_t len)
{
	struct dh *dh;
	int ret;

	if (len > DH_PUBLIC_MAX) {
		errno = EINVAL;
		return NULL;
	}
	dh = dh_alloc(alg);
	if (!dh)
		return NULL;
	ret = set_private(dh, key, len);
	if (ret) {
		dh_free(dh);
		errno = -ret;
		return NULL;
	}
	return dh;
}

// Octets that are no scalar of the group (0, or not below its order) are thrown away whole: any
// reduction would favour some keys. The bits that P-521 has no room for are zero from the start.
struct dh *dh_new(
	const struct alg_dh *alg, void (*random)(void *arg, void *out, size_t len), void *arg)
{
	uint8_t key[ECP_BYTES_MAX];
	size_t len = alg->private_len;
	struct dh *dh = NULL;

	for (int i = 0; i < ECP_TRIES && !dh; i++) {
		random(arg, key, len);
		if (alg->id == DH_ECP_521)
			key[0] &= 1;
		dh = dh_from_private(alg, key, len);
		if (!dh && errno != EINVAL)
			break;
	}
	secret_wipe(key, sizeof(key));
	return dh;
}

void dh_free(struct dh *dh)
{
	if (!dh)
		return;
	EVP_PKEY_free(dh->pkey);
	BN_clear_free(dh->private_key);
	secret_wipe(dh, sizeof(*dh) + dh->alg->public_len);
	free(dh);
}

const struct alg_dh *dh_alg(const struct dh *dh)
{
	return dh->alg;
}

const uint8_t *dh_public(const struct dh *dh)
{
	return dh->public_key;
}

int dh_shared(struct dh *dh, const void *peer, size_t peer_len, uint8_t *out, size_t *out_len)
{
	int ret;

	*out_len = 0;
	if (peer_len != dh->alg->public_len)
		return -EINVAL;
	switch (dh->alg->kind) {
	case DH_KIND_X:
		ret = x_shared(dh, peer, out);
		break;
	case DH_KIND_ECP:
		ret = ecp_shared(dh, peer, out);
		break;
	default:
		ret = modp_shared(dh, peer, out);
		break;
	}
	if (ret == 0)
		*out_len = dh->alg->shared_len;
	else
		secret_wipe(out, dh->alg->shared_len);
	return ret;
}
