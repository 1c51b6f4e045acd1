// SPDX-License-Identifier: BSD-3-Clause
// Multicast between a LAN of the host and the link (RFC 4605): the kernel forwards, by a multicast
// route for each source and group that it asks for, and its own MLD reports on the link what is
// joined there for the LAN. What hosts of the LAN say is control's. IPv6. Main thread.
#pragma once

#include "ipc_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAN_MLD_PACKET_MAX 1500
#define LAN_MLD_GROUPS 512 // that a LAN may want
#define LAN_MLD_ROUTES 1024 // of a LAN; the oldest makes room, and is asked for again if it is used

// The host's one multicast routing socket, shared by all LANs.
struct lan_mroute {
	int fd;
	uint32_t users;
};

struct lan_mld_route {
	struct inet_addr source, group;
	bool from_lan;
};

struct lan_mld {
	struct lan_mroute *route; // NULL: closed
	int fd; // hears MLD on the LAN and sends queries
	int joins; // its memberships on the upstream interface are what the LAN wants
	uint32_t lan, up; // interfaces
	uint16_t mif; // of the upstream interface in the kernel's table; the LAN's is the next
	uint32_t group_n, route_n;
	uint32_t oldest; // of the routes, when all are in use
	struct inet_addr *group; // that the LAN wants
	struct lan_mld_route *routes;
};

// `slot` is the LAN's number. 0 or -errno: then nothing is open.
int lan_mld_open(struct lan_mld *mld, struct lan_mroute *route, const char *lan, const char *up,
	uint32_t slot);
void lan_mld_close(struct lan_mld *mld); // forwarding and memberships end; of a closed one, too
// Commands, checked here. 0 or -errno.
int lan_mld_group_set(struct lan_mld *mld, const struct ipc_lan_group_set *cmd);
int lan_mld_group_del(struct lan_mld *mld, const struct ipc_lan_group_del *cmd);
int lan_mld_query(struct lan_mld *mld, const struct ipc_lan_query *cmd);
// The kernel has a packet of this source and group, which came by the interface of this number.
void lan_mld_asked(struct lan_mld *mld, uint32_t mif, const struct lan_mld_route *asked);
// What the kernel asks for next, of any LAN. false: nothing.
bool lan_mroute_read(const struct lan_mroute *route, uint32_t *mif, struct lan_mld_route *asked);
// The next message, as the packet that it was in; our own address on the LAN. 0: there is none.
size_t lan_mld_read(struct lan_mld *mld, uint8_t packet[LAN_MLD_PACKET_MAX], struct inet_addr *own);
