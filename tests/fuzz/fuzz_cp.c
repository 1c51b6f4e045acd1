// SPDX-License-Identifier: BSD-3-Clause
// The body of a configuration payload. What was read, written and read again is the same, but for
// what has no place in that type of payload and what was only counted.

#include "ike_payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_read(const struct cp_attrs *attrs, struct cp_attrs *out)
{
	static uint8_t chain[8192];
	struct ike_msg msg = {0};
	struct ike_builder b;
	int n;

	ike_build_init(&b, chain, sizeof(chain));
	payload_cp_write(&b, attrs);
	n = ike_build_finish(&b);
	if (n < 0 || ike_msg_parse_inner(&msg, b.first, chain, (size_t)n) ||
		payload_cp_read(&msg.payload[0], out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_payload_ref p = {.data = data, .len = (uint16_t)size};
	struct cp_attrs attrs, once, twice;

	if (size > UINT16_MAX || payload_cp_read(&p, &attrs))
		return 0;
	write_read(&attrs, &once);
	write_read(&once, &twice);
	if (memcmp(&once, &twice, sizeof(once)) || once.unknown_n || once.excess_n)
		abort();
	if (attrs.link != once.link || memcmp(attrs.link_iid, once.link_iid, 8) ||
		attrs.prefix_n != once.prefix_n || attrs.domain_n != once.domain_n ||
		attrs.ta_n != once.ta_n)
		abort();
	for (uint32_t i = 0; i < attrs.ta_n; i++)
		if (attrs.ta[i].domain >= attrs.domain_n || attrs.ta[i].digest_len == 0)
			abort();
	return 0;
}
