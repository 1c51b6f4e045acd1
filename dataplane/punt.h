// SPDX-License-Identifier: BSD-3-Clause
// Packets between the dataplane and control: IKE datagrams, and inner packets that routes send to
// control. One worker, its thread.
#pragma once

#include "worker.h"

// An IKE datagram: m's data starts at the IP header, the UDP header is at meta->l4_off, checked. Of
// the payload `skip` bytes (the non-ESP marker) are left out. Takes the packet.
void punt_udp(struct worker *w, struct rte_mbuf *m, uint32_t skip, uint32_t flags);
// A UDP datagram from the inner network to an address of ours there, data at the IP header, meta
// parsed. Checked and rate-limited here. Takes the packet.
void punt_inside(struct worker *w, struct rte_mbuf *m);
// An inner packet out of an SA, data at its IP header. Takes it.
void punt_inner(struct worker *w, struct rte_mbuf *m);

// MLD or IGMP from an inner port. Rate-limited here. Takes it.
void punt_port(struct worker *w, struct rte_mbuf *m);

// An ICMPv6 error to us on the outer network, meta parsed. true: a router says that an IKE datagram of
// ours was too big; control is told, the packet taken. Rate-limited here.
bool punt_too_big(struct worker *w, struct rte_mbuf *m);

// Commands from control, checked by ipc_check() already; `data` is what follows the fixed part. The
// headers are made here. Counted when something is wrong.
void punt_send_udp(struct worker *w, const struct ipc_punt_udp *cmd, const uint8_t *data);
void punt_send_inner(struct worker *w, const struct ipc_punt_inner *cmd, const uint8_t *data);
void punt_send_port(struct worker *w, const struct ipc_punt_port *cmd, const uint8_t *data);
