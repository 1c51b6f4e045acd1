// SPDX-License-Identifier: BSD-3-Clause
// Two IKE cores in one process, a network between them that loses, doubles, delays and rewrites as
// it is told, and a model of each side's dataplane that checks every command. Time moves by hand,
// randomness is a function of the seed.
#pragma once

#include "config.h"
#include "ike.h"
#include "ike_core.h"
#include "ike_msg.h"

#include <check.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#define SAS_MAX 512
#define EVENTS_MAX 4096
#define HEARD_TAGS 16
#define EDIT_MAX 8000

struct model_in { // an inbound SA
	bool used;
	bool first_use_wanted;
	struct ipc_sa sa;
};
struct model_out {
	bool used;
	struct ipc_sa_out_set set;
};

enum link_mode {
	LINK_RFC5739,
	LINK_ADDRESSES,
	LINK_NOTHING,
	LINK_FAIL
};

struct peer {
	const char *name;
	struct net *net;
	struct ike *ike;
	struct ike_ops ops; // may be changed before net_start
	struct config config;
	struct config_peer pad[4];
	struct config_connection connection;
	struct config_profile profile;
	struct inet_addr addr;
	uint64_t rng;
	int nonce_first; // first octet of 32-octet random values, -1: random (nonces, for collisions)

	// What the ops gave out, to be back at the end.
	uint32_t spi_live, ref_live, link_live;
	uint64_t spi_slot[SAS_MAX]; // SPI in use by slot, 0: free
	uint32_t spi_generation;
	sa_ref_t refs[SAS_MAX];
	// Given back while effects that name them wait to be carried out.
	uint64_t spi_late[SAS_MAX];
	sa_ref_t refs_late[SAS_MAX];
	bool spi_fail; // no SPI left
	enum link_mode link_mode;
	bool links_last; // a Link ID that was given out is the same link again
	uint64_t link_next;
	uint32_t attached, detached, moved;
	uint64_t moved_to; // IKE SA handle
	struct cp_attrs asked; // last request seen by link_attach
	bool asked_any;
	void (*reply_hook)(struct ike_link_reply *reply); // spoils what link_attach says
	struct ike_link_reply given; // what it said last

	// The model of the dataplane.
	struct model_in in[SAS_MAX];
	struct model_out out[SAS_MAX];
	uint64_t key_seen[16384]; // hashes of every outbound key ever set
	uint32_t key_n;
	uint32_t moves; // SA_MOVE effects

	// What was heard.
	uint32_t up, down;
	struct { // of the connection's further child SAs, by tag; the last place is for all others
		uint32_t up, down;
		struct ike_effect last; // CONNECTION_CHILD_UP or _DOWN
	} child[HEARD_TAGS];
	struct cp_attrs cp; // of the last CONNECTION_UP
	uint8_t interface_id[8];
	char why[128]; // of the last CONNECTION_DOWN
	uint32_t event_n[16];
	char event_text[16][256]; // last of each type
	uint32_t sent, keylogs;
	char log[64][256]; // last MESSAGE_OUT texts, ring
	uint32_t log_n;
};

struct packet {
	struct packet *next;
	uint64_t due_us;
	struct inet_addr src, dst;
	uint16_t src_port, dst_port;
	bool natt;
	uint32_t number; // since the start of the net
	struct peer *from;
	uint32_t len;
	uint8_t *data;
};

struct net {
	uint64_t now_us;
	struct peer a, b; // a is the client (initiator), b the gateway
	struct packet *queue;
	uint32_t sent; // packets ever
	uint64_t rng;
	uint32_t loss_percent, dup_percent, reorder_percent;
	// Looks at each packet before it enters the net, may change it; false: lost.
	bool (*filter)(struct net *net, struct packet *packet);
	void *filter_arg;
	// Changes what is inside a protected message before it is sealed: the chain, whose new length it
	// returns. At most EDIT_MAX octets.
	size_t (*edit)(const struct ike_header *header, uint8_t first, uint8_t *chain, size_t len);
	uint32_t drop_number; // this packet is lost; 0: none
	uint32_t dup_number; // this one arrives twice
	bool duplicate_all;
	bool down; // everything is lost
	bool nat; // a is behind a NAT
	uint16_t nat_port_offset; // its mapping
	struct inet_addr nat_addr;
	struct { // every IV ever sent under a key of an IKE SA, and the message that it was in
		uint64_t key, message;
	} iv[1 << 16];
	bool check_traffic; // after every step: what one side sends the other can receive
	uint32_t traffic_checks;
};

// A client with a link connection and a gateway, sharing a secret. `seed` decides everything random.
void net_init(struct net *net, uint64_t seed);
// Configuration may be changed between net_init and net_start.
void net_start(struct net *net);
// Ends both, checks that nothing is left of what the ops gave.
void net_fini(struct net *net);
// Terminates everything first.
void net_finish(struct net *net);

// The client's host dies without a word, and a new one with the same configuration starts.
void net_restart_client(struct net *net);
int net_connect(struct net *net); // ike_initiate of the client's connection
// Lets time pass, delivering and timing out in order.
void net_run(struct net *net, uint64_t us);
// Until nothing is under way and no request waits for an answer; at most `us`.
void net_settle(struct net *net);
void net_send_raw(struct net *net, const struct packet *packet); // as if somebody had sent it
// A message under the keys of the sender's IKE SA, with these payloads, by its path.
struct ike_builder *craft_begin(void);
void craft_send(
	struct peer *from, uint64_t ike_sa, uint8_t exchange, uint8_t flags, uint32_t message_id);
// The client's connection is up on both sides and traffic passes both ways.
void net_check_up(struct net *net);
// One inner packet each way through every child SA; raises first-use events. true: all arrived.
bool net_traffic(struct net *net);
// Both sides have the same child SAs, mirrored, and nothing else in the dataplane.
void net_check_mirror(struct net *net);

struct sas { // what ike_foreach says
	uint32_t n;
	struct ike_sa_info info[16];
};
void peer_sas(const struct peer *peer, struct sas *out);
uint64_t peer_ike_sa(const struct peer *peer); // handle of the only established one
uint64_t peer_child(const struct peer *peer); // handle of its only child SA
uint32_t peer_in_count(const struct peer *peer);
uint32_t peer_out_count(const struct peer *peer);
struct ike_counters peer_counters(const struct peer *peer);
// How many of the last sent messages have this text.
uint32_t peer_sent_count(const struct peer *peer, const char *text);
void peer_drain(struct peer *peer); // carries out the effects
// true when a message with this text was among the last sent.
bool peer_sent_text(const struct peer *peer, const char *text);

struct inet_addr addr(const char *text);
struct ts_list selectors(const char *text); // "fe80::/64 10.0.0.1", "" none
uint64_t net_random(struct net *net);
int suite_main(Suite *suite);
