// SPDX-License-Identifier: BSD-3-Clause
// From what a gateway gave to what the host's interface becomes: RFC 5739 sections 4.1 and 4.4
// (L12). Pure.
#pragma once

#include "config.h"
#include "cp.h"
#include "ipc_msg.h"

#define CLIENT_INWARD 32

struct client_plan {
	struct ipc_hostif_set hostif; // its routes are also what goes to the SA
	uint32_t inward_n;
	struct inet_prefix inward[CLIENT_INWARD]; // what comes out of SAs for the host
	uint32_t outward_n;
	struct inet_prefix outward[IPC_HOSTIF_ROUTES + 2]; // what goes into the SA
};

// `local` and `remote` are TSi and TSr as narrowed; `mtu` of the inner packets.
void client_plan(const struct config_connection *connection, const struct cp_attrs *cp,
	const struct ts_list *local, const struct ts_list *remote, uint32_t mtu,
	struct client_plan *out);

// The fewest prefixes that cover the selector's addresses, at most max; how many.
uint32_t ts_prefixes(const struct ts *ts, struct inet_prefix *out, uint32_t max);
