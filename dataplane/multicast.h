// SPDX-License-Identifier: BSD-3-Clause
// Multicast packets: to the links that joined, to the inner network, or to control. One worker, its
// thread. RFC 4605 section 4.2, 4007 section 9, 2464 section 7, 1112 section 6.4.
#pragma once

#include "worker.h"

// A packet to a group, from an inner port or out of an SA (PKT_DECRYPTED), as forward_burst() has it.
// Takes it.
void multicast_take(struct worker *w, struct rte_mbuf *m);
// A copy that another worker handed over: for this worker's members alone. Takes it.
void multicast_members(struct worker *w, struct rte_mbuf *m);

// MLD or IGMP as it is sent on a link: hop limit 1 and, MLD, behind a router alert (RFC 3810 section 5,
// 2711). Meta is parsed.
bool multicast_is_membership(struct rte_mbuf *m);
// Out by an inner port with the Ethernet address of its group; data at the IP header. Takes it.
void multicast_send(struct worker *w, uint16_t port, struct rte_mbuf *m);
