// SPDX-License-Identifier: BSD-3-Clause
// access_control = "spd": child SAs cover exactly what the link has (L19), nothing else can be sent
// by them. The draft's sections 5.4 and 6.1.
#include "axis.h"

static void policy(const struct link *link, struct ts_list *remote)
{
	axis_add_link_local(link, remote);
	axis_add_owned(link, remote);
}

const struct axis_access axis_access_spd = {policy};
