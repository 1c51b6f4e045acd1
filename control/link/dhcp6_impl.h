// SPDX-License-Identifier: BSD-3-Clause
// The inside of the DHCPv6 server, for dhcp6_server.c (messages), dhcp6_bind.c (which IA has which
// lease) and dhcp6_relay.c. Nobody else includes it.
#pragma once

#include "dhcp6_msg.h"
#include "dhcp6_server.h"
#include "hash.h"

struct dhcp6_server {
	struct dhcp6_setup setup;
	struct dhcp6_duid duid; // ours
	uint64_t secret[2];
	struct hash clients; // struct dhcp6_client_state by link
};

// A question from a link, with what answering it needs.
struct dhcp6_question {
	struct dhcp6_server *server;
	const struct link *link;
	const struct dhcp6_msg *msg;
	uint64_t now_us;
};

// dhcp6_bind.c: the IA as the answer has it.
// Advertise: what it would get; nothing changes.
void dhcp6_bind_offer(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out);
// Request, Renew, Rebind: what it has from now on.
void dhcp6_bind_give(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out);
// Release, Decline. false: all is as it should be, and the answer says nothing of this IA.
bool dhcp6_bind_release(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out);
bool dhcp6_bind_decline(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out);
void dhcp6_bind_forget(struct dhcp6_server *server, uint64_t link);
void dhcp6_bind_fini(struct dhcp6_server *server);

// dhcp6_relay.c: a message of a client, to the server of its profile.
enum dhcp6_result dhcp6_relay_forward(
	const struct dhcp6_question *q, const struct inner_packet *packet, struct dhcp6_out *out);
