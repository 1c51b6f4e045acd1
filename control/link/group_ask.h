// SPDX-License-Identifier: BSD-3-Clause
// When a link is asked what it listens to: a moment after it first has an SA for groups, and once more
// if it then says nothing, as a host does that listens to nothing; never periodically (L3). The
// startup queries of RFC 3810 section 6.1 and RFC 3376, for one listener. Pure: time is handed in.
// Control's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The initiator of a child SA has it installed only after our answer has come: a query right behind
// that answer would be lost.
#define GROUP_ASK_FIRST_US UINT64_C(1000000)
#define GROUP_ASK_AGAIN_US UINT64_C(2000000)

enum group_ask_family { // a set
	GROUP_ASK_V6 = 1,
	GROUP_ASK_V4 = 2,
};

struct group_asks;

struct group_asks *group_asks_new(const uint64_t secret[2]); // NULL and errno
void group_asks_free(struct group_asks *asks); // accepts NULL

// Families in which the link was asked before are left out. 0 or -ENOMEM.
int group_ask_start(struct group_asks *asks, uint64_t link, uint32_t families, uint64_t now_us);
// The link has reported.
void group_ask_heard(struct group_asks *asks, uint64_t link, uint32_t families);
void group_ask_gone(struct group_asks *asks, uint64_t link);

uint64_t group_ask_next_us(const struct group_asks *asks); // CLOCK_NEVER
// A link that is to be asked now, and in which families. false: none is.
bool group_ask_take(struct group_asks *asks, uint64_t now_us, uint64_t *link, uint32_t *families);
