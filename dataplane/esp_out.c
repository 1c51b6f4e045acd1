// SPDX-License-Identifier: BSD-3-Clause
// Outbound ESP: inner packets become ESP packets with their outer headers. One pass prefetches and
// one writes headers, trailers and crypto ops; then the backends run over the ops. The worker's
// thread. RFC 4303 section 3.3, 3948, 4301 section 5.1, 6040, 6438.
#include "esp.h"
#include "esp_impl.h"
#include "esp_outer.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <string.h>

#define NEXT_MAX 32 // SAs that are tried for one packet

void esp_out_drop(struct esp *esp, struct sa_out *sa, struct rte_mbuf *m, enum drop_reason reason)
{
	esp->out_cold[esp_out_slot(esp, sa)].base.drops++;
	pkt_drop(esp->drops, m, reason);
}

struct sa_out *esp_out_next(const struct esp *esp, const struct sa_out *sa, const uint8_t *inner,
	const struct pkt_meta *meta)
{
	for (int i = 0; i < NEXT_MAX; i++) {
		struct sa_out *next = esp_out_find(esp, esp->out_cold[esp_out_slot(esp, sa)].next);

		if (!next)
			return NULL;
		if (esp_out_selected(esp, next, inner, meta))
			return next;
		sa = next;
	}
	return NULL;
}

int esp_out_limit(struct esp *esp, struct sa_out *sa, uint32_t len)
{
	uint32_t slot = esp_out_slot(esp, sa);
	struct sa_out_cold *cold = &esp->out_cold[slot];
	struct sa_cold *base = &cold->base;
	const struct ipc_sa_lifetime *life = &base->life;
	uint64_t next = sa->seq + 1;
	uint64_t bytes = sa_bytes(base, sa->bytes_left) + len;

	if (!(sa->flags & SA_DEAD)) {
		if (next > sa_seq_max(sa->flags))
			base->hard_why = IPC_EXPIRE_SEQ;
		else if (life->hard_pkts && next > life->hard_pkts)
			base->hard_why = IPC_EXPIRE_PKTS;
		else if (life->hard_bytes && bytes > life->hard_bytes)
			base->hard_why = IPC_EXPIRE_BYTES;
		else
			goto soft;
		sa->flags |= SA_DEAD;
		sa_out_rearm(sa, cold);
	}
	if (!(base->told & SA_TOLD_HARD) &&
		esp_event_expire(esp, IPC_DIR_OUT, base, sa->ref, true, base->hard_why))
		base->told |= SA_TOLD_HARD;
	return base->hard_why == IPC_EXPIRE_SEQ ? DROP_ESP_SEQ : DROP_ESP_LIFETIME_OUT;
soft:
	if (next >= sa_seq_soft(sa->flags) && !(base->told & SA_TOLD_SOFT_SEQ) &&
		esp_event_expire(esp, IPC_DIR_OUT, base, sa->ref, false, IPC_EXPIRE_SEQ))
		base->told |= SA_TOLD_SOFT_SEQ;
	if (life->soft_pkts && next >= life->soft_pkts && !(base->told & SA_TOLD_SOFT_PKTS) &&
		esp_event_expire(esp, IPC_DIR_OUT, base, sa->ref, false, IPC_EXPIRE_PKTS))
		base->told |= SA_TOLD_SOFT_PKTS;
	if (life->soft_bytes && bytes >= life->soft_bytes && !(base->told & SA_TOLD_SOFT_BYTES) &&
		esp_event_expire(esp, IPC_DIR_OUT, base, sa->ref, false, IPC_EXPIRE_BYTES))
		base->told |= SA_TOLD_SOFT_BYTES;
	sa_out_rearm(sa, cold);
	return 0;
}

// The usual packet: one piece, with room on both sides. DROP_COUNT: done, otherwise why not.
static __rte_always_inline enum drop_reason protect_flat(struct esp *esp, const struct out_job *job)
{
	uint32_t pad = pad_len(job);
	uint32_t text_len = job->len + pad + ESP_TRAILER_LEN;
	uint32_t total = job->shape.header_len + text_len + job->shape.icv_len;
	uint8_t *esp_header = job->inner - job->shape.header_len + job->shape.esp_off;
	struct crypto_op *op = esp->op_next[job->shape.class];

	job->m->data_off -= job->shape.header_len;
	job->m->data_len = (uint16_t)total;
	job->m->pkt_len = total;
	write_headers(esp_header, job, total);
	write_trailer(job->inner + job->len, job, pad);
	if (unlikely(!write_op(esp, op, job, esp_header, text_len)))
		return DROP_CRYPTO;
	esp_op_take(esp, job->shape.class);
	return DROP_COUNT;
}

