// SPDX-License-Identifier: BSD-3-Clause
// esp_out_burst() and esp_in_burst() alone: packets are made, parsed and put back outside the
// measured time; each packet of a burst is for another SA.
#include "bench.h"
#include "esp.h"
#include "flow.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define L2 14
#define OUTER_LEN 20
#define ROUND_MIN 256

struct bench_esp {
	struct esp *esp;
	struct drop_counts drops;
	uint32_t sas;
	uint32_t round; // packets: at least one for each SA
	uint32_t inner_len;
	uint32_t *order;
	uint8_t inner[BENCH_INNER_MAX];
	struct rte_mbuf *pkts[BENCH_BURST];
};

static int add_sas(struct bench_esp *b)
{
	int ret = 0;

	for (uint32_t i = 0; i < b->sas && !ret; i++) {
		struct ipc_sa_in_add in;
		struct ipc_sa_out_set out;

		bench_sa_in(&in, i, 0);
		bench_sa_out(&out, i, 0);
		// Towards the gateway: the client's prefix is the source both times.
		struct ts_list local = out.sa.local_ts;
		out.sa.local_ts = out.sa.remote_ts;
		out.sa.remote_ts = local;
		ret = esp_in_add(b->esp, &in, 0);
		if (!ret)
			ret = esp_out_set(b->esp, &out, 0);
	}
	return ret;
}

struct bench_esp *bench_esp_new(struct rte_mempool *pool, uint32_t sas, uint32_t inner_len)
{
	struct bench_esp *b = calloc(1, sizeof(*b));
	struct esp_config config = {.slots = rte_align32pow2(sas), .tsc_hz = rte_get_tsc_hz()};

	if (!b)
		return NULL;
	config.drops = &b->drops;
	b->sas = sas;
	b->round = RTE_ALIGN_CEIL(RTE_MAX(sas, (uint32_t)ROUND_MIN), BENCH_BURST);
	b->inner_len = inner_len;
	b->order = bench_order(sas);
	bench_inner_template(b->inner, inner_len, true);
	b->esp = esp_new(&config);
	if (!b->order || !b->esp || add_sas(b) ||
		rte_pktmbuf_alloc_bulk(pool, b->pkts, BENCH_BURST)) {
		bench_esp_free(b);
		errno = ENOMEM;
		return NULL;
	}
	return b;
}

void bench_esp_free(struct bench_esp *b)
{
	if (!b)
		return;
	esp_free(b->esp);
	for (uint32_t i = 0; i < BENCH_BURST; i++)
		rte_pktmbuf_free(b->pkts[i]);
	free(b->order);
	free(b);
}

static uint32_t sa_at(const struct bench_esp *b, uint32_t at)
{
	return b->order[at % b->sas];
}

// One burst out, from position `at` of the round. Returns its cycles.
static uint64_t encap(struct bench_esp *b, uint32_t at)
{
	struct rte_mbuf *too_big[BENCH_BURST];
	uint16_t too_big_n, kept;
	uint64_t start;

	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		struct rte_mbuf *m = b->pkts[i];
		uint8_t *data;

		rte_pktmbuf_reset(m);
		m->data_off += L2;
		m->data_len = (uint16_t)b->inner_len;
		m->pkt_len = b->inner_len;
		data = rte_pktmbuf_mtod(m, uint8_t *);
		memcpy(data, b->inner, b->inner_len);
		bench_inner_client(data, sa_at(b, at + i), true);
		*pkt_meta(m) = (struct pkt_meta){.sa = spi_make(0, 0, sa_at(b, at + i))};
		flow_parse_mbuf(m, pkt_meta(m));
	}
	start = rte_rdtsc_precise();
	kept = esp_out_burst(b->esp, b->pkts, BENCH_BURST, too_big, &too_big_n, start);
	start = rte_rdtsc_precise() - start;
	if (kept != BENCH_BURST)
		abort();
	return start;
}

// The burst that encap() made, in again.
static uint64_t decap(struct bench_esp *b, uint32_t at)
{
	uint64_t start;

	for (uint32_t i = 0; i < BENCH_BURST; i++) {
		rte_pktmbuf_adj(b->pkts[i], OUTER_LEN);
		*pkt_meta(b->pkts[i]) = (struct pkt_meta){.sa = spi_make(0, 1, sa_at(b, at + i))};
	}
	start = rte_rdtsc_precise();
	if (esp_in_burst(b->esp, b->pkts, BENCH_BURST, start) != BENCH_BURST)
		abort();
	return rte_rdtsc_precise() - start;
}

void bench_esp_run(
	struct bench_esp *b, uint32_t pkts, struct bench_times *out, struct bench_times *in)
{
	uint32_t rounds = (pkts + b->round - 1) / b->round;

	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t at = 0; at < b->round; at += BENCH_BURST)
			bench_time(out, encap(b, at));
	}
	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t at = 0; at < b->round; at += BENCH_BURST) {
			encap(b, at);
			bench_time(in, decap(b, at));
		}
	}
}
