// SPDX-License-Identifier: BSD-3-Clause
// IGMP messages with their IPv4 header, taken apart and put together. RFC 3376 sections 4 and 7: TTL 1,
// a router alert but in version 1, which knew none; the checksum. Reports come from any address, also
// from none (section 4.2.13). Pure.
#include "igmp_msg.h"

#include <string.h>

#define QUERY 0x11
#define V1_REPORT 0x12
#define V2_REPORT 0x16
#define V2_LEAVE 0x17
#define V3_REPORT 0x22

#define IP_HEADER 20
#define IP_WITH_ALERT 24
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_ROUTER_ALERT 0x94
#define FRAGMENT 0x3fff // offset, and more of them
#define INTERNETWORK_CONTROL 0xc0 // type of service, RFC 3376 section 4
#define OLD_BYTES 8
#define V3_QUERY_BYTES 12
#define MANTISSA_DELAY 4
#define DELAY_UNIT_US UINT64_C(100000)
#define SUPPRESS 0x08
#define ROBUSTNESS 0x07

#define ALL_SYSTEMS 0xe0000001
#define ALL_ROUTERS 0xe0000002
#define ALL_REPORTS 0xe0000016

static struct inet_addr v4(uint32_t addr)
{
	return (struct inet_addr){.family = AF_INET,
		.bytes = {(uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8),
			(uint8_t)addr}};
}

