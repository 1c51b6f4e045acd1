// SPDX-License-Identifier: BSD-3-Clause
// link_model = "point-to-point": a prefix is one client's alone (L20), so the link leases one of each
// pool. The draft's section 5.1.
#include "axis.h"

static bool begin(struct link_table *table, struct link *link, uint64_t now_us)
{
	const struct config_profile *profile = link->profile;
	uint32_t before = link->lease_n;

	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		link_lease_take(table, link, profile->prefix_pool[i], LINK_LEASE_PREFIX, 0, now_us);
	return link->lease_n > before;
}

static uint32_t prefixes(const struct link *link, struct inet_prefix *out, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < link->lease_n && n < max; i++)
		if (link->role[i] == LINK_LEASE_PREFIX && !link->leaving[i])
			out[n++] = link->prefix[i];
	return n;
}

const struct axis_model axis_model_p2p = {begin, prefixes};
