// SPDX-License-Identifier: BSD-3-Clause
// The anti-replay window of an inbound SA and its extended sequence number. RFC 4303 section 3.4.3
// and appendix A, RFC 6479. One worker owns a window; no other thread looks at it.
//
// Like RFC 6479 a ring of bits addressed by the sequence number itself, so that nothing shifts. RFC
// 6479 clears whole words as the window moves and needs a spare word for that; here exactly the
// bits of the numbers that were skipped are cleared, so that `size` bits serve a window of `size`.
// Invariant: for each s in (top - size, top], bit s % size says whether s was seen.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_SIZE_MIN 64
#define REPLAY_SIZE_MAX 4096 // powers of two
#define REPLAY_WORDS_MAX (REPLAY_SIZE_MAX / 64)

// Clears the bits of n <= size numbers from `from` on.
void replay_clear(uint64_t *words, uint32_t size, uint64_t from, uint64_t n);

// The 64-bit number that the 32 bits on the wire stand for: the one at or above the bottom of the
// window. RFC 4303 appendix A2.2 in one line; what would lie before the first packet comes out as
// a number above INT64_MAX, which replay_check() refuses.
static inline uint64_t replay_esn(uint64_t top, uint32_t size, uint32_t low)
{
	uint64_t bottom = top - size + 1;

	return bottom + (uint32_t)(low - (uint32_t)bottom);
}

static inline bool replay_check(uint64_t top, const uint64_t *words, uint32_t size, uint64_t seq)
{
	uint32_t bit = (uint32_t)seq & (size - 1);

	if (seq - 1 >= (uint64_t)INT64_MAX) // zero is never sent
		return false;
	if (seq > top)
		return true;
	if (top - seq >= size)
		return false;
	return !(words[bit >> 6] >> (bit & 63) & 1);
}

// After the ICV was found good; the number is one that replay_check() found possible. False: another packet with this number came first, perhaps in the
// same burst.
static inline bool replay_mark(uint64_t *top, uint64_t *words, uint32_t size, uint64_t seq)
{
	uint32_t bit = (uint32_t)seq & (size - 1);

	if (seq > *top) {
		uint64_t skipped = seq - *top - 1;

		if (skipped)
			replay_clear(words, size, *top + 1, skipped < size ? skipped : size);
		*top = seq;
	} else if (!replay_check(*top, words, size, seq)) {
		return false;
	}
	words[bit >> 6] |= UINT64_C(1) << (bit & 63);
	return true;
}
