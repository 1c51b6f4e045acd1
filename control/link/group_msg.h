// SPDX-License-Identifier: BSD-3-Clause
// What MLD and IGMP messages say, in one form for both: records of reports (the versions before
// source filters turned into them), and queries. Pure.
#pragma once

#include "buf.h"
#include "group.h"

#define GROUP_QUERY_SOURCES 64 // of a query that we look at; more make it a query for the group

#define GROUP_MSG_RESULTS(X)                                                                       \
	X(REPORT, "report")                                                                        \
	X(QUERY, "query")                                                                          \
	X(OTHER, "other") /* another protocol or type */                                           \
	X(MALFORMED, "malformed")                                                                  \
	X(HOP_LIMIT, "hop-limit") /* not 1 */                                                      \
	X(ALERT, "no-router-alert")                                                                \
	X(SOURCE, "source") /* neither link-local nor, of reports, unspecified */                  \
	X(DESTINATION, "destination")
enum group_msg_result {
#define X(id, name) GROUP_MSG_##id,
	GROUP_MSG_RESULTS(X)
#undef X
	GROUP_MSG_RESULT_COUNT,
};
const char *group_msg_result_name(enum group_msg_result result);

struct group_query {
	uint32_t version; // of MLD or IGMP
	uint64_t max_response_us;
	struct inet_addr group; // family 0: a General Query
	bool suppress; // S flag
	uint8_t robustness; // QRV; 0: not said
	uint32_t source_n; // 0: for the group
	struct inet_addr source[GROUP_QUERY_SOURCES];
};

struct group_msg {
	uint32_t version;
	struct inet_addr src;
	uint16_t record_n; // GROUP_MSG_REPORT: take them by group_msg_next()
	struct group_record first; // of versions without records in them
	struct buf_reader records; // lends the packet
	struct group_query query; // GROUP_MSG_QUERY
};

// false: that was all. A record that asks for a type that nobody knows is left out
// (RFC 3810 section 5.2.12, RFC 3376 section 4.2.12).
bool group_msg_next(struct group_msg *msg, struct group_record *out);

// ---- for mld_msg.c and igmp_msg.c ----

// Are there as many whole records, of addresses of this family, as the header says?
bool group_records_fit(struct buf_reader records, uint16_t n, uint8_t family);
void group_record_read(struct buf_reader *r, uint8_t family, struct group_record *out);
void group_record_write(struct buf_writer *w, const struct group_record *record);
struct inet_addr group_addr_read(struct buf_reader *r, uint8_t family);
void group_addr_write(struct buf_writer *w, const struct inet_addr *addr);
// Max Resp Code and QQIC: a number below 2^(mantissa + 3), or a mantissa and three bits of exponent.
// RFC 3810 sections 5.1.3 and 5.1.9, RFC 3376 sections 4.1.1 and 4.1.7.
uint32_t group_code_read(uint32_t code, unsigned mantissa_bits);
