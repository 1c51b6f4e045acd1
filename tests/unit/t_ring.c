// SPDX-License-Identifier: BSD-3-Clause
// The seam's rings: order and content over every size, the end of the array, full and empty, and
// a peer that writes nonsense into everything that it can reach.
#include "ring.h"

#include <check.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CELLS 512

static struct ring_shared *shared;
static struct ring producer, consumer;
static uint8_t got[RING_MSG_MAX] __attribute__((aligned(8)));
static uint8_t sent[RING_MSG_MAX];

static void setup(void)
{
	shared = aligned_alloc(64, ring_bytes(CELLS));
	memset(shared, 0, ring_bytes(CELLS));
	ring_init(&producer, shared, CELLS);
	ring_init(&consumer, shared, CELLS);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 131 + (i >> 8) * 17 + 1);
}

static void teardown(void)
{
	free(shared);
}

static const struct ipc_hdr *hdr(void)
{
	return (const struct ipc_hdr *)(const void *)got;
}

static void put_get(uint32_t id, size_t len)
{
	size_t first = len / 3;

	ck_assert_int_eq(
		ring_put(&producer, IPC_PING, id, 5, sent, first, sent + first, len - first), 0);
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), (int)(len + sizeof(*hdr())));
	ck_assert_uint_eq(hdr()->type, IPC_PING);
	ck_assert_uint_eq(hdr()->id, id);
	ck_assert_uint_eq(hdr()->status, 5);
	ck_assert_uint_eq(hdr()->len, len);
	if (len > 0)
		ck_assert_mem_eq(got + sizeof(*hdr()), sent, len);
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 0);
}

// Sizes around each cell's end, so many that every size wraps at some time.
START_TEST(test_sizes)
{
	size_t max = RING_MSG_MAX - sizeof(struct ipc_hdr);

	for (size_t len = 0; len <= 3 * RING_CELL_BYTES; len++)
		put_get((uint32_t)len, len);
	for (size_t len = 4 * RING_CELL_BYTES; len < max; len += 1021)
		put_get((uint32_t)len, len);
	for (int i = 0; i < 20; i++)
		put_get((uint32_t)i, max); // 260 of 512 cells: wraps at every other
	ck_assert_uint_eq(producer.faults + consumer.faults, 0);
}
END_TEST

START_TEST(test_too_long)
{
	size_t max = RING_MSG_MAX - sizeof(struct ipc_hdr);

	ck_assert_int_eq(ring_put(&producer, 1, 0, 0, sent, max + 1, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(ring_put(&producer, 1, 0, 0, sent, max, sent, 1), -EMSGSIZE);
	ck_assert_int_eq(ring_put(&producer, 1, 0, 0, sent, SIZE_MAX, sent, 2), -EMSGSIZE);
	ck_assert_int_eq(ring_put(&producer, 1, 0, 0, sent, 2, sent, SIZE_MAX), -EMSGSIZE);
	ck_assert_int_eq(ring_put(&producer, 1, 0, 0, sent, max, NULL, 7), 0); // no second part
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), RING_MSG_MAX);
}
END_TEST

// In whole or not at all: a full ring takes nothing, and goes on where there is room again.
START_TEST(test_full)
{
	uint32_t n = 0;

	while (ring_put(&producer, IPC_PING, n, 0, sent, 300, NULL, 0) == 0)
		n++;
	ck_assert_uint_eq(n, CELLS / 2);
	ck_assert_uint_eq(ring_free_cells(&producer), 0);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, n, 0, NULL, 0, NULL, 0), -ENOSPC);
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 316);
	ck_assert_uint_eq(ring_free_cells(&producer), 2);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, n, 0, sent, 500, NULL, 0), -ENOSPC);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, n, 0, sent, 300, NULL, 0), 0);
	for (uint32_t i = 1; i <= n; i++) {
		ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 316);
		ck_assert_uint_eq(hdr()->id, i);
	}
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 0);
	ck_assert_uint_eq(producer.faults + consumer.faults, 0);
}
END_TEST

// The producer says that it is where it cannot be.
START_TEST(test_bad_head)
{
	static const uint64_t heads[] = {CELLS + 2, UINT64_MAX, UINT64_C(1) << 63, 0};

	put_get(1, 10); // both stand at 1
	atomic_store(&shared->head, heads[_i]);
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), -EPROTO);
	ck_assert_uint_eq(consumer.faults, 1);
	ck_assert_uint_eq(consumer.own, heads[_i]);
	ck_assert_uint_eq(atomic_load(&shared->tail), heads[_i]);
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 0);
}
END_TEST

// The consumer says that it is where it cannot be: the ring is full, and works again when it mends.
START_TEST(test_bad_tail)
{
	static const uint64_t tails[] = {CELLS + 5, UINT64_MAX, UINT64_C(1) << 63};

	for (int i = 0; i < CELLS; i++)
		ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, NULL, 0, NULL, 0), 0);
	atomic_store(&shared->tail, tails[_i]);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, NULL, 0, NULL, 0), -ENOSPC);
	ck_assert_uint_eq(producer.faults, 1);
	ck_assert_uint_eq(ring_free_cells(&producer), 0);
	ck_assert_uint_eq(producer.own, CELLS);
	atomic_store(&shared->tail, 1);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, NULL, 0, NULL, 0), 0);
}
END_TEST

