// SPDX-License-Identifier: BSD-3-Clause
// MLD messages taken apart and put together. What is valid: RFC 3810 sections 5.1.14, 5.2.13 and 6.2
// (hop limit 1, router alert, a link-local source; of reports also the unspecified one, RFC 3590),
// RFC 2710 sections 3 and 5. Lengths beyond what is named are data that is ignored. Pure.
#include "mld_msg.h"

#include <string.h>

#define V1_BYTES 24 // type, code, checksum, delay, reserved, address
#define V2_QUERY_BYTES 28
#define HOP_BY_HOP_BYTES 8
#define US_PER_MS UINT64_C(1000)
#define MANTISSA_DELAY 12
#define SUPPRESS 0x08
#define ROBUSTNESS 0x07

static const struct inet_addr all_nodes = {.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 1}};
static const struct inet_addr all_routers = {.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 2}};
static const struct inet_addr all_reports = {
	.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 0x16}};

// ---- reading ----

static enum group_msg_result read_query(
	const struct inner_packet *packet, struct buf_reader *r, struct group_msg *out)
{
	struct group_query *query = &out->query;
	uint32_t code = buf_get_be16(r);
	uint8_t flags = 0;

	buf_skip(r, 2);
	query->group = group_addr_read(r, AF_INET6);
	// RFC 3810 section 8.1: the length says the version, and 24 octets are the first.
	if (r->failed || (packet->payload_len > V1_BYTES && packet->payload_len < V2_QUERY_BYTES))
		return GROUP_MSG_MALFORMED;
	query->version = out->version = packet->payload_len == V1_BYTES ? 1 : 2;
	query->max_response_us =
		(out->version == 1 ? code : group_code_read(code, MANTISSA_DELAY)) * US_PER_MS;
	if (out->version == 2) {
		flags = buf_get_u8(r);
		buf_skip(r, 1); // QQIC: how often a querier asks is no matter to a host
		query->suppress = (flags & SUPPRESS) != 0;
		query->robustness = flags & ROBUSTNESS;
		query->source_n = buf_get_be16(r);
		for (uint32_t i = 0; i < query->source_n && !r->failed; i++) {
			struct inet_addr source = group_addr_read(r, AF_INET6);

			if (i < GROUP_QUERY_SOURCES)
				query->source[i] = source;
		}
		if (r->failed)
			return GROUP_MSG_MALFORMED;
	}
	if (query->source_n > GROUP_QUERY_SOURCES)
		query->source_n = 0;
	if (inet_addr_is_unspecified(&query->group)) {
		query->group = (struct inet_addr){};
		return query->source_n == 0 ? GROUP_MSG_QUERY : GROUP_MSG_MALFORMED;
	}
	return inet_addr_is_multicast(&query->group) ? GROUP_MSG_QUERY : GROUP_MSG_MALFORMED;
}

// A report is EXCLUDE of nothing, done is INCLUDE of nothing: RFC 3810 section 8.3.2.
static enum group_msg_result read_v1(
	const struct inner_packet *packet, struct buf_reader *r, struct group_msg *out, bool done)
{
	buf_skip(r, 4);
	out->version = 1;
	out->first.type = done ? GROUP_CHANGE_TO_INCLUDE : GROUP_MODE_IS_EXCLUDE;
	out->first.group = group_addr_read(r, AF_INET6);
	out->record_n = 1;
	if (r->failed || !inet_addr_is_multicast(&out->first.group))
		return GROUP_MSG_MALFORMED;
	if (!inet_addr_equal(&packet->dst, done ? &all_routers : &out->first.group))
		return GROUP_MSG_DESTINATION;
	return GROUP_MSG_REPORT;
}

static enum group_msg_result read_v2(
	const struct inner_packet *packet, struct buf_reader *r, struct group_msg *out)
{
	buf_skip(r, 2);
	out->version = 2;
	out->record_n = buf_get_be16(r);
	out->records = *r;
	if (r->failed || !group_records_fit(*r, out->record_n, AF_INET6))
		return GROUP_MSG_MALFORMED;
	// To the group of all routers, or to an address of ours: RFC 3810 section 5.2.14.
	if (inet_addr_is_multicast(&packet->dst) && !inet_addr_equal(&packet->dst, &all_reports))
		return GROUP_MSG_DESTINATION;
	return GROUP_MSG_REPORT;
}

