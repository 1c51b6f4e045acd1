// SPDX-License-Identifier: BSD-3-Clause
// A ring of the seam whose peer is hostile: the input is a program that writes positions and cells
// and calls both sides in any order.
#include "fuzz.h"
#include "ring.h"

#include <errno.h>
#include <string.h>

#define CELLS 512

static struct ring_shared *shared;
static struct ring producer, consumer;

struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t take(struct input *in, size_t n)
{
	uint64_t value = 0;

	for (; n > 0 && in->size > 0; n--, in->size--)
		value = value << 8 | *in->data++;
	return value;
}

static void get(void)
{
	static uint8_t buf[RING_MSG_MAX] __attribute__((aligned(8)));
	int rc = ring_get(&consumer, buf, sizeof(buf));
	struct ipc_hdr hdr;

	FUZZ_CHECK(rc == -EPROTO || rc == 0 || (rc >= 16 && rc <= RING_MSG_MAX));
	if (rc > 0) {
		memcpy(&hdr, buf, sizeof(hdr));
		FUZZ_CHECK(hdr.len + sizeof(hdr) == (size_t)rc);
		(void)ipc_check(buf, (size_t)rc, true);
	}
}

static void put(size_t len)
{
	static const uint8_t data[RING_MSG_MAX + 100];
	uint32_t free_before = ring_free_cells(&producer);
	int rc = ring_put(&producer, 1, 2, 3, data, len / 2, data, len - len / 2);

	FUZZ_CHECK(rc == 0 || rc == -ENOSPC || rc == -EMSGSIZE);
	FUZZ_CHECK((rc == -EMSGSIZE) == (len + sizeof(struct ipc_hdr) > RING_MSG_MAX));
	FUZZ_CHECK(free_before <= CELLS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (shared == NULL)
		shared = aligned_alloc(64, ring_bytes(CELLS));
	memset(shared, 0, ring_bytes(CELLS));
	ring_init(&producer, shared, CELLS);
	ring_init(&consumer, shared, CELLS);
	while (in.size > 0) {
		switch (take(&in, 1) % 8) {
		case 0:
			atomic_store(&shared->head, take(&in, 8));
			break;
		case 1:
			atomic_store(&shared->head, consumer.own + take(&in, 2));
			break;
		case 2:
			atomic_store(&shared->tail, take(&in, 8));
			break;
		case 3:
			atomic_store(&shared->tail, producer.own - take(&in, 2));
			break;
		case 4: { // the length of the message that comes next
			uint32_t len = (uint32_t)take(&in, 4);

			memcpy(shared->cells + consumer.own % CELLS * RING_CELL_BYTES +
					offsetof(struct ipc_hdr, len),
				&len, sizeof(len));
			break;
		}
		case 5:
			shared->cells[take(&in, 3) % (CELLS * RING_CELL_BYTES)] =
				(uint8_t)take(&in, 1);
			break;
		case 6:
			get();
			break;
		default:
			put(take(&in, 3) % (RING_MSG_MAX + 100));
		}
	}
	return 0;
}
