// SPDX-License-Identifier: BSD-3-Clause
// The host's side of MLD or IGMP on one port of the inner network, where the proxy (RFC 4605 section
// 4.1) reports what its links want together: changes at once and once more (robustness), answers to
// queries after a random delay, older versions while their querier is heard. RFC 3810 sections 6 and
// 8.2, RFC 3376 sections 5 and 7.2. Pure: time and randomness are handed in. Control's thread.
#pragma once

#include "group_msg.h"
#include "lease.h"

#include <stddef.h>

#define UPSTREAM_PACKET_MAX 1280

struct upstream;

struct upstream *upstream_new(uint8_t family, random_fn random, void *random_arg); // NULL and errno
void upstream_free(struct upstream *upstream); // accepts NULL
// What packets come from: the port's link-local or IPv4 address; none yet: the unspecified one.
void upstream_source(struct upstream *upstream, const struct inet_addr *addr);

// The port wants this of the group now; NULL: nothing any more. 0 or -ENOMEM.
int upstream_want(struct upstream *upstream, const struct inet_addr *group,
	const struct source_filter *filter, uint64_t now_us);
// What was heard on the port. Reports of others matter to versions before source filters only.
void upstream_query(struct upstream *upstream, const struct group_query *query, uint64_t now_us);
void upstream_report(struct upstream *upstream, const struct inet_addr *group, uint64_t now_us);

uint64_t upstream_next_us(const struct upstream *upstream); // CLOCK_NEVER: nothing to do
// A packet that is due; 0: none is left. `out` has room for UPSTREAM_PACKET_MAX.
size_t upstream_take(struct upstream *upstream, uint8_t *out, uint64_t now_us);
uint32_t upstream_version(const struct upstream *upstream, uint64_t now_us);
