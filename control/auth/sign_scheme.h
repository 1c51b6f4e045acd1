// SPDX-License-Identifier: BSD-3-Clause
// Signature schemes of AUTH: digital signatures with their AlgorithmIdentifiers (RFC 7427, RFC 8420),
// and the older methods that name an algorithm each (RFC 7296 section 2.15, RFC 4754). One table; any
// thread.
#pragma once

#include "ike_keys.h"

#include <openssl/evp.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Hash algorithms of RFC 7427 section 7, IDENTITY of RFC 8420. SHA-1 is neither offered nor taken.
enum sign_hash {
	SIGN_HASH_SHA2_256 = 2,
	SIGN_HASH_SHA2_384 = 3,
	SIGN_HASH_SHA2_512 = 4,
	SIGN_HASH_IDENTITY = 5,
};
#define SIGN_HASH_BIT(hash) (UINT32_C(1) << (hash))

// clang-format off
#define SIGN_SCHEMES(X)                                                                            \
	X(RSA_PKCS1_SHA256, "rsa-pkcs1-sha256") X(RSA_PKCS1_SHA384, "rsa-pkcs1-sha384")            \
	X(RSA_PKCS1_SHA512, "rsa-pkcs1-sha512") X(RSA_PSS_SHA256, "rsa-pss-sha256")                \
	X(RSA_PSS_SHA384, "rsa-pss-sha384") X(RSA_PSS_SHA512, "rsa-pss-sha512")                    \
	X(ECDSA_SHA256, "ecdsa-sha256") X(ECDSA_SHA384, "ecdsa-sha384")                            \
	X(ECDSA_SHA512, "ecdsa-sha512") X(ED25519, "ed25519") X(ED448, "ed448")
// clang-format on
enum sign_scheme {
	SIGN_NONE,
#define X(id, name) SIGN_##id,
	SIGN_SCHEMES(X)
#undef X
	SIGN_SCHEMES_N
};
const char *sign_scheme_name(enum sign_scheme scheme); // "?" when there is none

// What our AUTH payload is to be.
struct sign_choice {
	enum sign_scheme scheme;
	uint8_t method; // enum auth_method
};
// For our key, and a peer that knows these hashes (SIGN_HASH_BIT), 0: it knows no digital signatures.
// false: nothing that both can do.
bool sign_choose(const EVP_PKEY *key, bool pss, uint32_t peer_hashes, struct sign_choice *out);

// The AUTH data around a signature as sign_make() gives it. Its length, or -EBADMSG, -ENOSPC.
int sign_auth_write(const struct sign_choice *choice, const EVP_PKEY *key, struct bytes signature,
	uint8_t *out, size_t cap);
// The peer's AUTH data: which scheme by this key, and the signature. *buf holds what *signature lends
// when it is not the payload's. 0, -EBADMSG (malformed), -ENOTSUP (an algorithm that we do not take, or
// not one of this key's).
#define SIGN_BUF_MAX 160
int sign_auth_read(uint8_t method, struct bytes data, const EVP_PKEY *key, enum sign_scheme *scheme,
	struct bytes *signature, uint8_t buf[SIGN_BUF_MAX]);

#define SIGN_SIGNATURE_MAX 2048 // RSA of 16384 bits
// With the private key. *len: room in, length out. 0 or -EIO. ECDSA gives SEQUENCE { r, s }.
int sign_make(EVP_PKEY *key, enum sign_scheme scheme, struct bytes data, uint8_t *out, size_t *len);
bool sign_verify(EVP_PKEY *key, enum sign_scheme scheme, struct bytes data, struct bytes signature);
