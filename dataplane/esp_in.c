// SPDX-License-Identifier: BSD-3-Clause
// Inbound ESP: ESP packets become inner packets. One pass finds the SA, checks the replay window and
// writes crypto ops; the backends run over them; a second pass believes what was authenticated:
// window, trailer, inner header, ECN, selectors, ingress filter, limits. The worker's thread.
// RFC 4303 section 3.4, 3948, 4301 section 5.2, 6040, 8750.
#include "ecn.h"
#include "esp.h"
#include "esp_impl.h"
#include "flow.h"

#include <rte_byteorder.h>

#include <string.h>

#define NEXT_DUMMY 59
#define PAD_MAX 255
#define FIRST_PIECE 320 // of a packet in pieces: ESP header, IV, inner headers
#define FIRST_PIECE_MIN 96 // without extension headers

// A packet between the passes.
struct in_job {
	struct rte_mbuf *m;
	struct crypto_op *op; // op->key is that of the SA's record
};

static inline struct sa_in *sa_of(const struct crypto_op *op)
{
	return (struct sa_in *)((uintptr_t)op->key - offsetof(struct sa_in, key));
}

static inline uint32_t slot_of(const struct esp *esp, const struct sa_in *sa)
{
	return (uint32_t)(sa - esp->in);
}

static inline uint64_t *words_of(const struct esp *esp, struct sa_in *sa)
{
	if (likely(!(sa->flags & SA_FAR_WINDOW)))
		return sa->near_window;
	return esp->in_far[slot_of(esp, sa)].words;
}

static void drop(struct esp *esp, struct sa_in *sa, struct rte_mbuf *m, enum drop_reason reason)
{
	esp->in_cold[slot_of(esp, sa)].base.drops++;
	pkt_drop(esp->drops, m, reason);
}

// Number of the outer source that the packet came from, see sa_peer(). 0: not known.
static inline uint64_t peer_of(const struct rte_mbuf *m, const struct pkt_meta *meta)
{
	const uint8_t *esp_header = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ip = (const uint8_t *)m->buf_addr + meta->outer_off;
	uint16_t port_be;

	if (!(meta->flags & PKT_ENCAP) || !meta->outer_off || meta->outer_off + 28 > m->data_off)
		return 0;
	memcpy(&port_be, esp_header - 8, 2); // UDP lies directly before ESP
	return ip[0] >> 4 == 6 ? sa_peer(AF_INET6, ip + 8, port_be)
			       : sa_peer(AF_INET, ip + 12, port_be);
}

// A hard limit was reached before. The event may still have to be told.
static void dead(struct esp *esp, struct sa_in *sa)
{
	struct sa_cold *base = &esp->in_cold[slot_of(esp, sa)].base;

	if (!(base->told & SA_TOLD_HARD) &&
		esp_event_expire(esp, IPC_DIR_IN, base, sa->spi, true, base->hard_why))
		base->told |= SA_TOLD_HARD;
}

// Is there an SA, and may it be that the packet is good? DROP_COUNT: yes, *seq is its number.
static inline enum drop_reason admit(
	struct esp *esp, struct rte_mbuf *m, struct sa_in **found, uint64_t *seq)
{
	uint32_t spi = pkt_meta(m)->sa, slot = spi_slot(spi), low_be, around;
	struct sa_in *sa;

	if (unlikely(slot >= esp->slots || esp->in[slot].spi != spi || !spi))
		return DROP_ESP_NO_SA;
	sa = &esp->in[slot];
	*found = sa;
	around = ESP_HEADER_LEN + sa->iv_len + sa->icv_len;
	if (unlikely(m->pkt_len < around + sa->pad_mask + 1u))
		return DROP_ESP_SHORT;
	if (unlikely(sa->pad_mask > 3 && ((m->pkt_len - around) & sa->pad_mask))) // no whole blocks
		return DROP_ESP_PADDING;
	if (unlikely(sa->flags & SA_DEAD)) {
		dead(esp, sa);
		return DROP_ESP_LIFETIME_IN;
	}
	memcpy(&low_be, rte_pktmbuf_mtod_offset(m, const uint8_t *, 4), 4);
	*seq = RTE_BE32(low_be);
	if (sa->flags & SA_ESN)
		*seq = replay_esn(sa->top, sa->window, (uint32_t)*seq);
	if (unlikely(!replay_check(sa->top, words_of(esp, sa), sa->window, *seq))) {
		if (!(sa->flags & SA_NO_REPLAY) || *seq - 1 >= (uint64_t)INT64_MAX)
			return DROP_ESP_REPLAY;
	}
	return DROP_COUNT;
}

