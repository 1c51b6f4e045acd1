// SPDX-License-Identifier: BSD-3-Clause
// Group management for IPv4 as packets: IGMPv3 (RFC 3376), IGMPv2 (RFC 2236) and v1 (RFC 1112),
// reports and queries. Pure.
#pragma once

#include "group_msg.h"

#define IGMP_PROTO 2
#define IGMP_PACKET_MAX 576
#define IGMP_RECORDS_MAX ((IGMP_PACKET_MAX - 32) / 8) // without sources

// A whole IPv4 packet, which *out lends.
enum group_msg_result igmp_read(const uint8_t *data, size_t len, struct group_msg *out);

// Whole packets with TTL 1 and a router alert; the length, 0: does not fit. `query->group` of family
// 0 is a General Query to 224.0.0.1.
size_t igmp_write_query(
	uint8_t *out, size_t max, const struct inet_addr *src, const struct group_query *query);
// IGMPv3 to 224.0.0.22.
size_t igmp_write_report(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct group_record *record, uint32_t n);
// IGMPv1 or v2: a report to the group, or (v2) a leave to 224.0.0.2.
size_t igmp_write_old(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *group, uint32_t version, bool leave);