// A packet in pieces.
static __rte_noinline enum drop_reason protect_chain(
	struct esp *esp, struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	struct out_job job = job_make(m, sa, index, SA_KIND_ANY);
	uint32_t pad = pad_len(&job);
	uint32_t text_len = job.len + pad + ESP_TRAILER_LEN;
	uint8_t *esp_header = job.inner - job.shape.header_len + job.shape.esp_off;
	uint32_t iv_len = (uint32_t)(job.inner - esp_header) - ESP_HEADER_LEN;
	uint8_t trailer[TRAILER_MAX];
	uint8_t *tail = esp_chain_append(job.m, pad + ESP_TRAILER_LEN + job.shape.icv_len);
	struct crypto_op *op;

	if (!tail)
		return DROP_NO_MBUF;
	write_state(esp, &job, now_tsc);
	write_trailer(trailer, &job, pad);
	memcpy(tail, trailer, pad + ESP_TRAILER_LEN);
	write_headers(esp_header, &job, job.shape.header_len + text_len + job.shape.icv_len);
	job.m->data_off -= job.shape.header_len;
	job.m->data_len += job.shape.header_len;
	job.m->pkt_len += job.shape.header_len;
	op = esp_op_take(esp, ESP_DONE);
	op->failed = !write_op(esp, op, &job, esp_header, text_len);
	if (!op->failed)
		esp_chain_crypt(esp, job.m, op, job.shape.class, job.shape.esp_off, iv_len,
			job.shape.icv_len, true);
	return DROP_COUNT;
}

static __rte_always_inline bool roomy(const struct rte_mbuf *m, uint32_t header_len)
{
	return likely(esp_chain_flat(m)) && m->data_off >= header_len + SA_HEADER_SLACK &&
		m->buf_len >= (uint32_t)m->data_off + m->data_len + TRAILER_MAX;
}

// Makes the packet one that protect_flat() takes, if it can be. NULL: no memory.
static __rte_noinline struct rte_mbuf *make_private(struct rte_mbuf *m)
{
	static const struct esp_chain_need need = {
		.headroom = SA_HEADER_BYTES + CRYPTO_IV_MAX + ESP_HEADER_LEN + SA_HEADER_SLACK,
		.first = 128,
		.tailroom = TRAILER_MAX,
	};

	return esp_chain_private(m, &need);
}

// Makes the ESP packet but for the encryption.
static __rte_always_inline enum drop_reason protect_kind(struct esp *esp, struct rte_mbuf *m,
	struct sa_out *sa, uint32_t index, uint64_t now_tsc, enum sa_kind kind)
{
	struct out_job job = job_make(m, sa, index, kind);

	write_state(esp, &job, now_tsc);
	return protect_flat(esp, &job);
}

static __rte_noinline enum drop_reason protect_any(
	struct esp *esp, struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	return protect_kind(esp, m, sa, index, now_tsc, SA_KIND_ANY);
}

static __rte_noinline enum drop_reason protect_aead6(
	struct esp *esp, struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	return protect_kind(esp, m, sa, index, now_tsc, SA_KIND_AEAD6);
}

static __rte_always_inline enum drop_reason protect(
	struct esp *esp, struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	switch ((enum sa_kind)sa->shape.kind) {
	case SA_KIND_AEAD4:
		return protect_kind(esp, m, sa, index, now_tsc, SA_KIND_AEAD4);
	case SA_KIND_AEAD6:
		return protect_aead6(esp, m, sa, index, now_tsc);
	default:
		return protect_any(esp, m, sa, index, now_tsc);
	}
}

// A packet without room or in memory that is not ours alone. *pkt may become another mbuf.
static __rte_noinline enum drop_reason protect_odd(
	struct esp *esp, struct rte_mbuf **pkt, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	struct rte_mbuf *m = make_private(*pkt);

	if (!m)
		return DROP_NO_MBUF;
	*pkt = m;
	if (roomy(m, sa->shape.header_len))
		return protect_any(esp, m, sa, index, now_tsc);
	return protect_chain(esp, m, sa, index, now_tsc);
}

