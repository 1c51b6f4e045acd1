// SPDX-License-Identifier: BSD-3-Clause
// Packets that belong to another worker: handed over once, by a ring with one producer and one
// consumer. Worker threads.
#pragma once

#include "worker.h"

// Takes the packet to worker `to`, where it goes on at `stage`. Dropped when the ring is full or
// there is no such worker (`no_owner` is the reason then).
void handoff_put(struct worker *w, uint32_t to, struct rte_mbuf *m, enum pkt_stage stage,
	enum drop_reason no_owner);
// Takes in what others handed over; returns how many.
uint32_t handoff_drain(struct worker *w);
