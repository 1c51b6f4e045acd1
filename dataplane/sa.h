// SPDX-License-Identifier: BSD-3-Clause
// The runtime SAs: what the packet path needs of an SA lies in one record, hottest line first, the
// key block behind; what only commands and rare events need lies apart, in the "cold" struct of the
// same slot. sa_*_init() derive them from the configured SA. The worker that owns the SA.
// RFC 4301 section 4.4.2, RFC 4303.
#pragma once

#include "crypto.h"
#include "ipc_msg.h"
#include "replay.h"
#include "selectors.h"

#include <stdalign.h>
#include <stddef.h>

enum sa_flags {
	SA_DEAD = 1 << 1, // a hard limit was reached: passes nothing any more
	SA_ENCAP = 1 << 2,
	SA_ESN = 1 << 3,
	SA_OUTER6 = 1 << 4, // out
	SA_COPY_DF = 1 << 5, // out
	SA_COUNTER_IV = 1 << 6, // out
	SA_NO_REPLAY = 1 << 7, // in
	SA_FAR_WINDOW = 1 << 8, // in: larger than the record has room for
	SA_NO_IV = 1 << 9, // the packet has none: an implicit one (RFC 8750), or no cipher
};

#define SA_HEADER_BYTES 64
// 40 (IPv6) + 8 (UDP) + 4 (SPI), at the end of the template's line; a copy of whole 32-byte halves
// writes at most this many bytes in front of the outer header.
#define SA_HEADER_SLACK 20

// Outbound SAs of which the packet path knows lengths and flags beforehand: AEADs, and what has their
// lengths, without ESN, whose DF is always set, native.
enum sa_kind {
	SA_KIND_ANY,
	SA_KIND_AEAD4,
	SA_KIND_AEAD6
};
#define SA_AEAD_IV 8
#define SA_AEAD_ICV 16
#define SA_AEAD_PAD_MASK 3

// Lengths on the wire and in front of it: constant for an SA, read as one word.
struct sa_out_shape {
	uint8_t class; // enum crypto_class
	uint8_t header_len; // outer IP to IV, both included
	uint8_t esp_off; // outer IP and UDP
	uint8_t icv_len;
	uint8_t pad_mask; // block - 1
	uint8_t tos_mask; // which bits of the inner traffic class the outer one gets
	uint8_t family; // of the outer header
	uint8_t kind; // enum sa_kind
};
static_assert(sizeof(struct sa_out_shape) == 8);

struct sa_out {
	// Line 0: what changes with every packet, and lengths.
	uint64_t seq; // last one sent
	uint64_t seq_event; // from this one on sa_out_event() is asked
	int64_t bytes_left; // below zero sa_out_event() is asked
	uint64_t last_tsc;
	uint32_t salt; // as in memory
	uint32_t adj; // remembered next hop, good for one generation of the routes
	uint32_t adj_generation;
	uint16_t max4; // longest inner packet per family that the path takes
	uint16_t max6;
	struct sa_out_shape shape;
	uint32_t ref; // its own name, 0: no SA
	uint16_t flags; // enum sa_flags
	uint16_t sum4; // partial sum of the outer IPv4 header's constant words, DF included
	// Line 1: the outer headers up to and including the SPI, at the end of the line.
	alignas(64) uint8_t header[SA_HEADER_BYTES];
	// Line 2
	struct selectors selectors;
	// Key block
	alignas(64) uint8_t key[CRYPTO_KEY_BYTES];
};
static_assert(offsetof(struct sa_out, header) == 64);
static_assert(offsetof(struct sa_out, selectors) == 128);
static_assert(sizeof(struct sa_out) == 192 + CRYPTO_KEY_BYTES);

#define SA_NEAR_WORDS 8 // windows of up to 512 packets

struct sa_in {
	// Line 0
	uint32_t spi; // host order; 0: no SA
	uint32_t salt;
	int64_t bytes_left; // below zero sa_in_event() is asked
	int64_t pkts_left;
	uint64_t last_tsc;
	uint64_t link;
	uint64_t peer; // outer source address and port that packets come from, see sa_peer()
	uint64_t top; // highest sequence number whose ICV was good
	uint16_t flags;
	uint16_t window; // packets
	uint8_t class;
	uint8_t iv_len;
	uint8_t icv_len;
	uint8_t pad_mask;
	// Line 1
	alignas(64) uint64_t near_window[SA_NEAR_WORDS];
	// Line 2
	struct selectors selectors;
	// Key block
	alignas(64) uint8_t key[CRYPTO_KEY_BYTES];
};
static_assert(offsetof(struct sa_in, near_window) == 64);
static_assert(offsetof(struct sa_in, selectors) == 128);
static_assert(sizeof(struct sa_in) == 192 + CRYPTO_KEY_BYTES);

