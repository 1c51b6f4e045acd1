// SPDX-License-Identifier: BSD-3-Clause
// Addresses and prefixes of both families. Pure functions of their arguments: any thread.
#pragma once

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// Also a wire type of the seam: fixed width, no hidden padding. The unused bytes of an IPv4
// address are zero, so that memcmp() over the struct is equality.
struct inet_addr {
	uint8_t family; // AF_INET, AF_INET6, or 0: none
	uint8_t pad[3]; // zero
	uint8_t bytes[16]; // network byte order
};
static_assert(sizeof(struct inet_addr) == 20);

struct inet_prefix {
	struct inet_addr addr; // host bits zero, see inet_prefix_normalize()
	uint8_t len; // bits
	uint8_t pad[3];
};
static_assert(sizeof(struct inet_prefix) == 24);

#define INET_ADDR_STRLEN 46
#define INET_PREFIX_STRLEN 50

struct inet_addr inet_addr_v4(uint32_t addr_be);
struct inet_addr inet_addr_v6(const uint8_t bytes[16]);
// fe80::/64 with this interface ID (8 octets, network order). RFC 4291 section 2.5.6.
struct inet_addr inet_addr_link_local(const uint8_t iid[8]);
static inline unsigned inet_addr_bits(uint8_t family)
{
	return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

// 0, or -EINVAL when the text is not an address (or prefix) of either family. A prefix with host
// bits set is -ERANGE: people who type one usually meant something else.
int inet_addr_parse(const char *text, struct inet_addr *out);
int inet_prefix_parse(const char *text, struct inet_prefix *out);
// "ADDRESS/LEN" where ADDRESS keeps its host bits, as an interface's own address is written.
int inet_ifaddr_parse(const char *text, struct inet_addr *addr, uint8_t *len);

// Write into buf (at least INET_*_STRLEN) and return it, for use in a log call.
const char *inet_addr_format(const struct inet_addr *addr, char buf[INET_ADDR_STRLEN]);
const char *inet_prefix_format(const struct inet_prefix *prefix, char buf[INET_PREFIX_STRLEN]);

bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b);
int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b);
bool inet_addr_is_multicast(const struct inet_addr *addr);
bool inet_addr_is_link_local(const struct inet_addr *addr);
bool inet_addr_is_unspecified(const struct inet_addr *addr);

// A family is AF_INET or AF_INET6 and the length fits it: for structs that came over a ring.
bool inet_addr_valid(const struct inet_addr *addr);
bool inet_prefix_valid(const struct inet_prefix *prefix);
void inet_prefix_normalize(struct inet_prefix *prefix); // zeroes host bits
bool inet_prefix_contains(const struct inet_prefix *prefix, const struct inet_addr *addr);
bool inet_prefix_covers(const struct inet_prefix *outer, const struct inet_prefix *inner);
bool inet_prefix_equal(const struct inet_prefix *a, const struct inet_prefix *b);
// First and last address of the prefix.
void inet_prefix_range(
	const struct inet_prefix *prefix, struct inet_addr *first, struct inet_addr *last);

// The n-th sub-prefix of length sub_len inside `pool` (n < 2^(sub_len - pool len), at most 2^63),
// and back: -ERANGE when `sub` is not inside the pool or not of that length.
int inet_prefix_nth(
	const struct inet_prefix *pool, uint8_t sub_len, uint64_t n, struct inet_prefix *out);
int inet_prefix_index(const struct inet_prefix *pool, const struct inet_prefix *sub, uint64_t *n);
