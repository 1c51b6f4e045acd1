// SPDX-License-Identifier: BSD-3-Clause
// Traffic selectors: RFC 7296 section 3.13, RFC 4301 section 4.4.1.1. Pure: any thread.
#pragma once

#include "inet.h"

#include <stdbool.h>
#include <stdint.h>

// How many selectors one side of one child SA may have. More in a proposal are narrowed away, as
// RFC 7296 section 2.9 allows.
#define TS_MAX 16

// Also a wire type of the seam. ICMP and ICMPv6 type and code stand in the port fields as
// type << 8 | code (RFC 7296 section 3.13.1). OPAQUE ports are lo 65535, hi 0.
struct ts {
	uint8_t family; // AF_INET, AF_INET6
	uint8_t proto; // next layer protocol, 0: any
	uint16_t port_lo; // host byte order
	uint16_t port_hi;
	uint16_t pad;
	uint8_t lo[16]; // as in struct inet_addr: IPv4 in the first four
	uint8_t hi[16];
};
static_assert(sizeof(struct ts) == 40);

struct ts_list {
	uint32_t n;
	struct ts ts[TS_MAX];
};

#define TS_STRLEN 128

struct ts ts_from_prefix(const struct inet_prefix *prefix);
struct ts ts_from_addr(const struct inet_addr *addr);
struct ts ts_any(uint8_t family); // every address, protocol and port of the family
// Family known, lo <= hi, ports ordered or OPAQUE: for structs that came from outside.
bool ts_valid(const struct ts *ts);
bool ts_equal(const struct ts *a, const struct ts *b);
bool ts_contains(const struct ts *outer, const struct ts *inner);
// true when a packet with this address, protocol and port (host order; 0 where it has none) is
// within the selector. A selector with ports never matches a packet whose ports are unknown.
bool ts_match(const struct ts *ts, const struct inet_addr *addr, uint8_t proto, bool has_port,
	uint16_t port);
// The intersection; false when it is empty.
bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out);

// The fewest prefixes that cover the selector's addresses, at most max; how many.
uint32_t ts_prefixes(const struct ts *ts, struct inet_prefix *out, uint32_t max);

// 0, or -ENOSPC when TS_MAX are there already. Duplicates and contained ones are dropped.
int ts_list_add(struct ts_list *list, const struct ts *ts);
// RFC 7296 section 2.9: what of `proposed` the policy `allowed` permits, in the policy's order.
// Empty result: TS_UNACCEPTABLE.
void ts_list_narrow(
	const struct ts_list *proposed, const struct ts_list *allowed, struct ts_list *out);
bool ts_list_equal(const struct ts_list *a, const struct ts_list *b); // as sets
bool ts_list_contains(const struct ts_list *outer, const struct ts *inner); // by one of them

// Reads what ts_format() writes, and a bare address; a prefix must have its host bits clear. 0 or
// -EINVAL.
int ts_parse(const char *text, struct ts *out);
// "2001:db8::/64", "10.0.0.1-10.0.0.9", with "[udp/53]" or "[58/128:0]" behind when narrowed.
const char *ts_format(const struct ts *ts, char buf[TS_STRLEN]);
