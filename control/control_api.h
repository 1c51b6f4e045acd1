// SPDX-License-Identifier: BSD-3-Clause
// What the admin commands may ask of the control process. Everything is called in control's one
// thread, from within its loop; nothing here blocks. Callbacks must not call functions that change
// anything; what they are given is lent until they return.
//
// Listings that may be very long come in turns: about `max` items from *cursor on, 0: the first; true:
// there are more, call again; false: these were the last, or `each` returned false. What is there
// through all turns is given once.
//
// Answers that the dataplane has to give are asynchronous: `each` for every item, then `done` once,
// with 0 or -errno (-ENOTCONN: no dataplane). Both may be called before the function returns.
#pragma once

#include "config.h"
#include "ike.h"
#include "ipc_msg.h"
#include "seam.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;

const struct config *control_config(const struct control *control);
struct ike *control_ike(struct control *control); // for ike_walk() and ike_counters()
uint64_t control_started_us(const struct control *control);

// The dataplane as we see it.
struct control_dataplane {
	bool connected;
	uint32_t pid;
	uint32_t workers;
	uint32_t sa_slots; // per worker and direction
	uint64_t instance;
	uint64_t since_us; // connected since, or lost since
};
void control_dataplane(const struct control *control, struct control_dataplane *out);

// Packets, bytes and drops of SAs. `control_counters_refresh` asks the dataplane for all of them;
// when `done` is called the functions below tell the new values (the last known ones on failure).
struct control_flow {
	uint64_t pkts, bytes, drops;
	uint64_t seq; // of the SA that is in use now
	uint64_t idle_us; // since the last good packet, UINT64_MAX: none yet
};
struct control_counters {
	struct control_flow in, out;
};
void control_counters_refresh(
	struct control *control, void (*done)(void *arg, int error), void *arg);
// Of one child SA, rekeys included (ike_child_info.child). false: not known (not yet refreshed).
bool control_child_counters(
	const struct control *control, uint64_t child, struct control_counters *out);
// Which child SA sends by this slot of the dataplane, 0: none that is known.
uint64_t control_child_of(const struct control *control, sa_ref_t ref);

// Links: what peers were given, by INTERNAL_IP6_LINK or by plain addresses. Counters survive
// rekeys and reauthentication.
enum control_link_state {
	CONTROL_LINK_UP,
	CONTROL_LINK_GRACE,
	CONTROL_LINK_ORPHAN
};
const char *control_link_state_name(enum control_link_state state); // "up", "grace", "orphan"
struct control_link {
	uint64_t link; // handle
	enum control_link_state state;
	bool virtual_link; // RFC 5739; else addresses alone
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len;
	uint8_t client_iid[8], gateway_iid[8]; // with virtual_link
	struct config_id identity;
	uint32_t ordinal; // which of the identity's hosts, from 0
	const char *peer; // PAD entry's name
	const char *profile;
	uint32_t prefix_n;
	struct inet_prefix prefix[2 * CONFIG_LINK_POOLS];
	bool leaving[2 * CONFIG_LINK_POOLS]; // of prefix: renumbered, used by IKE SAs from before
	struct inet_addr ip4, ip6; // family 0: none
	uint32_t delegated_n; // by DHCPv6, our own or a relayed server's
	struct inet_prefix delegated[8];
	uint32_t
		claimed_n; // addresses in shared prefixes, and by DHCPv6; `claimed` has the first ones
	struct inet_addr claimed[CONFIG_ADDRESSES_MAX];
	bool unasked; // given to a peer that knows no links
	uint32_t ike_sa_n;
	uint64_t ike_sa[8]; // handles
	uint64_t age_us;
	uint64_t grace_left_us; // CONTROL_LINK_GRACE
	struct control_counters counters;
};
bool control_links(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_link *link), void *arg);
// Makes the link's clients reauthenticate (AUTH_LIFETIME), after which it has what its profile says by
// then; `fresh`: other prefixes than now. They are given `seconds` to begin. -ENOENT,
// -EINPROGRESS.
int control_link_renumber(struct control *control, uint64_t link, bool fresh, uint32_t seconds);
int control_link_reauth(struct control *control, uint64_t link); // the same with what it has
// Deletes the IKE SAs of the link and the link without grace. -ENOENT.
int control_link_terminate(struct control *control, uint64_t link);

struct control_pool {
	const char *name;
	struct inet_prefix prefix;
	uint8_t lease_len;
	bool shared; // nothing is leased: addresses are claimed, and counted by whoever walks the links
	enum config_assign assign;
	uint32_t static_n; // leases that the configuration assigns
	uint64_t size; // leases that fit
	uint64_t live; // in use by links
	uint64_t reserved; // not in use, kept for the identity that had it
};
void control_pools(struct control *control,
	bool (*each)(void *arg, const struct control_pool *pool), void *arg);