// RFC 1071; zero over what has its right checksum in it.
static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint64_t)data[i] << 8 : data[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

// ---- reading ----

struct ip4 {
	struct inet_addr src, dst;
	uint8_t ttl, proto;
	bool router_alert;
	const uint8_t *payload;
	size_t len;
};

static bool read_options(struct buf_reader options, bool *alert)
{
	while (buf_left(&options) > 0) {
		uint8_t type = buf_get_u8(&options), len = 0;

		if (type == OPTION_END)
			break;
		if (type == OPTION_NOP)
			continue;
		len = buf_get_u8(&options);
		if (len < 2)
			return false;
		buf_skip(&options, len - 2);
		*alert = *alert || (type == OPTION_ROUTER_ALERT && len == 4);
	}
	return !options.failed;
}

static bool read_ip(const uint8_t *data, size_t len, struct ip4 *out)
{
	size_t header = len > 0 ? (size_t)(data[0] & 0xf) * 4 : 0;
	struct buf_reader r;

	*out = (struct ip4){};
	if (len < IP_HEADER || data[0] >> 4 != 4 || header < IP_HEADER || header > len ||
		checksum(data, header) != 0)
		return false;
	buf_reader_init(&r, data, len);
	buf_skip(&r, 2);
	if (buf_get_be16(&r) != len)
		return false;
	buf_skip(&r, 2);
	if ((buf_get_be16(&r) & FRAGMENT) != 0)
		return false;
	out->ttl = buf_get_u8(&r);
	out->proto = buf_get_u8(&r);
	buf_skip(&r, 2);
	out->src = group_addr_read(&r, AF_INET);
	out->dst = group_addr_read(&r, AF_INET);
	if (!read_options(buf_sub(&r, header - IP_HEADER), &out->router_alert))
		return false;
	out->len = buf_left(&r);
	out->payload = buf_skip(&r, out->len);
	return !r.failed && !inet_addr_is_multicast(&out->src);
}

static enum group_msg_result read_query(
	const struct ip4 *ip, struct buf_reader *r, uint8_t code, struct group_msg *out)
{
	struct group_query *query = &out->query;
	uint8_t flags = 0;

	query->group = group_addr_read(r, AF_INET);
	// RFC 3376 section 7.1: eight octets are an old query, without a delay it is the first's.
	if (r->failed || (ip->len > OLD_BYTES && ip->len < V3_QUERY_BYTES))
		return GROUP_MSG_MALFORMED;
	out->version = ip->len > OLD_BYTES ? 3 : code != 0 ? 2 : 1;
	query->version = out->version;
	query->max_response_us = (out->version == 3 ? group_code_read(code, MANTISSA_DELAY)
						 : out->version == 2 ? code
								     : 100) *
		DELAY_UNIT_US;
	if (out->version > 1 && !ip->router_alert)
		return GROUP_MSG_ALERT;
	if (out->version == 3) {
		flags = buf_get_u8(r);
		buf_skip(r, 1);
		query->suppress = (flags & SUPPRESS) != 0;
		query->robustness = flags & ROBUSTNESS;
		query->source_n = buf_get_be16(r);
		for (uint32_t i = 0; i < query->source_n && !r->failed; i++) {
			struct inet_addr source = group_addr_read(r, AF_INET);

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

// RFC 3376 section 7.3.2: a report is EXCLUDE of nothing, a leave is INCLUDE of nothing.
static enum group_msg_result read_old(
	const struct ip4 *ip, struct buf_reader *r, uint8_t type, struct group_msg *out)
{
	const struct inet_addr routers = v4(ALL_ROUTERS);
	bool leave = type == V2_LEAVE;

	out->version = type == V1_REPORT ? 1 : 2;
	out->first.type = leave ? GROUP_CHANGE_TO_INCLUDE : GROUP_MODE_IS_EXCLUDE;
	out->first.group = group_addr_read(r, AF_INET);
	out->record_n = 1;
	if (r->failed || !inet_addr_is_multicast(&out->first.group))
		return GROUP_MSG_MALFORMED;
	if (type != V1_REPORT && !ip->router_alert)
		return GROUP_MSG_ALERT;
	// Hosts that send a leave to the group itself there are, RFC 2236 section 3.
	if (!inet_addr_equal(&ip->dst, &out->first.group) &&
		!(leave && inet_addr_equal(&ip->dst, &routers)))
		return GROUP_MSG_DESTINATION;
	return GROUP_MSG_REPORT;
}

static enum group_msg_result read_v3(
	const struct ip4 *ip, struct buf_reader *r, struct group_msg *out)
{
	const struct inet_addr reports = v4(ALL_REPORTS);

	buf_skip(r, 2);
	out->version = 3;
	out->record_n = buf_get_be16(r);
	out->records = *r;
	if (r->failed || !group_records_fit(*r, out->record_n, AF_INET))
		return GROUP_MSG_MALFORMED;
	if (!ip->router_alert)
		return GROUP_MSG_ALERT;
	if (inet_addr_is_multicast(&ip->dst) && !inet_addr_equal(&ip->dst, &reports))
		return GROUP_MSG_DESTINATION;
	return GROUP_MSG_REPORT;
}

enum group_msg_result igmp_read(const uint8_t *data, size_t len, struct group_msg *out)
{
	uint8_t type = 0, code = 0;
	struct buf_reader r;
	struct ip4 ip;

	*out = (struct group_msg){};
	if (!read_ip(data, len, &ip))
		return GROUP_MSG_MALFORMED;
	out->src = ip.src;
	if (ip.proto != IGMP_PROTO)
		return GROUP_MSG_OTHER;
	if (ip.len < OLD_BYTES || checksum(ip.payload, ip.len) != 0)
		return GROUP_MSG_MALFORMED;
	if (ip.ttl != 1)
		return GROUP_MSG_HOP_LIMIT;
	buf_reader_init(&r, ip.payload, ip.len);
	type = buf_get_u8(&r);
	code = buf_get_u8(&r);
	buf_skip(&r, 2);
	if (type == QUERY)
		return read_query(&ip, &r, code, out);
	if (type == V1_REPORT || type == V2_REPORT || type == V2_LEAVE)
		return read_old(&ip, &r, type, out);
	if (type == V3_REPORT)
		return read_v3(&ip, &r, out);
	return GROUP_MSG_OTHER;
}

// ---- writing ----

// The message is written behind the header, which comes last.
static void begin(struct buf_writer *w, uint8_t *out, size_t max, uint8_t type, uint8_t code)
{
	buf_writer_init(w, out, max);
	buf_put_zero(w, IP_WITH_ALERT);
	buf_put_u8(w, type);
	buf_put_u8(w, code);
	buf_put_be16(w, 0);
}

static size_t finish(struct buf_writer *w, const struct inet_addr *src, const struct inet_addr *dst)
{
	size_t len = buf_written(w);
	struct buf_writer ip;

	if (w->failed || len > UINT16_MAX)
		return 0;
	buf_patch_be16(
		w, IP_WITH_ALERT + 2, checksum(w->start + IP_WITH_ALERT, len - IP_WITH_ALERT));
	buf_writer_init(&ip, w->start, IP_WITH_ALERT);
	buf_put_u8(&ip, 0x40 | IP_WITH_ALERT / 4);
	buf_put_u8(&ip, INTERNETWORK_CONTROL);
	buf_put_be16(&ip, (uint16_t)len);
	buf_put_be32(&ip, 0);
	buf_put_u8(&ip, 1);
	buf_put_u8(&ip, IGMP_PROTO);
	buf_put_be16(&ip, 0);
	group_addr_write(&ip, src);
	group_addr_write(&ip, dst);
	buf_put_be32(&ip, (uint32_t)OPTION_ROUTER_ALERT << 24 | 4 << 16);
	buf_patch_be16(&ip, 10, checksum(w->start, IP_WITH_ALERT));
	return len;
}

// Tenths of a second; exact below 128, else the longest. No delay would be version 1.
static uint8_t delay_code(uint64_t us, uint32_t version)
{
	uint64_t tenths = us / DELAY_UNIT_US;

	if (version == 1)
		return 0;
	return tenths == 0 ? 1 : tenths < 128 ? (uint8_t)tenths : 0xff;
}

size_t igmp_write_query(
	uint8_t *out, size_t max, const struct inet_addr *src, const struct group_query *query)
{
	uint32_t n = query->source_n < GROUP_QUERY_SOURCES ? query->source_n : 0;
	struct inet_addr dst = query->group.family != 0 ? query->group : v4(ALL_SYSTEMS);
	struct inet_addr group = query->group.family != 0 ? query->group : v4(0);
	struct buf_writer w;

	begin(&w, out, max, QUERY, delay_code(query->max_response_us, query->version));
	group_addr_write(&w, &group);
	if (query->version >= 3) {
		buf_put_u8(&w,
			(uint8_t)((query->suppress ? SUPPRESS : 0) |
				(query->robustness & ROBUSTNESS)));
		buf_put_u8(&w, 0);
		buf_put_be16(&w, (uint16_t)n);
		for (uint32_t i = 0; i < n; i++)
			group_addr_write(&w, &query->source[i]);
	}
	return finish(&w, src, &dst);
}

size_t igmp_write_report(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct group_record *record, uint32_t n)
{
	struct inet_addr dst = v4(ALL_REPORTS);
	struct buf_writer w;

	begin(&w, out, max, V3_REPORT, 0);
	buf_put_be16(&w, 0);
	buf_put_be16(&w, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		group_record_write(&w, &record[i]);
	return finish(&w, src, &dst);
}

size_t igmp_write_old(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *group, uint32_t version, bool leave)
{
	struct inet_addr dst = leave ? v4(ALL_ROUTERS) : *group;
	struct buf_writer w;

	begin(&w, out, max, leave ? V2_LEAVE : version == 1 ? V1_REPORT : V2_REPORT, 0);
	group_addr_write(&w, group);
	return finish(&w, src, &dst);
}
