// SPDX-License-Identifier: BSD-3-Clause
// addresses_by = "slaac": the client forms addresses in the shared prefixes and asks by duplicate
// address detection whether they are free; the question makes a free one its own. The draft's
// appendices A.2 and A.3, RFC 4862 section 5.4.
#include "axis.h"

static int solicited(struct link_table *table, const struct link *link,
	const struct inet_addr *target, uint64_t now_us)
{
	return link_claim(table, link->handle, target, now_us);
}

const struct axis_addresses axis_addresses_slaac = {.solicited = solicited};
