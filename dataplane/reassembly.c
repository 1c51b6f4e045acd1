// SPDX-License-Identifier: BSD-3-Clause
// Reassembly into one large mbuf per packet, with a bitmap of the 8-byte units that are there. Any
// overlap kills the packet (RFC 5722); exact repetitions do not. One worker, its thread.
#include "reassembly.h"

#include "csum.h"
#include "flow.h"

#include <errno.h>
#include <stdlib.h>

#define HEADER_MAX 256 // unfragmentable part
#define UNITS 8192
#define SHARE 4 // one source may hold 1/SHARE of the contexts

struct key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t family;
	uint8_t proto; // IPv4 only: its identification is per protocol
	uint8_t pad[2];
};

struct context {
	struct key key;
	uint64_t started_tsc;
	struct rte_mbuf *whole; // NULL: not in use
	uint32_t units; // set in `have`
	uint32_t total; // bytes of the fragmentable part, 0: last fragment not seen
	uint32_t end; // highest byte seen
	uint16_t header_len; // 0: first fragment not seen
	uint8_t ecn_seen; // bit per codepoint
	struct pkt_meta meta; // of the fragment that came first
	uint64_t have[UNITS / 64];
};

struct reassembly {
	struct rte_mempool *jumbos;
	struct drop_counts *drops;
	uint64_t timeout_tsc;
	uint32_t n;
	uint32_t hash[REASSEMBLY_CONTEXTS];
	struct context context[REASSEMBLY_CONTEXTS];
};

// A fragment as its headers describe it.
struct fragment {
	struct key key;
	uint32_t offset; // of the payload in the fragmentable part
	uint32_t len; // of the payload
	uint16_t header_len; // in front of it, without fragment header
	uint16_t payload_off; // in the packet
	uint16_t next_off; // where in the header the number of the next layer stands
	uint8_t next; // that number
	uint8_t tos;
	bool more;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static bool read4(const uint8_t *ip, uint32_t len, struct fragment *f)
{
	uint16_t where = get16(ip + 6);

	f->key.family = AF_INET;
	f->key.proto = ip[9];
	f->key.id = get16(ip + 4);
	memcpy(f->key.src, ip + 12, 4);
	memcpy(f->key.dst, ip + 16, 4);
	f->header_len = f->payload_off = (ip[0] & 0xf) * 4;
	if (f->header_len < 20 || f->header_len > len)
		return false;
	f->offset = (where & 0x1fffu) * 8;
	f->more = where & 0x2000;
	f->len = len - f->header_len;
	f->tos = ip[1];
	return f->offset || f->more;
}

static bool read6(const uint8_t *ip, uint32_t len, struct fragment *f)
{
	uint32_t off = 40;
	uint8_t next = ip[6];

	f->next_off = 6;
	for (int i = 0; i < FLOW_EXT_MAX && next != IPPROTO_FRAGMENT; i++) {
		if ((next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS &&
			    next != IPPROTO_ROUTING) ||
			off + 8 > len)
			return false;
		f->next_off = (uint16_t)off;
		next = ip[off];
		off += (ip[off + 1] + 1u) * 8;
	}
	if (next != IPPROTO_FRAGMENT || off + 8 > len)
		return false;
	f->key.family = AF_INET6;
	memcpy(f->key.src, ip + 8, 16);
	memcpy(f->key.dst, ip + 24, 16);
	memcpy(&f->key.id, ip + off + 4, 4);
	f->header_len = (uint16_t)off;
	f->payload_off = (uint16_t)(off + 8);
	f->next = ip[off];
	f->offset = get16(ip + off + 2) & 0xfff8;
	f->more = ip[off + 3] & 1;
	f->len = len - off - 8;
	f->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	return true;
}

static bool read_fragment(const uint8_t *ip, uint32_t len, struct fragment *f)
{
	memset(f, 0, sizeof(*f));
	if (len >= 40 && ip[0] >> 4 == 6)
		return read6(ip, len, f);
	return len >= 20 && ip[0] >> 4 == 4 && read4(ip, len, f);
}

static uint32_t key_hash(const struct key *key)
{
	uint64_t a[4];

	memcpy(a, key->src, 16);
	memcpy(a + 2, key->dst, 16);
	return flow_hash_fold(flow_mix(a[0] ^ flow_seed[0], a[1] ^ flow_seed[1]) ^
			flow_mix(a[2] ^ flow_seed[2], a[3] ^ flow_seed[3]),
		key->id, key->proto);
}

bool reassembly_is_fragment(const uint8_t *data, uint32_t len)
{
	struct fragment f;

	return read_fragment(data, len, &f);
}

uint32_t reassembly_owner(const uint8_t *data, uint32_t len, uint32_t workers)
{
	struct fragment f;

	return read_fragment(data, len, &f) ? key_hash(&f.key) % workers : 0;
}

struct reassembly *reassembly_new(
	struct rte_mempool *jumbos, struct drop_counts *drops, uint64_t tsc_hz)
{
	struct reassembly *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->jumbos = jumbos;
	r->drops = drops;
	r->timeout_tsc = tsc_hz * REASSEMBLY_TIMEOUT_S;
	return r;
}

static void context_release(struct reassembly *r, struct context *c)
{
	c->whole = NULL;
	r->n--;
}

static void context_kill(struct reassembly *r, struct context *c, enum drop_reason reason)
{
	pkt_drop(r->drops, c->whole, reason);
	context_release(r, c);
}

void reassembly_free(struct reassembly *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < REASSEMBLY_CONTEXTS; i++) {
		if (r->context[i].whole)
			rte_pktmbuf_free(r->context[i].whole);
	}
	free(r);
}

