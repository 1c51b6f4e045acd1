// SPDX-License-Identifier: BSD-3-Clause
// link_model = "router-aggregation": the prefixes are every client's at once, each on its own link
// (a multi-link subnet). Nothing is leased; single addresses are claimed. The draft's section 5.1.
#include "axis.h"

static bool begin(struct link_table *table, struct link *link, uint64_t now_us)
{
	(void)table;
	(void)link;
	(void)now_us;
	return true;
}

static uint32_t prefixes(const struct link *link, struct inet_prefix *out, uint32_t max)
{
	const struct config_profile *profile = link->profile;
	uint32_t n = 0;

	for (uint32_t i = 0; i < profile->prefix_pool_n && n < max; i++)
		if (profile->prefix_pool[i]->shared)
			out[n++] = profile->prefix_pool[i]->prefix;
	return n;
}

const struct axis_model axis_model_router_aggregation = {begin, prefixes};
