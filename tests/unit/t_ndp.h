// SPDX-License-Identifier: BSD-3-Clause
// Packets that a client sends to the link itself, made by hand, what comes back, and a look at it: what
// the tests of neighbour discovery share.
#pragma once

#include "ndp.h"
#include "t_link_profiles.h"

static const uint8_t client_iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};

static const struct link *the_link;
static struct inet_addr client, gateway;
static uint8_t packet[256], answer[NDP_ANSWER_MAX];
static size_t packet_len, answer_len;

static inline const struct link *begin(int profile, const char *name, bool unasked)
{
	static uint64_t ike_sa;
	struct cp_attrs cp = profile_ask(client_iid);
	struct ike_link_reply reply;

	ck_assert_int_eq(
		profile_attach(profile, name, unasked ? NULL : &cp, ++ike_sa, &reply), IKE_LINK_OK);
	return link_find(ptable, reply.link);
}

static inline void use(const struct link *link)
{
	the_link = link;
	client = inet_addr_link_local(client_iid);
	gateway = inet_addr_link_local(link->gateway_iid);
}

static inline void setup(void)
{
	profile_setup();
	use(begin(PROFILE_P1, "a@example.org", false));
}

// Written apart from the code under test: 16-bit words of pseudo header and message.
static inline uint16_t reference_sum(const uint8_t *ip)
{
	uint32_t sum = 0, len = (uint32_t)(ip[4] << 8 | ip[5]);

	for (uint32_t i = 8; i < 40; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum += len + 58;
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(ip[40 + i] << 8 | ip[41 + i]);
	if (len % 2 == 1)
		sum += (uint32_t)(ip[39 + len] << 8);
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum; // 0xffff when the checksum in it is right
}

static inline void finish(void)
{
	uint16_t sum = 0;

	packet[4] = (uint8_t)((packet_len - 40) >> 8);
	packet[5] = (uint8_t)(packet_len - 40);
	packet[42] = packet[43] = 0;
	sum = (uint16_t)~reference_sum(packet);
	packet[42] = (uint8_t)(sum >> 8);
	packet[43] = (uint8_t)sum;
}

static inline void set_addr(size_t at, const char *text)
{
	struct inet_addr addr = profile_addr(text);

	memcpy(packet + at, addr.bytes, 16);
}

static inline void make(uint8_t type, size_t icmp_len)
{
	memset(packet, 0, sizeof(packet));
	packet_len = 40 + icmp_len;
	packet[0] = 0x60;
	packet[6] = 58;
	packet[7] = 255;
	memcpy(packet + 8, client.bytes, 16);
	memcpy(packet + 24, gateway.bytes, 16);
	packet[40] = type;
	if (type == 133)
		set_addr(24, "ff02::2");
	else if (type == 135)
		memcpy(packet + 48, gateway.bytes, 16);
	finish();
}

static inline void to_solicited_node(void)
{
	set_addr(24, "ff02::1:ff00:0");
	memcpy(packet + 37, packet + 61, 3);
	finish();
}

// Duplicate address detection.
static inline void make_dad(const char *target)
{
	make(135, 24);
	set_addr(8, "::");
	if (target != NULL)
		set_addr(48, target);
	to_solicited_node();
}

static inline enum ndp_result input(void)
{
	struct inner_packet parsed;

	answer_len = 0;
	if (inner_parse(packet, packet_len, &parsed) != 0)
		return NDP_MALFORMED; // as punt.c counts it
	return ndp_input(ptable, the_link, &parsed, pnow_us, answer, &answer_len);
}

static inline void check_answer(uint8_t type)
{
	ck_assert_uint_eq(answer[0], 0x60);
	ck_assert_uint_eq((size_t)(answer[4] << 8 | answer[5]) + 40, answer_len);
	ck_assert_uint_eq(answer[6], 58);
	ck_assert_mem_eq(answer + 8, gateway.bytes, 16);
	ck_assert_uint_eq(answer[40], type);
	ck_assert_uint_eq(reference_sum(answer), 0xffff);
}

static inline void check_to(const char *text)
{
	struct inet_addr to = profile_addr(text);

	ck_assert_mem_eq(answer + 24, to.bytes, 16);
}
