// SPDX-License-Identifier: BSD-3-Clause
// The floor that all figures are compared with: libipsec-mb's one-shot AES-128-GCM call on packets
// of the inner length, with one key and buffers that stay in the cache.
#include "bench.h"

#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES 2048

struct bench_floor {
	IMB_MGR *mgr;
	struct gcm_context_data ctx;
	alignas(64) struct gcm_key_data key;
	alignas(64) uint8_t buffer[BENCH_BURST][BUFFER_BYTES];
};

struct bench_floor *bench_floor_new(void)
{
	static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct bench_floor *floor = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*floor), 64));

	if (!floor)
		return NULL;
	memset(floor, 0, sizeof(*floor));
	floor->mgr = alloc_mb_mgr(0);
	if (!floor->mgr) {
		free(floor);
		errno = ENOMEM;
		return NULL;
	}
	init_mb_mgr_auto(floor->mgr, NULL);
	IMB_AES128_GCM_PRE(floor->mgr, key, &floor->key);
	return floor;
}

void bench_floor_free(struct bench_floor *floor)
{
	if (!floor)
		return;
	free_mb_mgr(floor->mgr);
	free(floor);
}

void bench_floor_run(struct bench_floor *floor, uint32_t len, uint32_t bursts,
	struct bench_times *enc, struct bench_times *dec)
{
	static const uint8_t iv[12], aad[8];
	uint8_t tag[16];
	uint64_t start;

	for (uint32_t i = 0; i < bursts; i++) {
		start = rte_rdtsc_precise();
		for (uint32_t b = 0; b < BENCH_BURST; b++)
			IMB_AES128_GCM_ENC(floor->mgr, &floor->key, &floor->ctx, floor->buffer[b],
				floor->buffer[b], len, iv, aad, sizeof(aad), floor->buffer[b] + len,
				16);
		bench_time(enc, rte_rdtsc_precise() - start);
	}
	for (uint32_t i = 0; i < bursts; i++) {
		start = rte_rdtsc_precise();
		for (uint32_t b = 0; b < BENCH_BURST; b++)
			IMB_AES128_GCM_DEC(floor->mgr, &floor->key, &floor->ctx, floor->buffer[b],
				floor->buffer[b], len, iv, aad, sizeof(aad), tag, 16);
		bench_time(dec, rte_rdtsc_precise() - start);
	}
}
