// SPDX-License-Identifier: BSD-3-Clause
// Certificates made in the test, as good or as bad as it wants them.
#pragma once

#include "config.h"

#include <openssl/x509.h>

#define PKI_NOW 1800000000 // seconds since 1970, the tests' wall clock
#define PKI_DAY 86400

struct pki { // one entity
	EVP_PKEY *key;
	X509 *cert;
};
struct pki_spec {
	const char *key; // "rsa", "p256", "p384", "p521", "ed25519", "ed448"
	const char *name; // CN
	const char *names; // subjectAltName as OpenSSL writes it, NULL: none
	const char *usage, *extended, *constraints, *basic; // extensions, NULL: none
	int from_day, to_day; // from PKI_NOW; both 0: -10 to 10
	const char *md; // NULL: SHA-256, or the key's own
};
// By `issuer`, NULL: self-signed. Lives until pki_fini(), as everything here.
struct pki pki_issue(const struct pki *issuer, const struct pki_spec *spec);
struct pki pki_ca(const struct pki *issuer, const char *key, const char *name);
struct pki pki_leaf(const struct pki *issuer, const char *key, const char *names);
// PEM of up to three certificates, those with none are left out.
struct config_pem pki_pem(const struct pki *a, const struct pki *b, const struct pki *c);
// `revoked` NULL: nobody is. Valid until so many days from PKI_NOW.
struct config_pem pki_crl(const struct pki *issuer, const struct pki *revoked, int to_day);
void pki_fini(void);
