// SPDX-License-Identifier: BSD-3-Clause
// A LAN behind the client shares its access (L6): which prefix of the link, or delegated over it, the
// LAN gets, and what its hosts are told. The host's kernel forwards; there is no NAT. The draft's
// sections 3.1 and 5.6, RFC 7084 section 4.1. Pure.
#include "client_plan.h"

#include <string.h>

// Prefixes on the LAN die so long after the last advertisement; RFC 4861 section 6.2.1 has a router
// advertise three times within.
#define LAN_LIFETIME_S 1800

// What the LAN's prefix is taken from: the link's last prefix, or the first delegated one.
static struct inet_prefix source_prefix(const struct client_input *in)
{
	static const struct inet_prefix none;
	const struct config_connection *config = in->config;

	if (config->lan[0] == '\0' || !in->cp->link)
		return none;
	if (config->lan_prefix == CONFIG_LAN_DELEGATED)
		return in->dhcp6->prefix_n > 0 ? in->dhcp6->prefix[0] : none;
	// What others have addresses in, too, cannot be a LAN's.
	if (in->cp->prefix_n == 0 || client_mode(config, in->cp, in->local).dad)
		return none;
	return in->cp->prefix[in->cp->prefix_n - 1];
}

struct inet_prefix client_lan_prefix(const struct client_input *in)
{
	static const struct inet_prefix none;
	struct inet_prefix lan = source_prefix(in);

	inet_prefix_normalize(&lan);
	if (lan.addr.family != AF_INET6 || lan.len == 0 || lan.len > 64 ||
		!client_covered(in, &lan))
		return none; // with less than a /64 no host configures itself
	lan.len = 64;
	return lan;
}

void client_lan_plan(const struct client_input *in, struct client_plan *plan)
{
	struct inet_prefix prefix = client_lan_prefix(in), whole = source_prefix(in);
	struct ipc_lan_set *lan = &plan->lan;

	if (whole.len > 0) // the rest of it is nobody's: RFC 7084 WPD-5
		client_route_add(plan, &whole, IPC_ROUTE_DISCARD, 0);
	if (prefix.len == 0)
		return;
	plan->has_lan = true;
	plan->hostif.flags |= IPC_HOSTIF_FORWARD;
	client_route_add(plan, &prefix, IPC_ROUTE_HOSTIF, 0);
	strncpy(lan->name, in->config->lan, sizeof(lan->name) - 1);
	if (in->config->multicast)
		memcpy(lan->upstream, plan->hostif.name, sizeof(lan->upstream));
	lan->mtu = plan->hostif.mtu;
	lan->lifetime_s = LAN_LIFETIME_S;
	lan->prefix_n = 1;
	lan->prefix[0] = prefix;
	for (uint32_t i = 0; i < plan->hostif.dns_n; i++)
		if (plan->hostif.dns[i].family == AF_INET6)
			lan->dns[lan->dns_n++] = plan->hostif.dns[i];
	memcpy(lan->domain, plan->hostif.domain, sizeof(lan->domain));
}
