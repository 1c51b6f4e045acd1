// SPDX-License-Identifier: BSD-3-Clause
// Inner packets from a peer: what parses lies inside the input, and what is written from it parses
// to the same again.
#include "fuzz.h"
#include "inner.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[70000];
	struct inner_packet p, q;
	size_t len = 0;

	if (inner_parse(data, size, &p) != 0)
		return 0;
	FUZZ_CHECK(p.payload >= data && p.payload + p.payload_len <= data + size);
	if (p.proto == INNER_UDP)
		len = inner_write_udp(again, sizeof(again), &p.src, p.src_port, &p.dst, p.dst_port,
			p.payload, p.payload_len);
	else if (p.proto == INNER_ICMP6)
		len = inner_write_icmp6(again, sizeof(again), &p.src, &p.dst, p.hop_limit,
			p.payload, p.payload_len);
	else
		return 0;
	FUZZ_CHECK(inner_parse(again, len, &q) == 0 && q.src_port == p.src_port);
	FUZZ_CHECK(q.payload_len == p.payload_len);
	FUZZ_CHECK(memcmp(q.payload, p.payload, p.payload_len) == 0);
	return 0;
}
