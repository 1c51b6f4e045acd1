// SPDX-License-Identifier: BSD-3-Clause
// What a configuration says of certificates, parsed: the CAs that are believed with their CRLs, and the
// certificates that say who we are. RFC 4301 section 4.4.3.2, RFC 4945. Read-only once made: any thread.
#pragma once

#include "config.h"
#include "ike_keys.h"

#include <openssl/x509.h>

#define CERT_CHAIN_MAX 8 // certificates of one side, the end entity's included

// Who we are.
struct own_cert {
	const char *private_key; // its name, for struct ike_ops; lends from the configuration
	EVP_PKEY *public_key;
	bool pss; // how an RSA key signs
	uint32_t n;
	struct bytes der[CERT_CHAIN_MAX]; // ours first
};

struct credentials;

// Lends `config` for its life. NULL with errno: EINVAL, and what is wrong is added to `errors` (may be
// NULL); ENOMEM.
struct credentials *credentials_new(const struct config *config, struct config_errors *errors);
void credentials_free(struct credentials *credentials); // accepts NULL
// Would credentials_new() do? For those who only want to know.
bool credentials_check(const struct config *config, struct config_errors *errors);

// NULL: none, it authenticates by a secret.
const struct own_cert *credentials_gateway(const struct credentials *credentials);
const struct own_cert *credentials_connection(
	const struct credentials *credentials, const struct config_connection *connection);
// SHA-1 of the SubjectPublicKeyInfo of each CA, as CERTREQ has them (RFC 7296 section 3.7); empty: no CA
// is believed.
struct bytes credentials_ca_hashes(const struct credentials *credentials);
X509_STORE *credentials_store(const struct credentials *credentials);
bool credentials_crl_required(const struct credentials *credentials);
// Is the gateway ready for peers with certificates?
bool credentials_by_certificate(const struct credentials *credentials);
