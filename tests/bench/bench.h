// SPDX-License-Identifier: BSD-3-Clause
// The benchmark's parts: each case sets itself up, runs bursts of hot packets, and says TSC cycles
// per packet. One thread, one worker, no ports.
#pragma once

#include "ipc_msg.h"

#include <rte_mbuf.h>

#include <stdint.h>

#define BENCH_BURST 32
#define BENCH_RUNS_MAX 64
#define BENCH_REPLAY_WINDOW 512
#define BENCH_INNER_MIN 64 // IPv6 and UDP headers, and a little
#define BENCH_INNER_MAX 1400

// Cycles of bursts of BENCH_BURST packets: a run's figure is their mean without those that took more
// than BENCH_OUTLIER times the median, which something else on the machine interrupted.
#define BENCH_OUTLIER 3
struct bench_times {
	uint32_t n, max;
	uint32_t *cycles;
};
int bench_times_init(struct bench_times *times, uint32_t max); // 0 or -ENOMEM
void bench_times_fini(struct bench_times *times);
static inline void bench_time(struct bench_times *times, uint64_t cycles)
{
	if (times->n < times->max)
		times->cycles[times->n++] = cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;
}
double bench_per_packet(struct bench_times *times); // and empties it

// Bare crypto: libipsec-mb's one-shot AES-128-GCM, one hot key, BENCH_BURST hot buffers.
struct bench_floor;
struct bench_floor *bench_floor_new(void);
void bench_floor_free(struct bench_floor *floor);
void bench_floor_run(struct bench_floor *floor, uint32_t len, uint32_t bursts,
	struct bench_times *enc, struct bench_times *dec);

// esp_out_burst() and esp_in_burst() alone.
struct bench_esp;
struct bench_esp *bench_esp_new(struct rte_mempool *pool, uint32_t sas, uint32_t inner_len);
void bench_esp_free(struct bench_esp *b);
void bench_esp_run(
	struct bench_esp *b, uint32_t pkts, struct bench_times *out, struct bench_times *in);

// From frame to frame: classification, route, TTL, ESP, outer route, link layer header, and back.
struct bench_path;
struct bench_path *bench_path_new(struct rte_mempool *pool, uint32_t sas, uint32_t inner_len);
void bench_path_free(struct bench_path *b);
void bench_path_run(
	struct bench_path *b, uint32_t pkts, struct bench_times *out, struct bench_times *in);

// One packet to each of the members of a group, and packets to one client after the other.
struct bench_group;
struct bench_group *bench_group_new(uint32_t members, uint32_t inner_len);
void bench_group_free(struct bench_group *b);
void bench_group_run(struct bench_group *b, uint32_t pkts, struct bench_times *copies,
	struct bench_times *single);

// What the cases share.
uint32_t *bench_order(uint32_t n); // 0 to n - 1, shuffled the same way each time
// The i-th SA of a gateway: AES-128-GCM, native ESP over IPv4, IPv6 prefix 2001:db8:1000:i::/64 inside.
void bench_sa_in(struct ipc_sa_in_add *cmd, uint32_t i, uint32_t worker);
void bench_sa_out(struct ipc_sa_out_set *cmd, uint32_t i, uint32_t worker);
void bench_prefix(uint32_t i, struct inet_prefix *prefix);
// Writes an IPv6 UDP packet of `len` bytes, between client 0 and a host behind the gateway, and makes
// it one of client i.
void bench_inner_template(uint8_t *data, uint32_t len, bool from_client);
static inline void bench_inner_client(uint8_t *data, uint32_t i, bool from_client)
{
	uint8_t *addr = data + (from_client ? 8 : 24);

	addr[5] = (uint8_t)(i >> 16);
	addr[6] = (uint8_t)(i >> 8);
	addr[7] = (uint8_t)i;
}
