// SPDX-License-Identifier: BSD-3-Clause
// Packets that are not one piece of memory of their own: reassembled fragments, jumbo frames,
// clones. Rare, so these paths may copy and call the backend for one packet. The worker's thread.
#include "esp_impl.h"

#include <rte_mbuf.h>

#include <string.h>

static bool shared(const struct rte_mbuf *m)
{
	for (; m; m = m->next) {
		if (rte_mbuf_refcnt_read(m) != 1 ||
			(m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)))
			return true;
	}
	return false;
}

// The outer header that outer_off names does not come along.
static struct rte_mbuf *copy(struct rte_mbuf *m)
{
	struct rte_mbuf *fresh = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

	if (!fresh)
		return NULL;
	*pkt_meta(fresh) = *pkt_meta(m);
	pkt_meta(fresh)->outer_off = 0;
	rte_pktmbuf_free(m);
	return fresh;
}

// Moves bytes of the following pieces into the first one until it has n, as far as there is room.
static void pull(struct rte_mbuf *m, uint32_t n)
{
	while (m->data_len < n && m->next) {
		struct rte_mbuf *next = m->next;
		uint32_t room = rte_pktmbuf_tailroom(m);
		uint32_t take = RTE_MIN(RTE_MIN(n - m->data_len, room), (uint32_t)next->data_len);

		if (!take && next->data_len)
			return;
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len),
			rte_pktmbuf_mtod(next, uint8_t *), take);
		m->data_len += (uint16_t)take;
		next->data_off += (uint16_t)take;
		next->data_len -= (uint16_t)take;
		if (!next->data_len) {
			m->next = next->next;
			m->nb_segs--;
			rte_pktmbuf_free_seg(next);
		}
	}
}

struct rte_mbuf *esp_chain_private(struct rte_mbuf *m, const struct esp_chain_need *need)
{
	if (shared(m) || rte_pktmbuf_headroom(m) < need->headroom) {
		m = copy(m);
		if (!m)
			return NULL;
	}
	if (m->nb_segs > 1) {
		uint32_t rest = m->pkt_len - m->data_len;

		pull(m,
			rest + need->tailroom <= rte_pktmbuf_tailroom(m) ? m->pkt_len
									 : need->first);
	}
	return m;
}

uint8_t *esp_chain_append(struct rte_mbuf *m, uint32_t n)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(m);
	uint8_t *tail;

	if (rte_pktmbuf_tailroom(last) < n) {
		struct rte_mbuf *more = rte_pktmbuf_alloc(m->pool);

		if (!more)
			return NULL;
		last->next = more;
		m->nb_segs++;
		last = more;
	}
	tail = rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len);
	last->data_len += (uint16_t)n;
	m->pkt_len += n;
	return tail;
}

void esp_chain_trim(struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *seg = m;
	uint32_t left = len;

	m->pkt_len = len;
	while (left > seg->data_len) {
		left -= seg->data_len;
		seg = seg->next;
	}
	seg->data_len = (uint16_t)left;
	for (struct rte_mbuf *rest = seg->next; rest;) {
		struct rte_mbuf *next = rest->next;

		rte_pktmbuf_free_seg(rest);
		m->nb_segs--;
		rest = next;
	}
	seg->next = NULL;
}

// The pieces of bytes [off, off + len). 0: too many.
static uint32_t pieces(
	const struct rte_mbuf *m, uint32_t off, uint32_t len, struct iovec iov[CRYPTO_SEGS_MAX])
{
	uint32_t n = 0;

	for (; m && len; m = m->next) {
		uint32_t here = m->data_len;

		if (off >= here) {
			off -= here;
			continue;
		}
		here = RTE_MIN(here - off, len);
		if (n == CRYPTO_SEGS_MAX)
			return 0;
		iov[n++] = (struct iovec){rte_pktmbuf_mtod_offset(m, uint8_t *, off), here};
		len -= here;
		off = 0;
	}
	return n;
}

static void write_back(struct rte_mbuf *m, uint32_t off, const uint8_t *from, uint32_t len)
{
	for (; m && len; m = m->next) {
		uint32_t here = m->data_len;

		if (off >= here) {
			off -= here;
			continue;
		}
		here = RTE_MIN(here - off, len);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, off), from, here);
		from += here;
		len -= here;
		off = 0;
	}
}

static void copy_out(const struct rte_mbuf *m, uint32_t off, uint8_t *to, uint32_t len)
{
	const void *at = rte_pktmbuf_read(m, off, len, to);

	if (at != to)
		memcpy(to, at, len);
}

// Through one flat copy, for backends that know no pieces.
static void crypt_bounced(struct esp *esp, struct rte_mbuf *m, struct crypto_op *op,
	const struct crypto_backend *backend, uint32_t esp_off, uint32_t head_len, uint32_t icv_len,
	bool encrypting)
{
	uint8_t *flat = crypto_bounce(esp->crypto);
	uint32_t text_off = esp_off + head_len;

	if (head_len + op->len + icv_len > CRYPTO_BOUNCE_BYTES) {
		op->failed = true;
		return;
	}
	copy_out(m, esp_off, flat, head_len + op->len + icv_len);
	op->data = flat + head_len;
	if (encrypting) {
		backend->encrypt(esp->crypto, op, 1);
		write_back(m, text_off, op->data, op->len + icv_len);
	} else {
		backend->decrypt(esp->crypto, op, 1);
		write_back(m, text_off, op->data, op->len);
	}
}

void esp_chain_crypt(struct esp *esp, struct rte_mbuf *m, struct crypto_op *op,
	enum crypto_class class, uint32_t esp_off, uint32_t iv_len, uint32_t icv_len,
	bool encrypting)
{
	const struct crypto_backend *backend = crypto_backend(esp->crypto, class);
	struct iovec iov[CRYPTO_SEGS_MAX];
	uint8_t icv[CRYPTO_ICV_MAX];
	uint32_t head_len = ESP_HEADER_LEN + iv_len;
	uint32_t text_off = esp_off + head_len;
	uint32_t n = pieces(m, text_off, op->len, iov);

	op->failed = false;
	if (!backend->encrypt_segs || !backend->decrypt_segs || !n) {
		crypt_bounced(esp, m, op, backend, esp_off, head_len, icv_len, encrypting);
		return;
	}
	if (encrypting) {
		backend->encrypt_segs(esp->crypto, op, iov, n, icv);
		write_back(m, text_off + op->len, icv, icv_len);
	} else {
		copy_out(m, text_off + op->len, icv, icv_len);
		backend->decrypt_segs(esp->crypto, op, iov, n, icv);
	}
}
