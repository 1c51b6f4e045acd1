// SPDX-License-Identifier: BSD-3-Clause
// Where inner packets go, and how any packet leaves. RFC 4301 section 5, RFC 4007, RFC 1812, 8200.
// One worker, its thread.
#pragma once

#include "worker.h"

// Inner packets: data at the IP header, meta parsed (flow.h); PKT_DECRYPTED, PKT_LOCAL or from the
// inner port meta->in_port. Takes all.
void forward_burst(struct worker *w, struct rte_mbuf **pkts, uint16_t n);
// The same behind the route decision: meta->sa is an outbound SA that this worker owns. Takes all.
void forward_esp_out(struct worker *w, struct rte_mbuf **pkts, uint16_t n);
// ESP packets as esp_out_burst() leaves them, out by their routes. Takes all.
void forward_esp_sent(struct worker *w, struct rte_mbuf **pkts, uint16_t n);
// To the interface of the host. Takes it.
void forward_to_host(struct worker *w, struct rte_mbuf *m);
// What forward_burst() asks of every packet that leaves its link: one hop less. False: it was the last
// one, the packet is dropped and its sender told.
bool forward_hop_take(struct worker *w, struct rte_mbuf *m);
// A packet of our own for the outer network (IKE), data at the IP header. Takes it.
void forward_outer_local(struct worker *w, struct rte_mbuf *m);
// A packet of our own for the inner network itself, never into an SA: data at the IP header, meta
// parsed, PKT_LOCAL. Takes it.
void forward_inner_local(struct worker *w, struct rte_mbuf *m);
// A packet of our own by this port to a neighbour on its link, which the destination address is.
void forward_on_link(struct worker *w, uint16_t port, struct rte_mbuf *m);
