// SPDX-License-Identifier: BSD-3-Clause
// See credentials.h.
#include "credentials.h"

#include "sign_scheme.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAS_MAX 64 // certificates in all files

struct credentials {
	const struct config *config;
	X509_STORE *store;
	uint32_t ca_n;
	uint8_t ca_hash[CAS_MAX * SHA_DIGEST_LENGTH];
	struct own_cert gateway;
	struct own_cert *connection; // one for each of the configuration's
};

struct loading {
	struct credentials *to;
	struct config_errors *errors; // may be NULL
	bool wrong;
};

static void wrong(struct loading *l, int line, const char *path, const char *what)
{
	l->wrong = true;
	if (l->errors != NULL)
		config_errors_add(l->errors, l->to->config->path, line, "%.120s %s", path, what);
}

static bool add_ca(struct loading *l, const struct config_pem *pem, X509 *ca)
{
	struct credentials *c = l->to;
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &der);

	if (len <= 0 || X509_check_ca(ca) == 0) {
		wrong(l, pem->line, pem->path,
			"has a certificate that is no CA's; name certificates of CAs alone");
	} else if (c->ca_n == CAS_MAX) {
		wrong(l, pem->line, pem->path, "has too many certificates; at most 64 in all");
	} else if (X509_STORE_add_cert(c->store, ca) == 1) {
		SHA1(der, (size_t)len, c->ca_hash + c->ca_n * SHA_DIGEST_LENGTH);
		c->ca_n++;
	}
	OPENSSL_free(der);
	return !l->wrong;
}

// The end of a PEM file, and nothing that went wrong before it.
static bool pem_ended(void)
{
	unsigned long error = ERR_peek_last_error();
	bool ended =
		ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return ended;
}

static BIO *open_pem(const struct config_pem *pem)
{
	return BIO_new_mem_buf(pem->text, (int)pem->len);
}

static void load_ca(struct loading *l, const struct config_pem *pem)
{
	BIO *bio = open_pem(pem);
	bool good = bio != NULL;
	uint32_t n = 0;
	X509 *ca;

	while (good && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		good = add_ca(l, pem, ca);
		X509_free(ca);
		n++;
	}
	if (good && (!pem_ended() || n == 0))
		wrong(l, pem->line, pem->path,
			"is no PEM file of certificates; write BEGIN CERTIFICATE blocks");
	BIO_free(bio);
}

static void load_crl(struct loading *l, const struct config_pem *pem)
{
	BIO *bio = open_pem(pem);
	bool good = bio != NULL;
	uint32_t n = 0;
	X509_CRL *crl;

	while (good && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_crl(l->to->store, crl) == 1;
		X509_CRL_free(crl);
		n++;
	}
	if (!good || !pem_ended() || n == 0)
		wrong(l, pem->line, pem->path,
			"is no PEM file of CRLs; write BEGIN X509 CRL blocks");
	BIO_free(bio);
}

static bool add_own(
	struct loading *l, const struct config_pem *pem, X509 *cert, struct own_cert *own)
{
	uint8_t *der = NULL;
	int len;

	if (own->n == 0)
		own->public_key = X509_get_pubkey(cert);
	else if (X509_self_signed(cert, 0) == 1)
		return true; // the peer has the root, or does not believe it
	if (own->n == CERT_CHAIN_MAX) {
		wrong(l, pem->line, pem->path, "has too many certificates; at most 8");
		return false;
	}
	len = i2d_X509(cert, &der);
	if (len <= 0)
		return false;
	own->der[own->n++] = (struct bytes){der, (size_t)len};
	return true;
}

static void load_own(
	struct loading *l, const struct config_credential *credential, struct own_cert *own)
{
	const struct config_pem *pem = &credential->certificate;
	BIO *bio = open_pem(pem);
	struct sign_choice choice;
	bool good = bio != NULL;
	X509 *cert;

	own->private_key = credential->private_key;
	own->pss = credential->rsa_padding == CONFIG_RSA_PSS;
	while (good && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		good = add_own(l, pem, cert, own);
		X509_free(cert);
	}
	BIO_free(bio);
	if (l->wrong)
		return;
	if (!good || !pem_ended() || own->n == 0)
		wrong(l, pem->line, pem->path,
			"is no PEM file of certificates; ours first, then its CAs'");
	else if (own->public_key == NULL ||
		!sign_choose(own->public_key, own->pss, UINT32_MAX, &choice))
		wrong(l, pem->line, pem->path,
			"has a key that IKE cannot sign with; RSA, ECDSA P-256, P-384 or P-521, "
			"Ed25519 or Ed448");
}

static void load_all(struct loading *l)
{
	const struct config *config = l->to->config;

	for (uint32_t i = 0; i < config->certificates.ca_n; i++)
		load_ca(l, &config->certificates.ca[i]);
	for (uint32_t i = 0; i < config->certificates.crl_n; i++)
		load_crl(l, &config->certificates.crl[i]);
	if (config->gateway.credential.certificate.len > 0)
		load_own(l, &config->gateway.credential, &l->to->gateway);
	for (uint32_t i = 0; i < config->connection_n; i++)
		if (config->connection[i].auth == CONFIG_AUTH_CERTIFICATE)
			load_own(l, &config->connection[i].credential, &l->to->connection[i]);
}

struct credentials *credentials_new(const struct config *config, struct config_errors *errors)
{
	struct credentials *c = calloc(1, sizeof(*c));
	struct loading loading = {.to = c, .errors = errors};

	if (c == NULL)
		return NULL;
	c->config = config;
	c->store = X509_STORE_new();
	c->connection = calloc((size_t)config->connection_n + 1, sizeof(*c->connection));
	if (c->store == NULL || c->connection == NULL) {
		credentials_free(c);
		errno = ENOMEM;
		return NULL;
	}
	load_all(&loading);
	ERR_clear_error();
	if (!loading.wrong)
		return c;
	credentials_free(c);
	errno = EINVAL;
	return NULL;
}

static void own_fini(struct own_cert *own)
{
	for (uint32_t i = 0; i < own->n; i++)
		OPENSSL_free((uint8_t *)(uintptr_t)own->der[i].data);
	EVP_PKEY_free(own->public_key);
}

void credentials_free(struct credentials *c)
{
	if (c == NULL)
		return;
	own_fini(&c->gateway);
	for (uint32_t i = 0; c->connection != NULL && i < c->config->connection_n; i++)
		own_fini(&c->connection[i]);
	free(c->connection);
	X509_STORE_free(c->store);
	free(c);
}

bool credentials_check(const struct config *config, struct config_errors *errors)
{
	struct credentials *c = credentials_new(config, errors);

	credentials_free(c);
	return c != NULL;
}

const struct own_cert *credentials_gateway(const struct credentials *c)
{
	return c->gateway.n > 0 ? &c->gateway : NULL;
}

const struct own_cert *credentials_connection(
	const struct credentials *c, const struct config_connection *connection)
{
	const struct own_cert *own = &c->connection[connection - c->config->connection];

	return own->n > 0 ? own : NULL;
}

struct bytes credentials_ca_hashes(const struct credentials *c)
{
	return (struct bytes){c->ca_hash, c->ca_n * SHA_DIGEST_LENGTH};
}

X509_STORE *credentials_store(const struct credentials *c)
{
	return c->store;
}

bool credentials_crl_required(const struct credentials *c)
{
	return c->config->certificates.crl_required;
}

bool credentials_by_certificate(const struct credentials *c)
{
	return c->gateway.n > 0 && c->ca_n > 0;
}