// A header that says more than the ring holds, or than a message may have.
START_TEST(test_bad_len)
{
	static const uint32_t lens[] = {
		241, RING_MSG_MAX - 15, RING_MSG_MAX, UINT32_MAX, UINT32_MAX - 15, 0x80000000};
	struct ipc_hdr bad = {.type = IPC_PING, .len = lens[_i]};

	ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, sent, 100, NULL, 0), 0);
	memcpy(shared->cells, &bad, sizeof(bad));
	memset(got, 0xee, sizeof(got));
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), -EPROTO);
	ck_assert_uint_eq(consumer.faults, 1);
	ck_assert_uint_eq(got[0], 0xee); // nothing was copied
	ck_assert_int_eq(ring_get(&consumer, got, sizeof(got)), 0);
	put_get(7, 1000); // and the ring goes on
}
END_TEST

// More than a message may have is refused though the ring holds it and the buffer would take it.
START_TEST(test_longer_than_any)
{
	struct ipc_hdr bad = {.type = IPC_PING, .len = RING_MSG_MAX - sizeof(bad) + 1};
	uint8_t *large = malloc(2 * RING_MSG_MAX);

	memcpy(shared->cells, &bad, sizeof(bad));
	atomic_store(&shared->head, 300);
	ck_assert_int_eq(ring_get(&consumer, large, 2 * RING_MSG_MAX), -EPROTO);
	free(large);
}
END_TEST

// The caller's buffer is never overrun, also when it is smaller than it ought to be.
START_TEST(test_small_buffer)
{
	uint8_t *small = malloc(64);

	ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, sent, 49, NULL, 0), 0);
	ck_assert_int_eq(ring_get(&consumer, small, 64), -EPROTO);
	ck_assert_int_eq(ring_put(&producer, IPC_PING, 0, 0, sent, 48, NULL, 0), 0);
	ck_assert_int_eq(ring_get(&consumer, small, 64), 64);
	free(small);
}
END_TEST

// Positions run over 2^64 without notice.
START_TEST(test_wrap_of_positions)
{
	uint64_t start = UINT64_MAX - 100;

	atomic_store(&shared->head, start);
	atomic_store(&shared->tail, start);
	producer.own = producer.peer_seen = consumer.own = consumer.peer_seen = start;
	for (uint32_t i = 0; i < 300; i++)
		put_get(i, 700);
	ck_assert_uint_lt(producer.own, 2000);
	ck_assert_uint_eq(producer.faults + consumer.faults, 0);
}
END_TEST

static uint64_t rng_state = 0x9e3779b97f4a7c15;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

// Everything shared is garbage at every step; under the address sanitizer nothing else is touched,
// and what comes out is bounded.
START_TEST(test_garbage)
{
	for (int i = 0; i < 100000; i++) {
		int rc;

		switch (rng() % 4) {
		case 0:
			atomic_store(&shared->head, consumer.own + rng() % 600);
			break;
		case 1:
			atomic_store(&shared->tail, producer.own - rng() % 600);
			break;
		case 2:
			atomic_store(&shared->head, rng());
			break;
		default:
			memset(shared->cells + rng() % (CELLS * RING_CELL_BYTES - 64), (int)rng(),
				64);
		}
		rc = ring_get(&consumer, got, sizeof(got));
		ck_assert(rc == -EPROTO || rc == 0 || (rc >= 16 && rc <= RING_MSG_MAX));
		if (rc > 0)
			ck_assert_uint_eq(hdr()->len + 16, (uint32_t)rc);
		rc = ring_put(&producer, 1, 2, 3, sent, rng() % 70000, NULL, 0);
		ck_assert(rc == 0 || rc == -ENOSPC || rc == -EMSGSIZE);
	}
	ck_assert_uint_gt(consumer.faults, 0);
}
END_TEST

#define STREAM 200000

static void *produce(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < STREAM;) {
		size_t len = i % 7 == 0 ? 1500 : i % 240;

		if (ring_put(&producer, IPC_PING, i, 0, sent, len, NULL, 0) == 0)
			i++;
		else
			sched_yield();
	}
	return NULL;
}

// Two threads: every message, in order, whole.
START_TEST(test_two_threads)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, produce, NULL), 0);
	for (uint32_t i = 0; i < STREAM;) {
		int rc = ring_get(&consumer, got, sizeof(got));

		ck_assert_int_ge(rc, 0);
		if (rc == 0) {
			sched_yield();
			continue;
		}
		ck_assert_uint_eq(hdr()->id, i);
		ck_assert_uint_eq(hdr()->len, i % 7 == 0 ? 1500 : i % 240);
		ck_assert_int_eq(memcmp(got + 16, sent, hdr()->len), 0);
		i++;
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(producer.faults + consumer.faults, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_sizes);
	tcase_add_test(tcase, test_too_long);
	tcase_add_test(tcase, test_full);
	tcase_add_loop_test(tcase, test_bad_head, 0, 4);
	tcase_add_loop_test(tcase, test_bad_tail, 0, 3);
	tcase_add_loop_test(tcase, test_bad_len, 0, 6);
	tcase_add_test(tcase, test_longer_than_any);
	tcase_add_test(tcase, test_small_buffer);
	tcase_add_test(tcase, test_wrap_of_positions);
	tcase_add_test(tcase, test_garbage);
	tcase_add_test(tcase, test_two_threads);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
