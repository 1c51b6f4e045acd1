// SPDX-License-Identifier: BSD-3-Clause
// Authentication by shared key: RFC 7296 section 2.15. Any thread.
#pragma once

#include "config.h"
#include "ike_keys.h"
#include "ike_payload.h"

#define PSK_AUTH_MAX 64

// AUTH data of one side: `initiator` says whose. `message`: that side's first message; `nonce`: the
// other side's; `id_body`: behind the ID payload's generic header. 0 or -EIO.
int psk_auth(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes nonce, struct bytes id_body, uint8_t out[PSK_AUTH_MAX],
	size_t *out_len);
// true when the peer's AUTH payload proves that it has the key. Constant time. `psk` NULL: nobody has
// this identity; takes as long and says false.
bool psk_verify(const struct ike_keys *keys, bool initiator, const struct secret *psk,
	struct bytes message, struct bytes nonce, struct bytes id_body,
	const struct payload_auth *auth);
