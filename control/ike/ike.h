// SPDX-License-Identifier: BSD-3-Clause
// The IKEv2 core, RFC 7296: what the rest of control sees of it.
//
// It is pure: a function of (state, datagram or event, now) with a queue of effects as its result.
// No clock, socket, random source or file inside; randomness, SPIs and links come through
// struct ike_ops. One thread per struct ike; two of them in one process make an exchange test.
#pragma once

#include "clock.h"
#include "config.h"
#include "cp.h"
#include "ipc_msg.h"

#include <stdbool.h>
#include <stdint.h>

struct ike;

// A datagram to or from UDP port 500 or 4500 (there without the non-ESP marker).
struct ike_datagram {
	struct inet_addr local;
	struct inet_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	bool natt; // port 4500 framing
	uint32_t len;
	const uint8_t *data; // lends
};

// What an authenticated peer asked for with its configuration payload, and what it gets.
struct ike_link_request {
	const struct config_peer *peer; // the PAD entry that it matched
	const struct config_id *identity; // authenticated IDi
	const struct cp_attrs *asked; // NULL: no configuration payload
	uint64_t ike_sa; // handle, for struct ike_sa_info
};
enum ike_link_outcome {
	IKE_LINK_OK,
	IKE_LINK_NONE, // nothing was asked for: no link, no reply; selectors are by policy alone
	IKE_LINK_FAILED, // INTERNAL_ADDRESS_FAILURE: the IKE SA comes up, no child SA does
};
struct ike_link_reply {
	uint64_t link; // handle, 0: none
	struct cp_attrs reply; // valid with IKE_LINK_OK
	struct ts_list remote; // what the peer's side may be (TSi of its request is narrowed to it)
	struct ts_list local; // what it may reach
	uint32_t reauth_s; // AUTH_LIFETIME for the peer, RFC 4478; 0: none
	const char *why; // for the log, with IKE_LINK_FAILED
};

struct ike_ops {
	void (*random)(void *arg, void *out, size_t len);
	// A free inbound SPI and outbound reference at one worker; worker UINT32_MAX: choose. 0 or -errno.
	int (*spi_alloc)(void *arg, uint32_t worker, uint32_t *spi);
	// Called when the effect that takes the SA out (if it was ever in) is in the queue, not when it
	// has been carried out. The same holds for ref_free.
	void (*spi_free)(void *arg, uint32_t spi);
	int (*ref_alloc)(void *arg, uint32_t worker, sa_ref_t *ref);
	void (*ref_free)(void *arg, sa_ref_t ref);
	// Responder. attach is called once per IKE SA, after authentication; detach when the IKE SA goes
	// (not when it is rekeyed: then `moved` tells the new handle). left_by: the IKE SA on which the
	// peer itself said that this one is over, so that its host has given up the link: this one
	// (a delete), or the one that asks next (INITIAL_CONTACT). 0: time-out, lifetime, operator.
	enum ike_link_outcome (*link_attach)(void *arg, const struct ike_link_request *request,
		struct ike_link_reply *reply, uint64_t now_us);
	void (*link_detach)(
		void *arg, uint64_t link, uint64_t ike_sa, uint64_t left_by, uint64_t now_us);
	void (*link_moved)(void *arg, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa);
	// What child SAs of the link may cover now (L19, L29); asked at each CREATE_CHILD_SA about it.
	// false: the link is not there. NULL op: what link_attach said stays.
	bool (*link_policy)(
		void *arg, uint64_t link, struct ts_list *remote, struct ts_list *local);
	// A configuration payload in CREATE_CHILD_SA about the link: INTERNAL_IP6_ADDRESS2, the draft's
	// appendix A.4. reply->remote is what this child SA may cover. NULL op: refused.
	enum ike_link_outcome (*link_extend)(void *arg, uint64_t link, const struct cp_attrs *asked,
		struct ike_link_reply *reply, uint64_t now_us);
	// The Link ID of a LINK_ID notify, RFC 5739 section 5.2: is it this link's?
	bool (*link_id_matches)(void *arg, uint64_t link, const uint8_t *link_id, size_t len);
	// A signature (`scheme`: enum sign_scheme) by the private key of this name, for an IKE SA of ours.
	// Copies; the answer is ike_on_signed(), and not from within this call. 0 or -errno. NULL op: there
	// are no certificates of ours.
	int (*sign)(void *arg, uint64_t ike_sa, const char *private_key, uint32_t scheme,
		const void *data, size_t len);
	// Seconds since 1970, for what certificates say. NULL op: no certificate is believed.
	uint64_t (*wall_s)(void *arg);
};

