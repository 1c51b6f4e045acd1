// SPDX-License-Identifier: BSD-3-Clause
// What esp.c, esp_info.c, esp_in.c, esp_out.c and esp_chain.c share: one worker's ESP. For these and
// their tests only. The worker's thread.
#pragma once

#include "crypto.h"
#include "esp.h"
#include "sa.h"
#include "sad.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include <stdalign.h>
#include <string.h>

#define ESP_BURST CRYPTO_BURST_MAX // bursts are worked on in pieces of this size
#define ESP_DONE CRYPTO_CLASSES // queue of ops whose crypto was done on the side: chained packets
#define ESP_HEADER_LEN 8
#define ESP_TRAILER_LEN 2

struct esp {
	// Hot: read by each burst
	uint32_t slots;
	uint32_t worker;
	struct sa_in *in;
	struct sa_out *out;
	struct sa_in_cold *in_cold;
	struct sa_out_cold *out_cold;
	struct selectors_wide *in_wide; // by slot, like the rest; few are ever used
	struct selectors_wide *out_wide;
	struct sa_far_window *in_far;
	struct drop_counts *drops;
	struct crypto *crypto;
	uint32_t route_generation;
	uint32_t mtu_default;
	uint32_t events_n;
	bool long_keys; // there are, or were, SAs whose round keys fill more than three lines
	// Commands and queries
	uint64_t tsc_hz;
	struct sad_set in_set;
	struct sad_set out_set;
	struct esp_event events[ESP_EVENTS_MAX];
	// Scratch of the burst in work: ops by what may go into one backend call.
	struct crypto_op *op_next[CRYPTO_CLASSES + 1];
	alignas(64) struct crypto_op ops[CRYPTO_CLASSES + 1][ESP_BURST];
};

// False: the list is full, ask again with a later packet.
bool esp_event_put(struct esp *esp, const struct esp_event *event);
// An SA_EXPIRE event.
bool esp_event_expire(struct esp *esp, enum ipc_direction dir, const struct sa_cold *cold,
	uint32_t spi_or_ref, bool hard, enum ipc_expire_why why);

// NULL when there is no such SA here.
static inline struct sa_in *esp_in_lookup(const struct esp *esp, uint32_t spi)
{
	uint32_t slot = spi_slot(spi);

	if (slot >= esp->slots || esp->in[slot].spi != spi || !spi)
		return NULL;
	return &esp->in[slot];
}

static inline struct sa_out *esp_out_lookup(const struct esp *esp, sa_ref_t ref)
{
	uint32_t slot = spi_slot(ref);

	if (slot >= esp->slots || esp->out[slot].ref != ref || !ref)
		return NULL;
	return &esp->out[slot];
}

// What is known of the SA in a slot that holds one.
void esp_in_info(const struct esp *esp, uint32_t slot, struct ipc_sa_info *info, uint64_t now_tsc);
void esp_out_info(const struct esp *esp, uint32_t slot, struct ipc_sa_info *info, uint64_t now_tsc);

static inline void esp_ops_reset(struct esp *esp)
{
	for (uint32_t queue = 0; queue <= ESP_DONE; queue++)
		esp->op_next[queue] = esp->ops[queue];
}

static inline struct crypto_op *esp_op_take(struct esp *esp, uint32_t queue)
{
	return esp->op_next[queue]++;
}

static inline uint32_t esp_ops_n(const struct esp *esp, uint32_t queue)
{
	return (uint32_t)(esp->op_next[queue] - esp->ops[queue]);
}

// Runs the backends over the queued ops. Returns the queues, one bit each, that hold failed ones.
static inline uint32_t esp_crypto_run(struct esp *esp, bool encrypting)
{
	uint32_t failed = esp_ops_n(esp, ESP_DONE) ? 1u << ESP_DONE : 0;

	for (uint32_t class = 0; class < CRYPTO_CLASSES; class ++) {
		uint32_t n = esp_ops_n(esp, class);
		const struct crypto_backend *backend;
		crypto_burst_fn *run;

		if (!n)
			continue;
		backend = crypto_backend(esp->crypto, (enum crypto_class) class);
		run = encrypting ? backend->encrypt : backend->decrypt;
		if (unlikely(run(esp->crypto, esp->ops[class], n)))
			failed |= 1u << class;
	}
	return failed;
}

// With so few SAs their records stay in the cache by themselves.
#define ESP_PREFETCH_SAS 32
#define ESP_RECORD_HEAD 192
#define ESP_POWER_LINES 13

// Into L2, not L1: that decides at many SAs, where waiting L1 misses would block the rest. The lines
// that a packet of this length touches: record, round keys, and the powers of H that its blocks need
// (libipsec-mb keeps the low ones at the end). rte_prefetch1() and not __builtin_prefetch(): gcc takes
// a function that only does the latter for one without effect and drops it.
static __rte_always_inline void esp_prefetch_record(
	const struct esp *esp, const void *record, uint32_t len)
{
	const uint8_t *p = record;
	const uint8_t *end = p + ESP_RECORD_HEAD + CRYPTO_KEY_BYTES;
	uint32_t lines = RTE_MIN((len / 16 + 6) / 4, (uint32_t)ESP_POWER_LINES);

	for (uint32_t off = 0; off < ESP_RECORD_HEAD + 3 * 64; off += 64)
		rte_prefetch1(p + off);
	if (esp->long_keys)
		rte_prefetch1(p + ESP_RECORD_HEAD + 3 * 64);
	for (uint32_t i = 1; i <= lines; i++)
		rte_prefetch1(end - i * 64);
}

// Packets in pieces (reassembled fragments, jumbo frames) and packets that share memory with others
// (clones): rare, and correct before fast. esp_chain.c.

// True: one piece, ours alone.
static inline bool esp_chain_flat(const struct rte_mbuf *m)
{
	static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2);
	uint32_t refcnt_and_segs;

	memcpy(&refcnt_and_segs, &m->refcnt, 4);
	return refcnt_and_segs == 0x00010001 &&
		!(m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL));
}

// What the caller needs of an mbuf.
struct esp_chain_need {
	uint32_t headroom;
	uint32_t first; // bytes of the packet in the first piece, as far as it has so many
	uint32_t tailroom; // when it fits into one piece
};

// An mbuf with the same packet and metadata in memory that nobody else uses: in one piece when it
// fits. Takes m; NULL: no memory, m is still the caller's.
struct rte_mbuf *esp_chain_private(struct rte_mbuf *m, const struct esp_chain_need *need);
// n bytes more at the end, contiguous; in a further mbuf if need be. NULL: no memory.
uint8_t *esp_chain_append(struct rte_mbuf *m, uint32_t n);
void esp_chain_trim(struct rte_mbuf *m, uint32_t len); // cuts the packet to len bytes
// Encrypts or decrypts a packet in pieces, whose ESP header lies esp_off behind the start of data,
// in the first piece with the IV. op->data is not used; op->len is that of the text between IV and
// ICV. Sets op->failed.
void esp_chain_crypt(struct esp *esp, struct rte_mbuf *m, struct crypto_op *op,
	enum crypto_class class, uint32_t esp_off, uint32_t iv_len, uint32_t icv_len,
	bool encrypting);
