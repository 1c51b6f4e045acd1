// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery at the gateway's end of a link. The link has no link-layer addresses, so no
// option of ours carries one. RFC 4861, RFC 4862, RFC 4443.
#include "ndp.h"

#include "axis.h"
#include "buf.h"

#include <errno.h>
#include <string.h>

#define ECHO_REQUEST 128
#define ECHO_REPLY 129
#define ROUTER_SOLICITATION 133
#define SOLICITATION 135
#define ADVERTISEMENT 136
#define REDIRECT 137 // the last of the five
#define ROUTER_SOLICITATION_BYTES 8
#define SOLICITATION_BYTES 24
#define FLAG_ROUTER UINT32_C(0x80000000)
#define FLAG_SOLICITED UINT32_C(0x40000000)
#define FLAG_OVERRIDE UINT32_C(0x20000000)
#define SOLICITED 0x40 // the same, in the octet that it is in
#define OPTION_SOURCE_LINK_LAYER 1

static const struct inet_addr all_nodes = {.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 1}};
static const struct inet_addr all_routers = {.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 2}};

const char *ndp_result_name(enum ndp_result result)
{
	static const char *const names[] = {
#define X(id, name) name,
		NDP_RESULTS(X)
#undef X
	};

	return names[result];
}

struct talk {
	struct link_table *table;
	const struct link *link;
	const struct inner_packet *packet;
	struct inet_addr ours; // the gateway's link-local address
	bool nobody; // the source is the unspecified address
	uint64_t now_us;
	uint8_t *answer; // NDP_ANSWER_MAX
	size_t *answer_len;
};

