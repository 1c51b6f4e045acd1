// SPDX-License-Identifier: BSD-3-Clause
// The inside of the DHCPv6 client, for dhcp6_client.c (when what is sent) and dhcp6_client_msg.c (what
// stands in it, what an answer means). Nobody else includes it.
#pragma once

#include "dhcp6_client.h"
#include "dhcp6_msg.h"

// A question and its retransmissions, RFC 8415 section 15.
struct dhcp6_exchange {
	uint8_t type; // 0: none is running
	bool confirming; // a Rebind in place of Confirm, for delegated prefixes (section 18.2.12)
	bool waits; // dhcp6_client_take() has to send it
	uint32_t xid, sent;
	uint64_t start_us, rt_us, next_us;
	uint16_t elapsed_cs;
};

struct dhcp6_held { // an address or prefix that was given
	struct inet_prefix prefix;
	uint64_t until_us; // CLOCK_NEVER: no end
};
enum dhcp6_kind {
	DHCP6_NA,
	DHCP6_PD,
	DHCP6_KINDS
};
struct dhcp6_held_ia {
	uint32_t n;
	struct dhcp6_held held[DHCP6_CLIENT_LIST];
};

struct dhcp6_client {
	struct dhcp6_client_setup setup;
	struct dhcp6_client_want want;
	struct dhcp6_exchange lease, info;
	struct dhcp6_held_ia ia[DHCP6_KINDS];
	uint64_t t1_us, t2_us, refresh_us; // CLOCK_NEVER: none
	struct dhcp6_duid server; // whose leases they are
	bool has_offer, has_info;
	struct dhcp6_msg offer; // the best Advertise until now
	struct dhcp6_given given; // as last told
	struct dhcp6_given settings; // servers and names of it
	uint64_t sol_max_rt_us, inf_max_rt_us;
	uint32_t tokens; // messages that may be sent now, section 14.1
	uint64_t tokens_us;
};

// The IA in a message that is ours of this kind, or NULL.
const struct dhcp6_ia *dhcp6_client_find(const struct dhcp6_msg *msg, enum dhcp6_kind kind);
bool dhcp6_client_wants(const struct dhcp6_client *client, enum dhcp6_kind kind);
// Something in it that we want and can use.
bool dhcp6_client_offers(const struct dhcp6_client *client, const struct dhcp6_msg *msg);
// Leases of a Reply. How many it gave.
uint32_t dhcp6_client_apply(
	struct dhcp6_client *client, const struct dhcp6_msg *reply, uint64_t now_us);
void dhcp6_client_settings(struct dhcp6_client *client, const struct dhcp6_msg *reply);
bool dhcp6_client_expire(struct dhcp6_client *client, uint64_t now_us); // something went
void dhcp6_client_drop(struct dhcp6_client *client); // all leases
void dhcp6_client_tell(struct dhcp6_client *client); // changed(), when something did
void dhcp6_client_build(const struct dhcp6_client *client, const struct dhcp6_exchange *exchange,
	struct dhcp6_msg *out);
