// SPDX-License-Identifier: BSD-3-Clause
// Longest-match routes of one thread: for each prefix length in use one probe of a hash table. Made
// for tables with few lengths and up to millions of routes (single addresses of shared prefixes);
// memory grows with the routes (rte_fib's and rte_lpm's first level would cost 64 MB a table and
// worker). Prefixes that are a link's alone do not stand here, see pools.h.
#pragma once

#include "inet.h"

#include <rte_byteorder.h>

#include <stdint.h>
#include <string.h>

enum fib_kind {
	FIB_NONE, // no route
	FIB_CONNECTED, // `port`; every destination is a neighbour
	FIB_GATEWAY, // `port`; arg: index into the gateways
	FIB_LOCAL, // an address of ours on `port`
	FIB_SA, // arg: sa_ref_t
	FIB_HOSTIF, // arg: enum fib_hostif
	FIB_PUNT,
	FIB_DISCARD,
};

enum fib_hostif {
	FIB_HOSTIF_DHCP6 = 1 << 0, // what is for a DHCPv6 client goes to control
};

struct fib_hop {
	uint8_t kind; // enum fib_kind
	uint8_t fixed; // from the configuration: control cannot change it
	uint16_t port;
	uint32_t arg;
};

// An address as two numbers; IPv4 in the upper half of `hi`.
struct fib_key {
	uint64_t hi, lo;
};

static inline struct fib_key fib_key4(const void *addr_be)
{
	uint32_t a;

	memcpy(&a, addr_be, 4);
	return (struct fib_key){.hi = (uint64_t)rte_be_to_cpu_32(a) << 32};
}

static inline struct fib_key fib_key6(const void *addr_be)
{
	uint64_t a[2];

	memcpy(a, addr_be, 16);
	return (struct fib_key){.hi = rte_be_to_cpu_64(a[0]), .lo = rte_be_to_cpu_64(a[1])};
}

static inline struct fib_key fib_key(const struct inet_addr *addr)
{
	return addr->family == AF_INET ? fib_key4(addr->bytes) : fib_key6(addr->bytes);
}

struct fib;

// Room for so many routes of both families together, at most FIB_ROUTES_MAX; it begins small. NULL
// and errno.
#define FIB_ROUTES_MAX (1u << 24)
struct fib *fib_new(uint32_t capacity);
void fib_free(struct fib *fib);
// Adds or replaces. 0, -ENOSPC, -ENOMEM, -EPERM: there is a fixed one and this is not.
int fib_set(struct fib *fib, const struct inet_prefix *prefix, struct fib_hop hop);
// 0, -ENOENT, -EPERM.
int fib_del(struct fib *fib, const struct inet_prefix *prefix);
struct fib_hop fib_lookup(const struct fib *fib, uint8_t family, struct fib_key key);
uint32_t fib_count(const struct fib *fib);
