// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 on links: the gateway is server, or relay agent of a server on the inner network. RFC 8415
// sections 18.3 and 19; options of RFC 3646, 4075, 4649. Leases are the link's and have no end of their
// own (L3, L21), so that no client has to renew. Control's thread.
#pragma once

#include "inner.h"
#include "link.h"

struct dhcp6_server;

#define DHCP6_RESULTS(X)                                                                           \
	X(ANSWERED, "answered") /* send `out` on the link */                                       \
	X(RELAYED, "relayed") /* send `out` to the server by the inner port */                     \
	X(IGNORED, "ignored") /* not for us, or a question that has no answer */                   \
	X(MALFORMED, "malformed")                                                                  \
	X(REFUSED, "refused") /* a source, message or relay that may not be */
enum dhcp6_result {
#define X(id, name) DHCP6_##id,
	DHCP6_RESULTS(X)
#undef X
	DHCP6_RESULT_COUNT,
};
const char *dhcp6_result_name(enum dhcp6_result result);

#define DHCP6_OUT_MAX 1400
struct dhcp6_out {
	uint64_t link; // ANSWERED: the link
	struct inet_addr local, remote; // ANSWERED: inner addresses; RELAYED: ours and the server's
	uint16_t local_port, remote_port;
	size_t len;
	uint8_t data[DHCP6_OUT_MAX]; // UDP payload
};

struct dhcp6_setup {
	const struct config *config; // lends
	struct link_table *links; // lends
	struct store *store; // lends: the server's DUID
	random_fn random;
	void *random_arg;
};
// NULL and errno.
struct dhcp6_server *dhcp6_server_new(const struct dhcp6_setup *setup);
void dhcp6_server_free(struct dhcp6_server *server); // accepts NULL
void dhcp6_server_reconfigure(struct dhcp6_server *server, const struct config *config);
// The link ends: what is remembered of its client goes.
void dhcp6_server_link_down(struct dhcp6_server *server, uint64_t link); // accepts NULL

// A UDP packet to port 547 that came by one of the link's SAs.
enum dhcp6_result dhcp6_server_input(struct dhcp6_server *server, uint64_t link,
	const struct inner_packet *packet, uint64_t now_us, struct dhcp6_out *out);
// A UDP datagram to port 547 from the inner network: the server's answer to what was relayed.
enum dhcp6_result dhcp6_relay_input(struct dhcp6_server *server, const struct inet_addr *remote,
	uint16_t remote_port, const uint8_t *data, size_t len, uint64_t now_us,
	struct dhcp6_out *out);
