// SPDX-License-Identifier: BSD-3-Clause
// One inner packet into many SAs: headers, sequence number and IV of each as for any packet
// (esp_outer.h), the text encrypted from where it lies into each copy. The trailer depends on the
// algorithm's block length alone, so it is written behind the source once for each class of
// algorithms. The worker's thread. RFC 4303 section 3.3.
#include "esp.h"
#include "esp_impl.h"
#include "esp_outer.h"

// Where the text begins in a copy: a cache line of its own, behind the longest headers.
#define TEXT_OFF 128
#define FAN_STEP 4 // copies encrypted, and records fetched, in turns

static_assert(ESP_FAN_MAX == ESP_BURST);
static_assert(TEXT_OFF >= SA_HEADER_BYTES + ESP_HEADER_LEN + CRYPTO_IV_MAX + SA_HEADER_SLACK);

bool esp_fan_source(struct rte_mbuf **pkt)
{
	static const struct esp_chain_need need = {.tailroom = TRAILER_MAX};
	struct rte_mbuf *m = *pkt;

	if (unlikely(!esp_chain_flat(m))) {
		m = esp_chain_private(m, &need);
		if (!m)
			return false;
		*pkt = m;
	}
	return m->nb_segs == 1 && rte_pktmbuf_tailroom(m) >= TRAILER_MAX;
}

void esp_fan_prefetch(const struct esp *esp, const sa_ref_t *refs, uint32_t n, uint32_t len)
{
	if (esp->out_set.n <= ESP_PREFETCH_SAS)
		return;
	for (uint32_t i = 0; i < n; i++)
		esp_prefetch_record(esp, &esp->out[spi_slot(refs[i]) & (esp->slots - 1)], len);
}

// A copy that is not made; counted for the SA, if there is one.
static __rte_noinline void lose(struct esp *esp, struct sa_out *sa, enum drop_reason reason)
{
	esp->drops->n[reason]++;
	if (sa)
		esp->out_cold[esp_out_slot(esp, sa)].base.drops++;
}

// As many as there are, n at most.
static uint32_t copies_alloc(struct rte_mempool *pool, struct rte_mbuf **fresh, uint32_t n)
{
	uint32_t got = 0;

	if (likely(!rte_pktmbuf_alloc_bulk(pool, fresh, n)))
		return n;
	while (got < n && (fresh[got] = rte_pktmbuf_alloc(pool)))
		got++;
	return got;
}

// The whole copy but for what encryption writes.
static __rte_always_inline enum drop_reason copy_kind(struct esp *esp, struct rte_mbuf *source,
	struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc, enum sa_kind kind)
{
	struct out_job job = job_make(source, sa, index, kind);
	uint32_t text_len = job.len + pad_len(&job) + ESP_TRAILER_LEN;
	uint32_t total = job.shape.header_len + text_len + job.shape.icv_len;
	uint8_t *text = (uint8_t *)m->buf_addr + TEXT_OFF;
	uint8_t *esp_header = text - job.shape.header_len + job.shape.esp_off;
	struct crypto_op *op = esp->op_next[job.shape.class];

	*pkt_meta(m) = (struct pkt_meta){
		.sa = sa->ref, .in_port = UINT16_MAX, .inner_len = (uint16_t)job.len};
	job.m = m;
	write_state(esp, &job, now_tsc);
	m->data_off = (uint16_t)(TEXT_OFF - job.shape.header_len);
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	write_headers(esp_header, &job, total);
	if (unlikely(!write_op(esp, op, &job, esp_header, text_len)))
		return DROP_CRYPTO;
	op->data = text;
	esp_op_take(esp, job.shape.class);
	return DROP_COUNT;
}

static __rte_noinline enum drop_reason copy_any(struct esp *esp, struct rte_mbuf *source,
	struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	return copy_kind(esp, source, m, sa, index, now_tsc, SA_KIND_ANY);
}

static __rte_always_inline enum drop_reason copy_make(struct esp *esp, struct rte_mbuf *source,
	struct rte_mbuf *m, struct sa_out *sa, uint32_t index, uint64_t now_tsc)
{
	switch ((enum sa_kind)sa->shape.kind) {
	case SA_KIND_AEAD4:
		return copy_kind(esp, source, m, sa, index, now_tsc, SA_KIND_AEAD4);
	case SA_KIND_AEAD6:
		return copy_kind(esp, source, m, sa, index, now_tsc, SA_KIND_AEAD6);
	default:
		return copy_any(esp, source, m, sa, index, now_tsc);
	}
}

