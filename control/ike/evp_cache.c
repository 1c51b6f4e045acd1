// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL objects kept for use again. A fetch costs more than the short HMACs and ciphers of IKE,
// and so do the allocations in a new context. Any thread: fetched algorithms are shared and never
// change, contexts belong to the thread.
//
// A context keeps the last key that it was used with until the next use or the end of the thread
// (OpenSSL wipes it then). It is memory of the process that has all the other keys as well.

#include "evp_cache.h"

#include <openssl/core_names.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static const char *const digest_names[EVP_DIGEST_COUNT] = {"SHA2-256", "SHA2-384", "SHA2-512"};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MAC *hmac; // these are never freed: they live as long as the process
static EVP_CIPHER *ciphers[ALG_ENCR_COUNT]; // rows as in the table of algorithms
static pthread_key_t contexts_key;

struct contexts {
	EVP_MAC_CTX *hmac[EVP_DIGEST_COUNT];
	EVP_CIPHER_CTX *cipher[ALG_ENCR_COUNT];
	BN_CTX *bn;
};
static _Thread_local struct contexts *contexts;

static void contexts_free(void *arg)
{
	struct contexts *c = arg;

	for (size_t i = 0; i < EVP_DIGEST_COUNT; i++)
		EVP_MAC_CTX_free(c->hmac[i]);
	for (size_t i = 0; i < ALG_ENCR_COUNT; i++)
		EVP_CIPHER_CTX_free(c->cipher[i]);
	BN_CTX_free(c->bn);
	free(c);
}

static void fetch_all(void)
{
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (size_t i = 0; i < ALG_ENCR_COUNT; i++)
		if (alg_encr_at(i)->openssl)
			ciphers[i] = EVP_CIPHER_fetch(NULL, alg_encr_at(i)->openssl, NULL);
	if (pthread_key_create(&contexts_key, contexts_free))
		abort(); // more keys than a process may have: our own mistake
}

// This thread's contexts, NULL without memory.
static struct contexts *contexts_get(void)
{
	if (contexts)
		return contexts;
	pthread_once(&once, fetch_all);
	contexts = calloc(1, sizeof(*contexts));
	if (contexts)
		pthread_setspecific(contexts_key, contexts);
	return contexts;
}

int evp_digest_of_prf(const struct alg_prf *prf, enum evp_digest *out)
{
	switch (prf->id) {
	case PRF_HMAC_SHA2_256:
		*out = EVP_DIGEST_SHA256;
		return 0;
	case PRF_HMAC_SHA2_384:
		*out = EVP_DIGEST_SHA384;
		return 0;
	case PRF_HMAC_SHA2_512:
		*out = EVP_DIGEST_SHA512;
		return 0;
	default:
		return -EINVAL;
	}
}

int evp_digest_of_integ(const struct alg_integ *integ, enum evp_digest *out)
{
	switch (integ->id) {
	case INTEG_HMAC_SHA2_256_128:
		*out = EVP_DIGEST_SHA256;
		return 0;
	case INTEG_HMAC_SHA2_384_192:
		*out = EVP_DIGEST_SHA384;
		return 0;
	case INTEG_HMAC_SHA2_512_256:
		*out = EVP_DIGEST_SHA512;
		return 0;
	default:
		return -EINVAL;
	}
}

static EVP_MAC_CTX *hmac_context(enum evp_digest digest)
{
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(
				       OSSL_MAC_PARAM_DIGEST, (char *)digest_names[digest], 0),
		OSSL_PARAM_construct_end()};

	if (ctx && !EVP_MAC_CTX_set_params(ctx, params)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

EVP_MAC_CTX *evp_cache_hmac(enum evp_digest digest)
{
	struct contexts *c = contexts_get();

	if (c && !c->hmac[digest])
		c->hmac[digest] = hmac_context(digest);
	return c ? c->hmac[digest] : NULL;
}

static EVP_CIPHER_CTX *cipher_context(struct contexts *c, size_t i)
{
	if (c->cipher[i] || !ciphers[i])
		return c->cipher[i];
	c->cipher[i] = EVP_CIPHER_CTX_new();
	if (!c->cipher[i])
		return NULL;
	if (!EVP_CipherInit_ex2(c->cipher[i], ciphers[i], NULL, NULL, 1, NULL)) {
		EVP_CIPHER_CTX_free(c->cipher[i]);
		c->cipher[i] = NULL;
	}
	return c->cipher[i];
}

EVP_CIPHER_CTX *evp_cache_cipher(const struct alg_encr *encr)
{
	struct contexts *c = contexts_get();

	return c ? cipher_context(c, (size_t)(encr - alg_encr_at(0))) : NULL;
}

BN_CTX *evp_cache_bn(void)
{
	struct contexts *c = contexts_get();

	if (c && !c->bn)
		c->bn = BN_CTX_new();
	return c ? c->bn : NULL;
}