void reassembly_expire(struct reassembly *r, uint64_t now_tsc)
{
	for (uint32_t i = 0; r->n && i < REASSEMBLY_CONTEXTS; i++) {
		struct context *c = &r->context[i];

		if (c->whole && now_tsc - c->started_tsc > r->timeout_tsc)
			context_kill(r, c, DROP_FRAG_TIMEOUT);
	}
}

uint32_t reassembly_count(const struct reassembly *r)
{
	return r->n;
}

static struct context *context_find(struct reassembly *r, const struct key *key, uint32_t hash)
{
	for (uint32_t i = 0; r->n && i < REASSEMBLY_CONTEXTS; i++) {
		struct context *c = &r->context[i];

		if (r->hash[i] == hash && c->whole && !memcmp(&c->key, key, sizeof(*key)))
			return c;
	}
	return NULL;
}

// A free context, or that of the oldest packet, which is given up: a flood of first fragments must
// not shut out others for the whole timeout. NULL: this source has too many already.
static struct context *context_new(struct reassembly *r, const struct key *key)
{
	struct context *free_one = NULL, *oldest = NULL;
	uint32_t same_source = 0;

	for (uint32_t i = 0; i < REASSEMBLY_CONTEXTS; i++) {
		struct context *c = &r->context[i];

		if (!c->whole) {
			free_one = c;
			continue;
		}
		if (c->key.family == key->family && !memcmp(c->key.src, key->src, 16))
			same_source++;
		if (!oldest || c->started_tsc < oldest->started_tsc)
			oldest = c;
	}
	if (same_source >= REASSEMBLY_CONTEXTS / SHARE)
		return NULL;
	if (!free_one) {
		context_kill(r, oldest, DROP_FRAG_TABLE_FULL);
		free_one = oldest;
	}
	return free_one;
}

static struct context *context_start(struct reassembly *r, const struct fragment *f, uint32_t hash,
	const struct pkt_meta *meta, uint64_t now_tsc, enum drop_reason *why)
{
	struct context *c = context_new(r, &f->key);

	*why = DROP_FRAG_TABLE_FULL;
	if (!c)
		return NULL;
	*c = (struct context){.key = f->key, .started_tsc = now_tsc, .meta = *meta};
	*why = DROP_NO_MBUF;
	c->whole = rte_pktmbuf_alloc(r->jumbos);
	if (!c->whole)
		return NULL;
	r->hash[c - r->context] = hash;
	r->n++;
	return c;
}

static uint8_t *whole_at(const struct context *c, uint32_t offset)
{
	return rte_pktmbuf_mtod_offset(c->whole, uint8_t *, HEADER_MAX + offset);
}

enum overlap {
	OVERLAP_NONE,
	OVERLAP_SAME,
	OVERLAP_BAD
};

static enum overlap overlap_find(
	const struct context *c, const struct fragment *f, const uint8_t *data)
{
	uint32_t first = f->offset / 8, end = (f->offset + f->len + 7) / 8;
	uint32_t there = 0;

	for (uint32_t i = first; i < end; i++)
		there += c->have[i / 64] >> (i % 64) & 1;
	if (!there)
		return OVERLAP_NONE;
	if (there == end - first && f->offset + f->len <= c->end &&
		(f->more || c->total == f->offset + f->len) &&
		!memcmp(whole_at(c, f->offset), data, f->len))
		return OVERLAP_SAME;
	return OVERLAP_BAD;
}

