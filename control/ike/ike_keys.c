// SPDX-License-Identifier: BSD-3-Clause
// Keys of IKE SAs and child SAs, and AUTH by shared key: RFC 7296 sections 2.14, 2.15, 2.17 and
// 2.18, RFC 5282 section 7 (no integrity keys with an AEAD, salt behind the cipher key). Any
// thread.

#include "ike_keys.h"

#include "prf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// SK_d, two integrity keys, two cipher keys with salt, SK_pi, SK_pr: each at most 64 octets.
#define IKE_KEYMAT_MAX (7 * 64)
#define CHILD_KEYMAT_MAX (4 * IPC_KEY_MAX)

void ike_keys_fini(struct ike_keys *keys)
{
	secret_fini(&keys->sk_d);
	secret_fini(&keys->sk_ai);
	secret_fini(&keys->sk_ar);
	secret_fini(&keys->sk_ei);
	secret_fini(&keys->sk_er);
	secret_fini(&keys->sk_pi);
	secret_fini(&keys->sk_pr);
}

static struct bytes secret_bytes(const struct secret *s)
{
	return (struct bytes){s->bytes, s->len};
}

static size_t encr_bytes(const struct alg_encr *encr)
{
	return (size_t)encr->key_len + encr->salt_len;
}

// SKEYSEED is out of prf(Ni | Nr, g^ir) at first, out of prf(SK_d (old), g^ir | Ni | Nr) later.
static int skeyseed(const struct alg_prf *prf, struct bytes ni, struct bytes nr,
	struct bytes shared, const struct secret *old_sk_d, const struct alg_prf *old_prf,
	uint8_t *out)
{
	uint8_t nonces[512];
	struct bytes rekey[] = {shared, ni, nr};

	if (old_sk_d)
		return prf_hmac(old_prf, secret_bytes(old_sk_d), rekey, 3, out);
	if (ni.len + nr.len > sizeof(nonces))
		return -EINVAL;
	memcpy(nonces, ni.data, ni.len);
	memcpy(nonces + ni.len, nr.data, nr.len);
	return prf_hmac(prf, (struct bytes){nonces, ni.len + nr.len}, &shared, 1, out);
}

static void spi_bytes(uint8_t out[8], uint64_t spi)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(spi >> (56 - 8 * i));
}

static void cut(const uint8_t **at, struct secret *out, size_t len)
{
	secret_set(out, *at, len);
	*at += len;
}

int ike_keys_derive(struct ike_keys *keys, const struct ike_suite *suite, struct bytes ni,
	struct bytes nr, uint64_t spi_i, uint64_t spi_r, struct bytes shared,
	const struct secret *old_sk_d, const struct alg_prf *old_prf)
{
	size_t encr_len = encr_bytes(suite->encr);
	size_t integ_len = suite->integ ? suite->integ->key_len : 0;
	size_t prf_len = suite->prf->len;
	size_t len = 3 * prf_len + 2 * integ_len + 2 * encr_len;
	uint8_t seed[DIGEST_BYTES_MAX], spis[16], keymat[IKE_KEYMAT_MAX];
	struct bytes seed_key = {seed, old_sk_d ? old_prf->len : prf_len};
	struct bytes parts[] = {ni, nr, {spis, sizeof(spis)}};
	const uint8_t *at = keymat;
	int ret;

	memset(keys, 0, sizeof(*keys));
	assert(len <= sizeof(keymat));
	spi_bytes(spis, spi_i);
	spi_bytes(spis + 8, spi_r);
	ret = skeyseed(suite->prf, ni, nr, shared, old_sk_d, old_prf, seed);
	if (!ret)
		ret = prf_plus(suite->prf, seed_key, parts, 3, keymat, len);
	if (!ret) {
		keys->encr = suite->encr;
		keys->integ = suite->integ;
		keys->prf = suite->prf;
		cut(&at, &keys->sk_d, prf_len);
		cut(&at, &keys->sk_ai, integ_len);
		cut(&at, &keys->sk_ar, integ_len);
		cut(&at, &keys->sk_ei, encr_len);
		cut(&at, &keys->sk_er, encr_len);
		cut(&at, &keys->sk_pi, prf_len);
		cut(&at, &keys->sk_pr, prf_len);
	}
	secret_wipe(seed, sizeof(seed));
	secret_wipe(keymat, sizeof(keymat));
	return ret;
}

// KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr); first all keys of the SA from initiator to responder, of
// these the cipher's first: section 2.17.
int child_keys_derive(struct child_keys *keys, const struct ike_keys *ike,
	const struct ike_suite *suite, struct bytes ni, struct bytes nr, struct bytes shared)
{
	struct bytes parts[] = {shared, ni, nr}; // an empty first part adds nothing
	uint8_t keymat[CHILD_KEYMAT_MAX];
	size_t encr_len = encr_bytes(suite->encr);
	size_t integ_len = suite->integ ? suite->integ->key_len : 0;
	size_t len = encr_len + integ_len; // of one direction
	int ret;

	memset(keys, 0, sizeof(*keys));
	assert(encr_len <= IPC_KEY_MAX && integ_len <= IPC_KEY_MAX);
	ret = prf_plus(ike->prf, secret_bytes(&ike->sk_d), parts, 3, keymat, 2 * len);
	if (!ret) {
		keys->encr_len = (uint32_t)encr_len;
		keys->integ_len = (uint32_t)integ_len;
		memcpy(keys->encr_i2r, keymat, encr_len);
		memcpy(keys->integ_i2r, keymat + encr_len, integ_len);
		memcpy(keys->encr_r2i, keymat + len, encr_len);
		memcpy(keys->integ_r2i, keymat + len + encr_len, integ_len);
	}
	secret_wipe(keymat, sizeof(keymat));
	return ret;
}

// AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), message | peer's nonce | prf(SK_p, ID))
int auth_psk(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes peer_nonce, struct bytes id_body, uint8_t *out,
	size_t *out_len)
{
	static const uint8_t pad[17] = {'K', 'e', 'y', ' ', 'P', 'a', 'd', ' ', 'f', 'o', 'r', ' ',
		'I', 'K', 'E', 'v', '2'}; // no terminator
	const struct secret *sk_p = initiator ? &keys->sk_pi : &keys->sk_pr;
	size_t len = keys->prf->len;
	uint8_t key[DIGEST_BYTES_MAX], maced_id[DIGEST_BYTES_MAX];
	struct bytes pad_part = {pad, sizeof(pad)};
	struct bytes signed_octets[] = {message, peer_nonce, {maced_id, len}};
	int ret;

	*out_len = 0;
	if (psk->len == 0) // anybody would know it
		return -EINVAL;
	ret = prf_hmac(keys->prf, secret_bytes(psk), &pad_part, 1, key);
	if (!ret)
		ret = prf_hmac(keys->prf, secret_bytes(sk_p), &id_body, 1, maced_id);
	if (!ret)
		ret = prf_hmac(keys->prf, (struct bytes){key, len}, signed_octets, 3, out);
	if (!ret)
		*out_len = len;
	secret_wipe(key, sizeof(key));
	secret_wipe(maced_id, sizeof(maced_id));
	return ret;
}

int auth_psk_verify(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes peer_nonce, struct bytes id_body, struct bytes received)
{
	uint8_t expected[DIGEST_BYTES_MAX];
	size_t len;
	int ret;

	ret = auth_psk(keys, initiator, psk, message, peer_nonce, id_body, expected, &len);
	if (!ret && (received.len != len || !secret_equal(received.data, expected, len)))
		ret = -EKEYREJECTED;
	secret_wipe(expected, sizeof(expected));
	return ret;
}
