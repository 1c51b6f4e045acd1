// SPDX-License-Identifier: BSD-3-Clause
// A ring of messages between two processes that do not trust each other. One producer thread, one
// consumer thread. Only the two positions and the cells are shared; the geometry stays private to
// each side, so that whatever the peer writes into shared memory, no access leaves the ring.
// (rte_ring keeps size and mask in the shared block, where a hostile peer could change them.)
//
// A message is a struct ipc_hdr with its payload in as many consecutive cells as it needs. It is
// put in whole or not at all.
#pragma once

#include "ipc_msg.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define RING_CELL_BYTES 256
// Longest message, header included: a 64 KiB datagram with its envelope.
#define RING_MSG_MAX (260 * RING_CELL_BYTES)

// In shared memory. Positions count cells since the start and never wrap in practice (64 bits).
struct ring_shared {
	alignas(64) _Atomic uint64_t head; // producer: rw, consumer: r
	alignas(64) _Atomic uint64_t tail; // consumer: rw, producer: r
	alignas(64) uint8_t cells[];
};

// A side's private view.
struct ring {
	struct ring_shared *shared; // lends; unmapped by the seam
	uint32_t cell_count; // power of two
	uint64_t own; // our position, the one that counts; the shared copy is for the peer
	uint64_t peer_seen; // cached position of the peer, always within cell_count of ours
	uint64_t faults; // times that the peer's position or a header was impossible
};

// Bytes of shared memory of a ring with so many cells (a power of two, 512 to 2^20).
size_t ring_bytes(uint32_t cell_count);
void ring_init(struct ring *ring, void *shared, uint32_t cell_count);

// Producer. 0, -ENOSPC (full: the caller waits or drops, as the kind demands), -EMSGSIZE.
// `payload2` may be NULL; it follows `payload` without a gap (struct, then packet bytes).
int ring_put(struct ring *ring, uint32_t type, uint32_t id, uint32_t status, const void *payload,
	size_t len, const void *payload2, size_t len2);
uint32_t ring_free_cells(struct ring *ring);

// Consumer. Copies the next message into buf (RING_MSG_MAX bytes at least, 8-byte aligned) and
// returns its length with header, 0 when the ring is empty, or -EPROTO: the peer's position or the
// header was impossible, everything queued was thrown away and `faults` counted. The header's len
// was checked against the cells taken; type and minimum length are ipc_check()'s business.
int ring_get(struct ring *ring, void *buf, size_t cap);