static void context_take(struct context *c, const struct fragment *f, const uint8_t *ip)
{
	uint32_t first = f->offset / 8, end = (f->offset + f->len + 7) / 8;

	memcpy(whole_at(c, f->offset), ip + f->payload_off, f->len);
	for (uint32_t i = first; i < end; i++)
		c->have[i / 64] |= UINT64_C(1) << (i % 64);
	c->units += end - first;
	c->end = RTE_MAX(c->end, f->offset + f->len);
	c->ecn_seen |= (uint8_t)(1 << (f->tos & 3));
	if (!f->more)
		c->total = f->offset + f->len;
	if (f->offset == 0) {
		uint8_t *header = whole_at(c, 0) - f->header_len;

		c->header_len = f->header_len;
		memcpy(header, ip, f->header_len);
		if (c->key.family == AF_INET6)
			header[f->next_off] = f->next;
	}
}

// Congestion that any fragment met is the packet's; RFC 3168 section 5.3.
static bool ecn_join(struct context *c, uint8_t *ip)
{
	if (!(c->ecn_seen & 1 << 3))
		return true;
	if (c->ecn_seen & 1 << 0)
		return false;
	if (c->key.family == AF_INET)
		ip[1] |= 3;
	else
		ip[1] |= 3 << 4;
	return true;
}

static struct rte_mbuf *context_finish(struct reassembly *r, struct context *c)
{
	struct rte_mbuf *m = c->whole;
	uint32_t len = c->header_len + c->total;
	uint8_t *ip;

	m->data_off = (uint16_t)(m->data_off + HEADER_MAX - c->header_len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	ip = rte_pktmbuf_mtod(m, uint8_t *);
	if (!ecn_join(c, ip)) {
		context_kill(r, c, DROP_FRAG_BAD);
		return NULL;
	}
	if (c->key.family == AF_INET) {
		put16(ip + 2, len);
		put16(ip + 6, 0);
		csum_ip4_set(ip, c->header_len);
	} else {
		put16(ip + 4, len - 40);
	}
	*pkt_meta(m) = c->meta;
	context_release(r, c);
	return m;
}

static bool fragment_possible(const struct fragment *f)
{
	if (f->more ? !f->len || f->len % 8 : !f->len && f->offset)
		return false;
	return f->header_len <= HEADER_MAX && f->offset + f->len + HEADER_MAX <= REASSEMBLY_MAX;
}

// The last fragment says where the packet ends; nothing may lie behind, whichever came first.
static bool fragment_fits(const struct context *c, const struct fragment *f)
{
	if (c->total && f->offset + f->len > c->total)
		return false;
	if (!f->more &&
		(f->offset + f->len < c->end || (c->total && c->total != f->offset + f->len)))
		return false;
	return f->offset || !c->header_len || c->header_len == f->header_len;
}

struct rte_mbuf *reassembly_put(struct reassembly *r, struct rte_mbuf *m, uint64_t now_tsc)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	enum drop_reason why = DROP_FRAG_BAD;
	struct fragment f;
	struct context *c;
	uint32_t hash;

	if (!read_fragment(ip, rte_pktmbuf_data_len(m), &f) || !fragment_possible(&f))
		goto drop;
	hash = key_hash(&f.key);
	// RFC 6946: an atomic fragment is a packet of its own, whatever else has its identification.
	c = f.offset || f.more ? context_find(r, &f.key, hash) : NULL;
	if (!c)
		c = context_start(r, &f, hash, pkt_meta(m), now_tsc, &why);
	if (!c)
		goto drop;
	why = DROP_FRAG_BAD;
	if (!fragment_fits(c, &f)) {
		context_kill(r, c, DROP_FRAG_BAD);
		goto drop;
	}
	switch (overlap_find(c, &f, ip + f.payload_off)) {
	case OVERLAP_BAD:
		context_kill(r, c, DROP_FRAG_BAD);
		goto drop;
	case OVERLAP_SAME:
		goto drop;
	case OVERLAP_NONE:
		break;
	}
	context_take(c, &f, ip);
	rte_pktmbuf_free(m);
	if (c->header_len && (c->total || (!f.offset && !f.more)) && c->units == (c->total + 7) / 8)
		return context_finish(r, c);
	return NULL;
drop:
	pkt_drop(r->drops, m, why);
	return NULL;
}
