// SPDX-License-Identifier: BSD-3-Clause
// From what a gateway gave to what the host's interface becomes, and which packets take which way:
// RFC 5739 sections 4.1 and 4.4, the profiles P0 to P6 (L12). Pure.
#pragma once

#include "config.h"
#include "cp.h"
#include "dhcp6_client.h"
#include "ike.h"
#include "ipc_msg.h"

// Tags of further child SAs, struct ike_child_spec: those of the configuration are 1 + index.
#define CLIENT_TAG_MORE_IID 100 // + index of the interface ID (P5)
#define CLIENT_TAG_DELEGATED 200 // + index of the delegated prefix
#define CLIENT_TAG_DHCP6 300 // + index of the address by DHCPv6 (P6)
#define CLIENT_TAG_MULTICAST 400
#define CLIENT_CHILDREN (CONFIG_CHILDREN + CONFIG_MORE_IIDS + 2 * DHCP6_CLIENT_LIST + 1)
#define CLIENT_ROUTES 128

// How the connection's host comes to its addresses: what the reply says, or else the configuration.
struct client_mode {
	bool ra; // prefixes by router advertisement: the kernel solicits (P2, P4)
	bool dad; // addresses in shared prefixes, the kernel asks whether they are free (P3, P4)
	bool dhcp6_address; // P6
};

// A further child SA that is up.
struct client_child {
	uint32_t tag;
	uint64_t ike_sa; // by which it came
	uint32_t address2_n; // INTERNAL_IP6_ADDRESS2 of its reply
	struct inet_addr address2[CP_ADDRESS2_MAX];
	struct ts_list local, remote;
};

// The interface ID of our address in one of the link's prefixes.
struct client_iid {
	bool none; // no free one was found
	uint8_t iid[8];
};

struct client_input {
	const struct config_connection *config;
	const struct cp_attrs *cp; // the gateway's reply
	const struct ts_list *local, *remote; // TSi and TSr of the first child SA as narrowed
	const struct dhcp6_given *dhcp6; // all zero: nothing
	bool dhcp6_runs; // its answers have to reach us
	uint32_t mtu; // of inner packets
	uint8_t iid[8]; // of our link-local address
	struct client_iid prefix_iid[CP_LIST_MAX]; // one for each of cp->prefix
	uint32_t child_n;
	const struct client_child *child;
	uint32_t seen_n; // prefixes from which the kernel made addresses (P2)
	const struct inet_prefix *seen;
};

struct client_route {
	struct inet_prefix prefix;
	enum ipc_route_kind kind; // SA: out; HOSTIF: in; DISCARD: ours, and nobody has it
	uint32_t flags; // enum ipc_route_flags
};

struct client_plan {
	struct ipc_hostif_set hostif;
	bool has_lan;
	struct ipc_lan_set lan;
	uint32_t route_n;
	struct client_route route[CLIENT_ROUTES];
};

void client_plan(const struct client_input *in, struct client_plan *out);

struct client_mode client_mode(const struct config_connection *config, const struct cp_attrs *cp,
	const struct ts_list *local);
// What to ask a DHCPv6 server for; all false: there is none to ask.
struct dhcp6_client_want client_dhcp6_want(const struct config_connection *config,
	const struct cp_attrs *cp, const struct ts_list *local);
// Further child SAs that follow from what was given. How many, at most CLIENT_CHILDREN.
uint32_t client_children_wanted(const struct client_input *in, struct ike_child_spec *out);
// The selectors of a link's child SA, the first or a further one, let this prefix be used.
bool client_covered(const struct client_input *in, const struct inet_prefix *prefix);

// client_lan.c: the prefix of ours that is the LAN's; len 0: none.
struct inet_prefix client_lan_prefix(const struct client_input *in);
void client_lan_plan(const struct client_input *in, struct client_plan *plan);

// For client_plan.c and client_lan.c.
void client_route_add(struct client_plan *plan, const struct inet_prefix *prefix,
	enum ipc_route_kind kind, uint32_t flags);