// Effects, in the order in which they must be carried out. Everything that a datagram caused stands
// before the datagram that answers it.
enum ike_effect_type {
	IKE_SEND, // a datagram; goes by `worker` so that it does not overtake the SA commands before it
	IKE_SA_IN_ADD, // in_add: without ingress filter, which the link layer fills in
	IKE_SA_OUT_SET, // out_set
	IKE_SA_IN_DEL, // spi
	IKE_SA_OUT_DEL, // ref
	IKE_SA_MOVE, // move, both directions one effect each
	IKE_EVENT, // for logs and `caponier monitor`
	IKE_KEYLOG, // an IKE SA's keys, when config.keylog_dir is set
	IKE_CONNECTION_UP, // initiator: connection, cp, link
	IKE_CONNECTION_DOWN,
	IKE_CONNECTION_CHILD_UP, // a further child SA: connection, tag, cp, local, remote, out_ref
	IKE_CONNECTION_CHILD_DOWN, // connection, tag, why
};

enum ike_event_type {
	IKE_EVENT_MESSAGE_IN, // exchange, message id, flags, payload types in `text`
	IKE_EVENT_MESSAGE_OUT,
	IKE_EVENT_RETRANSMIT,
	IKE_EVENT_SA_STATE, // IKE SA: old -> new in `text`
	IKE_EVENT_CHILD_UP,
	IKE_EVENT_CHILD_REKEYED,
	IKE_EVENT_CHILD_DOWN,
	IKE_EVENT_AUTH_FAILED,
	IKE_EVENT_LINK_FAILED,
	IKE_EVENT_ERROR, // malformed, unknown, refused: what in `text`
};
const char *ike_event_name(enum ike_event_type type);

struct ike_event {
	enum ike_event_type type;
	uint64_t ike_sa;
	uint64_t spi_i, spi_r;
	struct inet_addr local, remote;
	uint16_t local_port, remote_port;
	uint32_t child_spi_in, child_spi_out;
	char peer[128]; // identity as far as known
	char text[256];
};

struct ike_keylog { // the line of Wireshark's ikev2_decryption_table
	uint64_t spi_i, spi_r;
	uint16_t encr, key_bits, integ;
	struct secret sk_ei, sk_er, sk_ai, sk_ar; // keys with salt
};

struct ike_effect {
	enum ike_effect_type type;
	uint32_t worker; // IKE_SEND
	uint64_t link; // of the child SA, 0: none
	uint64_t ike_sa;
	struct ike_effect *next;
	union { // last: there is memory for the member of its type alone
		struct {
			struct ike_datagram datagram; // data owned by the effect
		} send;
		struct ipc_sa_in_add in_add;
		struct ipc_sa_out_set out_set;
		uint32_t spi;
		sa_ref_t ref;
		struct ipc_sa_move move;
		struct ike_event event;
		struct ike_keylog keylog;
		struct {
			const struct config_connection *connection;
			struct cp_attrs cp; // the gateway's CFG_REPLY
			struct ts_list local; // TSi as narrowed
			struct ts_list remote;
			sa_ref_t out_ref;
			uint32_t spi_in;
			uint8_t interface_id
				[8]; // ours, of the link-local address; also when config left it open
			uint32_t tag; // CONNECTION_CHILD_*: as in struct ike_child_spec
			char why[128]; // CONNECTION_DOWN, CONNECTION_CHILD_DOWN
		} connection;
	};
};

// `config` and `ops` are lent for the life of the core; `arg` goes to each op. NULL with errno: ENOMEM;
// EINVAL: credentials_check() says what is wrong with its certificates.
struct ike *ike_new(const struct config *config, const struct ike_ops *ops, void *arg);
// Sends nothing, emits no effects.
void ike_free(struct ike *ike);

