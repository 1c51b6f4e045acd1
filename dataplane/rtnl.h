// SPDX-License-Identifier: BSD-3-Clause
// The host's interfaces, addresses and routes by rtnetlink. Each call sends one request and waits for
// the kernel's answer, which is immediate. Main thread.
#pragma once

#include "inet.h"

#include <stdbool.h>
#include <stdint.h>

int rtnl_open(void); // descriptor, the caller's, or -errno

struct rtnl_link {
	bool up;
	uint32_t mtu; // 0: as it is
	// The kernel forms no link-local address itself (IFLA_INET6_ADDR_GEN_MODE none), because the
	// interface ID was negotiated.
	bool manual_addresses;
	bool arp; // IFF_NOARP is clear: the kernel does DAD
};
int rtnl_link_set(int fd, uint32_t ifindex, const struct rtnl_link *link);

struct rtnl_addr {
	struct inet_addr addr;
	uint8_t prefix_len;
	bool nodad; // IFA_F_NODAD
	bool managetemp; // IFA_F_MANAGETEMPADDR: the kernel makes temporary addresses beside it
	bool noprefixroute; // IFA_F_NOPREFIXROUTE: routes are set by name
};
// 0 or -errno; adding one that is there, or deleting one that is not, is 0.
int rtnl_addr_add(int fd, uint32_t ifindex, const struct rtnl_addr *addr);
int rtnl_addr_del(int fd, uint32_t ifindex, const struct rtnl_addr *addr);

// A route into the interface without next hop, in the main table.
int rtnl_route_add(int fd, uint32_t ifindex, const struct inet_prefix *prefix);
int rtnl_route_del(int fd, uint32_t ifindex, const struct inet_prefix *prefix);
