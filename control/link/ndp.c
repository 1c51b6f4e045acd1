// SPDX-License-Identifier: BSD-3-Clause
// Neighbour solicitations and echo requests for the gateway's own link-local address. The link has
// no link-layer addresses, so no option of ours carries one. Pure. RFC 4861, RFC 4443.
#include "ndp.h"

#include "buf.h"

#include <string.h>

#define IP6_HEADER 40
#define ICMP6 58
#define ECHO_REQUEST 128
#define ECHO_REPLY 129
#define SOLICITATION 135
#define ADVERTISEMENT 136
#define SOLICITATION_BYTES 24
#define FLAG_ROUTER UINT32_C(0x80000000)
#define FLAG_SOLICITED UINT32_C(0x40000000)
#define FLAG_OVERRIDE UINT32_C(0x20000000)
#define OPTION_SOURCE_LINK_LAYER 1

const char *ndp_result_name(enum ndp_result result)
{
	static const char *const names[] = {
#define X(id, name) name,
		NDP_RESULTS(X)
#undef X
	};

	return names[result];
}

struct packet {
	struct inet_addr src, dst;
	uint8_t hop_limit;
	const uint8_t *icmp;
	size_t icmp_len;
};

static uint16_t checksum(
	const uint8_t src[16], const uint8_t dst[16], const uint8_t *icmp, size_t len)
{
	uint64_t sum = ICMP6 + len; // RFC 8200 section 8.1

	for (size_t i = 0; i < 16; i += 2)
		sum += (uint64_t)(src[i] << 8 | src[i + 1]) + (uint64_t)(dst[i] << 8 | dst[i + 1]);
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint64_t)icmp[i] << 8 : icmp[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool parse(const uint8_t *data, size_t len, struct packet *p)
{
	size_t payload = 0;

	if (len < IP6_HEADER + 4 || data[0] >> 4 != 6)
		return false;
	payload = (size_t)data[4] << 8 | data[5];
	if (payload != len - IP6_HEADER)
		return false;
	p->src = inet_addr_v6(data + 8);
	p->dst = inet_addr_v6(data + 24);
	p->hop_limit = data[7];
	p->icmp = data + IP6_HEADER;
	p->icmp_len = payload;
	return true;
}

// Options with a length, and none of them the source's link-layer address when there is no source.
static bool options_ok(const struct packet *p)
{
	for (size_t at = SOLICITATION_BYTES; at < p->icmp_len;) {
		size_t len = 0;

		if (p->icmp_len - at < 2)
			return false;
		len = (size_t)p->icmp[at + 1] * 8;
		if (len == 0 || len > p->icmp_len - at)
			return false;
		if (p->icmp[at] == OPTION_SOURCE_LINK_LAYER && inet_addr_is_unspecified(&p->src))
			return false;
		at += len;
	}
	return true;
}

// The solicited-node multicast address of `addr`, RFC 4291 section 2.7.1.
static struct inet_addr solicited_node(const struct inet_addr *addr)
{
	struct inet_addr group = {
		.family = AF_INET6, .bytes = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};

	memcpy(group.bytes + 13, addr->bytes + 13, 3);
	return group;
}

static size_t write_packet(const struct inet_addr *src, const struct inet_addr *dst,
	uint8_t hop_limit, size_t icmp_len, uint8_t *out)
{
	// The ICMPv6 message is behind the header already, its checksum zero.
	struct buf_writer w;
	uint16_t sum = checksum(src->bytes, dst->bytes, out + IP6_HEADER, icmp_len);

	buf_writer_init(&w, out, IP6_HEADER);
	buf_put_be32(&w, UINT32_C(6) << 28);
	buf_put_be16(&w, (uint16_t)icmp_len);
	buf_put_u8(&w, ICMP6);
	buf_put_u8(&w, hop_limit);
	buf_put_bytes(&w, src->bytes, 16);
	buf_put_bytes(&w, dst->bytes, 16);
	out[IP6_HEADER + 2] = (uint8_t)(sum >> 8);
	out[IP6_HEADER + 3] = (uint8_t)sum;
	return IP6_HEADER + icmp_len;
}

// --> NS { target: ours }   <-- NA { R, S when it came from an address }
static enum ndp_result solicitation(const struct link *link, const struct packet *p,
	uint8_t answer[NDP_ANSWER_MAX], size_t *answer_len)
{
	struct inet_addr ours = inet_addr_link_local(link->gateway_iid);
	struct inet_addr group = solicited_node(&ours), target;
	bool unasked = inet_addr_is_unspecified(&p->src); // DAD for an address that is ours
	struct inet_addr to = p->src;
	struct buf_writer w;

	if (p->hop_limit != 255)
		return NDP_BAD_HOP_LIMIT;
	if (p->icmp_len < SOLICITATION_BYTES || p->icmp[1] != 0 || !options_ok(p))
		return NDP_MALFORMED;
	target = inet_addr_v6(p->icmp + 8);
	if (inet_addr_is_multicast(&target) || (unasked && !inet_addr_is_multicast(&p->dst)))
		return NDP_MALFORMED;
	if (!unasked && !link_owns(link, &p->src))
		return NDP_BAD_SOURCE;
	if (!inet_addr_equal(&target, &ours) ||
		(!inet_addr_equal(&p->dst, &ours) && !inet_addr_equal(&p->dst, &group)))
		return NDP_NOT_FOR_US;
	if (unasked)
		to = (struct inet_addr){.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 1}};
	buf_writer_init(&w, answer + IP6_HEADER, SOLICITATION_BYTES);
	buf_put_u8(&w, ADVERTISEMENT);
	buf_put_zero(&w, 3);
	buf_put_be32(&w, FLAG_ROUTER | FLAG_OVERRIDE | (unasked ? 0 : FLAG_SOLICITED));
	buf_put_bytes(&w, ours.bytes, 16);
	*answer_len = write_packet(&ours, &to, 255, SOLICITATION_BYTES, answer);
	return NDP_ANSWERED;
}

