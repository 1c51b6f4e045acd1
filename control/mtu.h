// SPDX-License-Identifier: BSD-3-Clause
// How much fits into an ESP packet: RFC 4303 section 2, RFC 3948. Pure.
#pragma once

#include "algs.h"

#include <stdbool.h>
#include <stdint.h>

// The longest inner packet whose ESP packet is no longer than outer_mtu bytes; 0: none, or the
// suite is not one of ours. outer_family AF_INET or AF_INET6.
uint32_t mtu_inner(
	const struct esp_suite *suite, uint8_t outer_family, bool encap, uint32_t outer_mtu);
