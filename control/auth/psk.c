// SPDX-License-Identifier: BSD-3-Clause
// Authentication by shared key, RFC 7296 section 2.15. Any thread.
#include "psk.h"

int psk_auth(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes nonce, struct bytes id_body, uint8_t out[PSK_AUTH_MAX],
	size_t *out_len)
{
	*out_len = PSK_AUTH_MAX;
	return auth_psk(keys, initiator, psk, message, nonce, id_body, out, out_len);
}

bool psk_verify(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes nonce, struct bytes id_body,
	const struct payload_auth *auth)
{
	// For an unknown identity the same work is done, so that time tells nobody who exists.
	static const struct secret nobody = {.len = 1};
	bool known = psk != NULL && psk->len > 0;
	bool equal = auth_psk_verify(keys, initiator, known ? psk : &nobody, message, nonce,
			     id_body, (struct bytes){auth->data, auth->len}) == 0;

	return known && equal && auth->method == AUTH_PSK;
}
