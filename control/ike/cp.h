// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload, read and written: RFC 7296 section 3.15, RFC 5739 section 8.1 and 8.2,
// RFC 8598. A plain value; the bytes are ike_payload.c's business, the meaning control/link's.
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

enum cp_type {
	CP_REQUEST = 1,
	CP_REPLY = 2,
	CP_SET = 3,
	CP_ACK = 4
};

// IANA numbers of the attributes that we know.
enum cp_attr_type {
	CP_INTERNAL_IP4_ADDRESS = 1,
	CP_INTERNAL_IP4_NETMASK = 2,
	CP_INTERNAL_IP4_DNS = 3,
	CP_INTERNAL_IP4_DHCP = 6,
	CP_APPLICATION_VERSION = 7,
	CP_INTERNAL_IP6_ADDRESS = 8,
	CP_INTERNAL_IP6_DNS = 10,
	CP_INTERNAL_IP6_DHCP = 12,
	CP_INTERNAL_IP4_SUBNET = 13,
	CP_SUPPORTED_ATTRIBUTES = 14,
	CP_INTERNAL_IP6_SUBNET = 15,
	CP_INTERNAL_IP6_LINK = 17,
	CP_INTERNAL_IP6_PREFIX = 18,
	CP_INTERNAL_DNS_DOMAIN = 25,
	CP_INTERNAL_DNSSEC_TA = 26,
	// Private use (the draft's appendix A.4 asks for a number and got none): 16 octets of address.
	CP_INTERNAL_IP6_ADDRESS2 = 16384,
};

#define CP_LIST_MAX 8
#define CP_LINK_ID_MAX 64
#define CP_DOMAINS 4
#define CP_TAS 4
#define CP_ADDRESS2_MAX 16

struct cp_ip6_address {
	struct inet_addr addr; // unspecified or family 0: any (zero-length attribute)
	uint8_t prefix_len;
};

struct cp_attrs {
	enum cp_type type;
	bool link; // INTERNAL_IP6_LINK present
	bool link_twice; // and once more, saying something else
	uint8_t link_iid[8];
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len; // 0: none given
	uint8_t prefix_n;
	struct inet_prefix prefix[CP_LIST_MAX]; // INTERNAL_IP6_PREFIX, host bits already ignored
	uint8_t ip4_n; // INTERNAL_IP4_ADDRESS attributes
	struct inet_addr ip4[CP_LIST_MAX]; // family 0: zero-length
	struct inet_addr ip4_netmask; // family 0: none
	uint8_t ip6_n; // INTERNAL_IP6_ADDRESS attributes
	struct cp_ip6_address ip6[CP_LIST_MAX];
	bool want_dns4, want_dns6, want_dhcp6, want_domain, want_subnet4,
		want_subnet6; // zero-length ones
	uint8_t dns_n; // both families
	struct inet_addr dns[CP_LIST_MAX];
	uint8_t dhcp6_n;
	struct inet_addr dhcp6[CP_LIST_MAX];
	uint8_t subnet_n; // both families
	struct inet_prefix subnet[CP_LIST_MAX];
	uint8_t address2_n; // INTERNAL_IP6_ADDRESS2
	struct inet_addr address2[CP_ADDRESS2_MAX]; // family 0: zero-length
	uint8_t domain_n; // INTERNAL_DNS_DOMAIN
	char domain[CP_DOMAINS][256];
	bool want_dnssec_ta;
	uint8_t ta_n; // INTERNAL_DNSSEC_TA; `domain` of each: index into domain[] above
	struct config_dnssec_ta ta[CP_TAS];
	uint16_t unknown_n; // attributes that we do not know, skipped
	uint16_t excess_n; // more of a kind than CP_LIST_MAX, skipped
};
