// SPDX-License-Identifier: BSD-3-Clause
// access_control = "ingress-filter": child SAs cover more than the link has, and the filter behind
// them lets pass what it has (link_ingress). Where the client was told its prefixes before the SA,
// the SA is bounded by these (appendix A.2: "partly"), else it is open to all of IPv6. The draft's
// section 5.4.
#include "axis.h"

static const struct inet_addr all_nodes = {.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 1}};

static void policy(const struct link *link, struct ts_list *remote)
{
	struct inet_prefix prefix[CONFIG_LINK_POOLS];
	struct inet_addr unspecified = {.family = AF_INET6};
	struct ts ts = ts_any(AF_INET6);
	uint32_t n = 0;

	if (axis_prefixes(link->profile)->reply == NULL) {
		ts_list_add(remote, &ts);
		axis_add_owned(link, remote); // IPv4: the rest is within
		return;
	}
	axis_add_link_local(link, remote);
	n = axis_model(link->profile)->prefixes(link, prefix, CONFIG_LINK_POOLS);
	for (uint32_t i = 0; i < n; i++) {
		ts = ts_from_prefix(&prefix[i]);
		ts_list_add(remote, &ts);
	}
	axis_add_owned(link, remote);
	// Duplicate address detection asks from :: and is answered to all nodes.
	ts = ts_from_addr(&unspecified);
	if (axis_unspecified_source(link->profile))
		ts_list_add(remote, &ts);
	ts = ts_from_addr(&all_nodes);
	if (axis_unspecified_source(link->profile))
		ts_list_add(remote, &ts);
}

const struct axis_access axis_access_ingress = {policy};
