// SPDX-License-Identifier: BSD-3-Clause
// What all cases use: the SAs and packets of a gateway with clients that have a /64 each; times.
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bench_times_init(struct bench_times *times, uint32_t max)
{
	*times = (struct bench_times){.max = max, .cycles = calloc(max, sizeof(uint32_t))};
	return times->cycles ? 0 : -ENOMEM;
}

void bench_times_fini(struct bench_times *times)
{
	free(times->cycles);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double bench_per_packet(struct bench_times *times)
{
	uint64_t sum = 0, limit;
	uint32_t n = 0;

	if (!times->n)
		return 0;
	qsort(times->cycles, times->n, sizeof(uint32_t), compare);
	limit = (uint64_t)times->cycles[times->n / 2] * BENCH_OUTLIER;
	for (; n < times->n && times->cycles[n] <= limit; n++)
		sum += times->cycles[n];
	times->n = 0;
	return (double)sum / n / BENCH_BURST;
}

uint32_t *bench_order(uint32_t n)
{
	uint32_t *order = malloc(n * sizeof(*order));
	uint64_t state = UINT64_C(0x853c49e6748fea9b);

	if (!order)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j, tmp;

		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		j = (uint32_t)(((state >> 32) * i) >> 32);
		tmp = order[i - 1];
		order[i - 1] = order[j];
		order[j] = tmp;
	}
	return order;
}

void bench_prefix(uint32_t i, struct inet_prefix *prefix)
{
	*prefix = (struct inet_prefix){.addr.family = AF_INET6, .len = 64};
	memcpy(prefix->addr.bytes,
		(uint8_t[8]){0x20, 0x01, 0x0d, 0xb8, 0x10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
			(uint8_t)i},
		8);
}

static void fill(struct ipc_sa *sa, uint32_t i)
{
	struct inet_prefix prefix;

	sa->link = i + 1;
	sa->child = i + 1;
	sa->suite = (struct esp_suite){.encr = ENCR_AES_GCM_16, .key_bits = 128};
	sa->replay_window = BENCH_REPLAY_WINDOW;
	sa->local = inet_addr_v4(htonl(0xc0000201)); // 192.0.2.1
	sa->remote = inet_addr_v4(htonl(0xc0000202));
	sa->encr_key_len = 20;
	for (uint32_t k = 0; k < 20; k++)
		sa->encr_key[k] = (uint8_t)((i >> (k % 4 * 8)) + k * 29);
	bench_prefix(i, &prefix);
	sa->local_ts.n = 1;
	sa->local_ts.ts[0] = ts_any(AF_INET6);
	sa->remote_ts.n = 1;
	sa->remote_ts.ts[0] = ts_from_prefix(&prefix);
}

void bench_sa_in(struct ipc_sa_in_add *cmd, uint32_t i, uint32_t worker)
{
	memset(cmd, 0, sizeof(*cmd));
	fill(&cmd->sa, i);
	cmd->sa.spi = spi_make(worker, 1, i);
	cmd->ingress_n = 1;
	bench_prefix(i, &cmd->ingress[0]);
}

// The peer's SPI is the one of bench_sa_in(): what goes out can come in again.
void bench_sa_out(struct ipc_sa_out_set *cmd, uint32_t i, uint32_t worker)
{
	memset(cmd, 0, sizeof(*cmd));
	fill(&cmd->sa, i);
	cmd->sa.spi = spi_make(worker, 1, i);
	cmd->ref = spi_make(worker, 0, i);
}

void bench_inner_template(uint8_t *data, uint32_t len, bool from_client)
{
	static const uint8_t host[16] = {0x20, 0x01, 0x0d, 0xb8, 0xaa, 0xaa, [15] = 0x10};
	struct inet_prefix prefix;

	memset(data, 0x5a, len);
	bench_prefix(0, &prefix);
	prefix.addr.bytes[15] = 1;
	memset(data, 0, 48);
	data[0] = 0x60;
	data[4] = (uint8_t)((len - 40) >> 8);
	data[5] = (uint8_t)(len - 40);
	data[6] = IPPROTO_UDP;
	data[7] = 64;
	memcpy(data + 8, from_client ? prefix.addr.bytes : host, 16);
	memcpy(data + 24, from_client ? host : prefix.addr.bytes, 16);
	data[40] = 0x12;
	data[42] = 0x34;
	data[44] = (uint8_t)((len - 40) >> 8);
	data[45] = (uint8_t)(len - 40);
}