static inline void write_op(
	struct crypto_op *op, const struct sa_in *sa, struct rte_mbuf *m, uint64_t seq)
{
	uint8_t *esp_header = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t high_be = RTE_BE32((uint32_t)(seq >> 32));

	op->key = sa->key;
	op->data = esp_header + ESP_HEADER_LEN + sa->iv_len;
	op->len = m->pkt_len - ESP_HEADER_LEN - sa->iv_len - sa->icv_len;
	op->seq = seq;
	op->failed = false;
	memcpy(op->nonce, &sa->salt, 4);
	memcpy(op->nonce + 4, esp_header + ESP_HEADER_LEN, 8);
	memcpy(op->aad, esp_header, 4);
	if (unlikely(sa->flags & SA_NO_IV)) {
		uint64_t iv_be = RTE_BE64(seq); // RFC 8750 section 4

		memcpy(op->nonce + 4, &iv_be, 8);
	}
	if (sa->flags & SA_ESN) {
		memcpy(op->aad + 4, &high_be, 4);
		memcpy(op->aad + 8, esp_header + 4, 4);
		op->aad_len = 12;
	} else {
		memcpy(op->aad + 4, esp_header + 4, 4);
		op->aad_len = 8;
	}
}

// A packet in pieces, or one whose memory is shared: made private, and flat if it can be; at least its
// headers become whole. DROP_COUNT: done.
static enum drop_reason make_private(struct rte_mbuf **m)
{
	static const struct esp_chain_need need = {.first = FIRST_PIECE};
	struct rte_mbuf *private = esp_chain_private(*m, &need);

	if (!private)
		return DROP_NO_MBUF;
	*m = private;
	if (private->data_len < RTE_MIN((uint32_t)FIRST_PIECE_MIN, private->pkt_len))
		return DROP_NO_MBUF;
	return DROP_COUNT;
}

static void refuse(struct esp *esp, struct sa_in *sa, struct rte_mbuf *m, enum drop_reason reason)
{
	if (sa)
		drop(esp, sa, m, reason);
	else
		pkt_drop(esp->drops, m, reason);
}

// First pass over one packet. False: it was dropped.
static inline bool open_packet(struct esp *esp, struct rte_mbuf *m, struct in_job *job)
{
	enum drop_reason reason = DROP_COUNT;
	struct sa_in *sa = NULL;
	struct crypto_op *op;
	uint64_t seq = 0;

	if (unlikely(m->pkt_len < ESP_HEADER_LEN))
		reason = DROP_ESP_SHORT;
	else if (unlikely(!esp_chain_flat(m)))
		reason = make_private(&m);
	if (likely(reason == DROP_COUNT))
		reason = admit(esp, m, &sa, &seq);
	if (unlikely(reason != DROP_COUNT)) {
		refuse(esp, sa, m, reason);
		return false;
	}
	op = esp_op_take(esp, m->nb_segs > 1 ? ESP_DONE : sa->class);
	write_op(op, sa, m, seq);
	op->peer = sa->flags & SA_ENCAP ? peer_of(m, pkt_meta(m)) : 0;
	if (unlikely(m->nb_segs > 1))
		esp_chain_crypt(esp, m, op, sa->class, 0, sa->iv_len, sa->icv_len, false);
	*job = (struct in_job){m, op};
	return true;
}

