// SPDX-License-Identifier: BSD-3-Clause
// Compiles traffic selectors into an SA's record, and matches those that do not fit there.
// The worker that owns the SA. RFC 4301 section 4.4.1.1, RFC 7296 section 3.13.
#include "selectors.h"

#include <rte_byteorder.h>

#include <netinet/in.h>

// The masks of all prefix lengths in memory order, as constant expressions.
#define ONES(n) ((n) <= 0 ? UINT64_C(0) : (n) >= 64 ? UINT64_MAX : ~(UINT64_MAX >> ((n)&63)))
#define MASK6(n)                                                                                   \
	{                                                                                          \
		RTE_BE64(ONES(n)), RTE_BE64(ONES((n)-64))                                          \
	}
#define MASK4(n) RTE_BE32((uint32_t)(ONES(n) >> 32))
#define FOUR(M, n) M(n), M((n) + 1), M((n) + 2), M((n) + 3)
#define SIXTEEN(M, n) FOUR(M, n), FOUR(M, (n) + 4), FOUR(M, (n) + 8), FOUR(M, (n) + 12)

const uint64_t selectors_mask6[129][2] = {
	SIXTEEN(MASK6, 0),
	SIXTEEN(MASK6, 16),
	SIXTEEN(MASK6, 32),
	SIXTEEN(MASK6, 48),
	SIXTEEN(MASK6, 64),
	SIXTEEN(MASK6, 80),
	SIXTEEN(MASK6, 96),
	SIXTEEN(MASK6, 112),
	MASK6(128),
};

const uint32_t selectors_mask4[33] = {SIXTEEN(MASK4, 0), SIXTEEN(MASK4, 16), MASK4(32)};

static uint64_t read64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return rte_be_to_cpu_64(v);
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return rte_be_to_cpu_32(v);
}

static void read_addr(uint8_t family, const uint8_t *bytes, uint64_t out[2])
{
	if (family == AF_INET6) {
		out[0] = read64(bytes);
		out[1] = read64(bytes + 8);
	} else {
		out[0] = 0;
		out[1] = read32(bytes);
	}
}

static bool at_or_below(const uint64_t a[2], const uint64_t b[2])
{
	return a[0] < b[0] || (a[0] == b[0] && a[1] <= b[1]);
}

static struct selectors_range range_from_ts(const struct ts *ts)
{
	struct selectors_range r = {
		.family = ts->family,
		.proto = ts->proto,
		.port_lo = ts->port_lo,
		.port_hi = ts->port_hi,
	};

	read_addr(ts->family, ts->lo, r.lo);
	read_addr(ts->family, ts->hi, r.hi);
	return r;
}

// The length of the prefix that is exactly this range of addresses, -1: none is.
static int range_prefix_len(const struct selectors_range *r)
{
	int bits = (int)inet_addr_bits(r->family), len = 0;
	uint64_t diff[2] = {r->lo[0] ^ r->hi[0], r->lo[1] ^ r->hi[1]};

	if (diff[0])
		len = __builtin_clzll(diff[0]);
	else if (diff[1])
		len = 64 + __builtin_clzll(diff[1]);
	else
		len = 128;
	len -= 128 - bits;
	// Behind the common part, lo must be all zeroes and hi all ones.
	for (int i = 0; i < 2; i++) {
		int known = len + 128 - bits - 64 * i;
		uint64_t host = ~(known <= 0  ? 0
				: known >= 64 ? UINT64_MAX
					      : ~(UINT64_MAX >> known));

		if ((r->lo[i] & host) || (~r->hi[i] & host))
			return -1;
	}
	return len;
}

static bool addresses_only(const struct selectors_range *r)
{
	return r->proto == 0 && r->port_lo == 0 && r->port_hi == 65535;
}

static bool range_covers(const struct selectors_range *outer, const struct selectors_range *inner)
{
	return outer->family == inner->family && at_or_below(outer->lo, inner->lo) &&
		at_or_below(inner->hi, outer->hi);
}

bool selectors_valid(const struct ts_list *list)
{
	if (list->n == 0 || list->n > TS_MAX)
		return false;
	for (uint32_t i = 0; i < list->n; i++) {
		if (!ts_valid(&list->ts[i]))
			return false;
	}
	return true;
}

static void wide_from_lists(
	struct selectors_wide *wide, const struct ts_list *src, const struct ts_list *dst)
{
	const struct ts_list *lists[SELECTORS_SIDES] = {src, dst};

	for (int side = 0; side < SELECTORS_SIDES; side++) {
		wide->n[side] = lists[side]->n;
		for (uint32_t i = 0; i < lists[side]->n; i++)
			wide->range[side][i] = range_from_ts(&lists[side]->ts[i]);
	}
}

