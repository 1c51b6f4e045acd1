// SPDX-License-Identifier: BSD-3-Clause
// A datagram from anybody: header, payload chain, every payload with every reader. What parses is
// put together again and must be the same payloads.

#include "fuzz_payloads.h"
#include "ike_msg.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build_again(const struct ike_msg *msg)
{
	static uint8_t chain[IKE_MESSAGE_MAX + 1000];
	struct ike_msg again = {0};
	struct ike_builder b;
	int n;

	ike_build_init(&b, chain, sizeof(chain));
	for (uint32_t i = 0; i < msg->n; i++)
		buf_put_bytes(ike_build_payload(&b, (enum payload_type)msg->payload[i].type),
			msg->payload[i].data, msg->payload[i].len);
	n = ike_build_finish(&b);
	if (n < 0 || ike_msg_parse_inner(&again, b.first, chain, (size_t)n) || again.n != msg->n)
		abort();
	for (uint32_t i = 0; i < msg->n; i++)
		if (again.payload[i].type != msg->payload[i].type ||
			again.payload[i].len != msg->payload[i].len ||
			memcmp(again.payload[i].data, msg->payload[i].data, again.payload[i].len))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_msg msg;
	bool encrypted;

	if (ike_msg_parse(data, size, &msg))
		return 0;
	encrypted = ike_msg_find(&msg, PAYLOAD_SK) || ike_msg_find(&msg, PAYLOAD_SKF);
	for (uint32_t i = 0; i < msg.n; i++) {
		if (msg.payload[i].data + msg.payload[i].len > data + size)
			abort();
		fuzz_read_payload(&msg.payload[i]);
		ike_payload_name(msg.payload[i].type);
	}
	if (!encrypted && size <= IKE_MESSAGE_MAX)
		build_again(&msg);
	return 0;
}
