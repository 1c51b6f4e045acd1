// SPDX-License-Identifier: BSD-3-Clause
// Who has which address of the shared prefixes (router aggregation): first come, first served. One
// hash over all links, so that a claim costs the same however many there are. Those that nobody uses
// any more are found by asking (claim_age.c). Control's thread.
#pragma once

#include "clock.h"
#include "hash.h"
#include "inet.h"

struct link_entry;
struct link_table;

struct claim {
	struct hash_node by_addr;
	struct inet_addr addr;
	uint64_t link;
	uint64_t heard_us; // claimed, claimed again, or advertised
	uint64_t
		next_us; // of the round that asks for it: the next step; CLOCK_NEVER: not asked for
	uint8_t asked; // times in this round
	bool unsent; // the last of them is in the outbox
};

struct claim *claim_find(const struct link_table *table, const struct inet_addr *addr);
// In memory alone. 0 (also when it is this link's already), -EADDRINUSE, -ENOMEM.
int claim_note(
	struct link_table *table, const struct inet_addr *addr, uint64_t link, uint64_t now_us);
void claim_forget(struct link_table *table, const struct inet_addr *addr);
void claim_fini(struct link_table *table);

// claim_age.c: the link has claimed an address, or more than it may: is it time to ask for the older
// ones?
void claim_age_claimed(struct link_table *table, struct link_entry *entry, uint64_t now_us);
void claim_age_heard(struct link_table *table, struct claim *claim, uint64_t now_us);
void claim_age_timeout(struct link_table *table, uint64_t now_us);
// No more questions, nothing is given up: the link ends or cannot be reached.
void claim_age_end(struct link_table *table, struct link_entry *entry);
