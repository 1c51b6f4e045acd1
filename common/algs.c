// SPDX-License-Identifier: BSD-3-Clause
// The one table of algorithms. Numbers are IANA's IKEv2 transform ids; sizes come from RFC 3602
// (AES-CBC), RFC 3686 and 5930 (AES-CTR), RFC 4106 and 5282 (AES-GCM), RFC 4543 (AES-GMAC), RFC 7634
// (ChaCha20-Poly1305), RFC 8750 (implicit IV), RFC 4868 (HMAC-SHA2), RFC 3526, 5903 and 8031 (groups).
// Constant data: any thread.
#include "algs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// ESP wants its trailer to end on four octets whatever the cipher (RFC 4303 section 2.4), and an SK
// payload may be padded at will (RFC 5282 section 3), so 4 is the block of all but CBC.
//
// Bits, key, salt, IV, ICV, block; aead, counter_iv, ike, esp, usual
static const struct alg_encr encr_table[] = {
#define ROW(id, bits, key, salt, iv, icv, block, ...)                                              \
	{                                                                                          \
		ENCR_##id, bits, key, salt, iv, icv, block, __VA_ARGS__                            \
	}
	ROW(AES_GCM_16, 128, 16, 4, 8, 16, 4, 1, 1, 1, 1, 1, "AES-128-GCM", "aes128gcm16"),
	ROW(AES_GCM_16, 192, 24, 4, 8, 16, 4, 1, 1, 1, 1, 0, "AES-192-GCM", "aes192gcm16"),
	ROW(AES_GCM_16, 256, 32, 4, 8, 16, 4, 1, 1, 1, 1, 1, "AES-256-GCM", "aes256gcm16"),
	ROW(CHACHA20_POLY1305, 0, 32, 4, 8, 16, 4, 1, 1, 1, 1, 1, "ChaCha20-Poly1305",
		"chacha20poly1305"),
	ROW(AES_CBC, 128, 16, 0, 16, 0, 16, 0, 0, 1, 1, 1, "AES-128-CBC", "aes128cbc"),
	ROW(AES_CBC, 192, 24, 0, 16, 0, 16, 0, 0, 1, 1, 0, "AES-192-CBC", "aes192cbc"),
	ROW(AES_CBC, 256, 32, 0, 16, 0, 16, 0, 0, 1, 1, 1, "AES-256-CBC", "aes256cbc"),
	ROW(AES_CTR, 128, 16, 4, 8, 0, 4, 0, 1, 1, 1, 0, "AES-128-CTR", "aes128ctr"),
	ROW(AES_CTR, 192, 24, 4, 8, 0, 4, 0, 1, 1, 1, 0, "AES-192-CTR", "aes192ctr"),
	ROW(AES_CTR, 256, 32, 4, 8, 0, 4, 0, 1, 1, 1, 0, "AES-256-CTR", "aes256ctr"),
	ROW(AES_GCM_16_IIV, 128, 16, 4, 0, 16, 4, 1, 1, 0, 1, 0, NULL, "aes128gcm16iiv"),
	ROW(AES_GCM_16_IIV, 192, 24, 4, 0, 16, 4, 1, 1, 0, 1, 0, NULL, "aes192gcm16iiv"),
	ROW(AES_GCM_16_IIV, 256, 32, 4, 0, 16, 4, 1, 1, 0, 1, 0, NULL, "aes256gcm16iiv"),
	ROW(CHACHA20_POLY1305_IIV, 0, 32, 4, 0, 16, 4, 1, 1, 0, 1, 0, NULL, "chacha20poly1305iiv"),
	ROW(NULL_AUTH_AES_GMAC, 128, 16, 4, 8, 16, 4, 1, 1, 0, 1, 0, NULL, "aes128gmac"),
	ROW(NULL_AUTH_AES_GMAC, 192, 24, 4, 8, 16, 4, 1, 1, 0, 1, 0, NULL, "aes192gmac"),
	ROW(NULL_AUTH_AES_GMAC, 256, 32, 4, 8, 16, 4, 1, 1, 0, 1, 0, NULL, "aes256gmac"),
	ROW(NULL, 0, 0, 0, 0, 0, 4, 0, 1, 0, 1, 0, NULL, "null"),
#undef ROW
};
static_assert(sizeof(encr_table) / sizeof(encr_table[0]) == ALG_ENCR_COUNT);

static const struct alg_integ integ_table[] = {
	{INTEG_HMAC_SHA2_256_128, 32, 16, true, true, "sha256"},
	{INTEG_HMAC_SHA2_384_192, 48, 24, true, true, "sha384"},
	{INTEG_HMAC_SHA2_512_256, 64, 32, true, true, "sha512"},
};

static const struct alg_prf prf_table[] = {
	{PRF_HMAC_SHA2_256, 32, "SHA256", "prfsha256"},
	{PRF_HMAC_SHA2_384, 48, "SHA384", "prfsha384"},
	{PRF_HMAC_SHA2_512, 64, "SHA512", "prfsha512"},
};

// Private keys of MODP groups: twice the estimated strength, RFC 3526 section 8. The primes are safe,
// so a short exponent gives nothing away.
static const struct alg_dh dh_table[] = {
	{DH_X25519, DH_KIND_X, 32, 32, 32, true, "x25519"},
	{DH_ECP_256, DH_KIND_ECP, 64, 32, 32, true, "ecp256"},
	{DH_ECP_384, DH_KIND_ECP, 96, 48, 48, true, "ecp384"},
	{DH_MODP_2048, DH_KIND_MODP, 256, 256, 32, true, "modp2048"},
	{DH_X448, DH_KIND_X, 56, 56, 56, false, "x448"},
	{DH_ECP_521, DH_KIND_ECP, 132, 66, 66, false, "ecp521"},
	{DH_MODP_3072, DH_KIND_MODP, 384, 384, 36, false, "modp3072"},
	{DH_MODP_4096, DH_KIND_MODP, 512, 512, 40, false, "modp4096"},
};

