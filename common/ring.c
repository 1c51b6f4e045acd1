// SPDX-License-Identifier: BSD-3-Clause
// Single producer, single consumer ring over memory that a hostile process may write at any time.
//
// Shared are two positions and the cells, nothing else. What is read from there is read once into
// private memory and checked there. Positions count cells and only grow; 0 <= head - tail <= cells
// holds for an honest peer, anything else is counted as a fault and shut out:
//   consumer: everything queued is thrown away, we stand where the peer says it is;
//   producer: the ring is full.
// The copies from and to the cells may race with a hostile peer's writes. That is accepted: they
// tear the peer's own message, whose content is checked by the reader afterwards like any other.
#include "ring.h"

#include <errno.h>
#include <string.h>

static_assert(atomic_is_lock_free((_Atomic uint64_t *)0), "positions are shared between processes");
static_assert(sizeof(struct ipc_hdr) <= RING_CELL_BYTES);

size_t ring_bytes(uint32_t cell_count)
{
	return sizeof(struct ring_shared) + (size_t)cell_count * RING_CELL_BYTES;
}

void ring_init(struct ring *ring, void *shared, uint32_t cell_count)
{
	*ring = (struct ring){.shared = shared, .cell_count = cell_count};
}

static uint32_t cells_for(size_t bytes)
{
	return (uint32_t)((bytes + RING_CELL_BYTES - 1) / RING_CELL_BYTES);
}

static size_t cells_offset(const struct ring *ring, uint64_t position)
{
	return (size_t)(position & (ring->cell_count - 1)) * RING_CELL_BYTES;
}

// Copies len bytes to the cells from byte `offset` on, in two parts where the array ends; returns
// the offset behind them.
static size_t copy_in(struct ring *ring, size_t offset, const void *data, size_t len)
{
	size_t size = (size_t)ring->cell_count * RING_CELL_BYTES;
	size_t first = len < size - offset ? len : size - offset;

	if (len == 0)
		return offset;
	memcpy(ring->shared->cells + offset, data, first);
	if (first < len)
		memcpy(ring->shared->cells, (const uint8_t *)data + first, len - first);
	offset += len;
	return offset >= size ? offset - size : offset;
}

static void copy_out(const struct ring *ring, size_t offset, void *data, size_t len)
{
	size_t size = (size_t)ring->cell_count * RING_CELL_BYTES;
	size_t first = len < size - offset ? len : size - offset;

	memcpy(data, ring->shared->cells + offset, first);
	if (first < len)
		memcpy((uint8_t *)data + first, ring->shared->cells, len - first);
}

uint32_t ring_free_cells(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);

	if (ring->own - tail > ring->cell_count) {
		ring->faults++;
		return 0;
	}
	ring->peer_seen = tail;
	return ring->cell_count - (uint32_t)(ring->own - tail);
}

int ring_put(struct ring *ring, uint32_t type, uint32_t id, uint32_t status, const void *payload,
	size_t len, const void *payload2, size_t len2)
{
	struct ipc_hdr hdr = {.type = type, .id = id, .status = status};
	size_t offset;
	uint32_t need;

	if (payload2 == NULL)
		len2 = 0;
	if (len > RING_MSG_MAX - sizeof(hdr) || len2 > RING_MSG_MAX - sizeof(hdr) - len)
		return -EMSGSIZE;
	hdr.len = (uint32_t)(len + len2);
	need = cells_for(sizeof(hdr) + hdr.len);
	// peer_seen is private and always plausible; the shared position is only looked at when the
	// ring seems full, so that its cache line is not fetched at every message.
	if (ring->cell_count - (uint32_t)(ring->own - ring->peer_seen) < need &&
		ring_free_cells(ring) < need)
		return -ENOSPC;
	offset = copy_in(ring, cells_offset(ring, ring->own), &hdr, sizeof(hdr));
	offset = copy_in(ring, offset, payload, len);
	copy_in(ring, offset, payload2, len2);
	ring->own += need;
	atomic_store_explicit(&ring->shared->head, ring->own, memory_order_release);
	return 0;
}

static void consume(struct ring *ring, uint64_t position)
{
	ring->own = position;
	atomic_store_explicit(&ring->shared->tail, position, memory_order_release);
}

// Throws away what is queued and goes on where the producer says that it is.
static int resync(struct ring *ring, uint64_t head)
{
	ring->faults++;
	ring->peer_seen = head;
	consume(ring, head);
	return -EPROTO;
}

// Reads the header once: volatile, so that no compiler looks at the cell again after the checks.
static struct ipc_hdr take_header(const struct ring *ring, size_t offset)
{
	const volatile uint32_t *word = (const volatile uint32_t *)(ring->shared->cells + offset);

	return (struct ipc_hdr){.type = word[0], .id = word[1], .status = word[2], .len = word[3]};
}

int ring_get(struct ring *ring, void *buf, size_t cap)
{
	struct ipc_hdr hdr;
	size_t offset, total;
	uint32_t need;

	if (ring->own == ring->peer_seen) {
		uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

		if (head - ring->own > ring->cell_count)
			return resync(ring, head);
		ring->peer_seen = head;
		if (head == ring->own)
			return 0;
	}
	offset = cells_offset(ring, ring->own);
	hdr = take_header(ring, offset);
	if (hdr.len > RING_MSG_MAX - sizeof(hdr))
		return resync(ring, ring->peer_seen);
	total = sizeof(hdr) + hdr.len;
	need = cells_for(total);
	if (need > ring->peer_seen - ring->own || total > cap)
		return resync(ring, ring->peer_seen);
	memcpy(buf, &hdr, sizeof(hdr));
	if (hdr.len > 0)
		copy_out(ring, offset + sizeof(hdr), (uint8_t *)buf + sizeof(hdr), hdr.len);
	consume(ring, ring->own + need);
	return (int)total;
}
