// SPDX-License-Identifier: BSD-3-Clause
// A token bucket in one number (the generic cell rate algorithm, ITU-T I.371): when it is full again.
// Zero is a full one. Any thread.
#pragma once

#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

// One more, at most `burst` at once and `rate` a second? Both at least 1, the rate at most US_PER_S.
static inline bool token_take(uint64_t *full_us, uint64_t now_us, uint32_t rate, uint32_t burst)
{
	const uint64_t each_us = US_PER_S / rate;

	if (*full_us < now_us)
		*full_us = now_us;
	if (*full_us - now_us > (burst - 1) * each_us)
		return false;
	*full_us += each_us;
	return true;
}
