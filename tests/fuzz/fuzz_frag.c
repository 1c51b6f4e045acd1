// SPDX-License-Identifier: BSD-3-Clause
// Fragments of messages. The input is a list of records: octets of message id, number, total, length,
// then that much of a chunk; each goes through the checks in the order of RFC 7383 section 2.6. Then the
// whole input as a chain is cut, sealed, parsed, opened and joined in an order that it chooses, and must
// come out as it went in.

#include "fuzz.h"
#include "ike_frag.h"
#include "ike_keys.h"

#include <errno.h>
#include <string.h>

#define BYTES_MAX 1000

static void sets(const uint8_t *data, size_t size)
{
	struct frag_set *set = NULL;

	while (size >= 4) {
		uint8_t body[4] = {0, data[1], 0, data[2]};
		struct ike_payload_ref skf = {
			.type = PAYLOAD_SKF, .next = data[0], .data = body, .len = sizeof(body)};
		size_t len = data[3] < size - 4 ? data[3] : size - 4;
		struct frag_head head;

		if (frag_head_read(&skf, &head) == 0 &&
			frag_check(set, data[0], &head) == FRAG_NEW &&
			frag_add(&set, data[0], &head, &skf, data + 4, len, BYTES_MAX, 1) == 0) {
			FUZZ_CHECK(frag_check(set, data[0], &head) == FRAG_DUPLICATE);
			FUZZ_CHECK(frag_bytes(set) <= BYTES_MAX);
		}
		if (frag_whole(set)) {
			uint8_t *out = malloc(frag_bytes(set) + 1), first;

			FUZZ_CHECK(frag_join(set, out, &first) == frag_bytes(set));
			free(out);
			frag_free(set);
			set = NULL;
		}
		data += 4 + len;
		size -= 4 + len;
	}
	frag_free(set);
}

static void add_sealed(
	const struct ike_keys *keys, struct frag_set **set, uint8_t *message, size_t len)
{
	uint8_t *inner, first;
	struct frag_head head;
	struct ike_msg msg;
	size_t inner_len;

	FUZZ_CHECK(ike_msg_parse(message, len, &msg) == 0 && msg.n == 1);
	FUZZ_CHECK(frag_head_read(&msg.payload[0], &head) == 0);
	FUZZ_CHECK(sk_open(keys, true, message, len, &msg, &inner, &inner_len, &first) == 0);
	FUZZ_CHECK(frag_add(set, 1, &head, &msg.payload[0], inner, inner_len, IKE_MESSAGE_MAX, 1) ==
		0);
}

static void round_trip(const uint8_t *data, size_t size)
{
	static const struct ike_header header = {
		.spi_i = 1, .spi_r = 2, .version = 0x20, .exchange = IKE_AUTH, .message_id = 1};
	static uint8_t message[IKE_MESSAGE_MAX], out[IKE_MESSAGE_MAX];
	static const uint8_t iv[16];
	struct ike_keys keys = {.encr = alg_encr_find(ENCR_AES_GCM_16, 128)};
	size_t chunk_max = data[0] + 1u;
	uint32_t n = frag_count(size, chunk_max, data[1] % 8u), turn = data[2];
	struct frag_set *set = NULL;
	uint8_t first;

	keys.sk_ei.len = (uint32_t)(keys.encr->key_len + keys.encr->salt_len);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = (k + turn) % n;
		struct frag_head head = {(uint16_t)(i + 1), (uint16_t)n};
		size_t start = frag_start(size, chunk_max, n, i);
		size_t end = frag_start(size, chunk_max, n, i + 1);
		int len = sk_seal_fragment(&keys, true, &header, &head, data[0], data + start,
			end - start, k, iv, message, sizeof(message));

		FUZZ_CHECK(end > start && end - start <= chunk_max && len > 0);
		add_sealed(&keys, &set, message, (size_t)len);
		FUZZ_CHECK(frag_whole(set) == (k + 1 == n));
	}
	if (n > 0) {
		FUZZ_CHECK(frag_join(set, out, &first) == size && memcmp(out, data, size) == 0);
		FUZZ_CHECK(first == data[0]);
	}
	frag_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sets(data, size);
	if (size >= 3 && size < IKE_MESSAGE_MAX)
		round_trip(data, size);
	return 0;
}
