// SPDX-License-Identifier: BSD-3-Clause
// What the gateway itself answers on a link: its link-local address is a neighbour that can be asked
// whether it is there (L26) and that echoes; it is the router that solicits an advertisement where
// the profile has prefixes by RA (P2, P4); and in shared prefixes it keeps who has which address
// from the solicitations of duplicate address detection, answering for those who have it already
// (P3, P4), where it also asks for addresses that may be out of use (claim_age.c). RFC 4861, RFC 4862 section 5.4, RFC 4443 section 4.2. Nothing is sent unasked.
#pragma once

#include "inner.h"
#include "link.h"

#define NDP_RESULTS(X)                                                                              \
	X(ANSWERED, "answered")                                                                     \
	X(ADVERTISED, "advertised") /* a router advertisement */                                    \
	X(CLAIMED, "claimed") /* an address is the link's from now on; no answer says so */         \
	X(TAKEN, "taken") /* answered: somebody else's address, or nobody's to have */              \
	X(OVER_LIMIT, "over-limit") /* answered like a taken one: the link has enough addresses */  \
	X(PRESENT,                                                                                  \
		"present") /* an advertisement that the gateway asked for: the address is in use */ \
	X(NOT_FOR_US, "not-for-us") /* well-formed; nothing that we answer */                       \
	X(UNWANTED, "unwanted") /* advertisements and redirects, which no client has to send */     \
	X(MALFORMED, "malformed") /* too short, bad options */                                      \
	X(BAD_HOP_LIMIT, "bad-hop-limit") /* neighbour discovery from beyond the link */            \
	X(BAD_SOURCE, "bad-source") /* an address that the link does not own */
enum ndp_result {
#define X(id, name) NDP_##id,
	NDP_RESULTS(X)
#undef X
	NDP_RESULT_COUNT,
};
const char *ndp_result_name(enum ndp_result result);

// An inner ICMPv6 packet that came by one of the link's SAs. When *answer_len is not 0 then, so many
// bytes of `answer` are to be sent by the same link, whatever the result is called.
#define NDP_ANSWER_MAX 2048
enum ndp_result ndp_input(struct link_table *table, const struct link *link,
	const struct inner_packet *packet, uint64_t now_us, uint8_t answer[NDP_ANSWER_MAX],
	size_t *answer_len);
