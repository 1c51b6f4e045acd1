// SPDX-License-Identifier: BSD-3-Clause
// CERT, CERTREQ and N(SIGNATURE_HASH_ALGORITHMS): RFC 7296 sections 3.6 and 3.7, RFC 7427 section 4.
// As in ike_payload.h: readers return 0 or -EBADMSG and lend from the message. Any thread.
#pragma once

#include "ike_keys.h"
#include "ike_payload.h"

enum cert_encoding {
	CERT_X509_SIGNATURE = 4,
	CERT_X509_HASH_URL = 12, // we never say HTTP_CERT_LOOKUP_SUPPORTED, and look nothing up
	CERT_X509_BUNDLE_URL = 13,
};
// Also of a CERTREQ, where the data is a row of hashes of CAs' keys.
struct payload_cert {
	uint8_t encoding; // enum cert_encoding, or one that we do not know
	struct bytes data;
};
int payload_cert_read(const struct ike_payload_ref *p, struct payload_cert *out);
// `type`: PAYLOAD_CERT or PAYLOAD_CERTREQ.
void payload_cert_write(struct ike_builder *b, enum payload_type type, uint8_t encoding,
	const void *data, size_t len);

// The X.509 certificates of a message, in their order, `max` at most; of other encodings there are
// *others. How many, or -EBADMSG.
int payload_certs_read(
	const struct ike_msg *msg, struct bytes *chain, uint32_t max, uint32_t *others);

// One bit for each hash algorithm that we know (SIGN_HASH_BIT); may be 0.
int payload_hashes_read(const struct payload_notify *notify, uint32_t *bits);
void payload_hashes_write(struct ike_builder *b);