// Good packets of an encapsulated SA come from elsewhere: control is told once of each new place.
// RFC 7296 section 2.23.
static void moved(struct esp *esp, struct sa_in *sa, struct rte_mbuf *m, uint64_t peer)
{
	struct sa_in_cold *cold = &esp->in_cold[slot_of(esp, sa)];
	const uint8_t *ip = (const uint8_t *)m->buf_addr + pkt_meta(m)->outer_off;
	const uint8_t *port = rte_pktmbuf_mtod(m, const uint8_t *) - 8;
	struct esp_event event = {
		.type = IPC_SA_MOVED,
		.moved =
			{
				.spi = sa->spi,
				.remote_port = (uint16_t)(port[0] << 8 | port[1]),
				.child = cold->base.child,
			},
	};

	if (cold->told_peer == peer)
		return;
	event.moved.remote.family = ip[0] >> 4 == 6 ? AF_INET6 : AF_INET;
	if (event.moved.remote.family == AF_INET6)
		memcpy(event.moved.remote.bytes, ip + 8, 16);
	else
		memcpy(event.moved.remote.bytes, ip + 12, 4);
	if (esp_event_put(esp, &event))
		cold->told_peer = peer;
}

static void tell_first_use(struct esp *esp, const struct sa_in *sa, struct sa_cold *base)
{
	struct esp_event event = {
		.type = IPC_SA_FIRST_USE,
		.first_use = {.spi = sa->spi, .child = base->child},
	};

	if ((base->flags & IPC_SA_FIRST_USE_EVENT) && !(base->told & SA_TOLD_FIRST_USE) &&
		esp_event_put(esp, &event))
		base->told |= SA_TOLD_FIRST_USE;
}

// The first packet, or a limit. The packet is counted already. False: it must not pass.
static bool limit_reached(struct esp *esp, struct sa_in *sa, uint32_t len)
{
	struct sa_in_cold *cold = &esp->in_cold[slot_of(esp, sa)];
	struct sa_cold *base = &cold->base;
	const struct ipc_sa_lifetime *life = &base->life;
	uint64_t bytes = sa_bytes(base, sa->bytes_left);
	uint64_t pkts = base->pkts_limit - (uint64_t)sa->pkts_left;

	tell_first_use(esp, sa, base);
	if ((life->hard_bytes && bytes > life->hard_bytes) ||
		(life->hard_pkts && pkts > life->hard_pkts)) {
		base->hard_why = life->hard_pkts && pkts > life->hard_pkts ? IPC_EXPIRE_PKTS
									   : IPC_EXPIRE_BYTES;
		sa->flags |= SA_DEAD;
		sa->bytes_left += len;
		sa->pkts_left++;
		dead(esp, sa);
		return false;
	}
	if (life->soft_bytes && bytes >= life->soft_bytes && !(base->told & SA_TOLD_SOFT_BYTES) &&
		esp_event_expire(esp, IPC_DIR_IN, base, sa->spi, false, IPC_EXPIRE_BYTES))
		base->told |= SA_TOLD_SOFT_BYTES;
	if (life->soft_pkts && pkts >= life->soft_pkts && !(base->told & SA_TOLD_SOFT_PKTS) &&
		esp_event_expire(esp, IPC_DIR_IN, base, sa->spi, false, IPC_EXPIRE_PKTS))
		base->told |= SA_TOLD_SOFT_PKTS;
	sa_in_rearm(sa, cold);
	return true;
}

// The last bytes of the text, where the trailer and at most 255 bytes of padding lie; end is behind
// them, and 16 bytes before them may be read.
static inline bool padding_good(const uint8_t *end, uint32_t pad)
{
	if (likely(pad <= 8)) {
		uint64_t got, want = UINT64_C(0x0807060504030201);

		if (!pad)
			return true;
		memcpy(&got, end - ESP_TRAILER_LEN - 8, 8);
		got = rte_le_to_cpu_64(got);
		return !((got >> (64 - 8 * pad)) ^ (want & (UINT64_MAX >> (64 - 8 * pad))));
	}
	for (uint32_t i = 0; i < pad; i++) {
		if (end[(int)i - (int)pad - ESP_TRAILER_LEN] != i + 1)
			return false;
	}
	return true;
}

