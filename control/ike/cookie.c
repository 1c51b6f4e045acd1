// SPDX-License-Identifier: BSD-3-Clause
// See cookie.h. Cookie = version of the secret | HMAC-SHA-256(secret, SPIi | IPi | Ni), cut to 16 octets:
// the scheme that RFC 7296 section 2.6 proposes. The port is left out, as there: a NAT may change it. One
// thread per core.
#include "cookie.h"

#include "ike_core.h"
#include "prf.h"
#include "secret.h"

#include <errno.h>
#include <string.h>

static_assert(sizeof(((struct cookie_secret *)NULL)->key) == 32, "the digest's own size");

// New secrets come when one is wanted, so that a core which demands no cookies needs no timer.
static void rotate(struct ike *ike)
{
	struct cookie_jar *jar = &ike->cookies;
	struct cookie_secret *current = &jar->current;

	if (current->used && ike->now_us - current->since_us < COOKIE_SECRET_US)
		return;
	jar->previous = *current;
	// Nobody asked for long: it would be good for longer than it should.
	jar->previous.used =
		current->used && ike->now_us - current->since_us < 2 * COOKIE_SECRET_US;
	core_random(ike, current->key, sizeof(current->key));
	current->version++;
	current->since_us = ike->now_us;
	current->used = true;
}

static int compute(const struct cookie_secret *secret, const struct inet_addr *remote,
	uint64_t spi_i, const struct nonce *ni, uint8_t out[COOKIE_BYTES])
{
	uint8_t digest[DIGEST_BYTES_MAX];
	// The family says how long the address is, where the nonce begins.
	const struct bytes parts[] = {{(const uint8_t *)&spi_i, sizeof(spi_i)},
		{(const uint8_t *)&remote->family, sizeof(remote->family)},
		{remote->bytes, inet_addr_bits(remote->family) / 8}, nonce_bytes(ni)};
	int ret = prf_digest_hmac(EVP_DIGEST_SHA256,
		(struct bytes){secret->key, sizeof(secret->key)}, parts, 4, digest);

	out[0] = secret->version;
	memcpy(out + 1, digest, COOKIE_BYTES - 1);
	return ret;
}

int cookie_make(struct ike *ike, const struct inet_addr *remote, uint64_t spi_i,
	const struct nonce *ni, uint8_t out[COOKIE_BYTES])
{
	rotate(ike);
	return compute(&ike->cookies.current, remote, spi_i, ni, out);
}

bool cookie_check(struct ike *ike, const struct inet_addr *remote, uint64_t spi_i,
	const struct nonce *ni, const uint8_t *cookie, size_t len)
{
	const struct cookie_secret *secret = &ike->cookies.current;
	uint8_t expected[COOKIE_BYTES];

	rotate(ike);
	if (len != COOKIE_BYTES)
		return false;
	if (cookie[0] != secret->version)
		secret = &ike->cookies.previous;
	if (!secret->used || cookie[0] != secret->version ||
		compute(secret, remote, spi_i, ni, expected) != 0)
		return false;
	return secret_equal(expected, cookie, COOKIE_BYTES);
}
