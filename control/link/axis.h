// SPDX-License-Identifier: BSD-3-Clause
// A link profile is one value on each of four axes (the draft's section 5). Every value is a module of
// a few functions, NULL where it has nothing to say; no module knows which combination it is part
// of. What makes no sense together, the configuration check has refused.
//
//	link_model	model_p2p.c  model_router_aggregation.c
//	prefixes_by	prefixes_ikev2.c  prefixes_ra.c  prefixes_dhcpv6.c
//	addresses_by	addresses_ikev2.c  addresses_slaac.c  addresses_dhcpv6.c  (whole-prefix has no
//			code: the client does as it likes)
//	access_control	access_spd.c  access_ingress.c
#pragma once

#include "link_table.h"
#include "ra.h"

// Whose the profile's prefixes are: section 5.1.
struct axis_model {
	// What a new link takes of the prefix pools; false: nothing is left for it.
	bool (*begin)(struct link_table *table, struct link *link, uint64_t now_us);
	// The prefixes in which the client has its addresses.
	uint32_t (*prefixes)(const struct link *link, struct inet_prefix *out, uint32_t max);
};
// How the client learns them: section 5.2.
struct axis_prefixes {
	// Into CFG_REPLY. They are known before the first child SA then, and bound its selectors.
	void (*reply)(const struct link *link, struct cp_attrs *reply);
	// Router solicitations are answered, with these.
	void (*advertise)(const struct link *link, struct ra *ra);
	// Hosts that ask IKEv2 for nothing get a link, and learn the rest by themselves.
	bool unasked;
};
// How it comes to addresses in them: section 5.3.
struct axis_addresses {
	// The link begins or goes on: addresses that IKEv2 gives. 0 or -errno.
	int (*attach)(struct link_table *table, struct link_entry *entry,
		const struct cp_attrs *asked, uint64_t now_us);
	void (*reply)(const struct link *link, struct cp_attrs *reply); // in place of the prefixes
	int (*extend)(struct link_table *table, struct link_entry *entry,
		const struct inet_addr *asked, uint64_t now_us, struct inet_addr *given);
	// Duplicate address detection by the client, which sends it from the unspecified address. Errors
	// of link_claim().
	int (*solicited)(struct link_table *table, const struct link *link,
		const struct inet_addr *target, uint64_t now_us);
	// The pool of address number `nth` by DHCPv6, or NULL.
	const struct config_pool *(*dhcp6_pool)(const struct link *link, uint32_t nth);
};
// What keeps it to them: section 5.4.
struct axis_access {
	// What the remote side of its child SAs may be (L19).
	void (*policy)(const struct link *link, struct ts_list *remote);
};

extern const struct axis_model axis_model_p2p, axis_model_router_aggregation;
extern const struct axis_prefixes axis_prefixes_ikev2, axis_prefixes_ra, axis_prefixes_dhcpv6;
extern const struct axis_addresses axis_addresses_ikev2, axis_addresses_slaac,
	axis_addresses_dhcpv6;
extern const struct axis_access axis_access_spd, axis_access_ingress;

const struct axis_model *axis_model(const struct config_profile *profile);
const struct axis_prefixes *axis_prefixes(const struct config_profile *profile);
const struct axis_addresses *axis_addresses(const struct config_profile *profile);
const struct axis_access *axis_access(const struct config_profile *profile);

// The client sends from the unspecified address before it has another one.
bool axis_unspecified_source(const struct config_profile *profile);

// For the access modules: the client's link-local address if it is known, and everything that the
// link has and that is still told.
void axis_add_link_local(const struct link *link, struct ts_list *list);
void axis_add_owned(const struct link *link, struct ts_list *list);