struct in_trailer {
	uint32_t inner_len; // of the text without padding and trailer
	uint8_t next;
};

// RFC 4303 section 2.4 and 3.4.4.1: padding is checked, since all our algorithms use the default one.
static inline bool read_trailer(const uint8_t *end, uint32_t text_len, struct in_trailer *out)
{
	uint32_t pad = end[-2];

	out->next = end[-1];
	if (unlikely(pad + ESP_TRAILER_LEN > text_len))
		return false;
	out->inner_len = text_len - pad - ESP_TRAILER_LEN;
	return padding_good(end, pad);
}

static bool read_trailer_chain(
	const struct rte_mbuf *m, const struct sa_in *sa, uint32_t text_len, struct in_trailer *out)
{
	uint8_t buf[16 + PAD_MAX + ESP_TRAILER_LEN + 1];
	uint32_t n = RTE_MIN(text_len, (uint32_t)PAD_MAX + ESP_TRAILER_LEN);
	uint32_t end = ESP_HEADER_LEN + sa->iv_len + text_len;
	const uint8_t *at = rte_pktmbuf_read(m, end - n, n, buf + 16);

	if (!at)
		return false;
	if (at != buf + 16)
		memcpy(buf + 16, at, n);
	return read_trailer(buf + 16 + n, text_len, out);
}

// Takes off ESP header and IV, and everything behind the inner packet: trailer, ICV, and padding for
// traffic flow confidentiality (RFC 4303 section 2.7).
static inline void strip(struct rte_mbuf *m, const struct sa_in *sa, uint32_t len)
{
	uint16_t head = (uint16_t)(ESP_HEADER_LEN + sa->iv_len);

	m->data_off += head;
	if (likely(m->nb_segs == 1)) {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
	} else {
		m->data_len -= head;
		esp_chain_trim(m, len);
	}
}

// An ingress filter in the place of selectors refuses what is outside these, too.
static enum drop_reason __rte_noinline spoofed(
	const struct esp *esp, uint32_t slot, const uint8_t *inner, const struct pkt_meta *meta)
{
	const struct selectors *plain = &esp->in_cold[slot].plain;

	return selectors_match(plain, &esp->in_wide[slot], inner, meta) == SELECTORS_REFUSE
		? DROP_SA_SELECTOR_IN
		: DROP_INGRESS_FILTER;
}

// What the SA lets its packets be.
static inline enum drop_reason check_inner(
	struct esp *esp, const struct sa_in *sa, uint8_t *inner, struct pkt_meta *meta)
{
	bool six = meta->family == AF_INET6;

	if (unlikely(meta->outer_tos & ECN_MASK)) {
		uint8_t was = ecn_get(inner, six);
		int ecn = ecn_decapsulate(was, meta->outer_tos & ECN_MASK);

		if (ecn < 0)
			return DROP_ESP_ECN;
		if (ecn != was)
			ecn_set(inner, six, (uint8_t)ecn);
	}
	switch (selectors_match(&sa->selectors, &esp->in_wide[slot_of(esp, sa)], inner, meta)) {
	case SELECTORS_PASS:
		return DROP_COUNT;
	case SELECTORS_SPOOFED:
		return spoofed(esp, slot_of(esp, sa), inner, meta);
	default:
		return DROP_SA_SELECTOR_IN;
	}
}

static inline enum drop_reason read_inner(
	struct esp *esp, struct sa_in *sa, struct rte_mbuf *m, const struct in_trailer *trailer)
{
	struct pkt_meta *meta = pkt_meta(m);
	uint8_t *inner = rte_pktmbuf_mtod_offset(m, uint8_t *, ESP_HEADER_LEN + sa->iv_len);
	uint32_t avail =
		RTE_MIN(trailer->inner_len, m->data_len - (uint32_t)ESP_HEADER_LEN - sa->iv_len);
	int total;

