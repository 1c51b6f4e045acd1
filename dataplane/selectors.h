// SPDX-License-Identifier: BSD-3-Clause
// The traffic selectors of one SA, compiled for the packet path. RFC 4301 sections 4.4.1.1 and 5.2:
// the inner addresses are matched, never the outer ones.
//
// Most SAs have a handful of selectors on addresses alone, with "any" on one side: those fit one
// cache line in the SA's record. What does not fit (ports, protocols, ranges that are no prefixes,
// many of them) goes to the SA's wide block. The worker that owns the SA.
#pragma once

#include "ipc_msg.h"
#include "pkt.h"

#include <rte_common.h>

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum selectors_side {
	SELECTORS_SRC,
	SELECTORS_DST,
	SELECTORS_SIDES
};

enum selectors_flags {
	SELECTORS_WIDE = 1 << 0, // all in the wide block
	SELECTORS_SRC6_ANY = 1 << 1,
	SELECTORS_DST6_ANY = 1 << 2,
	SELECTORS_SRC4_ANY = 1 << 3,
	SELECTORS_DST4_ANY = 1 << 4,
	SELECTORS_SRC6_INGRESS = 1 << 5, // the source entries are the ingress filter's
	SELECTORS_SRC4_INGRESS = 1 << 6,
};

#define SELECTORS_V6 3
#define SELECTORS_V4 2

// Entries [0, src) are for the source address, [src, n) for the destination.
struct selectors {
	uint8_t v6[SELECTORS_V6][16];
	uint8_t v4[SELECTORS_V4][4];
	uint8_t v6_len[SELECTORS_V6];
	uint8_t v4_len[SELECTORS_V4];
	uint8_t v6_src : 4;
	uint8_t v6_n : 4;
	uint8_t v4_src : 4;
	uint8_t v4_n : 4;
	uint8_t flags;
};
static_assert(sizeof(struct selectors) == 64);

struct selectors_range {
	uint64_t lo[2]; // host order; IPv4 in the low half of lo[1]
	uint64_t hi[2];
	uint8_t family;
	uint8_t proto; // 0: any
	uint16_t port_lo;
	uint16_t port_hi;
	uint16_t pad;
};

struct selectors_wide {
	uint32_t n[SELECTORS_SIDES];
	uint32_t ingress_n; // 0: no ingress filter beyond the selectors
	uint32_t pad;
	struct selectors_range range[SELECTORS_SIDES][TS_MAX];
	struct selectors_range ingress[IPC_INGRESS_MAX];
};

enum selectors_verdict {
	SELECTORS_PASS,
	SELECTORS_REFUSE,
	SELECTORS_SPOOFED
};

extern const uint64_t selectors_mask6[129][2]; // memory order
extern const uint32_t selectors_mask4[33];

// `src` and `dst` are valid lists (see selectors_valid). For an outbound SA src is the local side,
// for an inbound one the remote side. `wide` is written only when it is needed.
void selectors_compile(struct selectors *s, struct selectors_wide *wide, const struct ts_list *src,
	const struct ts_list *dst, const struct inet_prefix *ingress, uint32_t ingress_n);
// The same selectors with another ingress filter. `plain` is what selectors_compile() made of them
// without any; when that is SELECTORS_WIDE, `wide` holds them and keeps them. A source outside both
// selectors and filter may be SELECTORS_SPOOFED here: the record has no room for both, and who wants
// to know asks `plain`.
void selectors_filter(struct selectors *s, struct selectors_wide *wide,
	const struct selectors *plain, const struct inet_prefix *ingress, uint32_t ingress_n);
// Lists that came over a ring: counts and every selector are possible ones, and not empty.
bool selectors_valid(const struct ts_list *list);
enum selectors_verdict selectors_match_wide(
	const struct selectors_wide *wide, const uint8_t *ip, const struct pkt_meta *meta);

static inline bool selectors_hit6(
	const struct selectors *s, uint32_t from, uint32_t to, const uint8_t *addr)
{
	uint64_t a[2];

	memcpy(a, addr, 16);
	for (uint32_t i = from; i < to; i++) {
		const uint64_t *mask = selectors_mask6[s->v6_len[i]];
		uint64_t p[2];

		memcpy(p, s->v6[i], 16);
		if (!(((a[0] ^ p[0]) & mask[0]) | ((a[1] ^ p[1]) & mask[1])))
			return true;
	}
	return false;
}

static inline bool selectors_hit4(
	const struct selectors *s, uint32_t from, uint32_t to, const uint8_t *addr)
{
	uint32_t a;

	memcpy(&a, addr, 4);
	for (uint32_t i = from; i < to; i++) {
		uint32_t p;

		memcpy(&p, s->v4[i], 4);
		if (!((a ^ p) & selectors_mask4[s->v4_len[i]]))
			return true;
	}
	return false;
}

// `ip` is the inner header that `meta` was parsed from.
static __rte_always_inline enum selectors_verdict selectors_match(const struct selectors *s,
	const struct selectors_wide *wide, const uint8_t *ip, const struct pkt_meta *meta)
{
	uint8_t flags = s->flags;

	if (__builtin_expect(flags & SELECTORS_WIDE, 0))
		return selectors_match_wide(wide, ip, meta);
	if (meta->family == AF_INET6) {
		if (!(flags & SELECTORS_DST6_ANY) &&
			!selectors_hit6(s, s->v6_src, s->v6_n, ip + 24))
			return SELECTORS_REFUSE;
		if (!(flags & SELECTORS_SRC6_ANY) && !selectors_hit6(s, 0, s->v6_src, ip + 8))
			return flags & SELECTORS_SRC6_INGRESS ? SELECTORS_SPOOFED
							      : SELECTORS_REFUSE;
		return SELECTORS_PASS;
	}
	if (!(flags & SELECTORS_DST4_ANY) && !selectors_hit4(s, s->v4_src, s->v4_n, ip + 16))
		return SELECTORS_REFUSE;
	if (!(flags & SELECTORS_SRC4_ANY) && !selectors_hit4(s, 0, s->v4_src, ip + 12))
		return flags & SELECTORS_SRC4_INGRESS ? SELECTORS_SPOOFED : SELECTORS_REFUSE;
	return SELECTORS_PASS;
}
