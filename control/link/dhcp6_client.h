// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 client of a connection: configuration, an address, a delegated prefix. RFC 8415 section
// 18.2, one state machine per connection. Pure: time and randomness are handed in. Control's thread.
#pragma once

#include "inner.h"

#include <stdbool.h>

#define DHCP6_CLIENT_LIST 8
#define DHCP6_CLIENT_DOMAINS 4

struct dhcp6_client_want {
	bool info; // DNS servers, domains, SNTP
	bool address; // IA_NA (P6)
	bool prefix; // IA_PD (L11)
	uint8_t prefix_len; // hint, 0: none
};
struct dhcp6_given {
	uint32_t address_n, prefix_n, dns_n, sntp_n, domain_n;
	struct inet_addr address[DHCP6_CLIENT_LIST];
	struct inet_prefix prefix[DHCP6_CLIENT_LIST];
	struct inet_addr dns[DHCP6_CLIENT_LIST];
	struct inet_addr sntp[DHCP6_CLIENT_LIST];
	char domain[DHCP6_CLIENT_DOMAINS][256];
};

struct dhcp6_client;

struct dhcp6_client_setup {
	void (*random)(void *arg, void *out, size_t len);
	// What is given changed: all of it, the new state. May be called from input and timeout.
	void (*changed)(void *arg, const struct dhcp6_given *given);
	void *arg;
	uint8_t duid[20]; // ours, the same through restarts
	uint8_t duid_len;
};
struct dhcp6_client *dhcp6_client_new(const struct dhcp6_client_setup *setup); // NULL and errno
void dhcp6_client_free(struct dhcp6_client *client); // accepts NULL; sends nothing

// Begins, or begins anew after the link went and came (what was given is confirmed by asking for the
// same again; changed() tells of differences only).
void dhcp6_client_start(
	struct dhcp6_client *client, const struct dhcp6_client_want *want, uint64_t now_us);
void dhcp6_client_stop(struct dhcp6_client *client); // forgets everything; no changed()
// The payload of a datagram to UDP port 546.
void dhcp6_client_input(
	struct dhcp6_client *client, const uint8_t *data, size_t len, uint64_t now_us);
uint64_t dhcp6_client_next_us(const struct dhcp6_client *client); // CLOCK_NEVER: nothing to do
void dhcp6_client_timeout(struct dhcp6_client *client, uint64_t now_us);
// The next message to send, to UDP port 547 of ff02::1:2 or of the server that INTERNAL_IP6_DHCP
// names. The length, 0: none waits. After start, input and timeout.
size_t dhcp6_client_take(struct dhcp6_client *client, uint8_t *out, size_t max);