static inline void prefetch(const struct esp *esp, struct rte_mbuf **pkts, uint32_t n)
{
	if (esp->out_set.n <= ESP_PREFETCH_SAS)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = spi_slot(pkt_meta(pkts[i])->sa) & (esp->slots - 1);

		esp_prefetch_record(esp, &esp->out[slot], pkts[i]->pkt_len);
	}
}

void esp_out_udp6_checksum(struct rte_mbuf *m)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct rte_udp_hdr *udp =
		rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, sizeof(struct rte_ipv6_hdr));

	uint16_t sum = 0;
	uint32_t folded;

	// Cannot fail: the range lies within the packet.
	(void)rte_raw_cksum_mbuf(m, sizeof(*ip), m->pkt_len - sizeof(*ip), &sum);
	folded = (uint32_t)sum + rte_ipv6_phdr_cksum(ip, 0);
	folded = ~((folded & 0xffff) + (folded >> 16)) & 0xffff;
	udp->dgram_cksum = folded ? (uint16_t)folded : UINT16_MAX;
}

// A packet that does not become an ESP packet: too long ones are the caller's.
static __rte_noinline void refuse(struct esp *esp, struct rte_mbuf *m, struct sa_out *sa,
	enum drop_reason reason, struct rte_mbuf **too_big, uint16_t *too_big_n)
{
	if (reason == DROP_TOO_BIG)
		too_big[(*too_big_n)++] = m;
	else if (sa)
		esp_out_drop(esp, sa, m, reason);
	else
		pkt_drop(esp->drops, m, reason);
}

uint32_t esp_out_drop_failed(struct esp *esp, struct rte_mbuf **pkts, uint32_t n, uint32_t queues)
{
	uint32_t k = 0;

	for (uint32_t queue = 0; queue <= ESP_DONE; queue++) {
		for (uint32_t i = 0; queues >> queue & 1 && i < esp_ops_n(esp, queue); i++) {
			const struct crypto_op *op = &esp->ops[queue][i];
			struct rte_mbuf *m = pkts[op->index];

			if (!op->failed)
				continue;
			pkts[op->index] = NULL;
			esp_out_drop(esp, esp_out_find(esp, pkt_meta(m)->sa), m, DROP_CRYPTO);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (pkts[i])
			pkts[k++] = pkts[i];
	}
	return k;
}

// At most ESP_BURST packets. Survivors go to kept[], which is pkts[] or lies before it.
static uint32_t burst(struct esp *esp, struct rte_mbuf **pkts, uint32_t n, struct rte_mbuf **kept,
	struct rte_mbuf **too_big, uint16_t *too_big_n, uint64_t now_tsc)
{
	uint8_t checksum[ESP_BURST];
	uint32_t checksum_n = 0, k = 0, failed;

	esp_ops_reset(esp);
	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct sa_out *sa = NULL;
		enum drop_reason reason = esp_out_admit(esp, m, pkt_meta(m), &sa);

		if (likely(reason == DROP_COUNT)) {
			if (likely(roomy(m, sa->shape.header_len)))
				reason = protect(esp, m, sa, k, now_tsc);
			else
				reason = protect_odd(esp, &pkts[i], sa, k, now_tsc);
		}
		if (unlikely(reason != DROP_COUNT)) {
			refuse(esp, pkts[i], sa, reason, too_big, too_big_n);
			continue;
		}
		if (unlikely((sa->flags & (SA_OUTER6 | SA_ENCAP)) == (SA_OUTER6 | SA_ENCAP)))
			checksum[checksum_n++] = (uint8_t)k;
		kept[k++] = pkts[i];
	}
	failed = esp_crypto_run(esp, true);
	for (uint32_t i = 0; i < checksum_n; i++)
		esp_out_udp6_checksum(kept[checksum[i]]);
	return unlikely(failed) ? esp_out_drop_failed(esp, kept, k, failed) : k;
}

uint16_t esp_out_burst(struct esp *esp, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **too_big, uint16_t *too_big_n, uint64_t now_tsc)
{
	uint32_t kept = 0, here;

	*too_big_n = 0;
	prefetch(esp, pkts, RTE_MIN(n, (uint32_t)ESP_BURST));
	for (uint32_t i = 0; i < n; i += here) {
		here = RTE_MIN(n - i, (uint32_t)ESP_BURST);
		prefetch(esp, pkts + i + here, RTE_MIN(n - i - here, (uint32_t)ESP_BURST));
		kept += burst(esp, pkts + i, here, pkts + kept, too_big, too_big_n, now_tsc);
	}
	return (uint16_t)kept;
}
