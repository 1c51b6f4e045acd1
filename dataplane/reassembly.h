// SPDX-License-Identifier: BSD-3-Clause
// Reassembly of fragments that are addressed to us. RFC 791, 815, 8200 section 4.5, 5722 (overlaps),
// 6946 (atomic fragments). Each packet in the making is one large mbuf into which its fragments are
// copied, so memory is bounded by their number and the result is contiguous. One worker, its thread.
#pragma once

#include "pkt.h"

#include <rte_mempool.h>

#include <stdbool.h>
#include <stdint.h>

#define REASSEMBLY_CONTEXTS 64 // packets in the making at a time
#define REASSEMBLY_TIMEOUT_S 30
// Of the whole packet with its header: what an mbuf can hold.
#define REASSEMBLY_MAX 65200
// Data room of the mbufs to give to reassembly_new().
#define REASSEMBLY_ROOM 65535

struct reassembly;

// `jumbos`, `drops`: lends. NULL and errno.
struct reassembly *reassembly_new(
	struct rte_mempool *jumbos, struct drop_counts *drops, uint64_t tsc_hz);
void reassembly_free(struct reassembly *r);

// Whether the IP packet at `data` is a fragment (an atomic one too), `len` bytes are there.
bool reassembly_is_fragment(const uint8_t *data, uint32_t len);
// Which of `workers` collects the fragments of this packet, the same for all of them.
uint32_t reassembly_owner(const uint8_t *data, uint32_t len, uint32_t workers);

// Takes a fragment, data at its IP header, trimmed to its length. The whole packet, with the meta
// of the fragment that came first (addresses parsed, ports not), or NULL.
struct rte_mbuf *reassembly_put(struct reassembly *r, struct rte_mbuf *m, uint64_t now_tsc);
void reassembly_expire(struct reassembly *r, uint64_t now_tsc);
uint32_t reassembly_count(const struct reassembly *r);
