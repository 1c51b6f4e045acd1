// SPDX-License-Identifier: BSD-3-Clause
// addresses_by = "dhcpv6": single addresses, one of each prefix pool, as the server gives them
// (dhcp6_server.c) or a relayed one has. The draft's appendix A.5.
#include "axis.h"

// Pool i has the numbers i, i + pools and so on: another address, when the client declines one.
static const struct config_pool *dhcp6_pool(const struct link *link, uint32_t nth)
{
	uint32_t pools = link->profile->prefix_pool_n;

	return pools > 0 ? link->profile->prefix_pool[nth % pools] : NULL;
}

const struct axis_addresses axis_addresses_dhcpv6 = {.dhcp6_pool = dhcp6_pool};