// The same number of records as copies, a few at a time between the encryption of as many: all at once
// they would wait for each other, and the copies for them.
static uint32_t encrypt_class(
	struct esp *esp, struct esp_fan *fan, enum crypto_class class, uint8_t *text)
{
	const struct crypto_backend *backend = crypto_backend(esp->crypto, class);
	uint32_t n = esp_ops_n(esp, class), failed = 0;

	for (uint32_t i = 0; i < n; i += FAN_STEP) {
		uint32_t step = RTE_MIN(n - i, (uint32_t)FAN_STEP);
		uint32_t ahead = RTE_MIN(step, fan->next_n);

		esp_fan_prefetch(esp, fan->next, ahead, fan->source->pkt_len);
		fan->next += ahead;
		fan->next_n = (uint16_t)(fan->next_n - ahead);
		failed |= backend->encrypt_fan(esp->crypto, esp->ops[class] + i, step, text);
	}
	return failed;
}

// Returns the queues, one bit each, that hold failed ops.
static uint32_t encrypt(struct esp *esp, struct esp_fan *fan)
{
	struct rte_mbuf *source = fan->source;
	struct out_job job = {.six = pkt_meta(source)->family == AF_INET6};
	uint8_t *text = rte_pktmbuf_mtod(source, uint8_t *);
	uint32_t written = UINT32_MAX, failed = 0;

	for (uint32_t class = 0; class < CRYPTO_CLASSES; class ++) {
		uint32_t pad;

		if (!esp_ops_n(esp, class))
			continue;
		// All of a class have the same block length (crypto_shape()), so one trailer.
		pad = esp->ops[class][0].len - source->pkt_len - ESP_TRAILER_LEN;
		if (pad != written)
			write_trailer(text + source->pkt_len, &job, pad);
		written = pad;
		if (unlikely(encrypt_class(esp, fan, (enum crypto_class) class, text)))
			failed |= 1u << class;
	}
	// More than copies were made: those of SAs that are gone, or full.
	esp_fan_prefetch(esp, fan->next, fan->next_n, source->pkt_len);
	return failed;
}

uint16_t esp_fan_burst(struct esp *esp, struct esp_fan *fan, const sa_ref_t *refs, uint16_t n,
	struct rte_mbuf **out, uint64_t now_tsc)
{
	struct rte_mbuf *fresh[ESP_FAN_MAX];
	struct pkt_meta meta = *pkt_meta(fan->source);
	uint8_t checksum[ESP_FAN_MAX];
	uint32_t room = rte_pktmbuf_data_room_size(fan->mbufs);
	uint32_t got = 0, k = 0, checksum_n = 0, failed;

	if (likely(room >= TEXT_OFF + fan->source->pkt_len + TRAILER_MAX))
		got = copies_alloc(fan->mbufs, fresh, n);
	esp_ops_reset(esp);
	for (uint32_t i = 0; i < n; i++) {
		struct sa_out *sa = NULL;
		enum drop_reason reason;

		meta.sa = refs[i];
		reason = esp_out_admit(esp, fan->source, &meta, &sa);
		if (likely(reason == DROP_COUNT))
			reason = likely(k < got)
				? copy_make(esp, fan->source, fresh[k], sa, k, now_tsc)
				: DROP_NO_MBUF;
		if (unlikely(reason != DROP_COUNT)) {
			if (reason == DROP_TOO_BIG && (!fan->mtu || meta.mtu < fan->mtu))
				fan->mtu = meta.mtu;
			lose(esp, sa, reason);
			continue;
		}
		if (unlikely((sa->flags & (SA_OUTER6 | SA_ENCAP)) == (SA_OUTER6 | SA_ENCAP)))
			checksum[checksum_n++] = (uint8_t)k;
		out[k] = fresh[k];
		k++;
	}
	if (unlikely(k < got))
		rte_pktmbuf_free_bulk(fresh + k, got - k);
	failed = encrypt(esp, fan);
	for (uint32_t i = 0; i < checksum_n; i++)
		esp_out_udp6_checksum(out[checksum[i]]);
	return (uint16_t)(unlikely(failed) ? esp_out_drop_failed(esp, out, k, failed) : k);
}

void esp_out_lost(struct esp *esp, sa_ref_t ref)
{
	struct sa_out *sa = esp_out_find(esp, ref);

	if (sa)
		esp->out_cold[esp_out_slot(esp, sa)].base.drops++;
}
