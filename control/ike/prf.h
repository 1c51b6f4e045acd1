// SPDX-License-Identifier: BSD-3-Clause
// HMAC over a list of parts, for the PRFs (ike_keys.h has these) and for the ICV of an SK payload.
// Any thread.
#pragma once

#include "evp_cache.h"
#include "ike_keys.h"

#define DIGEST_BYTES_MAX 64

// RFC 2104, the whole output of the digest (at most DIGEST_BYTES_MAX). 0 or -EIO.
int prf_digest_hmac(enum evp_digest digest, struct bytes key, const struct bytes *parts, size_t n,
	uint8_t *out);