static const struct {
	enum transform_type type;
	const char *name;
	const char *why;
} forbidden_table[] = {
	{TRANSFORM_ENCR, "des", "RFC 8247 and 8221: MUST NOT, 56-bit keys"},
	{TRANSFORM_ENCR, "des_iv64", "RFC 8221: MUST NOT, unspecified"},
	{TRANSFORM_ENCR, "des_iv32", "RFC 8221: MUST NOT, unspecified"},
	{TRANSFORM_ENCR, "3idea", "RFC 8221: MUST NOT, unspecified"},
	{TRANSFORM_ENCR, "blowfish", "RFC 8221: MUST NOT, 64-bit blocks, deprecated for years"},
	{TRANSFORM_ENCR, "3des", "RFC 8221: SHOULD NOT, 64-bit blocks"},
	{TRANSFORM_PRF, "prfmd5", "RFC 8247: MUST NOT, MD5 is broken"},
	{TRANSFORM_INTEG, "none",
		"RFC 8221: MUST NOT, encryption alone is not effective; an AEAD has no integ"},
	{TRANSFORM_INTEG, "md5", "RFC 8247 and 8221: MUST NOT, MD5 is broken"},
	{TRANSFORM_INTEG, "des_mac", "RFC 8247 and 8221: MUST NOT, 56-bit keys"},
	{TRANSFORM_INTEG, "kpdk_md5", "RFC 8247 and 8221: MUST NOT, MD5 is broken"},
	{TRANSFORM_DH, "modp768", "RFC 8247: MUST NOT, broken by anybody with some computers"},
	{TRANSFORM_DH, "modp1024", "RFC 8247: SHOULD NOT, in reach of an attacker with means"},
	{TRANSFORM_DH, "modp1536", "RFC 8247: SHOULD NOT, too short"},
	{TRANSFORM_DH, "modp1024s160", "RFC 8247: MUST NOT, small subgroups, unproven prime"},
	{TRANSFORM_DH, "modp2048s224", "RFC 8247: SHOULD NOT, small subgroups, unproven prime"},
	{TRANSFORM_DH, "modp2048s256", "RFC 8247: SHOULD NOT, small subgroups, unproven prime"},
};

const char *alg_forbidden(enum transform_type type, const char *name)
{
	for (size_t i = 0; i < sizeof(forbidden_table) / sizeof(forbidden_table[0]); i++)
		if (forbidden_table[i].type == type && strcmp(forbidden_table[i].name, name) == 0)
			return forbidden_table[i].why;
	return NULL;
}

// The three accessors that each table has.
#define TABLE_ACCESS(kind)                                                                         \
	const struct alg_##kind *alg_##kind##_at(size_t i)                                         \
	{                                                                                          \
		return i < sizeof(kind##_table) / sizeof(kind##_table[0]) ? &kind##_table[i]       \
									  : NULL;                  \
	}                                                                                          \
	const struct alg_##kind *alg_##kind##_by_name(const char *name)                            \
	{                                                                                          \
		for (size_t i = 0; i < sizeof(kind##_table) / sizeof(kind##_table[0]); i++)        \
			if (strcmp(kind##_table[i].name, name) == 0)                               \
				return &kind##_table[i];                                           \
		return NULL;                                                                       \
	}
#define TABLE_FIND(kind)                                                                           \
	const struct alg_##kind *alg_##kind##_find(uint16_t id)                                    \
	{                                                                                          \
		for (size_t i = 0; i < sizeof(kind##_table) / sizeof(kind##_table[0]); i++)        \
			if (kind##_table[i].id == id)                                              \
				return &kind##_table[i];                                           \
		return NULL;                                                                       \
	}

TABLE_ACCESS(encr)
TABLE_ACCESS(integ)
TABLE_ACCESS(prf)
TABLE_ACCESS(dh)
TABLE_FIND(integ)
TABLE_FIND(prf)
TABLE_FIND(dh)

const struct alg_encr *alg_encr_find(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < sizeof(encr_table) / sizeof(encr_table[0]); i++)
		if (encr_table[i].id == id && encr_table[i].key_bits == key_bits)
			return &encr_table[i];
	return NULL;
}

bool esp_suite_valid(const struct esp_suite *suite)
{
	const struct alg_encr *encr = alg_encr_find(suite->encr, suite->key_bits);
	const struct alg_integ *integ;

	if (encr == NULL || !encr->esp || suite->esn > 1)
		return false;
	if (encr->aead)
		return suite->integ == INTEG_NONE;
	integ = alg_integ_find(suite->integ);
	return integ != NULL && integ->esp;
}

const char *esp_suite_format(const struct esp_suite *suite, char buf[64])
{
	const struct alg_encr *encr = alg_encr_find(suite->encr, suite->key_bits);
	const struct alg_integ *integ = alg_integ_find(suite->integ);

	snprintf(buf, 64, "%s%s%s%s", encr != NULL ? encr->name : "?", integ != NULL ? "-" : "",
		integ != NULL ? integ->name : "", suite->esn != 0 ? "/esn" : "");
	return buf;
}
