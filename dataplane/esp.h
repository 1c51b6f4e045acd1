// SPDX-License-Identifier: BSD-3-Clause
// ESP of one worker: its SAD (inbound by SPI, outbound by slot), and the two burst functions.
// RFC 4303, 3948, 4301 section 5, 6040. Everything here belongs to one worker and is called by its
// thread alone; the pipeline tests and the benchmark call it without any port.
//
// Burst contract: a function takes all n packets. It compacts those that go on to the front of the
// array, in order, and returns their number; every other one was dropped with a reason, or moved to
// the list that the caller gave for it.
#pragma once

#include "ipc_msg.h"
#include "pkt.h"

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stdint.h>

// Rare things that control must hear of; the worker empties the list into its event ring after each
// burst. When the list is full the event is asked for again by the next packet.
#define ESP_EVENTS_MAX 64
struct esp_event {
	enum ipc_type type; // IPC_SA_FIRST_USE, IPC_SA_EXPIRE, IPC_SA_MOVED
	union {
		struct ipc_sa_first_use first_use;
		struct ipc_sa_expire expire;
		struct ipc_sa_moved moved;
	};
};

struct esp; // one worker's

struct esp_config {
	uint32_t worker; // index, as in SPIs
	uint32_t slots; // per direction, power of two, at most 2^SPI_SLOT_BITS
	struct drop_counts *drops; // lends; the worker's
	uint64_t tsc_hz;
};

// NULL and errno. Slots are reserved address space, touched as they are used.
struct esp *esp_new(const struct esp_config *config);
void esp_free(struct esp *esp); // wipes all keys

// Commands from control, checked whole before anything changes. 0 or -errno (see ipc_msg.h).
int esp_in_add(struct esp *esp, const struct ipc_sa_in_add *cmd, uint64_t now_tsc);
int esp_ingress_set(struct esp *esp, const struct ipc_sa_ingress_set *cmd);
int esp_in_del(struct esp *esp, uint32_t spi, struct ipc_sa_info *last, uint64_t now_tsc);
int esp_out_set(struct esp *esp, const struct ipc_sa_out_set *cmd, uint64_t now_tsc);
int esp_out_del(struct esp *esp, sa_ref_t ref, struct ipc_sa_info *last, uint64_t now_tsc);
int esp_move(struct esp *esp, const struct ipc_sa_move *cmd);
int esp_query(const struct esp *esp, enum ipc_direction dir, uint32_t spi_or_ref,
	struct ipc_sa_info *out, uint64_t now_tsc);
// The first SA in a slot >= *slot; *slot becomes its slot. -ENOENT behind the last.
int esp_next(const struct esp *esp, enum ipc_direction dir, uint32_t *slot, struct ipc_sa_info *out,
	uint64_t now_tsc);
void esp_count(const struct esp *esp, uint64_t *in, uint64_t *out);

// In: data starts at the ESP header, meta->sa is the SPI (this worker is its owner), meta->outer_off
// and outer_tos describe what was taken off, PKT_ENCAP as it came: either kind is taken by every SA
// (RFC 7296 section 2.23), an encapsulated packet may tell where the peer is now. Checked: SA, replay,
// ICV, padding, lifetimes, selectors, ingress filter, ECN. Out: data starts at the inner IP header;
// family, proto, l4_off, ports, link are filled, PKT_DECRYPTED is set.
uint16_t esp_in_burst(struct esp *esp, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc);

// In: data starts at an inner IP header, whose TTL was already decremented; meta->sa is the first
// SA to try (this worker is its owner); family, proto, l4_off, ports filled (flow.h). Out: data
// starts at the outer IP header, meta->family is the outer one, meta->sa the SA that took it,
// meta->adj the remembered next hop (see esp_out_adj). A packet that does not fit the SA's path MTU goes to
// too_big[] (room for n, *too_big_n filled) unchanged, with meta->mtu set to the inner MTU.
uint16_t esp_out_burst(struct esp *esp, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **too_big, uint16_t *too_big_n, uint64_t now_tsc);

// One packet for many SAs, each of which gets a copy of its own.
#define ESP_FAN_MAX 64
struct esp_fan {
	struct rte_mbuf *source; // lends; as esp_out_burst() wants it and esp_fan_source() left it
	struct rte_mempool *mbufs; // lends; for the copies
	const sa_ref_t
		*next; // lends; of the burst after this one: their records are fetched meanwhile
	uint16_t next_n;
	uint32_t mtu; // out: the least inner MTU of SAs that it did not fit, 0: it fitted all
};
// Makes the packet one that can be encrypted from where it lies: in one piece, ours alone, with room
// for a trailer. *pkt may become another mbuf. False: that cannot be.
bool esp_fan_source(struct rte_mbuf **pkt);
// The records of SAs that the first burst will be made for.
void esp_fan_prefetch(const struct esp *esp, const sa_ref_t *refs, uint32_t n, uint32_t len);
// n <= ESP_FAN_MAX references, each the first SA to try. The source keeps its bytes; those behind its
// end are written to. Returns how many copies out[] got, as esp_out_burst() leaves packets; the others
// are counted, as drops of their SAs too.
uint16_t esp_fan_burst(struct esp *esp, struct esp_fan *fan, const sa_ref_t *refs, uint16_t n,
	struct rte_mbuf **out, uint64_t now_tsc);
// A packet that the SA made was lost later: counts as a drop of the SA, if it is still there.
void esp_out_lost(struct esp *esp, sa_ref_t ref);

// The outer next hop that the caller found for an SA, remembered in the SA's hot line with the
// generation of the routes for which it holds: saves the outer route lookup per packet.
// esp_out_burst puts the remembered adjacency into meta->adj when it is of `generation`,
// UINT32_MAX otherwise.
void esp_set_route_generation(struct esp *esp, uint32_t generation, uint32_t mtu_default);
void esp_out_adj(struct esp *esp, sa_ref_t ref, uint32_t adj, uint32_t port_mtu);

// Inner MTU of an SA for a packet of this family (what a PTB must say), 0: no such SA.
uint32_t esp_out_mtu(const struct esp *esp, sa_ref_t ref, uint8_t inner_family);

uint32_t esp_events_take(struct esp *esp, struct esp_event *events, uint32_t max);

static inline uint32_t sa_ref_worker(sa_ref_t ref) // same layout as an SPI
{
	return spi_worker(ref);
}
