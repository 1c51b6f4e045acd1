// SPDX-License-Identifier: BSD-3-Clause
// Is this certificate the peer's, and do we believe it? Path validation is OpenSSL's (RFC 5280: time,
// basic constraints, name constraints, critical extensions); what IKE wants beside that is RFC 4945's.
// No clock inside. Any thread.
#pragma once

#include "credentials.h"

struct cert_claim {
	const struct config_id *id; // that the peer presents itself with
	enum config_address_check address_check;
	const struct inet_addr *remote; // that carries IKE
	uint64_t wall_s; // seconds since 1970
};

#define CERT_NAME_MAX 160
// The peer's certificates as they came, DER, its own first. NULL when they are good: *key is its public
// key, the caller's to free, and `subject` says whose it is; else why not.
const char *cert_check(const struct credentials *credentials, const struct bytes *chain, uint32_t n,
	const struct cert_claim *claim, EVP_PKEY **key, char subject[CERT_NAME_MAX]);
// Does the certificate name this identity? Subject or subjectAltName (M-G), RFC 4945 section 3.1.
bool cert_names_id(X509 *cert, const struct config_id *id);
