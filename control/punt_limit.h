// SPDX-License-Identifier: BSD-3-Clause
// How many packets of one link control looks at: a token bucket for each link that has sent any
// lately, so that a client that asks in a loop costs others nothing. A full bucket is no different
// from none, and is given up. Pure. Control's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PUNT_LIMIT_BURST 64 // more than a host asks at once that makes all its addresses
#define PUNT_LIMIT_RATE 32 // a second

struct punt_limit;

struct punt_limit *punt_limit_new(const uint64_t secret[2]); // NULL and errno
void punt_limit_free(struct punt_limit *limit); // accepts NULL
// One packet more of this link: may it be looked at?
bool punt_limit_take(struct punt_limit *limit, uint64_t link, uint64_t now_us);
uint32_t punt_limit_count(const struct punt_limit *limit); // links that have a bucket
