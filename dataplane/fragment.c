// SPDX-License-Identifier: BSD-3-Clause
// Cuts IP packets into fragments. Any thread, its own packets. RFC 791, 8200 section 4.5.
#include "fragment.h"

#include "csum.h"

#include <rte_memcpy.h>

#include <errno.h>
#include <sys/socket.h>

struct cut {
	const uint8_t *ip;
	uint32_t header_len; // in front of each fragment's payload, IPv6: without fragment header
	uint8_t later[60]; // header of the fragments that are not the first
	uint32_t later_len;
	uint32_t payload_len;
	uint32_t id;
};

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

// Of the options only those with the copied flag go into later fragments. RFC 791 section 3.1.
static void later_header4(struct cut *c)
{
	uint32_t out = 20;

	memcpy(c->later, c->ip, 20);
	for (uint32_t i = 20; i < c->header_len && c->ip[i] != 0;) {
		uint32_t size = c->ip[i] == 1 ? 1 : i + 1 < c->header_len ? c->ip[i + 1] : 0;

		if (size == 0 || (size == 1 && c->ip[i] != 1) || i + size > c->header_len)
			break; // malformed: the rest is not copied
		if (c->ip[i] & 0x80) {
			memcpy(c->later + out, c->ip + i, size);
			out += size;
		}
		i += size;
	}
	while (out % 4)
		c->later[out++] = 0;
	c->later_len = out;
	c->later[0] = (uint8_t)(0x40 | out / 4);
}

static struct rte_mbuf *piece_new(struct rte_mbuf *m, struct rte_mempool *pool,
	const uint8_t *header, uint32_t header_len, const uint8_t *payload, uint32_t len,
	uint32_t gap)
{
	struct rte_mbuf *piece = rte_pktmbuf_alloc(pool);
	uint8_t *p;

	if (!piece)
		return NULL;
	p = (uint8_t *)rte_pktmbuf_append(piece, (uint16_t)(header_len + gap + len));
	if (!p) {
		rte_pktmbuf_free(piece);
		return NULL;
	}
	rte_memcpy(p, header, header_len);
	rte_memcpy(p + header_len + gap, payload, len);
	*pkt_meta(piece) = *pkt_meta(m);
	return piece;
}

static struct rte_mbuf *piece4(const struct cut *c, struct rte_mbuf *m, struct rte_mempool *pool,
	uint32_t off, uint32_t len)
{
	const uint8_t *header = off ? c->later : c->ip;
	uint32_t header_len = off ? c->later_len : c->header_len;
	struct rte_mbuf *piece =
		piece_new(m, pool, header, header_len, c->ip + c->header_len + off, len, 0);
	// The packet may be a fragment itself: its offset and more-fragments bit go on.
	uint32_t where = (uint32_t)(c->ip[6] << 8 | c->ip[7]) & 0x3fff;
	uint8_t *ip;

	if (!piece)
		return NULL;
	ip = rte_pktmbuf_mtod(piece, uint8_t *);
	where += off / 8;
	if (off + len < c->payload_len)
		where |= 0x2000;
	put16(ip + 2, header_len + len);
	put16(ip + 6, where);
	csum_ip4_set(ip, header_len);
	return piece;
}

static struct rte_mbuf *piece6(const struct cut *c, struct rte_mbuf *m, struct rte_mempool *pool,
	uint32_t off, uint32_t len)
{
	struct rte_mbuf *piece = piece_new(m, pool, c->ip, 40, c->ip + 40 + off, len, 8);
	uint8_t *ip;

	if (!piece)
		return NULL;
	ip = rte_pktmbuf_mtod(piece, uint8_t *);
	put16(ip + 4, 8 + len);
	ip[40] = ip[6];
	ip[41] = 0;
	put16(ip + 42, off | (off + len < c->payload_len));
	memcpy(ip + 44, &c->id, 4);
	ip[6] = IPPROTO_FRAGMENT;
	return piece;
}

static int cut_init(struct cut *c, const struct rte_mbuf *m, uint32_t id)
{
	uint32_t len = rte_pktmbuf_data_len(m);

	c->ip = rte_pktmbuf_mtod(m, const uint8_t *);
	c->id = id;
	if (len >= 40 && c->ip[0] >> 4 == 6) {
		c->header_len = 40;
	} else if (len >= 20 && c->ip[0] >> 4 == 4) {
		c->header_len = (c->ip[0] & 0xfu) * 4;
		if (c->header_len < 20 || c->header_len > len)
			return -EINVAL;
		if (c->ip[6] & 0x40)
			return -EPERM;
		later_header4(c);
	} else {
		return -EINVAL;
	}
	c->payload_len = len - c->header_len;
	return 0;
}

int fragment_make(struct rte_mbuf *m, uint32_t mtu, uint32_t ipv6_id, struct rte_mempool *pool,
	struct rte_mbuf **out)
{
	struct cut c;
	uint32_t room, off = 0;
	int n = 0;
	int rc = cut_init(&c, m, ipv6_id);
	bool v6;

	if (rc)
		return rc;
	v6 = c.ip[0] >> 4 == 6;
	if (mtu < c.header_len + (v6 ? 16u : 8u))
		return -EINVAL;
	room = (mtu - c.header_len - (v6 ? 8 : 0)) & ~7u;
	while (off < c.payload_len) {
		uint32_t len = RTE_MIN(room, c.payload_len - off);

		rc = -E2BIG;
		if (n == FRAGMENT_MAX)
			goto fail;
		rc = -ENOBUFS;
		out[n] = v6 ? piece6(&c, m, pool, off, len) : piece4(&c, m, pool, off, len);
		if (!out[n])
			goto fail;
		n++;
		off += len;
	}
	return n;
fail:
	rte_pktmbuf_free_bulk(out, (unsigned)n);
	return rc;
}
