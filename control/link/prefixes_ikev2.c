// SPDX-License-Identifier: BSD-3-Clause
// prefixes_by = "ikev2": INTERNAL_IP6_PREFIX in the reply, RFC 5739 section 4.1. Router solicitations
// have no answer there (section 4.4).
#include "axis.h"

static void reply(const struct link *link, struct cp_attrs *cp)
{
	uint32_t n = axis_model(link->profile)->prefixes(link, cp->prefix, CP_LIST_MAX);

	cp->prefix_n = (uint8_t)n;
}

const struct axis_prefixes axis_prefixes_ikev2 = {.reply = reply};
