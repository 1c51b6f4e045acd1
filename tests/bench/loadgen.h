// SPDX-License-Identifier: BSD-3-Clause
// The load generator's parts: its sockets, and what it sees of the gateway's processes. One thread.
#pragma once

#include "ike.h"

#include <stdint.h>
#include <sys/socket.h>

#define LOAD_ADDRS_MAX 248 // 192.0.2.3 to 192.0.2.250 in the testbed

// A client with the load identity u0. The caller's, config_free(). NULL: said on stderr.
struct config *load_client_config(void);
void load_random(void *arg, void *out, size_t len); // for struct ike_ops

socklen_t load_sockaddr(const struct inet_addr *addr, uint16_t port, struct sockaddr_storage *out);

// Two sockets for each of our addresses, at port 500 and at port 4500.
struct load_net;
// `first` and the addr_n - 1 addresses that follow it. NULL and errno.
struct load_net *load_net_new(const struct inet_addr *first, uint32_t addr_n);
void load_net_free(struct load_net *net);
const struct inet_addr *load_net_addr(const struct load_net *net, uint32_t i); // of any i
// What is lost on the way is sent again by the core: nothing to tell.
void load_net_send(struct load_net *net, const struct ike_datagram *datagram);
// Waits until there are datagrams or timeout_us is over; hands all of them to the core. How many.
uint32_t load_net_receive(struct load_net *net, struct ike *ike, uint64_t timeout_us);

// The gateway's two processes, from /proc. A pid of 0 is one that nobody asks about.
enum load_process {
	LOAD_CONTROL,
	LOAD_DATAPLANE,
	LOAD_PROCESSES
};
struct load_gauge {
	uint64_t us; // when
	uint64_t cpu_us[LOAD_PROCESSES]; // run time of all threads
	uint64_t memory[LOAD_PROCESSES]; // octets resident
};
void load_gauge_read(const int pid[LOAD_PROCESSES], struct load_gauge *out);

// Asks the gateway's IKE loop something cheap 50 times a second, from a thread and a socket of its own: a
// message of a major version that nobody speaks (RFC 7296 section 2.5) is answered at once. What the
// answers take is how long the loop was away.
struct load_probe;
struct load_probe_report {
	uint32_t sent, answered;
	uint64_t longest_us;
};
struct load_probe *load_probe_new(const struct inet_addr *gateway); // NULL and errno
void load_probe_free(struct load_probe *probe); // accepts NULL
// Since the last report.
void load_probe_read(struct load_probe *probe, struct load_probe_report *out);
