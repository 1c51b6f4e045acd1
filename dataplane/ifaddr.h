// SPDX-License-Identifier: BSD-3-Clause
// What the kernel says of addresses on its interfaces, by rtnetlink: those that it formed itself
// from router advertisements, and what came of duplicate address detection. Main thread.
#pragma once

#include "ipc_msg.h"

#include <stdint.h>

struct ifaddr_event {
	uint32_t ifindex;
	struct inet_addr addr;
	uint8_t prefix_len;
	enum ipc_hostif_addr_event event;
};
typedef void (*ifaddr_fn)(void *arg, const struct ifaddr_event *event);

int ifaddr_open(void); // descriptor, the caller's, or -errno
// Takes what is there and calls fn for each; of a message that tells nothing new that is usable or
// gone, for none.
void ifaddr_read(int fd, ifaddr_fn fn, void *arg);
// Asks for all addresses that are there: they are told as added.
void ifaddr_ask(int fd);

// One datagram of netlink messages; a kernel's, still checked. For ifaddr_read() and tests.
void ifaddr_parse(const void *data, size_t len, ifaddr_fn fn, void *arg);