static bool source_ok(const struct inner_packet *packet)
{
	return inet_addr_is_link_local(&packet->src) ||
		(packet->payload[0] != MLD_QUERY && inet_addr_is_unspecified(&packet->src));
}

enum group_msg_result mld_read(const struct inner_packet *packet, struct group_msg *out)
{
	struct buf_reader r;
	uint8_t type = 0;

	*out = (struct group_msg){.src = packet->src};
	if (packet->proto != INNER_ICMP6 || packet->payload_len < 4 ||
		!mld_type(packet->payload[0]))
		return GROUP_MSG_OTHER;
	if (packet->hop_limit != 1)
		return GROUP_MSG_HOP_LIMIT;
	if (!packet->router_alert)
		return GROUP_MSG_ALERT;
	if (!source_ok(packet))
		return GROUP_MSG_SOURCE;
	buf_reader_init(&r, packet->payload, packet->payload_len);
	type = buf_get_u8(&r);
	buf_skip(&r, 3);
	if (type == MLD_QUERY)
		return read_query(packet, &r, out);
	if (type == MLD_V2_REPORT)
		return read_v2(packet, &r, out);
	return read_v1(packet, &r, out, type == MLD_V1_DONE);
}

// ---- writing ----

static size_t packet(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *dst, struct buf_writer *w)
{
	if (w->failed)
		return 0;
	return inner_write_mld(out, max, src, dst, w->start, buf_written(w));
}

// The delay as a code: exact below 2^15 ms, else the longest.
static uint16_t delay_code(uint64_t us)
{
	return us / US_PER_MS < 0x8000 ? (uint16_t)(us / US_PER_MS) : 0xffff;
}

size_t mld_write_query(
	uint8_t *out, size_t max, const struct inet_addr *src, const struct group_query *query)
{
	static const struct inet_addr general = {.family = AF_INET6};
	const struct inet_addr *group = query->group.family != 0 ? &query->group : &general;
	uint32_t n = query->source_n < GROUP_QUERY_SOURCES ? query->source_n : 0;
	uint8_t icmp[V2_QUERY_BYTES + GROUP_QUERY_SOURCES * 16];
	struct buf_writer w;

	buf_writer_init(&w, icmp, sizeof(icmp));
	buf_put_u8(&w, MLD_QUERY);
	buf_put_zero(&w, 3);
	buf_put_be16(&w, delay_code(query->max_response_us));
	buf_put_zero(&w, 2);
	group_addr_write(&w, group);
	if (query->version != 1) {
		buf_put_u8(&w,
			(uint8_t)((query->suppress ? SUPPRESS : 0) |
				(query->robustness & ROBUSTNESS)));
		buf_put_u8(&w, 0);
		buf_put_be16(&w, (uint16_t)n);
		for (uint32_t i = 0; i < n; i++)
			group_addr_write(&w, &query->source[i]);
	}
	return packet(out, max, src, query->group.family != 0 ? group : &all_nodes, &w);
}

size_t mld_write_report(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct group_record *record, uint32_t n)
{
	uint8_t icmp[MLD_PACKET_MAX - INNER_IP6_HEADER - HOP_BY_HOP_BYTES];
	struct buf_writer w;

	buf_writer_init(&w, icmp, sizeof(icmp));
	buf_put_u8(&w, MLD_V2_REPORT);
	buf_put_zero(&w, 5);
	buf_put_be16(&w, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		group_record_write(&w, &record[i]);
	return packet(out, max, src, &all_reports, &w);
}

size_t mld_write_v1(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *group, bool done)
{
	uint8_t icmp[V1_BYTES];
	struct buf_writer w;

	buf_writer_init(&w, icmp, sizeof(icmp));
	buf_put_u8(&w, done ? MLD_V1_DONE : MLD_V1_REPORT);
	buf_put_zero(&w, 7);
	group_addr_write(&w, group);
	return packet(out, max, src, done ? &all_routers : group, &w);
}
