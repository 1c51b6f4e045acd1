// SPDX-License-Identifier: BSD-3-Clause
// The one table of algorithms. Numbers are IANA's IKEv2 transform ids; sizes come from RFC 3602
// (AES-CBC), RFC 4106 and 5282 (AES-GCM), RFC 7634 (ChaCha20-Poly1305), RFC 4868 (HMAC-SHA2),
// RFC 3526, 5903 and 8031 (groups). Constant data: any thread.
#include "algs.h"

#include <stdio.h>
#include <string.h>

// ESP wants its trailer to end on four octets whatever the cipher (RFC 4303 section 2.4), and an SK
// payload may be padded at will (RFC 5282 section 3), so 4 is the block of the AEADs.
static const struct alg_encr encr_table[] = {
	{ENCR_AES_GCM_16, 128, 16, 4, 8, 16, 4, true, true, true, "aes128gcm16"},
	{ENCR_AES_GCM_16, 256, 32, 4, 8, 16, 4, true, true, true, "aes256gcm16"},
	{ENCR_CHACHA20_POLY1305, 0, 32, 4, 8, 16, 4, true, true, true, "chacha20poly1305"},
	{ENCR_AES_CBC, 128, 16, 0, 16, 0, 16, false, true, true, "aes128cbc"},
	{ENCR_AES_CBC, 256, 32, 0, 16, 0, 16, false, true, true, "aes256cbc"},
};

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

static const struct alg_dh dh_table[] = {
	{DH_X25519, 32, 32, "x25519"},
	{DH_ECP_256, 64, 32, "ecp256"},
	{DH_ECP_384, 96, 48, "ecp384"},
	{DH_MODP_2048, 256, 256, "modp2048"},
};

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
