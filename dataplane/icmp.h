// SPDX-License-Identifier: BSD-3-Clause
// ICMP and ICMPv6 that the workers themselves speak: echo replies for our addresses, and errors
// about packets that we could not forward. RFC 792, 1191, 1812, 4443. One worker, its thread.
#pragma once

#include "worker.h"

enum icmp_error {
	ICMP_ERROR_TOO_BIG, // fragmentation needed (3/4), Packet Too Big (2/0), with `mtu`
	ICMP_ERROR_TIME, // time exceeded in transit
	ICMP_ERROR_NO_ROUTE, // destination unreachable: network, no route
	ICMP_ERROR_PROHIBITED, // administratively prohibited
};

// The packet at its IP header is an echo request: makes it the reply, in place. False: it is not.
bool icmp_echo_reply(struct rte_mbuf *m);

// An error about `m` (data at its inner IP header, meta parsed, stays the caller's), to its source,
// data at the IP header, PKT_LOCAL, parsed. NULL: none may be sent (RFC 4443 section 2.4 e), the
// limit is reached (counted as ICMP_LIMIT), or no buffer.
struct rte_mbuf *icmp_error_new(
	struct worker *w, struct rte_mbuf *m, enum icmp_error error, uint16_t mtu);