enum sa_told {
	SA_TOLD_FIRST_USE = 1 << 0,
	SA_TOLD_SOFT_BYTES = 1 << 1,
	SA_TOLD_SOFT_PKTS = 1 << 2,
	SA_TOLD_SOFT_SEQ = 1 << 3,
	SA_TOLD_HARD = 1 << 4,
};

// What both directions keep apart from the record.
struct sa_cold {
	uint64_t link;
	uint64_t cookie;
	uint64_t child;
	uint32_t spi;
	uint32_t flags; // enum ipc_sa_flags
	struct esp_suite suite;
	struct inet_addr local;
	struct inet_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t replay_window;
	struct ipc_sa_lifetime life;
	uint64_t bytes_limit; // used so far: bytes_limit - bytes_left
	uint64_t pkts_limit; // inbound
	uint64_t drops;
	uint32_t told; // enum sa_told: events that were raised
	uint32_t hard_why; // enum ipc_expire_why, with SA_DEAD
};

struct sa_in_cold {
	struct sa_cold base;
	struct selectors plain; // without the ingress filter, which may be another one later
	uint64_t told_peer; // the last other peer that an event told of, 0: none
};

struct sa_far_window { // of SAs with SA_FAR_WINDOW
	uint64_t words[REPLAY_WORDS_MAX];
};

#define SA_DIGEST_BYTES 16

struct sa_out_cold {
	struct sa_cold base;
	uint64_t bytes_before; // of the SAs that were in this slot before
	uint64_t pkts_before;
	sa_ref_t next;
	sa_ref_t named_by; // the SA of which this is `next`, 0: none that is here
	uint32_t mtu; // as commanded, 0: the port's
	uint32_t port_mtu; // 0: not known yet
	uint8_t hop_limit;
	bool key_known; // key_digest tells the key that was last in this slot
	uint8_t key_digest[SA_DIGEST_BYTES];
};

// Every value of an SA that came over a ring is a possible one; fills `shape`. 0, -EINVAL, -ENOTSUP.
int sa_check(const struct ipc_sa *sa, bool inbound, struct crypto_shape *shape);
bool sa_endpoints_valid(const struct inet_addr *local, const struct inet_addr *remote, bool encap,
	uint16_t local_port, uint16_t remote_port);

// Fill zeroed records; the key block is expanded by the backend. `wide` and `far` are touched only
// when the SA needs them. 0 or -EINVAL.
int sa_in_init(struct sa_in *sa, struct sa_in_cold *cold, struct selectors_wide *wide,
	struct sa_far_window *far, const struct ipc_sa_in_add *cmd,
	const struct crypto_shape *shape, struct crypto *crypto);
int sa_out_init(struct sa_out *sa, struct sa_out_cold *cold, struct selectors_wide *wide,
	const struct ipc_sa_out_set *cmd, const struct crypto_shape *shape, struct crypto *crypto);

// Outer header template, from the addresses, ports and SPI of the cold part.
void sa_out_template(struct sa_out *sa, const struct sa_out_cold *cold);
// Longest inner packets, for a path of this MTU.
void sa_out_fit(struct sa_out *sa, uint32_t mtu);

// One number for an outer source: exact for IPv4, a 64-bit hash for IPv6.
uint64_t sa_peer(uint8_t family, const uint8_t *addr, uint16_t port_be);

// Limits. After a packet took bytes_left or pkts_left below zero, or seq reached seq_event.
void sa_in_rearm(struct sa_in *sa, struct sa_in_cold *cold);
void sa_out_rearm(struct sa_out *sa, struct sa_out_cold *cold);

#define SA_SEQ_MAX UINT32_MAX
#define SA_SEQ_MAX_ESN INT64_MAX // half of what RFC 4303 allows: nobody sends 2^63 packets

static inline uint64_t sa_seq_max(uint16_t flags)
{
	return flags & SA_ESN ? SA_SEQ_MAX_ESN : SA_SEQ_MAX;
}

static inline uint64_t sa_seq_soft(uint16_t flags) // three quarters of them are used
{
	return sa_seq_max(flags) / 4 * 3;
}

static inline uint64_t sa_bytes(const struct sa_cold *cold, int64_t bytes_left)
{
	return cold->bytes_limit - (uint64_t)bytes_left;
}
