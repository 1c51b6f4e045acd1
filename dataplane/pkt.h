// SPDX-License-Identifier: BSD-3-Clause
// What the stages know of a packet beyond its bytes: a struct in the mbuf's private area, written by
// one stage and read by later ones of the same burst. A packet that goes to another worker or to the
// main thread carries it along. Worker threads and the main thread, each its own mbufs.
#pragma once

#include "drop.h"
#include "ipc_msg.h"

#include <rte_mbuf.h>

#include <stdint.h>

enum pkt_flags {
	PKT_ENCAP = 1 << 0, // ESP came in UDP
	PKT_DECRYPTED = 1 << 1, // came out of an SA: meta->sa is its SPI, meta->link its link
	PKT_FRAGMENT = 1 << 2, // a fragment that is not the first: no ports
	PKT_LOCAL = 1 << 3, // made by us (ICMP error, IKE): not subject to TTL decrement
	PKT_PORTS = 1 << 4, // src_port and dst_port (ICMP type and code) are known
	PKT_FIRST_FRAGMENT = 1 << 5, // the first of several: it has ports, its kin do not
};

// Where the thread that takes a packet over goes on with it.
enum pkt_stage {
	PKT_STAGE_ESP_IN, // to the owner of the SPI
	PKT_STAGE_ESP_OUT, // to the owner of the outbound SA, routed already
	PKT_STAGE_GROUP, // a copy for the members of its group that this worker has
	PKT_STAGE_REASSEMBLE, // a fragment to the worker that collects its kin
	PKT_STAGE_ARP, // to main, data starts at the Ethernet header
	PKT_STAGE_ND, // to main, data starts at the Ethernet header
	// To main: to be sent by in_port once its next hop is known, gateway `adj` or, with UINT32_MAX,
	// the destination; data starts at the IP header.
	PKT_STAGE_RESOLVE,
};

// One cache line.
struct pkt_meta {
	uint32_t sa; // inbound: SPI, host order; outbound: sa_ref_t
	uint8_t family; // of the IP header at the start of data: AF_INET, AF_INET6
	uint8_t proto; // next layer protocol behind extension headers, as far as classified
	uint8_t flags; // enum pkt_flags
	uint8_t outer_tos; // traffic class of the outer header that was taken off
	uint16_t l4_off; // offset of the next layer header from the start of data
	uint16_t outer_off; // buf_addr offset of the outer IP header that was taken off, 0: none
	uint16_t in_port; // dataplane port index, UINT16_MAX: none
	uint16_t mtu; // with too-big packets: what would have fitted
	uint32_t adj; // adjacency of the next hop, once routed
	uint32_t drop; // enum drop_reason, for who is asked to drop it
	uint64_t link; // PKT_DECRYPTED: the SA's link
	uint16_t src_port; // host order, 0 with PKT_FRAGMENT or when the protocol has none;
	uint16_t dst_port; // ICMP: src_port is type << 8 | code
	uint16_t inner_len; // outbound: bytes of the inner packet, for the counters
	uint8_t stage; // enum pkt_stage, while it travels between threads
	uint8_t pad[25];
};
static_assert(sizeof(struct pkt_meta) == 64);

static inline struct pkt_meta *pkt_meta(struct rte_mbuf *m)
{
	return (struct pkt_meta *)rte_mbuf_to_priv(m);
}

// Private counters of one thread; copied into the seam's statistics.
struct drop_counts {
	uint64_t n[DROP_COUNT];
};

// Takes the packet, counts the reason. The only way in which a packet dies.
static inline void pkt_drop(struct drop_counts *counts, struct rte_mbuf *m, enum drop_reason reason)
{
	counts->n[reason]++;
	rte_pktmbuf_free(m);
}
