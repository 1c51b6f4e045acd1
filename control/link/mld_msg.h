// SPDX-License-Identifier: BSD-3-Clause
// Multicast listener discovery for IPv6 as packets: MLDv2 (RFC 3810) and MLDv1 (RFC 2710), reports
// and queries. Pure.
#pragma once

#include "group_msg.h"
#include "inner.h"

#define MLD_QUERY 130
#define MLD_V1_REPORT 131
#define MLD_V1_DONE 132
#define MLD_V2_REPORT 143
#define MLD_PACKET_MAX 1280 // of what is written: the IPv6 minimum MTU
#define MLD_RECORDS_MAX ((MLD_PACKET_MAX - 56) / 20) // without sources

static inline bool mld_type(uint8_t icmp6_type)
{
	return (icmp6_type >= MLD_QUERY && icmp6_type <= MLD_V1_DONE) ||
		icmp6_type == MLD_V2_REPORT;
}

// `packet` from inner_parse(), which *out lends.
enum group_msg_result mld_read(const struct inner_packet *packet, struct group_msg *out);

// Whole packets with hop limit 1 and a router alert; the length, 0: does not fit. `query->group` of
// family 0 is a General Query to ff02::1.
size_t mld_write_query(
	uint8_t *out, size_t max, const struct inet_addr *src, const struct group_query *query);
// MLDv2 to ff02::16.
size_t mld_write_report(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct group_record *record, uint32_t n);
// MLDv1: a report to the group, or done to ff02::2.
size_t mld_write_v1(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *group, bool done);