	if (unlikely(trailer->next != IPPROTO_IPV6 && trailer->next != IPPROTO_IPIP))
		return trailer->next == NEXT_DUMMY ? DROP_ESP_DUMMY : DROP_ESP_NEXT_HEADER;
	total = flow_parse(inner, avail, trailer->inner_len, meta);
	if (unlikely(total <= 0))
		return (enum drop_reason) - total;
	if (unlikely((meta->family == AF_INET6) != (trailer->next == IPPROTO_IPV6)))
		return DROP_ESP_NEXT_HEADER;
	strip(m, sa, (uint32_t)total);
	meta->link = sa->link;
	meta->flags |= PKT_DECRYPTED;
	return check_inner(esp, sa, inner, meta);
}

// Second pass over one packet. DROP_COUNT: it is an inner packet now.
static inline enum drop_reason accept_packet(
	struct esp *esp, struct sa_in *sa, const struct in_job *job, uint64_t now_tsc)
{
	const struct crypto_op *op = job->op;
	struct in_trailer trailer;
	bool sound;

	if (unlikely(op->failed))
		return DROP_ESP_ICV;
	if (unlikely(!replay_mark(&sa->top, words_of(esp, sa), sa->window, op->seq) &&
		    !(sa->flags & SA_NO_REPLAY)))
		return DROP_ESP_REPLAY;
	sa->last_tsc = now_tsc;
	if (unlikely(op->peer && op->peer != sa->peer))
		moved(esp, sa, job->m, op->peer);
	if (likely(job->m->nb_segs == 1))
		sound = read_trailer(op->data + op->len, op->len, &trailer);
	else
		sound = read_trailer_chain(job->m, sa, op->len, &trailer);
	if (unlikely(!sound))
		return DROP_ESP_PADDING;
	sa->bytes_left -= trailer.inner_len;
	sa->pkts_left--;
	if (unlikely((sa->bytes_left | sa->pkts_left) < 0) &&
		!limit_reached(esp, sa, trailer.inner_len))
		return DROP_ESP_LIFETIME_IN;
	return read_inner(esp, sa, job->m, &trailer);
}

static inline void prefetch(const struct esp *esp, struct rte_mbuf **pkts, uint32_t n)
{
	if (esp->in_set.n <= ESP_PREFETCH_SAS)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = spi_slot(pkt_meta(pkts[i])->sa) & (esp->slots - 1);

		esp_prefetch_record(esp, &esp->in[slot], pkts[i]->pkt_len);
	}
}

// At most ESP_BURST packets. Survivors go to kept[], which is pkts[] or lies before it.
static uint16_t burst(struct esp *esp, struct rte_mbuf **pkts, uint16_t n, struct rte_mbuf **kept,
	uint64_t now_tsc)
{
	struct in_job jobs[ESP_BURST];
	uint32_t opened = 0, k = 0;

	esp_ops_reset(esp);
	for (uint32_t i = 0; i < n; i++)
		opened += open_packet(esp, pkts[i], &jobs[opened]);
	esp_crypto_run(esp, false);
	for (uint32_t i = 0; i < opened; i++) {
		struct sa_in *sa = sa_of(jobs[i].op);
		enum drop_reason reason = accept_packet(esp, sa, &jobs[i], now_tsc);

		if (likely(reason == DROP_COUNT))
			kept[k++] = jobs[i].m;
		else
			drop(esp, sa, jobs[i].m, reason);
	}
	return k;
}

uint16_t esp_in_burst(struct esp *esp, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	uint32_t kept = 0, here;

	prefetch(esp, pkts, RTE_MIN(n, (uint32_t)ESP_BURST));
	for (uint32_t i = 0; i < n; i += here) {
		here = RTE_MIN(n - i, (uint32_t)ESP_BURST);
		prefetch(esp, pkts + i + here, RTE_MIN(n - i - here, (uint32_t)ESP_BURST));
		kept += burst(esp, pkts + i, here, pkts + kept, now_tsc);
	}
	return (uint16_t)kept;
}
