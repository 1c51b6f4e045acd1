// SPDX-License-Identifier: BSD-3-Clause
// One IKE SA: identity, keys, path, window, tasks, child SAs; its life from the first message to
// the last repeated answer. RFC 7296 sections 2.4, 2.6, 2.8, 2.23. One thread per core.
#pragma once

#include "exchange_frag.h"
#include "ike_core.h"
#include "ike_keys.h"
#include "ike_window.h"
#include "log.h"
#include "nonce.h"
#include "proposal.h"
#include "reauth.h"
#include "task.h"

#define CHILDREN_MAX CONFIG_CHILDREN_MAX // per IKE SA
// An IKE SA that ended answers repeated requests for so long: a little more than the longest pause
// between them; less when nobody was authenticated.
#define LINGER_US (65 * US_PER_S)
#define LINGER_STRANGER_US (10 * US_PER_S)
// A replaced or refused SA whose maker does not delete it.
#define STALE_US (90 * US_PER_S)

struct auth_talk;
struct child_sa;
struct exchange_waiting;
struct identity;

struct ike_path {
	struct inet_addr local;
	struct inet_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	bool natt; // port 4500 framing
};

// What only the initial exchanges need; gone when the IKE SA is established.
struct handshake {
	uint8_t *request; // the IKE_SA_INIT messages as AUTH covers them
	size_t request_len;
	uint8_t *response;
	size_t response_len;
	struct nonce ni, nr;
	struct auth_talk *auth; // NULL: by shared key
	struct exchange_waiting *waiting; // the request whose answer waits for our signature
	struct dh *dh; // initiator, until the response is there
	const struct alg_dh *group; // initiator
	uint8_t cookie[64];
	uint8_t cookie_len;
	bool childless; // initiator: the responder knows RFC 6023
	uint32_t restarts; // IKE_SA_INIT sent anew for a cookie or a group
	char why[96]; // last unauthenticated error that came instead of an answer
};

// What to do with an IKE SA when its answer to the current request is sent.
enum ike_sa_after {
	AFTER_NOTHING,
	AFTER_CLOSE,
	AFTER_WAIT // there is no answer yet: exchange_resume()
};

struct ike_sa {
	struct ike *ike;
	struct ike_sa *next; // of all
	struct ike_sa **prev;
	struct ike_sa *next_touched;
	bool touched;
	struct hash_node by_spi, by_handle, by_init;
	bool in_inits;
	struct identity *identity; // NULL: not authenticated
	struct ike_sa *newer, *older; // of the same identity
	bool known; // of its identity and up
	struct timer timer;

	uint64_t handle;
	uint64_t spi_i, spi_r;
	bool initiator; // ours is spi_i
	enum ike_sa_state state;
	bool half_open; // counted as such, see half_open.h
	bool half_open_proved;
	uint32_t half_open_source;
	bool stale; // lost against another one, waits for the peer's delete
	struct ike_path path;
	bool nat_local, nat_remote; // who is behind a NAT
	bool natd_seen; // the peer knows NAT traversal
	bool encap; // ESP in UDP

	struct ike_suite suite;
	struct ike_keys keys;
	bool keyed;
	uint64_t iv_counter; // of our sending key, never twice
	struct ike_window window;
	struct fragmentation fragmentation;
	struct task *tasks; // queue; the one at the window is not in it
	enum ike_sa_after after;
	const char *why; // with AFTER_CLOSE
	struct handshake *handshake;

	struct config_id local_id, remote_id;
	uint8_t auth_scheme; // by which the peer proved its identity, 0: by shared key
	const struct config_peer *peer; // responder
	struct connection *connection; // initiator, while it is the connection's
	bool child_due; // the first child SA is still to come, RFC 6023
	uint64_t link; // handle of the link layer, 0: none
	uint64_t left_by; // handle of the IKE SA on which the peer ended this one, 0: it did not
	bool link_wire; // RFC 5739 link: CREATE_CHILD_SA requests about it carry LINK_ID
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len;
	struct ts_list *allow_remote,
		*allow_local; // selectors that the link layer allows; NULL: none

	struct child_sa *children;
	uint32_t child_n;
	uint32_t worker; // that owns the child SAs, UINT32_MAX: none yet

	struct reauth reauth;
	bool drain; // deleting it, and what is under way to us shall arrive
	uint32_t
		gone_early; // the peer's SPI of what it deleted before its answer that made it came; 0: none
	uint64_t rekeyed_by; // handle of the IKE SA that took over, 0: none
	uint64_t rival; // handle of the one that the peer's simultaneous rekey made, 0: none
	uint64_t rival_of; // and the other way round
	struct nonce rival_nonce; // lowest of that exchange
	uint64_t established_us;
	uint64_t rekey_us; // CLOCK_NEVER
	uint64_t end_us; // half-open, hard lifetime, stale or lingering: when it goes
	uint64_t heard_us; // last protected message or ESP packet from the peer
	uint64_t refused_since_us; // first of a row of TEMPORARY_FAILURE, 0: none
	uint32_t rekeys;
	uint64_t request_full_us; // of the bucket of the peer's requests
};

