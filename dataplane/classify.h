// SPDX-License-Identifier: BSD-3-Clause
// Sorts what comes from a port: what is ESP for this worker, and all else to where it belongs.
// RFC 3948 section 2.2 (demultiplexing of port 4500), RFC 826, 4861. One worker, its thread.
#pragma once

#include "worker.h"

// Takes the packet. True: it is ESP of this worker's, data at the ESP header, still the caller's.
bool classify_outer(struct worker *w, uint16_t port, struct rte_mbuf *m);
// The same for a packet whose data starts at its IP header (a reassembled one).
bool classify_outer_ip(struct worker *w, uint16_t port, struct rte_mbuf *m);
// True: it is an inner packet to be forwarded, data at the IP header, meta parsed.
bool classify_inner(struct worker *w, uint16_t port, struct rte_mbuf *m);
