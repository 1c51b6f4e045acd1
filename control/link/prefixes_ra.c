// SPDX-License-Identifier: BSD-3-Clause
// prefixes_by = "ra": prefix information options, of which the host forms addresses as any host does.
// Not on link: neighbours are reached by the gateway, also in a shared prefix. They last as long as
// the link, so nothing has to be repeated (L3). The draft's appendices A.1 and A.3, RFC 4861 4.6.2.
#include "axis.h"

static void advertise(const struct link *link, struct ra *ra)
{
	struct inet_prefix prefix[RA_PREFIXES];

	ra->prefix_n = axis_model(link->profile)->prefixes(link, prefix, RA_PREFIXES);
	for (uint32_t i = 0; i < ra->prefix_n; i++)
		ra->prefix[i] = (struct ra_prefix){.prefix = prefix[i],
			.autonomous = true,
			.valid_s = UINT32_MAX,
			.preferred_s = UINT32_MAX};
}

const struct axis_prefixes axis_prefixes_ra = {.advertise = advertise, .unasked = true};
