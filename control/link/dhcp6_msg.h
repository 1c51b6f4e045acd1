// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 messages as plain values, read and written: RFC 8415 sections 7, 8, 9 and 21, options of
// RFC 3646 (DNS), 4075 (SNTP), 4649 (Remote-ID). What is not known is skipped, what lies about its
// length makes the whole message bad. Bounded, nothing recursive, pure.
#pragma once

#include "inet.h"

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
#define DHCP6_INFINITY UINT32_MAX // lifetimes, T1, T2, refresh time: no end

#define DHCP6_TYPES(X)                                                                             \
	X(SOLICIT, 1, "Solicit")                                                                   \
	X(ADVERTISE, 2, "Advertise")                                                               \
	X(REQUEST, 3, "Request")                                                                   \
	X(CONFIRM, 4, "Confirm")                                                                   \
	X(RENEW, 5, "Renew")                                                                       \
	X(REBIND, 6, "Rebind")                                                                     \
	X(REPLY, 7, "Reply")                                                                       \
	X(RELEASE, 8, "Release")                                                                   \
	X(DECLINE, 9, "Decline")                                                                   \
	X(RECONFIGURE, 10, "Reconfigure")                                                          \
	X(INFORMATION_REQUEST, 11, "Information-request")                                          \
	X(RELAY_FORWARD, 12, "Relay-forward")                                                      \
	X(RELAY_REPLY, 13, "Relay-reply")
enum dhcp6_type {
#define X(id, number, name) DHCP6_##id = (number),
	DHCP6_TYPES(X)
#undef X
};
const char *dhcp6_type_name(uint8_t type); // "?" when unknown

#define DHCP6_STATUSES(X)                                                                          \
	X(SUCCESS, 0, "Success")                                                                   \
	X(UNSPEC_FAIL, 1, "UnspecFail")                                                            \
	X(NO_ADDRS_AVAIL, 2, "NoAddrsAvail")                                                       \
	X(NO_BINDING, 3, "NoBinding")                                                              \
	X(NOT_ON_LINK, 4, "NotOnLink")                                                             \
	X(USE_MULTICAST, 5, "UseMulticast")                                                        \
	X(NO_PREFIX_AVAIL, 6, "NoPrefixAvail")
enum dhcp6_status {
#define X(id, number, name) DHCP6_STATUS_##id = (number),
	DHCP6_STATUSES(X)
#undef X
};
const char *dhcp6_status_name(uint16_t status);

enum dhcp6_option {
	DHCP6_OPTION_CLIENT_ID = 1,
	DHCP6_OPTION_SERVER_ID = 2,
	DHCP6_OPTION_IA_NA = 3,
	DHCP6_OPTION_IA_ADDRESS = 5,
	DHCP6_OPTION_REQUEST = 6, // ORO
	DHCP6_OPTION_PREFERENCE = 7,
	DHCP6_OPTION_ELAPSED_TIME = 8,
	DHCP6_OPTION_RELAY_MESSAGE = 9,
	DHCP6_OPTION_STATUS = 13,
	DHCP6_OPTION_RAPID_COMMIT = 14,
	DHCP6_OPTION_INTERFACE_ID = 18,
	DHCP6_OPTION_DNS = 23,
	DHCP6_OPTION_DOMAINS = 24,
	DHCP6_OPTION_IA_PD = 25,
	DHCP6_OPTION_IA_PREFIX = 26,
	DHCP6_OPTION_SNTP = 31,
	DHCP6_OPTION_REFRESH_TIME = 32,
	DHCP6_OPTION_REMOTE_ID = 37,
	DHCP6_OPTION_SOL_MAX_RT = 82,
	DHCP6_OPTION_INF_MAX_RT = 83,
};

#define DHCP6_DUID_MAX 130 // RFC 8415 section 11.1: a type and at most 128 octets
#define DHCP6_IAS 4
#define DHCP6_ITEMS 8
#define DHCP6_LIST 8
#define DHCP6_DOMAINS 4
#define DHCP6_REQUESTS 32

struct dhcp6_duid {
	uint8_t len; // 0: none
	uint8_t data[DHCP6_DUID_MAX];
};

// An address (IA_NA, length 128) or a delegated prefix (IA_PD).
struct dhcp6_item {
	struct inet_prefix prefix; // unspecified: a hint of the length alone
	uint32_t preferred_s, valid_s;
	uint16_t status;
};
struct dhcp6_ia {
	bool pd;
	uint32_t iaid, t1_s, t2_s;
	uint16_t status;
	uint32_t item_n;
	struct dhcp6_item item[DHCP6_ITEMS];
};

// A message between client and server. What is zero is not in it.
struct dhcp6_msg {
	uint8_t type;
	uint32_t xid; // 24 bits
	struct dhcp6_duid client, server;
	bool has_elapsed, has_status, has_refresh, rapid_commit;
	uint16_t elapsed_cs; // hundredths of a second
	uint16_t status;
	uint8_t preference;
	uint32_t refresh_s, sol_max_rt_s, inf_max_rt_s;
	uint32_t request_n, ia_n, dns_n, sntp_n, domain_n;
	uint16_t request[DHCP6_REQUESTS]; // ORO
	struct dhcp6_ia ia[DHCP6_IAS];
	struct inet_addr dns[DHCP6_LIST];
	struct inet_addr sntp[DHCP6_LIST];
	char domain[DHCP6_DOMAINS][256];
	uint32_t
		excess_n; // read: more than there is room for, twice the same, names that are no names
};

// 0 or -EBADMSG; relay messages are bad here.
int dhcp6_msg_read(const uint8_t *data, size_t len, struct dhcp6_msg *out);
size_t dhcp6_msg_write(const struct dhcp6_msg *msg, uint8_t *out, size_t max); // 0: does not fit
bool dhcp6_msg_requests(const struct dhcp6_msg *msg, uint16_t option); // in its ORO
// A prefix or address that somebody may be given: not what every host has already, not everything.
bool dhcp6_prefix_usable(const struct inet_prefix *prefix);
bool dhcp6_duid_equal(const struct dhcp6_duid *a, const struct dhcp6_duid *b);

// Relay-forward and Relay-reply, one hop of it.
struct dhcp6_relay {
	uint8_t type;
	uint8_t hops;
	struct inet_addr link, peer;
	const uint8_t *interface_id, *remote_id, *message; // lend; NULL: not in it
	size_t interface_id_len, remote_id_len, message_len;
	uint32_t enterprise; // of the Remote-ID
};
int dhcp6_relay_read(const uint8_t *data, size_t len, struct dhcp6_relay *out); // 0 or -EBADMSG
size_t dhcp6_relay_write(const struct dhcp6_relay *relay, uint8_t *out, size_t max);