struct control_lease {
	const char *pool;
	struct inet_prefix prefix;
	struct config_id identity;
	uint32_t ordinal;
	uint32_t nth; // which of its kind on the link, from 0
	const char *role; // "prefix", "address", "delegated", "dhcpv6"; "" while reserved
	bool is_static, leaving;
	uint64_t link; // handle while live, 0: reserved
	uint64_t used_s; // UNIX time: taken (live) or given back
};
bool control_leases(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_lease *lease), void *arg);

// Multicast memberships of links.
struct control_group {
	struct inet_addr group;
	uint64_t link; // handle
	struct config_id identity;
	bool include; // these sources only; else all but these
	uint32_t source_n;
	const struct inet_addr *source;
	uint64_t age_us;
};
bool control_groups(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_group *group), void *arg);

struct control_peer { // a PAD entry
	const struct config_peer *peer;
	uint32_t ike_sas;
	uint32_t children;
	uint32_t links;
};
// A listing in turns, of what has to be counted first: 1: call again; 0: through; -ENOMEM; -ESTALE:
// there is another configuration now. Begins zeroed; control_peers_end() when no turn follows.
struct control_peer_walk {
	uint32_t stage, cursor, n, generation;
	const struct config_peer *first;
	struct control_peer *peer;
};
int control_peers(struct control *control, struct control_peer_walk *walk, uint32_t max,
	bool (*each)(void *arg, const struct control_peer *peer), void *arg);
void control_peers_end(struct control_peer_walk *walk);

// Client role: connections of the configuration.
struct control_connection {
	const struct config_connection *connection;
	const char *state; // "down", "connecting", "up"
	uint64_t ike_sa; // 0: none
	struct cp_attrs cp; // what the gateway gave, when up
	uint8_t iid[8]; // ours, of the link-local address, when up with a link
	uint32_t mtu;
	const char *why; // why it is down, "" none
	// cp.address2 has the further addresses, by child SAs of their own or DHCPv6, too.
	uint32_t delegated_n; // prefixes by DHCPv6
	struct inet_prefix delegated[8];
};
void control_connections(struct control *control,
	bool (*each)(void *arg, const struct control_connection *connection), void *arg);
int control_connection_up(struct control *control, const char *name); // -ENOENT, -EALREADY
int control_connection_down(struct control *control, const char *name);
// A new IKE SA onto the same link, before the old one ends. -ENOENT, -ENOTCONN (down), -EINPROGRESS.
int control_connection_reauth(struct control *control, const char *name);

// Inbound and outbound SAs without an IKE SA, left by a former control process.
bool control_orphans(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct ipc_sa_info *sa), void *arg);

// Tables of the dataplane: struct ipc_port_info, ipc_neigh_info or ipc_route_info.
enum control_table {
	CONTROL_PORTS,
	CONTROL_NEIGHBOURS,
	CONTROL_ROUTES
};
void control_table(struct control *control, enum control_table table,
	void (*each)(void *arg, const void *info), void (*done)(void *arg, int error), void *arg);

// Published statistics: thread 0 is the dataplane's main thread, 1 + i its worker i.
int control_stats(struct control *control, uint32_t thread, struct seam_stats *out); // -ENOTCONN
// Counters of the control process itself that are not ike_counters(): seam, punt, links.
void control_own_counters(struct control *control,
	void (*each)(void *arg, const char *name, uint64_t value, const char *text), void *arg);

// Operator's commands. Handles from ike_foreach(). 0, -ENOENT, -EINPROGRESS.
int control_sa_rekey(struct control *control, uint64_t ike_sa);
int control_sa_terminate(struct control *control, uint64_t ike_sa);
int control_child_rekey(struct control *control, uint64_t child);
int control_child_terminate(struct control *control, uint64_t child);

// Structured events: `line` is one JSON object without a newline, `len` its length. The subscriber
// must not unsubscribe within fn.
struct monitor_subscriber;
struct monitor_subscriber *control_monitor_subscribe(struct control *control,
	void (*fn)(void *arg, const char *line, size_t len), void *arg); // NULL: -ENOMEM
void control_monitor_unsubscribe(struct control *control, struct monitor_subscriber *subscriber);

// Loads the configuration file again and applies the difference; disturbs no tunnel that it does not
// concern (invariant 7). 0; -EINVAL: `errors` says what is wrong; -EBUSY: `errors` names what only a
// restart can change, and nothing was changed.
int control_reload(struct control *control, struct config_errors *errors);

// The other way round, control/admin/admin_server.h offers to main.c (owned there):
//   struct admin_server *admin_server_new(struct control *control, struct event_base *base,
//           const char *path);  NULL and errno; listens on the UNIX socket `path`, mode 0600
//   void admin_server_free(struct admin_server *server);  accepts NULL