static struct selectors_range range_from_prefix(
	uint8_t family, const uint8_t *addr_be, uint8_t prefix_len)
{
	struct inet_prefix prefix = {.addr = {.family = family}, .len = prefix_len};
	struct ts ts;

	memcpy(prefix.addr.bytes, addr_be, inet_addr_bits(family) / 8);
	ts = ts_from_prefix(&prefix);
	return range_from_ts(&ts);
}

static void wide_add(struct selectors_wide *wide, int side, struct selectors_range range)
{
	wide->range[side][wide->n[side]++] = range;
}

// The other way round: the selectors that a record without an ingress filter was made from.
static void wide_from_record(struct selectors_wide *wide, const struct selectors *s)
{
	static const uint8_t any[16];
	static const uint8_t any6[] = {SELECTORS_SRC6_ANY, SELECTORS_DST6_ANY};
	static const uint8_t any4[] = {SELECTORS_SRC4_ANY, SELECTORS_DST4_ANY};

	wide->n[SELECTORS_SRC] = wide->n[SELECTORS_DST] = 0;
	for (uint32_t i = 0; i < s->v6_n; i++)
		wide_add(wide, i < s->v6_src ? SELECTORS_SRC : SELECTORS_DST,
			range_from_prefix(AF_INET6, s->v6[i], s->v6_len[i]));
	for (uint32_t i = 0; i < s->v4_n; i++)
		wide_add(wide, i < s->v4_src ? SELECTORS_SRC : SELECTORS_DST,
			range_from_prefix(AF_INET, s->v4[i], s->v4_len[i]));
	for (int side = 0; side < SELECTORS_SIDES; side++) {
		if (s->flags & any6[side])
			wide_add(wide, side, range_from_prefix(AF_INET6, any, 0));
		if (s->flags & any4[side])
			wide_add(wide, side, range_from_prefix(AF_INET, any, 0));
	}
}

static void wide_set_ingress(
	struct selectors_wide *wide, const struct inet_prefix *ingress, uint32_t ingress_n)
{
	wide->ingress_n = ingress_n;
	for (uint32_t i = 0; i < ingress_n; i++) {
		struct ts ts = ts_from_prefix(&ingress[i]);

		wide->ingress[i] = range_from_ts(&ts);
	}
}

// Every address of this family that the ranges let pass is one that the filter lets pass.
static bool filter_implied(uint8_t family, const struct selectors_range *r, uint32_t n,
	const struct selectors_range *filter, uint32_t filter_n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool covered = r[i].family != family;

		for (uint32_t j = 0; j < filter_n && !covered; j++)
			covered = range_covers(&filter[j], &r[i]);
		if (!covered)
			return false;
	}
	return true;
}

static bool has_any(uint8_t family, const struct selectors_range *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (r[i].family == family && range_prefix_len(&r[i]) == 0)
			return true;
	}
	return false;
}

// Appends the prefixes of one family and side to the record. False: they do not fit it.
static bool add_entries(
	struct selectors *s, uint8_t family, const struct selectors_range *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int len = range_prefix_len(&r[i]);

		if (r[i].family != family)
			continue;
		if (len < 0)
			return false;
		if (family == AF_INET6) {
			uint64_t be[2] = {
				rte_cpu_to_be_64(r[i].lo[0]), rte_cpu_to_be_64(r[i].lo[1])};

			if (s->v6_n == SELECTORS_V6)
				return false;
			memcpy(s->v6[s->v6_n], be, 16);
			s->v6_len[s->v6_n++] = (uint8_t)len;
		} else {
			uint32_t be = rte_cpu_to_be_32((uint32_t)r[i].lo[1]);

			if (s->v4_n == SELECTORS_V4)
				return false;
			memcpy(s->v4[s->v4_n], &be, 4);
			s->v4_len[s->v4_n++] = (uint8_t)len;
		}
	}
	return true;
}

// May the ingress filter's prefixes take the place of the selectors on this family's sources?
enum ingress_rule {
	INGRESS_UNDER_ANY, // where the selectors let every source pass: no verdict changes
	INGRESS_WITHIN, // where they let pass whatever the filter does: refused sources are "spoofed"
};

static bool ingress_decides(uint8_t family, const struct selectors_wide *w, enum ingress_rule rule)
{
	const struct selectors_range *src = w->range[SELECTORS_SRC];
	uint32_t src_n = w->n[SELECTORS_SRC];

	return has_any(family, src, src_n) ||
		(rule == INGRESS_WITHIN &&
			filter_implied(family, w->ingress, w->ingress_n, src, src_n));
}

