// SPDX-License-Identifier: BSD-3-Clause
// What esp_out.c writes around an inner packet: trailer behind it, ESP, UDP and outer IP headers before
// it. In a header so that all of it becomes part of the one loop over a burst. The worker's thread.
// RFC 4303 sections 2 and 3.3, 3948, 4301 section 5.1.2, 6040, 6438, 8750.
#pragma once

#include "esp_impl.h"
#include "flow.h"

#include <rte_byteorder.h>

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define DF_BE RTE_BE16(0x4000)
#define TRAILER_MAX (CRYPTO_BLOCK_MAX - 1 + ESP_TRAILER_LEN + CRYPTO_ICV_MAX)

// A packet on its way into its SA: what is needed of the records, read before the first store into
// the packet, which could alias them. It must stay in registers, so that only inlined functions may
// get its address.
struct out_job {
	struct rte_mbuf *m;
	struct sa_out *sa;
	uint8_t *inner;
	uint64_t seq;
	struct sa_out_shape shape;
	uint32_t len; // of the inner packet
	uint32_t flow_hash;
	uint16_t flags; // of the SA
	uint16_t index; // where it will stand among the survivors
	bool six; // the inner packet
};

// Before anything of the SA's or the packet's changes. `kind` is the SA's, or SA_KIND_ANY; where it
// is a constant, most of what follows is computed by the compiler.
static __rte_always_inline struct out_job job_make(
	struct rte_mbuf *m, struct sa_out *sa, uint32_t index, enum sa_kind kind)
{
	struct out_job job = {
		.m = m,
		.sa = sa,
		.inner = rte_pktmbuf_mtod(m, uint8_t *),
		.seq = sa->seq + 1,
		.shape = sa->shape,
		.len = m->pkt_len,
		.flags = sa->flags,
		.index = (uint16_t)index,
		.six = pkt_meta(m)->family == AF_INET6,
	};

	if (kind != SA_KIND_ANY) {
		bool six = kind == SA_KIND_AEAD6;

		job.flags = SA_COUNTER_IV | (six ? SA_OUTER6 : 0);
		job.shape.family = six ? AF_INET6 : AF_INET;
		job.shape.esp_off = six ? 40 : 20;
		job.shape.header_len = job.shape.esp_off + ESP_HEADER_LEN + SA_AEAD_IV;
		job.shape.icv_len = SA_AEAD_ICV;
		job.shape.pad_mask = SA_AEAD_PAD_MASK;
	}
	job.flow_hash = job.flags & SA_OUTER6 ? flow_hash(job.inner, pkt_meta(m)) : 0;
	return job;
}

static inline uint32_t pad_len(const struct out_job *job)
{
	return -(job->len + ESP_TRAILER_LEN) & job->shape.pad_mask;
}

// Padding 1, 2, 3, ...; pad length; next header. RFC 4303 section 2.4. Up to 16 bytes behind the
// trailer are overwritten.
static __rte_always_inline void write_trailer(
	uint8_t *tail, const struct out_job *job, uint32_t pad)
{
	static const uint8_t padding[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0};

	uint16_t end_be = RTE_BE16((uint16_t)(pad << 8 | (job->six ? IPPROTO_IPV6 : IPPROTO_IPIP)));

	memcpy(tail, padding, sizeof(padding));
	memcpy(tail + pad, &end_be, 2);
}

// DF is set unless the SA copies it from an inner IPv4 packet that may be fragmented; or the packet
// is one of IPv6 that a path this narrow must fragment (RFC 2473 section 7.1).
static inline bool may_fragment(const struct out_job *job)
{
	if (job->six)
		return unlikely(job->len > job->sa->max4);
	return job->flags & SA_COPY_DF && !(job->inner[6] & 0x40);
}

