// SPDX-License-Identifier: BSD-3-Clause
// Time is a value that is handed in: microseconds of CLOCK_BOOTTIME as uint64_t, written `now_us`.
// Only the main loops call clock_now_us(); everything below takes it as an argument.
#pragma once

#include <stdint.h>
#include <time.h>

#undef US_PER_S // DPDK has one too, of type int
#define US_PER_MS UINT64_C(1000)
#define US_PER_S UINT64_C(1000000)
#define CLOCK_NEVER UINT64_MAX

static inline uint64_t clock_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}
