// SPDX-License-Identifier: BSD-3-Clause
// What the files of the IKE core share: its tables, its effects, the time of the call that is being
// served. Nobody outside control/ike and tests includes this.
#pragma once

#include "cookie.h"
#include "hash.h"
#include "ike.h"
#include "ike_msg.h"
#include "timer.h"

struct connection;
struct credentials;
struct half_open;
struct ike_sa;
struct pad;

// Unprotected answers to strangers, RFC 7296 section 2.21.4: so many at once, refilled so fast.
#define STRANGER_BURST 100
#define STRANGER_PER_S 100

struct ike {
	const struct config *config;
	const struct ike_ops *ops;
	void *arg;
	uint64_t now_us; // of the call that is being served
	bool quiet; // going: no op is called any more
	uint64_t secret[2]; // of the hashes
	struct hash sas; // IKE SAs by our SPI
	struct hash sa_handles;
	struct hash inits; // responder: IKE SAs by the IKE_SA_INIT request that made them
	struct hash identities; // what stands in identity.h, by both identities
	struct hash children; // child SAs by handle
	struct hash pairs; // SA pairs by inbound SPI
	struct ike_sa *all; // list of every IKE SA
	uint32_t sa_n;
	struct ike_sa *touched; // changed in this call: tasks to start, timers to set
	struct timer_heap timers;
	struct pad *pad;
	struct credentials *credentials;
	uint32_t credentials_generation; // grows with each reconfiguration
	struct connection **connection; // one per config->connection
	struct ike_effect *effects;
	struct ike_effect **effects_end;
	struct ike_counters counters;
	uint64_t next_handle;
	uint32_t half_open_n;
	struct half_open *half_open; // and by source
	struct cookie_jar cookies;
	size_t fragment_bytes; // kept of messages that are not whole yet
	uint32_t stranger_tokens;
	uint64_t stranger_us;
	uint8_t in[IKE_MESSAGE_MAX]; // copy of the datagram, decrypted in place
	uint8_t chain[IKE_MESSAGE_MAX]; // payloads being built
	uint8_t out[IKE_MESSAGE_MAX + 16384]; // message being sealed, or its fragments
};

static inline void core_random(struct ike *ike, void *out, size_t len)
{
	ike->ops->random(ike->arg, out, len);
}
// Uniform enough for jitter: 0 to range - 1; 0 when range is 0.
uint64_t core_random_below(struct ike *ike, uint64_t range);
// Around every call into the core: notes the time; starts tasks, frees what is over, sets timers.
void core_enter(struct ike *ike, uint64_t now_us);
void core_leave(struct ike *ike);
uint64_t core_handle(struct ike *ike); // never 0, below 2^53, so that JSON carries it
// true when one more unprotected message may go to a stranger.
bool core_stranger_allowed(struct ike *ike);
// Memory for state that a peer already counts on: aborts when there is none.
void *core_need(size_t size);