// Over the template, which has time to live, protocol, addresses, and DF.
static __rte_always_inline void write_outer4(
	uint8_t *ip, const struct out_job *job, uint8_t tos, uint32_t total)
{
	uint16_t total_be = RTE_BE16((uint16_t)total), sum_be;
	uint32_t sum = job->sa->sum4 + total_be + RTE_BE16(tos);

	ip[1] = tos;
	memcpy(ip + 2, &total_be, 2);
	if (unlikely(may_fragment(job))) {
		uint16_t id = (uint16_t)job->seq;

		memcpy(ip + 4, &id, 2);
		ip[6] = 0;
		sum += id + (uint16_t)~DF_BE;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum_be = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(ip + 10, &sum_be, 2);
}

// Flow label from the inner flow: RFC 6438 section 3.
static __rte_always_inline void write_outer6(
	uint8_t *ip, const struct out_job *job, uint8_t tos, uint32_t total)
{
	uint32_t first_be =
		RTE_BE32(UINT32_C(6) << 28 | (uint32_t)tos << 20 | (job->flow_hash & 0xfffff));
	uint16_t payload_be = RTE_BE16((uint16_t)(total - 40));

	memcpy(ip, &first_be, 4);
	memcpy(ip + 4, &payload_be, 2);
}

static inline uint8_t inner_tos(const struct out_job *job)
{
	uint16_t first_be;

	memcpy(&first_be, job->inner, 2);
	return (uint8_t)(RTE_BE16(first_be) >> (job->six ? 4 : 0));
}

// Outer IP, UDP, ESP header in front of the inner packet. `total`: length of the outer packet.
static __rte_always_inline void write_headers(
	uint8_t *esp_header, const struct out_job *job, uint32_t total)
{
	uint8_t *ip = esp_header - job->shape.esp_off;
	uint32_t seq_be = RTE_BE32((uint32_t)job->seq);
	uint8_t tos = inner_tos(job) & job->shape.tos_mask;

	memcpy(esp_header + 4 - 32, job->sa->header + 32, 32);
	if (job->flags & SA_OUTER6) {
		memcpy(esp_header + 4 - 64, job->sa->header, 32);
		write_outer6(ip, job, tos, total);
	} else {
		write_outer4(ip, job, tos, total);
	}
	if (job->flags & SA_ENCAP) {
		uint16_t udp_be = RTE_BE16((uint16_t)(total - (job->flags & SA_OUTER6 ? 40 : 20)));

		memcpy(esp_header - 4, &udp_be, 2);
	}
	memcpy(esp_header + 4, &seq_be, 4);
}

// ---- the SA: what esp_out.c has of it, for each way into one ----

// Counted for the SA, too.
__rte_noinline void esp_out_drop(
	struct esp *esp, struct sa_out *sa, struct rte_mbuf *m, enum drop_reason reason);
// The next SA of the link whose selectors match, NULL: none does.
__rte_noinline struct sa_out *esp_out_next(const struct esp *esp, const struct sa_out *sa,
	const uint8_t *inner, const struct pkt_meta *meta);
// A limit is near. 0: the packet may go.
__rte_noinline int esp_out_limit(struct esp *esp, struct sa_out *sa, uint32_t len);
// Over the finished packet: RFC 8200 section 8.1 wants it, and no path is known to be one where
// RFC 6936's conditions for zero hold.
__rte_noinline void esp_out_udp6_checksum(struct rte_mbuf *m);
// Drops the packets whose op failed, which may be in the queues of these bits, and closes the gaps.
// Returns how many are left.
__rte_noinline uint32_t esp_out_drop_failed(
	struct esp *esp, struct rte_mbuf **pkts, uint32_t n, uint32_t queues);

static __rte_always_inline struct sa_out *esp_out_find(const struct esp *esp, sa_ref_t ref)
{
	struct sa_out *sa = &esp->out[ref & (esp->slots - 1)];

	return likely(sa->ref == ref && ref) ? sa : NULL;
}

static inline uint32_t esp_out_slot(const struct esp *esp, const struct sa_out *sa)
{
	return (uint32_t)(sa - esp->out);
}

static __rte_always_inline bool esp_out_selected(const struct esp *esp, const struct sa_out *sa,
	const uint8_t *inner, const struct pkt_meta *meta)
{
	return selectors_match(&sa->selectors, &esp->out_wide[esp_out_slot(esp, sa)], inner,
		       meta) == SELECTORS_PASS;
}

// Finds the SA and asks whether the packet may go. DROP_COUNT: yes. DROP_TOO_BIG: the caller's to
// answer. *found is the SA as soon as it is known.
static __rte_always_inline enum drop_reason esp_out_admit(
	struct esp *esp, const struct rte_mbuf *m, struct pkt_meta *meta, struct sa_out **found)
{
	const uint8_t *inner = rte_pktmbuf_mtod(m, const uint8_t *);
	struct sa_out *sa = esp_out_find(esp, meta->sa);
	uint32_t max, len = m->pkt_len;
	int reason;

	if (unlikely(!sa))
		return DROP_SA_GONE;
	*found = sa;
	if (unlikely(!esp_out_selected(esp, sa, inner, meta))) {
		sa = esp_out_next(esp, sa, inner, meta);
		if (!sa)
			return DROP_SA_SELECTOR_OUT;
		*found = sa;
		meta->sa = sa->ref;
	}
	max = meta->family == AF_INET6 ? sa->max6 : sa->max4;
	if (unlikely(len > max)) {
		meta->mtu = (uint16_t)max;
		return DROP_TOO_BIG;
	}
	if (unlikely(sa->seq + 1 >= sa->seq_event || sa->bytes_left < (int64_t)len)) {
		reason = esp_out_limit(esp, sa, len);
		if (reason)
			return (enum drop_reason)reason;
	}
	return DROP_COUNT;
}

// ---- the packet ----

// Takes the sequence number; what others learn of the packet.
static __rte_always_inline void write_state(
	const struct esp *esp, const struct out_job *job, uint64_t now_tsc)
{
	struct pkt_meta *meta = pkt_meta(job->m);
	struct sa_out *sa = job->sa;

	sa->seq = job->seq;
	sa->bytes_left -= job->len;
	sa->last_tsc = now_tsc;
	meta->family = job->shape.family;
	meta->adj = sa->adj_generation == esp->route_generation ? sa->adj : UINT32_MAX;
}

// IV in the packet, and the op. False: no randomness.
static __rte_always_inline bool write_op(struct esp *esp, struct crypto_op *op,
	const struct out_job *job, uint8_t *esp_header, uint32_t text_len)
{
	uint8_t *iv = esp_header + ESP_HEADER_LEN;
	uint32_t seq_be = RTE_BE32((uint32_t)job->seq);

	op->key = job->sa->key;
	op->data = job->inner;
	op->len = text_len;
	op->index = job->index;
	memcpy(op->aad, job->sa->header + SA_HEADER_BYTES - 4, 4);
	memcpy(op->aad + 4, &seq_be, 4);
	op->aad_len = 8;
	if (job->flags & SA_ESN) {
		uint32_t high_be = RTE_BE32((uint32_t)(job->seq >> 32));

		memcpy(op->aad + 4, &high_be, 4);
		memcpy(op->aad + 8, &seq_be, 4);
		op->aad_len = 12;
	}
	if (likely(job->flags & SA_COUNTER_IV)) {
		uint64_t iv_be = RTE_BE64(job->seq);

		memcpy(op->nonce, &job->sa->salt, 4);
		memcpy(op->nonce + 4, &iv_be, 8);
		if (likely(!(job->flags & SA_NO_IV)))
			memcpy(iv, &iv_be, 8);
		return true;
	}
	return crypto_random(esp->crypto, iv, 16);
}