#define SA_LABEL_MAX 160
// "i=0011223344556677 r=8899aabbccddeeff 192.0.2.2:4500 alice@example.org"
const char *ike_sa_label(const struct ike_sa *sa, char buf[SA_LABEL_MAX]);
// Every log line about an IKE SA begins with its SPIs and its peer.
#define SA_LOG(sa, lvl, fmt, ...)                                                                  \
	LOG(lvl, "%s: " fmt, ike_sa_label((sa), (char[SA_LABEL_MAX]){0}) __VA_OPT__(, ) __VA_ARGS__)
#define SA_LOG_LIMITED(sa, lvl, fmt, ...)                                                          \
	LOG_LIMITED(lvl, "%s: " fmt,                                                               \
		ike_sa_label((sa), (char[SA_LABEL_MAX]){0}) __VA_OPT__(, ) __VA_ARGS__)
// For what a peer that nobody has authenticated can cause.
#define SA_LOG_PEER(sa, lvl, fmt, ...)                                                             \
	do {                                                                                       \
		if (ike_sa_is_stranger(sa))                                                        \
			SA_LOG_LIMITED(sa, lvl, fmt, __VA_ARGS__);                                 \
		else                                                                               \
			SA_LOG(sa, lvl, fmt, __VA_ARGS__);                                         \
	} while (0)
static inline bool ike_sa_is_stranger(const struct ike_sa *sa)
{
	return !sa->initiator && sa->established_us == 0;
}

// A new IKE SA with a fresh SPI of ours, CONNECTING, known by it. NULL when memory is out.
struct ike_sa *ike_sa_new(struct ike *ike, bool initiator);
void ike_sa_free(struct ike_sa *sa); // takes it out of all tables; wipes; no effects
uint64_t ike_sa_our_spi(const struct ike_sa *sa);
struct ike_sa *ike_sa_by_spi(struct ike *ike, uint64_t our_spi); // NULL
struct ike_sa *ike_sa_by_handle(struct ike *ike, uint64_t handle); // NULL

// The one place where the state changes: allowed moves, log, event, counters.
void ike_sa_set_state(struct ike_sa *sa, enum ike_sa_state state);
// Something changed: its tasks are started and its timer set before the call into the core ends.
void ike_sa_touch(struct ike_sa *sa);
// Keys from the nonces and the shared secret; `old` NULL: the initial exchange. 0 or -errno.
int ike_sa_key(struct ike_sa *sa, const struct nonce *ni, const struct nonce *nr,
	struct bytes shared, const struct ike_keys *old);
// CONNECTING or AUTHENTICATING ends well: lifetimes start.
void ike_sa_established(struct ike_sa *sa);
// Everything that it held goes: child SAs, link, tasks. It stays, DEAD, to answer repeated requests;
// `why` for log and events. Tells the connection.
void ike_sa_end(struct ike_sa *sa, const char *why);
// As ike_sa_end, and the peer is told first: D, or with `notify` that notify.
void ike_sa_delete(struct ike_sa *sa, uint16_t notify, const char *why);
// The peer's simultaneous rekey is the one that counts: its IKE SA, or what replaced that, inherits.
// false: the peer has deleted it.
bool ike_sa_adopt_rival(struct ike_sa *sa);
// It lost against another one and its maker, the peer, is to delete it. If no delete comes soon, the
// peer never knew of it, and it goes without a word.
void ike_sa_stale(struct ike_sa *sa);
// Child SAs, link, connection and waiting tasks go to the IKE SA that replaces it.
void ike_sa_inherit(struct ike_sa *old, struct ike_sa *new);
// Time came.
void ike_sa_timeout(struct ike_sa *sa);
uint64_t ike_sa_next_us(const struct ike_sa *sa);

// Addresses of a fresh authenticated message or ESP packet: RFC 7296 section 2.23. Moves the child
// SAs when the peer's NAT mapping changed.
void ike_sa_moved(struct ike_sa *sa, const struct inet_addr *remote, uint16_t remote_port);
void ike_sa_path_set(struct ike_sa *sa, const struct ike_datagram *datagram);
// rekey time: configured seconds less the jitter; CLOCK_NEVER when 0.
uint64_t ike_sa_lifetime_us(struct ike *ike, uint64_t seconds);

void handshake_free(struct handshake *handshake); // accepts NULL