// Options with a length, and none of them the source's link-layer address when there is no source.
static bool options_ok(const struct talk *t, size_t at)
{
	const uint8_t *icmp = t->packet->payload;
	size_t end = t->packet->payload_len;

	while (at < end) {
		size_t len = 0;

		if (end - at < 2)
			return false;
		len = (size_t)icmp[at + 1] * 8;
		if (len == 0 || len > end - at)
			return false;
		if (icmp[at] == OPTION_SOURCE_LINK_LAYER && t->nobody)
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

static bool is_solicited_node(const struct inet_addr *addr)
{
	struct inet_addr group = solicited_node(addr);

	return inet_addr_equal(&group, addr);
}

// From the gateway's address, which is the router that every option-less message of ours is by.
static void advertise(const struct talk *t, const struct inet_addr *target,
	const struct inet_addr *to, uint32_t flags)
{
	uint8_t icmp[SOLICITATION_BYTES];
	struct buf_writer w;

	buf_writer_init(&w, icmp, sizeof(icmp));
	buf_put_u8(&w, ADVERTISEMENT);
	buf_put_zero(&w, 3);
	buf_put_be32(&w, flags);
	buf_put_bytes(&w, target->bytes, 16);
	*t->answer_len =
		inner_write_icmp6(t->answer, NDP_ANSWER_MAX, &t->ours, to, 255, icmp, sizeof(icmp));
}

// --> NS { target: in a shared prefix }, from ::   <-- silence: it is the link's now; NA { O }: it is not
static enum ndp_result claim(const struct talk *t, const struct inet_addr *target)
{
	const struct axis_addresses *addresses = axis_addresses(t->link->profile);
	int error = -ERANGE;

	if (addresses->solicited != NULL)
		error = addresses->solicited(t->table, t->link, target, t->now_us);
	if (error == 0)
		return NDP_CLAIMED;
	if (error == -ERANGE || error == -ENOENT)
		return NDP_NOT_FOR_US;
	advertise(t, target, &all_nodes, FLAG_OVERRIDE);
	return error == -EDQUOT ? NDP_OVER_LIMIT : NDP_TAKEN;
}

// --> NS { target: ours }   <-- NA { R, S when it came from an address }
static enum ndp_result solicitation(const struct talk *t)
{
	const struct inner_packet *p = t->packet;
	struct inet_addr target, group;

	if (p->payload_len < SOLICITATION_BYTES || p->payload[1] != 0 ||
		!options_ok(t, SOLICITATION_BYTES))
		return NDP_MALFORMED;
	target = inet_addr_v6(p->payload + 8);
	// RFC 4861 section 7.1.1
	if (inet_addr_is_multicast(&target) || (t->nobody && !is_solicited_node(&p->dst)))
		return NDP_MALFORMED;
	if (!t->nobody && !link_owns(t->link, &p->src))
		return NDP_BAD_SOURCE;
	group = solicited_node(&target);
	if (!inet_addr_equal(&p->dst, &target) && !inet_addr_equal(&p->dst, &group))
		return NDP_NOT_FOR_US;
	if (inet_addr_equal(&target, &t->ours)) {
		advertise(t, &target, t->nobody ? &all_nodes : &p->src,
			FLAG_ROUTER | FLAG_OVERRIDE | (t->nobody ? 0 : FLAG_SOLICITED));
		return NDP_ANSWERED;
	}
	if (!t->nobody)
		return NDP_NOT_FOR_US;
	link_saw(t->table, t->link, &target);
	return claim(t, &target);
}

// --> RS   <-- RA
static enum ndp_result router_solicitation(const struct talk *t)
{
	const struct inner_packet *p = t->packet;
	const struct inet_addr *to = t->nobody ? &all_nodes : &p->src;

	// RFC 4861 section 6.1.1
	if (p->payload_len < ROUTER_SOLICITATION_BYTES || p->payload[1] != 0 ||
		!options_ok(t, ROUTER_SOLICITATION_BYTES))
		return NDP_MALFORMED;
	if (!t->nobody && (!inet_addr_is_link_local(&p->src) || !link_owns(t->link, &p->src)))
		return NDP_BAD_SOURCE;
	if (!inet_addr_equal(&p->dst, &all_routers) && !inet_addr_equal(&p->dst, &t->ours))
		return NDP_NOT_FOR_US;
	link_saw(t->table, t->link, &p->src);
	*t->answer_len = link_ra(t->link, t->answer, NDP_ANSWER_MAX, to);
	if (*t->answer_len == 0)
		return NDP_NOT_FOR_US;
	link_ra_sent(t->table, t->link, t->now_us);
	return NDP_ADVERTISED;
}

// --> NA { target: claimed, and asked for by claim_age.c }
static enum ndp_result advertisement(const struct talk *t)
{
	const struct inner_packet *p = t->packet;
	struct inet_addr target;

	// RFC 4861 section 7.1.2
	if (p->payload_len < SOLICITATION_BYTES || p->payload[1] != 0 || t->nobody ||
		!options_ok(t, SOLICITATION_BYTES))
		return NDP_MALFORMED;
	target = inet_addr_v6(p->payload + 8);
	if (inet_addr_is_multicast(&target) ||
		(inet_addr_is_multicast(&p->dst) && (p->payload[4] & SOLICITED) != 0))
		return NDP_MALFORMED;
	if (!link_owns(t->link, &p->src))
		return NDP_BAD_SOURCE;
	return link_claim_present(t->table, t->link, &target, t->now_us) ? NDP_PRESENT
									 : NDP_UNWANTED;
}

static enum ndp_result echo(const struct talk *t)
{
	const struct inner_packet *p = t->packet;
	uint8_t *icmp = t->answer + INNER_IP6_HEADER;

	if (p->payload_len < 8 || p->payload[1] != 0)
		return NDP_MALFORMED;
	if (!link_owns(t->link, &p->src))
		return NDP_BAD_SOURCE;
	// Echo to a multicast address may be left unanswered, and is.
	if (!inet_addr_equal(&p->dst, &t->ours) ||
		p->payload_len > NDP_ANSWER_MAX - INNER_IP6_HEADER)
		return NDP_NOT_FOR_US;
	memcpy(icmp, p->payload, p->payload_len);
	icmp[0] = ECHO_REPLY;
	memset(icmp + 2, 0, 2);
	*t->answer_len = inner_write_icmp6(
		t->answer, NDP_ANSWER_MAX, &t->ours, &p->src, 64, icmp, p->payload_len);
	return NDP_ANSWERED;
}

enum ndp_result ndp_input(struct link_table *table, const struct link *link,
	const struct inner_packet *packet, uint64_t now_us, uint8_t answer[NDP_ANSWER_MAX],
	size_t *answer_len)
{
	struct talk t = {.table = table,
		.link = link,
		.packet = packet,
		.ours = inet_addr_link_local(link->gateway_iid),
		.nobody = inet_addr_is_unspecified(&packet->src),
		.now_us = now_us,
		.answer = answer,
		.answer_len = answer_len};

	*answer_len = 0;
	if (!link->virtual_link || packet->proto != INNER_ICMP6)
		return NDP_NOT_FOR_US;
	if (packet->payload_len < 4)
		return NDP_MALFORMED;
	if (packet->payload[0] == ECHO_REQUEST)
		return echo(&t);
	if (packet->payload[0] < ROUTER_SOLICITATION || packet->payload[0] > REDIRECT)
		return NDP_NOT_FOR_US;
	if (packet->hop_limit != 255)
		return NDP_BAD_HOP_LIMIT;
	if (packet->payload[0] == SOLICITATION)
		return solicitation(&t);
	if (packet->payload[0] == ROUTER_SOLICITATION)
		return router_solicitation(&t);
	if (packet->payload[0] == ADVERTISEMENT)
		return advertisement(&t);
	return NDP_UNWANTED;
}
