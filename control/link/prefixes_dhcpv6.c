// SPDX-License-Identifier: BSD-3-Clause
// prefixes_by = "dhcpv6": the server gives them with the addresses. A host that solicits a router is
// sent there by the M flag, RFC 4861 section 4.2.
#include "axis.h"

static void advertise(const struct link *link, struct ra *ra)
{
	(void)link;
	ra->managed = true;
}

const struct axis_prefixes axis_prefixes_dhcpv6 = {.advertise = advertise};