// Whose datagram it says it is, by its SPIs alone: anybody who has seen them can say so too. What to work
// on first when there is more than can be done.
enum ike_standing {
	IKE_STANDING_STRANGER, // IKE_SA_INIT requests, and what is for no IKE SA of ours
	IKE_STANDING_HALF_OPEN, // for an IKE SA whose peer is not authenticated
	IKE_STANDING_PEER,
};
enum ike_standing ike_standing(struct ike *ike, const struct ike_datagram *datagram);

void ike_receive(struct ike *ike, const struct ike_datagram *datagram, uint64_t now_us);
// When the core wants ike_timeout() next, CLOCK_NEVER: not at all.
uint64_t ike_next_us(const struct ike *ike);
void ike_timeout(struct ike *ike, uint64_t now_us);

// The next effect, the caller's now (ike_effect_free), or NULL.
struct ike_effect *ike_effect_take(struct ike *ike);
void ike_effect_free(struct ike_effect *effect); // wipes keys

// Initiator: starts the connection (or answers -EALREADY). `local` is the outer address to use.
int ike_initiate(struct ike *ike, const struct config_connection *connection,
	const struct inet_addr *local, uint64_t now_us);
// A child SA that the connection has beside its first one, made again whenever the connection is up
// again, also after reauthentication.
struct ike_child_spec {
	uint32_t tag; // the caller's name for it, not 0; one of a kind in the connection
	bool of_link; // with LINK_ID; else about the physical interface
	struct ts_list local, remote; // to propose
	bool ask; // with a configuration payload: INTERNAL_IP6_ADDRESS2(address2)
	struct inet_addr address2;
};
// Initiator. 0, -ENOENT, -EEXIST (that tag), -ENOSPC. It comes up when the connection is up.
int ike_child_add(struct ike *ike, const struct config_connection *connection,
	const struct ike_child_spec *spec, uint64_t now_us);
int ike_child_remove(struct ike *ike, const struct config_connection *connection, uint32_t tag,
	uint64_t now_us); // deletes it; -ENOENT
// Interface ID and last Link ID of a connection, from before a restart, or another interface ID for
// the next link. len 0: no Link ID. Before ike_initiate() or later; takes effect at the next IKE_AUTH.
void ike_connection_link(struct ike *ike, const struct config_connection *connection,
	const uint8_t iid[8], const uint8_t *link_id, size_t len);
// Reauthentication, RFC 7296 section 2.8.3, make before break. Initiator: begins now. Responder: the
// peer is told by AUTH_LIFETIME (RFC 4478), and its IKE SA deleted when it has not come back
// `seconds` later. -ENOENT, -EINPROGRESS.
int ike_sa_reauth(struct ike *ike, uint64_t ike_sa, uint32_t seconds, uint64_t now_us);
// Another configuration, from now on. IKE SAs keep what they negotiated; those whose peer entry or
// connection is gone, or has other credentials, are deleted. The old configuration is not looked at
// any more when this returns. Lends `config`. 0; -ENOMEM, -EINVAL as ike_new(): nothing was changed.
int ike_reconfigure(struct ike *ike, const struct config *config, uint64_t now_us);
// By an operator. -ENOENT, -EINPROGRESS when it is doing so already.
int ike_sa_rekey(struct ike *ike, uint64_t ike_sa, uint64_t now_us);
int ike_sa_terminate(struct ike *ike, uint64_t ike_sa, uint64_t now_us); // sends a delete
int ike_child_rekey(struct ike *ike, uint64_t child, uint64_t now_us);
int ike_child_terminate(struct ike *ike, uint64_t child, uint64_t now_us);

// From the dataplane.
void ike_on_first_use(struct ike *ike, uint32_t spi, uint64_t now_us);
void ike_on_expire(struct ike *ike, uint64_t child, bool hard, uint64_t now_us);
// A router on the path had no room for a datagram of an IKE SA.
void ike_on_too_big(struct ike *ike, const struct ipc_too_big *too_big, uint64_t now_us);
void ike_on_moved(struct ike *ike, const struct ipc_sa_moved *moved, uint64_t now_us);
// A child SA has sent packets since control last asked the dataplane; its last good inbound packet is
// idle_us ago (UINT64_MAX: none yet). Control calls this for child SAs that sent and for no others:
// the question whether the peer lives is asked when there is doubt, and never otherwise.
void ike_on_traffic(struct ike *ike, uint64_t child, uint64_t idle_us, uint64_t now_us);
// When the peer of this child SA was heard of last, as far as the core knows. false: there is no such child
// SA, or its IKE SA is not established.
bool ike_child_heard(struct ike *ike, uint64_t child, uint64_t *heard_us);
// The dataplane lost all SAs: every child SA gets new keys by a rekey; none is installed again with
// keys that were used.
void ike_on_dataplane_lost(struct ike *ike, uint64_t now_us);

