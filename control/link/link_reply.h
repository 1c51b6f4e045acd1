// SPDX-License-Identifier: BSD-3-Clause
// From a configuration request to what a link needs, and from a link to its configuration reply and
// traffic selectors: RFC 7296 section 3.15, RFC 5739 section 4. Pure.
#pragma once

#include "link.h"

struct link_wants {
	bool asked; // for anything that is an address or a prefix
	bool virtual_link, ip4, ip6; // asked for, and the profile has it
};
struct link_wants link_wants_of(const struct config_profile *profile, const struct cp_attrs *asked);

// RFC 5453: interface IDs that no node may have.
bool link_iid_acceptable(const uint8_t iid[8]);

// The address that the peer would like to keep, or family 0.
struct inet_addr link_wanted_ip4(const struct cp_attrs *asked);
struct inet_addr link_wanted_ip6(const struct cp_attrs *asked);

// Everything but the outcome.
void link_reply_fill(
	const struct link *link, const struct cp_attrs *asked, struct ike_link_reply *reply);
