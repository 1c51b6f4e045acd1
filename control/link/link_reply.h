// SPDX-License-Identifier: BSD-3-Clause
// From a configuration request to what a link needs, and from a link to its configuration reply and
// traffic selectors: RFC 7296 section 3.15, RFC 5739 section 4, RFC 8598. Pure.
#pragma once

#include "iid.h"
#include "link.h"

struct link_wants {
	bool asked; // for anything that is an address or a prefix
	bool virtual_link, ip4, ip6; // asked for, and the profile has it
	bool unasked; // virtual_link without having asked: the host will solicit a router
};
// `asked` NULL: there was no configuration payload.
struct link_wants link_wants_of(const struct config_profile *profile, const struct cp_attrs *asked);

// The address that the peer would like to keep, or family 0.
struct inet_addr link_wanted_ip4(const struct cp_attrs *asked);
struct inet_addr link_wanted_ip6(const struct cp_attrs *asked);

// Everything but the outcome.
void link_reply_fill(
	const struct link *link, const struct cp_attrs *asked, struct ike_link_reply *reply);
void link_policy_remote(const struct link *link, struct ts_list *remote);
void link_policy_local(const struct link *link, struct ts_list *local);