// One family into the record: source entries, then destination entries.
static bool compile_family(
	struct selectors *s, uint8_t family, const struct selectors_wide *w, enum ingress_rule rule)
{
	bool six = family == AF_INET6;
	uint8_t src_any = six ? SELECTORS_SRC6_ANY : SELECTORS_SRC4_ANY;
	uint8_t dst_any = six ? SELECTORS_DST6_ANY : SELECTORS_DST4_ANY;
	const struct selectors_range *src = w->range[SELECTORS_SRC];
	const struct selectors_range *dst = w->range[SELECTORS_DST];
	uint32_t src_n = w->n[SELECTORS_SRC], dst_n = w->n[SELECTORS_DST];

	if (w->ingress_n && !filter_implied(family, src, src_n, w->ingress, w->ingress_n)) {
		if (!ingress_decides(family, w, rule))
			return false;
		src = w->ingress;
		src_n = w->ingress_n;
		s->flags |= six ? SELECTORS_SRC6_INGRESS : SELECTORS_SRC4_INGRESS;
	}
	if (has_any(family, src, src_n))
		s->flags |= src_any;
	else if (!add_entries(s, family, src, src_n))
		return false;
	if (six)
		s->v6_src = s->v6_n;
	else
		s->v4_src = s->v4_n;
	if (has_any(family, dst, dst_n))
		s->flags |= dst_any;
	else if (!add_entries(s, family, dst, dst_n))
		return false;
	return true;
}

// True: they fit the record.
static bool compile_narrow(
	struct selectors *s, const struct selectors_wide *w, enum ingress_rule rule)
{
	bool narrow = true;

	memset(s, 0, sizeof(*s));
	for (int side = 0; side < SELECTORS_SIDES; side++) {
		for (uint32_t i = 0; i < w->n[side]; i++)
			narrow &= addresses_only(&w->range[side][i]);
	}
	if (narrow && compile_family(s, AF_INET6, w, rule) && compile_family(s, AF_INET, w, rule))
		return true;
	memset(s, 0, sizeof(*s));
	s->flags = SELECTORS_WIDE;
	return false;
}

void selectors_compile(struct selectors *s, struct selectors_wide *wide, const struct ts_list *src,
	const struct ts_list *dst, const struct inet_prefix *ingress, uint32_t ingress_n)
{
	struct selectors_wide w;

	wide_from_lists(&w, src, dst);
	wide_set_ingress(&w, ingress, ingress_n);
	if (!compile_narrow(s, &w, INGRESS_UNDER_ANY))
		*wide = w;
}

void selectors_filter(struct selectors *s, struct selectors_wide *wide,
	const struct selectors *plain, const struct inet_prefix *ingress, uint32_t ingress_n)
{
	struct selectors_wide w;

	if (plain->flags & SELECTORS_WIDE)
		w = *wide;
	else
		wide_from_record(&w, plain);
	wide_set_ingress(&w, ingress, ingress_n);
	if (!compile_narrow(s, &w, INGRESS_WITHIN))
		*wide = w;
}

static bool range_match(const struct selectors_range *r, const uint64_t addr[2], uint16_t port,
	const struct pkt_meta *meta)
{
	bool known = meta->flags & PKT_PORTS;

	if (r->family != meta->family || (r->proto && r->proto != meta->proto))
		return false;
	if (!at_or_below(r->lo, addr) || !at_or_below(addr, r->hi))
		return false;
	if (r->port_lo == 0 && r->port_hi == 65535)
		return true;
	if (r->port_lo > r->port_hi) // OPAQUE: packets whose ports cannot be seen
		return !known;
	return known && r->port_lo <= port && port <= r->port_hi;
}

static bool any_match(const struct selectors_range *r, uint32_t n, const uint64_t addr[2],
	uint16_t port, const struct pkt_meta *meta)
{
	for (uint32_t i = 0; i < n; i++) {
		if (range_match(&r[i], addr, port, meta))
			return true;
	}
	return false;
}

enum selectors_verdict selectors_match_wide(
	const struct selectors_wide *wide, const uint8_t *ip, const struct pkt_meta *meta)
{
	uint64_t src[2], dst[2];
	// Type and code of ICMP, the type of a mobility header, count for both sides.
	bool typed = meta->proto == IPPROTO_ICMP || meta->proto == IPPROTO_ICMPV6 ||
		meta->proto == IPPROTO_MH;

	read_addr(meta->family, meta->family == AF_INET6 ? ip + 8 : ip + 12, src);
	read_addr(meta->family, meta->family == AF_INET6 ? ip + 24 : ip + 16, dst);
	if (!any_match(wide->range[SELECTORS_DST], wide->n[SELECTORS_DST], dst,
		    typed ? meta->src_port : meta->dst_port, meta) ||
		!any_match(wide->range[SELECTORS_SRC], wide->n[SELECTORS_SRC], src, meta->src_port,
			meta))
		return SELECTORS_REFUSE;
	if (wide->ingress_n &&
		!any_match(wide->ingress, wide->ingress_n, src, meta->src_port, meta))
		return SELECTORS_SPOOFED;
	return SELECTORS_PASS;
}
