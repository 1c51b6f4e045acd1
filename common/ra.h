// SPDX-License-Identifier: BSD-3-Clause
// Router advertisements as bytes: written for a link by control (RFC 4861 section 6.2.3) and for a
// client's LAN by the dataplane's main thread. Pure.
#pragma once

#include "inet.h"

#include <stddef.h>

#define RA_PREFIXES 8
#define RA_DNS 8
#define RA_DOMAINS 4
#define RA_BYTES_MAX 1232 // fits the IPv6 minimum MTU

struct ra_prefix {
	struct inet_prefix prefix;
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s; // UINT32_MAX: infinite
};
struct ra {
	uint8_t hop_limit; // 0: unspecified
	bool managed, other; // M and O flags
	uint16_t router_lifetime_s;
	uint32_t mtu; // 0: no MTU option
	const uint8_t *mac; // source link-layer address, 6 octets; NULL: no option
	uint32_t prefix_n;
	struct ra_prefix prefix[RA_PREFIXES];
	uint32_t dns_n; // RFC 8106
	struct inet_addr dns[RA_DNS];
	uint32_t domain_n;
	const char *domain[RA_DOMAINS]; // lends
	uint32_t dns_lifetime_s;
};

// The ICMPv6 message, checksum zero. Options that do not fit are left out, prefixes first in. The
// length, at most `max`, or 0 when not even the header fits.
size_t ra_write(const struct ra *ra, uint8_t *out, size_t max);
// One DNS name or several in the encoding of RFC 1035 section 3.1, as DNSSL and DHCPv6 (RFC 3646)
// want it. The length, 0: does not fit or is no name.
size_t ra_domain_write(const char *domain, uint8_t *out, size_t max);
