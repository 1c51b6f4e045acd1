// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation: IPv4 packets whose DF bit is clear (RFC 791), and IPv6 packets that we are the
// source of (RFC 8200 section 4.5). Fragments are fresh contiguous mbufs. Any thread.
#pragma once

#include "pkt.h"

#include <rte_mempool.h>

#include <stdint.h>

#define FRAGMENT_MAX 64

// Takes nothing: m, data at its IP header, stays the caller's. Up to FRAGMENT_MAX fragments of at
// most mtu bytes into out[], their number; or -errno: -EINVAL header or mtu too small, -E2BIG too
// many, -EPERM DF is set, -ENOBUFS. Each has m's meta, parsed anew by who needs that.
int fragment_make(struct rte_mbuf *m, uint32_t mtu, uint32_t ipv6_id, struct rte_mempool *pool,
	struct rte_mbuf **out);
