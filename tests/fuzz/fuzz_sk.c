// SPDX-License-Identifier: BSD-3-Clause
// What an authenticated peer may send: the first octet chooses the cipher, the second is the first
// payload's type, the rest is sealed and opened, and must come out as it went in; then the inner
// chain with every reader. The same octets as an SK payload that nobody sealed must not open.

#include "fuzz_payloads.h"
#include "ike_keys.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	uint16_t encr, key_bits, integ;
} suites[] = {
	{ENCR_AES_GCM_16, 128, INTEG_NONE},
	{ENCR_AES_GCM_16, 256, INTEG_NONE},
	{ENCR_CHACHA20_POLY1305, 0, INTEG_NONE},
	{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256},
	{ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_384_192},
};

static struct ike_keys keys_for(uint8_t choice)
{
	size_t i = choice % (sizeof(suites) / sizeof(suites[0]));
	struct ike_keys keys = {.encr = alg_encr_find(suites[i].encr, suites[i].key_bits),
		.integ = alg_integ_find(suites[i].integ),
		.prf = alg_prf_find(PRF_HMAC_SHA2_256)};

	keys.sk_ei.len = keys.sk_er.len = (uint32_t)keys.encr->key_len + keys.encr->salt_len;
	keys.sk_ai.len = keys.sk_ar.len = keys.integ ? keys.integ->key_len : 0;
	return keys;
}

static const struct ike_header header = {
	.spi_i = 1, .spi_r = 2, .version = 0x20, .exchange = INFORMATIONAL};
static uint8_t message[IKE_MESSAGE_MAX];

static void open_sealed(
	const struct ike_keys *keys, uint8_t first, const uint8_t *chain, size_t chain_len)
{
	static const uint8_t iv[16];
	struct ike_msg msg;
	uint8_t *inner, inner_first;
	size_t inner_len;
	int n;

	n = sk_seal(keys, true, &header, first, chain, chain_len, 1, iv, message, sizeof(message));
	if (n < 0)
		return;
	if (ike_msg_parse(message, (size_t)n, &msg) ||
		sk_open(keys, true, message, (size_t)n, &msg, &inner, &inner_len, &inner_first))
		abort();
	if (inner_first != first || inner_len != chain_len || memcmp(inner, chain, chain_len))
		abort();
	if (ike_msg_parse_inner(&msg, inner_first, inner, inner_len))
		return;
	for (uint32_t i = 0; i < msg.n; i++)
		fuzz_read_payload(&msg.payload[i]);
}

static void open_unsealed(
	const struct ike_keys *keys, uint8_t first, const uint8_t *body, size_t len)
{
	static uint8_t chain[IKE_MESSAGE_MAX];
	struct ike_builder b;
	struct ike_msg msg;
	uint8_t *inner, inner_first;
	size_t inner_len;
	int n;

	if (len > IKE_MESSAGE_MAX - 100)
		return;
	ike_build_init(&b, chain, sizeof(chain));
	buf_put_bytes(ike_build_payload(&b, PAYLOAD_SK), body, len);
	n = ike_build_finish(&b);
	chain[0] = first;
	n = ike_msg_write_clear(&header, b.first, chain, (size_t)n, message, sizeof(message));
	if (n < 0 || ike_msg_parse(message, (size_t)n, &msg))
		abort();
	if (sk_open(keys, true, message, (size_t)n, &msg, &inner, &inner_len, &inner_first) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_keys keys;

	if (size < 2)
		return 0;
	keys = keys_for(data[0]);
	open_sealed(&keys, data[1], data + 2, size - 2);
	open_unsealed(&keys, data[1], data + 2, size - 2);
	return 0;
}
