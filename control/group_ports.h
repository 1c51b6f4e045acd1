// SPDX-License-Identifier: BSD-3-Clause
// The proxy's upstream side (RFC 4605): on every inner port a host of MLD and one of IGMP that wants
// what all links want together. Control's thread.
#pragma once

#include "control.h"
#include "group.h"

struct group_ports;

struct group_ports *group_ports_new(struct control *control); // lends; NULL and errno
void group_ports_free(struct group_ports *ports); // accepts NULL
// The dataplane is there: which ports has it, with which addresses?
void group_ports_refresh(struct group_ports *ports);
void group_ports_want(struct group_ports *ports, const struct inet_addr *group,
	const struct source_filter *filter, uint64_t now_us);
void group_ports_input(
	struct group_ports *ports, uint32_t port, const uint8_t *data, size_t len, uint64_t now_us);
uint64_t group_ports_next_us(const struct group_ports *ports); // CLOCK_NEVER
void group_ports_send(struct group_ports *ports, uint64_t now_us); // what is due
// An IPv4 address of ours on the inner network, 0.0.0.0 when there is none.
struct inet_addr group_ports_ip4(const struct group_ports *ports);
