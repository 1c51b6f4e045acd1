// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL objects that are dear to make: algorithms are fetched once per process, contexts are made
// once per thread and used again. For dh.c, prf.c and ike_sk.c only.
#pragma once

#include "algs.h"

#include <openssl/bn.h>
#include <openssl/evp.h>

enum evp_digest {
	EVP_DIGEST_SHA256,
	EVP_DIGEST_SHA384,
	EVP_DIGEST_SHA512,
	EVP_DIGEST_COUNT
};

// The digest under the HMAC of a PRF or an integrity algorithm. 0 or -EINVAL.
int evp_digest_of_prf(const struct alg_prf *prf, enum evp_digest *out);
int evp_digest_of_integ(const struct alg_integ *integ, enum evp_digest *out);

// Lend this thread's context, which is valid until the thread ends and free between two calls of
// ours. NULL: OpenSSL has no such algorithm, or no memory. The HMAC context has its digest and gets
// its key with EVP_MAC_init(); the cipher context has its cipher and gets key and IV with
// EVP_CipherInit_ex2().
EVP_MAC_CTX *evp_cache_hmac(enum evp_digest digest);
EVP_CIPHER_CTX *evp_cache_cipher(const struct alg_encr *encr);
BN_CTX *evp_cache_bn(void);
