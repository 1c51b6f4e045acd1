// SPDX-License-Identifier: BSD-3-Clause
// The part of the anti-replay window that runs only when sequence numbers were skipped.
// The worker that owns the SA. RFC 6479.
#include "replay.h"

void replay_clear(uint64_t *words, uint32_t size, uint64_t from, uint64_t n)
{
	while (n) {
		uint32_t bit = (uint32_t)from & (size - 1);
		uint32_t shift = bit & 63;
		uint64_t here = 64 - shift < n ? 64 - shift : n;
		uint64_t mask = here == 64 ? UINT64_MAX : ((UINT64_C(1) << here) - 1) << shift;

		words[bit >> 6] &= ~mask;
		from += here;
		n -= here;
	}
}
