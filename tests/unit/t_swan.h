// SPDX-License-Identifier: BSD-3-Clause
// strongSwan's conversations (tests/vectors/ike_strongswan.h) read with our code: suites by
// proposal_accept(), keys by ike_keys_derive(), inner payloads by sk_open().
#pragma once

#include "../vectors/ike_strongswan.h"
#include "ike_keys.h"
#include "t_hex.h"

#define SWAN_MESSAGE_MAX 2048

struct swan_message {
	uint8_t data[SWAN_MESSAGE_MAX];
	size_t len;
	struct ike_msg msg; // after swan_open(): of the inner chain
};

static inline struct bytes hex_bytes(const char *text, uint8_t buf[SWAN_MESSAGE_MAX])
{
	return (struct bytes){buf, hex_parse(text, buf, SWAN_MESSAGE_MAX)};
}

static inline void swan_read(const struct swan_vector *v, int which, struct swan_message *out)
{
	out->len = hex_parse(v->message[which], out->data, sizeof(out->data));
	ck_assert_int_eq(ike_msg_parse(out->data, out->len, &out->msg), 0);
}

static inline struct bytes swan_nonce(const struct swan_message *m)
{
	const struct ike_payload_ref *p = ike_msg_find(&m->msg, PAYLOAD_NONCE);
	struct bytes nonce;
	uint16_t len;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(payload_nonce_read(p, &nonce.data, &len), 0);
	nonce.len = len;
	return nonce;
}

// The suite that request and response agree on, and both SPIs (0: none in the proposals).
static inline void swan_suite(const struct swan_message *request,
	const struct swan_message *response, struct ike_suite *suite, uint64_t *spi_i,
	uint64_t *spi_r)
{
	static struct wire_sa offered, answer;

	ck_assert_int_eq(payload_sa_read(ike_msg_find(&request->msg, PAYLOAD_SA), &offered), 0);
	ck_assert_int_eq(payload_sa_read(ike_msg_find(&response->msg, PAYLOAD_SA), &answer), 0);
	ck_assert_int_eq(proposal_accept(&offered, &answer, suite, spi_r), 0);
	*spi_i = offered.proposal[0].spi;
}

static inline void swan_keys(
	const struct swan_vector *v, struct ike_keys *keys, struct ike_suite *suite)
{
	static struct swan_message request, response;
	uint8_t shared[SWAN_MESSAGE_MAX];
	uint64_t none_i, none_r;

	swan_read(v, SWAN_INIT_REQUEST, &request);
	swan_read(v, SWAN_INIT_RESPONSE, &response);
	swan_suite(&request, &response, suite, &none_i, &none_r);
	ck_assert_int_eq(ike_keys_derive(keys, suite, swan_nonce(&request), swan_nonce(&response),
				 request.msg.header.spi_i, response.msg.header.spi_r,
				 hex_bytes(v->ike.shared, shared), NULL, NULL),
		0);
}

// Reads, decrypts and parses the inner chain.
static inline void swan_open(const struct swan_vector *v, const struct ike_keys *keys, int which,
	struct swan_message *out)
{
	uint8_t *inner, first;
	size_t len;

	swan_read(v, which, out);
	ck_assert_int_eq(sk_open(keys, out->msg.header.flags & IKE_FLAG_INITIATOR, out->data,
				 out->len, &out->msg, &inner, &len, &first),
		0);
	ck_assert_int_eq(ike_msg_parse_inner(&out->msg, first, inner, len), 0);
}