// What struct ike_ops was asked to sign; `why` (not copied) says why there is none, NULL: it is there.
void ike_on_signed(struct ike *ike, uint64_t ike_sa, const char *why, const void *signature,
	size_t len, uint64_t now_us);

enum ike_sa_state {
	IKE_SA_CONNECTING, // IKE_SA_INIT under way
	IKE_SA_AUTHENTICATING,
	IKE_SA_ESTABLISHED,
	IKE_SA_REKEYED, // replaced, lives until its delete
	IKE_SA_DELETING,
	IKE_SA_DEAD,
};
const char *ike_sa_state_name(enum ike_sa_state state);

struct ike_child_info {
	uint64_t child; // handle, stays the same through rekeys
	uint32_t spi_in, spi_out;
	sa_ref_t ref;
	struct esp_suite suite;
	bool encap;
	struct ts_list local, remote;
	uint64_t established_us, rekey_us; // CLOCK_NEVER
	uint32_t rekeys;
	const char *state; // "installed", "rekeying", "deleting"
};
struct ike_sa_info {
	uint64_t ike_sa; // handle; another one after a rekey
	uint64_t spi_i, spi_r;
	bool initiator;
	enum ike_sa_state state;
	struct inet_addr local, remote;
	uint16_t local_port, remote_port;
	bool nat_local, nat_remote;
	struct config_id local_id, remote_id;
	const struct config_peer *peer; // responder
	const struct config_connection *connection; // initiator
	char suite[96]; // "aes128gcm16-prfsha256-x25519"
	const char
		*authentication; // by which the peer proved its identity: "secret", "ed25519", ...
	uint64_t link;
	uint64_t established_us, rekey_us;
	uint64_t heard_us; // last sign of life that the core knows of
	uint32_t rekeys;
	uint32_t child_n;
	struct ike_child_info child[8];
};
// Calls fn for each IKE SA until it returns false. fn must not call back into the core.
void ike_foreach(
	const struct ike *ike, bool (*fn)(void *arg, const struct ike_sa_info *info), void *arg);
// The same in turns, see hash_some(): cursor 0 begins; false: through.
bool ike_walk(const struct ike *ike, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct ike_sa_info *info), void *arg);
// One of them. false: there is none with this handle.
bool ike_find(struct ike *ike, uint64_t ike_sa, struct ike_sa_info *out);

// Counters, names as in the CLI.
// clang-format off
#define IKE_COUNTERS(X)                                                                            \
	X(datagrams_in) X(datagrams_out) X(retransmits_in) X(retransmits_out) X(malformed)         \
	X(unknown_spi) X(bad_icv) X(window) X(no_proposal) X(invalid_ke) X(auth_failed)            \
	X(half_open_refused) X(half_open_expired) X(identity_refused) X(established) X(children)   \
	X(child_rekeys) X(ike_rekeys) X(address_failure) X(ts_unacceptable) X(peer_timeouts)       \
	X(unsupported_critical) X(source_refused) X(init_oversized) X(cookies_sent)                \
	X(cookies_good) X(cookies_bad) X(requests_limited) X(children_refused)                     \
	X(fragments_in) X(fragments_out) X(fragments_unsupported) X(fragments_malformed)           \
	X(fragments_duplicate) X(fragments_superseded) X(fragments_too_large)                      \
	X(fragments_timeout) X(fragments_repeated) X(too_big_in) X(too_big_ignored)
// clang-format on
struct ike_counters {
#define X(name) uint64_t name;
	IKE_COUNTERS(X)
#undef X
};
void ike_counters(const struct ike *ike, struct ike_counters *out);
uint32_t ike_half_open(const struct ike *ike); // IKE SAs that nobody has authenticated, now
