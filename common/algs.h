// SPDX-License-Identifier: BSD-3-Clause
// The one table of algorithms: negotiation, key sizes, both processes, the CLI and the tests read
// it. Numbers are IANA's IKEv2 transform ids. Constant data: any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// RFC 7296 section 3.3.2
enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_DH = 4,
	TRANSFORM_ESN = 5,
};

enum encr_id {
	ENCR_NONE = 0,
	ENCR_NULL = 11,
	ENCR_AES_CBC = 12,
	ENCR_AES_CTR = 13,
	ENCR_AES_GCM_16 = 20,
	ENCR_NULL_AUTH_AES_GMAC = 21,
	ENCR_CHACHA20_POLY1305 = 28,
	ENCR_AES_GCM_16_IIV = 30,
	ENCR_CHACHA20_POLY1305_IIV = 31,
};
enum prf_id {
	PRF_HMAC_SHA2_256 = 5,
	PRF_HMAC_SHA2_384 = 6,
	PRF_HMAC_SHA2_512 = 7
};
enum integ_id {
	INTEG_NONE = 0,
	INTEG_HMAC_SHA2_256_128 = 12,
	INTEG_HMAC_SHA2_384_192 = 13,
	INTEG_HMAC_SHA2_512_256 = 14,
};
enum dh_id {
	DH_NONE = 0,
	DH_MODP_2048 = 14,
	DH_MODP_3072 = 15,
	DH_MODP_4096 = 16,
	DH_ECP_256 = 19,
	DH_ECP_384 = 20,
	DH_ECP_521 = 21,
	DH_X25519 = 31,
	DH_X448 = 32
};

#define ALG_ENCR_COUNT 18

struct alg_encr {
	uint16_t id; // enum encr_id
	uint16_t key_bits; // 0: no Key Length attribute on the wire (ChaCha20)
	uint8_t key_len; // bytes, without salt
	uint8_t salt_len; // taken from the key material behind the key
	uint8_t iv_len; // on the wire; 0: none, or implicit (RFC 8750)
	uint8_t icv_len; // of an AEAD, 0 otherwise
	uint8_t block; // plaintext is padded to a multiple of this
	bool aead;
	bool counter_iv; // the IV must only not repeat; otherwise nobody may foresee it
	bool ike; // may protect an SK payload
	bool esp;
	bool usual; // in the proposals that stand in for missing ones
	const char *openssl; // cipher's name there, of those that IKE uses
	const char *name; // "aes128gcm16", as in configuration and CLI
};

struct alg_integ {
	uint16_t id; // enum integ_id
	uint8_t key_len;
	uint8_t icv_len;
	bool ike;
	bool esp;
	const char *name; // "sha256"
};

struct alg_prf {
	uint16_t id; // enum prf_id
	uint8_t len; // output and preferred key length
	const char *openssl; // digest name
	const char *name; // "prfsha256"
};

enum dh_kind {
	DH_KIND_X, // RFC 7748
	DH_KIND_ECP, // RFC 5903
	DH_KIND_MODP, // RFC 3526
};
struct alg_dh {
	uint16_t id; // enum dh_id
	uint16_t kind; // enum dh_kind
	uint16_t public_len; // bytes in the KE payload
	uint16_t shared_len;
	uint16_t private_len; // bytes of a fresh private key
	bool usual; // as in struct alg_encr
	const char *name; // "x25519", "ecp256", "modp2048"
};

// NULL when not in the table.
const struct alg_encr *alg_encr_find(uint16_t id, uint16_t key_bits);
const struct alg_encr *alg_encr_by_name(const char *name);
const struct alg_integ *alg_integ_find(uint16_t id);
const struct alg_integ *alg_integ_by_name(const char *name);
const struct alg_prf *alg_prf_find(uint16_t id);
const struct alg_prf *alg_prf_by_name(const char *name);
const struct alg_dh *alg_dh_find(uint16_t id);
const struct alg_dh *alg_dh_by_name(const char *name);
// Why the standards forbid the algorithm of this name, as people and other programs write it; NULL
// when they do not. Nothing of it is in the tables.
const char *alg_forbidden(enum transform_type type, const char *name);
// i-th row, NULL behind the last.
const struct alg_encr *alg_encr_at(size_t i);
const struct alg_integ *alg_integ_at(size_t i);
const struct alg_prf *alg_prf_at(size_t i);
const struct alg_dh *alg_dh_at(size_t i);

// What one ESP SA uses.
struct esp_suite {
	uint16_t encr; // enum encr_id
	uint16_t key_bits; // as in struct alg_encr
	uint16_t integ; // enum integ_id, INTEG_NONE with an AEAD
	uint16_t esn; // 0 or 1
};
// A suite that names known algorithms which fit together.
bool esp_suite_valid(const struct esp_suite *suite);
const char *esp_suite_format(const struct esp_suite *suite, char buf[64]); // "aes128gcm16/esn"
