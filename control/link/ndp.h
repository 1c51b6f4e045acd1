// SPDX-License-Identifier: BSD-3-Clause
// What the gateway itself answers on a link: its link-local address is a neighbour that can be
// asked whether it is there (L26) and that echoes. RFC 4861 sections 7.1.1 and 7.2.4, RFC 4443
// section 4.2. Nothing is sent unasked. Pure.
#pragma once

#include "link.h"

#define NDP_RESULTS(X)                                                                             \
	X(ANSWERED, "answered")                                                                    \
	X(NOT_FOR_US, "not-for-us") /* well-formed; nothing that we answer */                      \
	X(MALFORMED, "malformed") /* too short, bad checksum, bad options */                       \
	X(BAD_HOP_LIMIT, "bad-hop-limit") /* neighbour discovery from beyond the link */           \
	X(BAD_SOURCE, "bad-source") /* an address that the link does not own */
enum ndp_result {
#define X(id, name) NDP_##id,
	NDP_RESULTS(X)
#undef X
	NDP_RESULT_COUNT,
};
const char *ndp_result_name(enum ndp_result result);

// An inner packet that came by one of the link's SAs. With NDP_ANSWERED, *answer_len bytes of
// answer are in `answer`, to be sent by the same link.
#define NDP_ANSWER_MAX 2048
enum ndp_result ndp_input(const struct link *link, const uint8_t *packet, size_t len,
	uint8_t answer[NDP_ANSWER_MAX], size_t *answer_len);
