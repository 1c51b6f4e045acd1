// SPDX-License-Identifier: BSD-3-Clause
// What strangers may make a responder spend: how many IKE SAs that nobody has authenticated there are, in
// all and from one source, how often a source may begin, and when it has to send a cookie back first. A
// source is an IPv4 address or an IPv6 prefix of 64 bits. RFC 7296 section 2.6. One thread per core.
//
// Requests with a good cookie are counted apart from those without: whoever forges a source uses up what
// that source may do without a cookie, and nothing else.
#pragma once

#include "ike_core.h"
#include "ike_msg.h"

#include <stdbool.h>

// Longest IKE_SA_INIT request that is looked at. Section 2 wants 3000 octets; we keep it until the IKE SA
// is authenticated.
#define INIT_REQUEST_MAX 4096

struct half_open *half_open_new(void); // NULL: no memory
void half_open_free(struct half_open *half_open); // accepts NULL

// May this IKE_SA_INIT request be worked on? Else it has been answered with a cookie, or dropped and
// counted. *proved: it came with a good cookie.
bool half_open_admits(struct ike *ike, const struct ike_datagram *datagram,
	const struct ike_msg *msg, bool *proved);
// The IKE SA is one of them from now on, until half_open_over(): authenticated, or freed.
void half_open_begin(struct ike_sa *sa, bool proved);
void half_open_over(struct ike_sa *sa); // no-op when it is none