static enum ndp_result echo(const struct link *link, const struct packet *p,
	uint8_t answer[NDP_ANSWER_MAX], size_t *answer_len)
{
	struct inet_addr ours = inet_addr_link_local(link->gateway_iid);

	if (p->icmp_len < 8 || p->icmp[1] != 0)
		return NDP_MALFORMED;
	if (!link_owns(link, &p->src))
		return NDP_BAD_SOURCE;
	// Echo to a multicast address may be left unanswered, and is.
	if (!inet_addr_equal(&p->dst, &ours) || p->icmp_len > NDP_ANSWER_MAX - IP6_HEADER)
		return NDP_NOT_FOR_US;
	memcpy(answer + IP6_HEADER, p->icmp, p->icmp_len);
	answer[IP6_HEADER] = ECHO_REPLY;
	memset(answer + IP6_HEADER + 2, 0, 2);
	*answer_len = write_packet(&ours, &p->src, 64, p->icmp_len, answer);
	return NDP_ANSWERED;
}

enum ndp_result ndp_input(const struct link *link, const uint8_t *data, size_t len,
	uint8_t answer[NDP_ANSWER_MAX], size_t *answer_len)
{
	struct packet p;

	*answer_len = 0;
	if (!parse(data, len, &p))
		return NDP_MALFORMED;
	if (!link->virtual_link || data[6] != ICMP6)
		return NDP_NOT_FOR_US;
	// Zero, when the sum over it with its checksum is right.
	if (checksum(p.src.bytes, p.dst.bytes, p.icmp, p.icmp_len) != 0)
		return NDP_MALFORMED;
	if (p.icmp[0] == SOLICITATION)
		return solicitation(link, &p, answer, answer_len);
	if (p.icmp[0] == ECHO_REQUEST)
		return echo(link, &p, answer, answer_len);
	return NDP_NOT_FOR_US;
}
