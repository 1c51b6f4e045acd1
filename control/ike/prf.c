// SPDX-License-Identifier: BSD-3-Clause
// HMAC, PRF and PRF+: RFC 2104, RFC 4868, RFC 7296 section 2.13. Any thread.

#include "prf.h"

#include <errno.h>
#include <string.h>

#define PRF_PLUS_PARTS 8

int prf_digest_hmac(
	enum evp_digest digest, struct bytes key, const struct bytes *parts, size_t n, uint8_t *out)
{
	static const uint8_t none[1]; // EVP_MAC_init() takes NULL for "the key that it has"
	EVP_MAC_CTX *ctx = evp_cache_hmac(digest);
	size_t len;

	if (!ctx || !EVP_MAC_init(ctx, key.len ? key.data : none, key.len, NULL))
		return -EIO;
	for (size_t i = 0; i < n; i++)
		if (parts[i].len && !EVP_MAC_update(ctx, parts[i].data, parts[i].len))
			return -EIO;
	return EVP_MAC_final(ctx, out, &len, DIGEST_BYTES_MAX) ? 0 : -EIO;
}

int prf_hmac(const struct alg_prf *prf, struct bytes key, const struct bytes *parts, size_t n,
	uint8_t *out)
{
	enum evp_digest digest;

	if (evp_digest_of_prf(prf, &digest))
		return -EIO;
	return prf_digest_hmac(digest, key, parts, n, out);
}

// T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n)
int prf_plus(const struct alg_prf *prf, struct bytes key, const struct bytes *parts, size_t n,
	uint8_t *out, size_t out_len)
{
	struct bytes input[PRF_PLUS_PARTS + 2];
	uint8_t t[DIGEST_BYTES_MAX];
	uint8_t counter = 0;
	int ret = 0;

	if (n > PRF_PLUS_PARTS || out_len > (size_t)255 * prf->len)
		return -EIO;
	input[0] = (struct bytes){t, 0}; // no T0
	memcpy(input + 1, parts, n * sizeof(*parts));
	input[n + 1] = (struct bytes){&counter, 1};
	while (out_len && !ret) {
		size_t len = out_len < prf->len ? out_len : prf->len;

		counter++;
		ret = prf_hmac(prf, key, input, n + 2, t);
		if (!ret)
			memcpy(out, t, len);
		input[0].len = prf->len;
		out += len;
		out_len -= len;
	}
	secret_wipe(t, sizeof(t));
	return ret;
}
