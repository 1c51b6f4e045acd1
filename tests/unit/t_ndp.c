// SPDX-License-Identifier: BSD-3-Clause
// What the gateway answers on a link by itself: neighbour solicitations and echo requests for its
// link-local address (L26), router solicitations where prefixes come by RA (P2, P4, P6), duplicate
// address detection in shared prefixes (P3, P4); each defect of theirs, and silence to everything
// else (L3). RFC 4861 sections 6.1.1 and 7.1.1, RFC 4862 section 5.4.
#include "ndp.h"
#include "t_link_profiles.h"

#include <stdio.h>

#define ROUTER_LIFETIME_US (UINT64_C(65535) * US_PER_S)

static const uint8_t client_iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};

static const struct link *the_link;
static struct inet_addr client, gateway;
static uint8_t packet[256], answer[NDP_ANSWER_MAX];
static size_t packet_len, answer_len;

static const struct link *begin(int profile, const char *name, bool unasked)
{
	static uint64_t ike_sa;
	struct cp_attrs cp = profile_ask(client_iid);
	struct ike_link_reply reply;

	ck_assert_int_eq(
		profile_attach(profile, name, unasked ? NULL : &cp, ++ike_sa, &reply), IKE_LINK_OK);
	return link_find(ptable, reply.link);
}

static void use(const struct link *link)
{
	the_link = link;
	client = inet_addr_link_local(client_iid);
	gateway = inet_addr_link_local(link->gateway_iid);
}

static void setup(void)
{
	profile_setup();
	use(begin(PROFILE_P1, "a@example.org", false));
}

// Written apart from the code under test: 16-bit words of pseudo header and message.
static uint16_t reference_sum(const uint8_t *ip)
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

static void finish(void)
{
	uint16_t sum = 0;

	packet[4] = (uint8_t)((packet_len - 40) >> 8);
	packet[5] = (uint8_t)(packet_len - 40);
	packet[42] = packet[43] = 0;
	sum = (uint16_t)~reference_sum(packet);
	packet[42] = (uint8_t)(sum >> 8);
	packet[43] = (uint8_t)sum;
}

static void set_addr(size_t at, const char *text)
{
	struct inet_addr addr = profile_addr(text);

	memcpy(packet + at, addr.bytes, 16);
}

static void make(uint8_t type, size_t icmp_len)
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

static void to_solicited_node(void)
{
	set_addr(24, "ff02::1:ff00:0");
	memcpy(packet + 37, packet + 61, 3);
	finish();
}

// Duplicate address detection.
static void make_dad(const char *target)
{
	make(135, 24);
	set_addr(8, "::");
	if (target != NULL)
		set_addr(48, target);
	to_solicited_node();
}

static enum ndp_result input(void)
{
	struct inner_packet parsed;

	answer_len = 0;
	if (inner_parse(packet, packet_len, &parsed) != 0)
		return NDP_MALFORMED; // as punt.c counts it
	return ndp_input(ptable, the_link, &parsed, pnow_us, answer, &answer_len);
}

static void check_answer(uint8_t type)
{
	ck_assert_uint_eq(answer[0], 0x60);
	ck_assert_uint_eq((size_t)(answer[4] << 8 | answer[5]) + 40, answer_len);
	ck_assert_uint_eq(answer[6], 58);
	ck_assert_mem_eq(answer + 8, gateway.bytes, 16);
	ck_assert_uint_eq(answer[40], type);
	ck_assert_uint_eq(reference_sum(answer), 0xffff);
}

static void check_to(const char *text)
{
	struct inet_addr to = profile_addr(text);

	ck_assert_mem_eq(answer + 24, to.bytes, 16);
}

START_TEST(test_solicitation_L26)
{
	make(135, 24);
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer_len, 64);
	ck_assert_uint_eq(answer[7], 255);
	ck_assert_mem_eq(answer + 24, packet + 8, 16);
	ck_assert_uint_eq(answer[44], 0xe0); // router, solicited, override
	ck_assert_mem_eq(answer + 48, gateway.bytes, 16);
	// From a global address of the link, to the solicited-node group, with an unknown option.
	make(135, 32);
	memcpy(packet + 8, the_link->prefix[0].addr.bytes, 16);
	packet[23] = 0x77;
	packet[64] = 99;
	packet[65] = 1;
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	// The client tries our address for itself: it hears that it is taken.
	make_dad(NULL);
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(136);
	ck_assert_uint_eq(answer[44], 0xa0); // not solicited
	check_to("ff02::1");
}
END_TEST

START_TEST(test_echo)
{
	make(128, 31);
	memcpy(packet + 44, "\x12\x34\x00\x07 some odd payload", 21);
	packet[7] = 64;
	finish();
	ck_assert_int_eq(input(), NDP_ANSWERED);
	check_answer(129);
	ck_assert_uint_eq(answer_len, packet_len);
	ck_assert_mem_eq(answer + 44, packet + 44, 27);
	set_addr(24, "ff02::1");
	finish();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	make(128, 7);
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(128, 16);
	set_addr(8, "2001:db8:1fff:6::1");
	finish();
	ck_assert_int_eq(input(), NDP_BAD_SOURCE);
}
END_TEST

enum {
	AT_END = 255
};
static const struct {
	const char *why;
	uint8_t type, icmp_len, at, value;
	bool sum; // make the checksum right again
	enum ndp_result result;
} defects[] = {
	{"NS: hop limit 254", 135, 24, 7, 254, true, NDP_BAD_HOP_LIMIT},
	{"NS: wrong checksum", 135, 24, 45, 1, false, NDP_MALFORMED},
	{"NS: code 1", 135, 24, 41, 1, true, NDP_MALFORMED},
	{"NS: target multicast", 135, 24, 48, 0xff, true, NDP_MALFORMED},
	{"NS: target somebody else", 135, 24, 63, 0x77, true, NDP_NOT_FOR_US},
	{"NS: source somebody else's", 135, 24, 23, 0x77, true, NDP_BAD_SOURCE},
	{"NS: destination somebody else", 135, 24, 39, 0x77, true, NDP_NOT_FOR_US},
	{"NS: too short", 135, 20, AT_END, 0, true, NDP_MALFORMED},
	{"NS: option of length zero", 135, 32, AT_END, 0, true, NDP_MALFORMED},
	{"NS: option beyond the end", 135, 32, 65, 2, true, NDP_MALFORMED},
	{"NS: half an option", 135, 25, AT_END, 0, true, NDP_MALFORMED},
	{"IPv4", 135, 24, 0, 0x45, true, NDP_MALFORMED},
	{"another protocol", 135, 24, 6, 59, true, NDP_NOT_FOR_US},
	{"RS: hop limit 254", 133, 8, 7, 254, true, NDP_BAD_HOP_LIMIT},
	{"RS: wrong checksum", 133, 8, 44, 1, false, NDP_MALFORMED},
	{"RS: code 1", 133, 8, 41, 1, true, NDP_MALFORMED},
	{"RS: too short", 133, 7, AT_END, 0, true, NDP_MALFORMED},
	{"RS: option of length zero", 133, 16, AT_END, 0, true, NDP_MALFORMED},
	{"RS: option beyond the end", 133, 16, 49, 2, true, NDP_MALFORMED},
	{"RS: source somebody else's", 133, 8, 23, 0x77, true, NDP_BAD_SOURCE},
	{"RS: destination somebody else", 133, 8, 39, 0x77, true, NDP_NOT_FOR_US},
	{"RA from a client", 134, 16, AT_END, 0, true, NDP_UNWANTED},
	{"NA from a client", 136, 24, AT_END, 0, true, NDP_UNWANTED},
	{"redirect from a client", 137, 40, AT_END, 0, true, NDP_UNWANTED},
	{"redirect from beyond the link", 137, 40, 7, 64, true, NDP_BAD_HOP_LIMIT},
	{"MLD report", 143, 28, AT_END, 0, true, NDP_NOT_FOR_US},
};

// On a link with RA and DAD, so that whatever can be answered would be.
START_TEST(test_defects)
{
	use(begin(PROFILE_P4, "b@example.org", false));
	make(defects[_i].type, defects[_i].icmp_len);
	if (defects[_i].at != AT_END)
		packet[defects[_i].at] = defects[_i].value;
	if (defects[_i].sum)
		finish();
	ck_assert_msg(input() == defects[_i].result, "%s", defects[_i].why);
	ck_assert_msg(answer_len == 0, "%s", defects[_i].why);
}
END_TEST

START_TEST(test_lengths)
{
	make(135, 24);
	for (size_t len = 0; len < 64; len++) {
		packet_len = len;
		ck_assert_int_eq(input(), NDP_MALFORMED);
	}
	packet_len = 65;
	ck_assert_int_eq(input(), NDP_MALFORMED);
}
END_TEST

// From the unspecified address: with a link-layer address, or to one node.
START_TEST(test_unspecified_source)
{
	make(135, 32);
	set_addr(8, "::");
	packet[64] = 1;
	packet[65] = 1;
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	make(135, 24);
	set_addr(8, "::");
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
	use(begin(PROFILE_P2, "b@example.org", false));
	make(133, 16);
	set_addr(8, "::");
	packet[48] = packet[49] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_MALFORMED);
}
END_TEST

START_TEST(test_no_virtual_link)
{
	struct link plain = *the_link;

	make(135, 24);
	plain.virtual_link = false;
	the_link = &plain;
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
}
END_TEST

// What an RA says, read apart from the code that wrote it.
struct read_ra {
	uint8_t flags;
	uint16_t lifetime;
	uint32_t mtu, prefix_n, dns_n, search_n;
	struct inet_prefix prefix[8];
	uint8_t prefix_flags[8];
	bool forever;
};

static struct read_ra read_ra(void)
{
	struct read_ra ra = {.forever = true};
	const uint8_t *o = answer + 56, *end = answer + answer_len;
	static const uint8_t infinite[8] = {255, 255, 255, 255, 255, 255, 255, 255};

	check_answer(134);
	ck_assert_uint_eq(answer[7], 255);
	ra.flags = answer[45];
	ra.lifetime = (uint16_t)(answer[46] << 8 | answer[47]);
	for (; o + 8 <= end && o[1] > 0; o += 8 * o[1]) {
		if (o[0] == 3) {
			ra.prefix[ra.prefix_n].addr = inet_addr_v6(o + 16);
			ra.prefix[ra.prefix_n].len = o[2];
			ra.prefix_flags[ra.prefix_n++] = o[3];
			ra.forever = ra.forever && memcmp(o + 4, infinite, 8) == 0;
		}
		if (o[0] == 5)
			ra.mtu = (uint32_t)(o[6] << 8 | o[7]);
		if (o[0] == 25)
			ra.dns_n += (o[1] - 1u) / 2;
		ra.search_n += o[0] == 31;
		ck_assert_int_ne(o[0], 1); // no link-layer address
		if (o[0] == 25 || o[0] == 31)
			ra.forever = ra.forever && memcmp(o + 4, infinite, 4) == 0;
	}
	ck_assert_ptr_eq(o, end);
	return ra;
}

// P2: prefixes that are the link's alone, autonomous, not on link, for ever (L3); the rest of what a
// host wants to know. By unicast to who asked.
START_TEST(test_router_solicitation_P2_L3)
{
	struct config_profile *p = &pc->profile[PROFILE_P2];
	struct read_ra ra;

	p->dns[0] = profile_addr("2001:db8:aaaa::53");
	p->dns[1] = profile_addr("10.20.0.53");
	p->dns_n = 2;
	strcpy(p->domain[0], "corp.example.org");
	p->domain_n = 1;
	p->mtu = 1400;
	use(begin(PROFILE_P2, "b@example.org", false));
	make(133, 8);
	ck_assert_int_eq(input(), NDP_ADVERTISED);
	ra = read_ra();
	ck_assert_mem_eq(answer + 24, client.bytes, 16);
	ck_assert_uint_eq(ra.lifetime, 65535);
	ck_assert_uint_eq(ra.flags & 0xc0, 0x40); // dhcp6: other configuration
	ck_assert_uint_eq(ra.prefix_n, 2);
	ck_assert_uint_eq(ra.mtu, 1400);
	ck_assert_uint_eq(ra.dns_n, 1);
	ck_assert_uint_eq(ra.search_n, 1);
	ck_assert(ra.forever);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert(inet_prefix_equal(&ra.prefix[i], &the_link->prefix[i]));
		ck_assert_uint_eq(ra.prefix_flags[i] & 0xc0, 0x40);
	}
	// The draft's appendix A.1: a host without any address; all nodes are this one.
	make(133, 8);
	set_addr(8, "::");
	finish();
	ck_assert_int_eq(input(), NDP_ADVERTISED);
	check_to("ff02::1");
	read_ra();
	// To the router itself, with its own link-layer address.
	make(133, 16);
	memcpy(packet + 24, gateway.bytes, 16);
	packet[48] = packet[49] = 1;
	finish();
	ck_assert_int_eq(input(), NDP_ADVERTISED);
	// A global source is no neighbour's.
	make(133, 8);
	memcpy(packet + 8, the_link->prefix[0].addr.bytes, 16);
	packet[23] = 7;
	finish();
	ck_assert_int_eq(input(), NDP_BAD_SOURCE);
}
END_TEST

static const struct {
	const char *why;
	int profile;
	bool answered;
	uint8_t flags;
	uint32_t prefix_n;
} solicited[] = {
	{"P1: the prefixes came by IKEv2", PROFILE_P1, false, 0, 0},
	{"P3: likewise", PROFILE_P3, false, 0, 0},
	{"P4: the shared prefix", PROFILE_P4, true, 0, 1},
	{"P5", PROFILE_P5, false, 0, 0},
	{"P6: managed", PROFILE_P6, true, 0xc0, 0},
	{"P6 without our DHCPv6", PROFILE_P6_FILTER, true, 0x80, 0},
	{"P6 by relay", PROFILE_RELAY6, true, 0xc0, 0},
};

START_TEST(test_router_solicitation_of_every_profile_L26)
{
	struct read_ra ra;

	use(begin(solicited[_i].profile, "b@example.org", false));
	make(133, 8);
	ck_assert_msg(input() == (solicited[_i].answered ? NDP_ADVERTISED : NDP_NOT_FOR_US), "%s",
		solicited[_i].why);
	ck_assert(solicited[_i].answered == (answer_len > 0));
	if (!solicited[_i].answered)
		return;
	ra = read_ra();
	ck_assert_msg((ra.flags & 0xc0) == solicited[_i].flags, "%s", solicited[_i].why);
	ck_assert_msg(ra.prefix_n == solicited[_i].prefix_n, "%s", solicited[_i].why);
	if (ra.prefix_n > 0)
		ck_assert(inet_prefix_equal(&ra.prefix[0], &pc->pool[PP_SHARED].prefix));
}
END_TEST

// L3: one more advertisement at a rekey, once a third of the router lifetime has passed; not before,
// not twice, and not where there are none.
START_TEST(test_refresh_L3)
{
	const struct link *p1 = the_link;
	struct inet_addr to;

	use(begin(PROFILE_P2, "b@example.org", false));
	pnow_us += ROUTER_LIFETIME_US / 3 - US_PER_S;
	ck_assert(!link_ra_due(ptable, the_link->handle, pnow_us, &to));
	make(133, 8);
	ck_assert_int_eq(input(), NDP_ADVERTISED);
	pnow_us += ROUTER_LIFETIME_US / 3 - US_PER_S;
	ck_assert(!link_ra_due(ptable, the_link->handle, pnow_us, &to));
	pnow_us += 2 * US_PER_S;
	ck_assert(!link_ra_due(ptable, p1->handle, pnow_us, &to));
	ck_assert(!link_ra_due(ptable, 999, pnow_us, &to));
	ck_assert(link_ra_due(ptable, the_link->handle, pnow_us, &to));
	ck_assert(inet_addr_equal(&to, &client));
	ck_assert(!link_ra_due(ptable, the_link->handle, pnow_us, &to));
	answer_len = link_ra(the_link, answer, sizeof(answer), &to);
	ck_assert_uint_gt(answer_len, 0);
	ck_assert_uint_eq(read_ra().prefix_n, 2);
	ck_assert_uint_eq(link_ra(p1, answer, sizeof(answer), &to), 0);
	ck_assert_uint_eq(link_ra(the_link, answer, 60, &to), 0);
}
END_TEST

// A host that was given its link without asking: known by the link-local address that it shows first.
START_TEST(test_unasked_host_P2)
{
	static const uint8_t zero[8] = {};
	struct inet_addr to, all = profile_addr("ff02::1");
	uint64_t handle = 0;

	use(begin(PROFILE_P2, "b@example.org", true));
	ck_assert_mem_eq(the_link->client_iid, zero, 8);
	ck_assert(link_ra_due(ptable, the_link->handle, pnow_us + ROUTER_LIFETIME_US, &to));
	ck_assert(inet_addr_equal(&to, &all));
	make_dad("fe80::99");
	ck_assert_int_eq(input(), NDP_NOT_FOR_US); // nobody else is there
	ck_assert_uint_eq(answer_len, 0);
	ck_assert_uint_eq(the_link->client_iid[7], 0x99);
	make(133, 8); // from another one: it is its link
	ck_assert_int_eq(input(), NDP_ADVERTISED);
	ck_assert_uint_eq(the_link->client_iid[7], 0x99);
	// The gateway's own address as source is nobody's.
	memcpy(packet + 8, gateway.bytes, 16);
	finish();
	ck_assert_int_eq(input(), NDP_BAD_SOURCE);
	handle = the_link->handle;
	profile_restart();
	the_link = link_find(ptable, handle);
	ck_assert_uint_eq(the_link->client_iid[7], 0x99);
}
END_TEST

// P3, P4: the first one who asks has it and hears nothing; another one hears that it is taken.
START_TEST(test_duplicate_address_detection_P3_P4)
{
	const struct link *a = begin(PROFILE_P3, "a@example.org", false);
	const struct link *b = begin(PROFILE_P4, "b@example.org", true);
	struct inet_addr target = profile_addr("2001:db8:3000::77");

	use(a);
	make_dad("2001:db8:3000::77");
	ck_assert_int_eq(input(), NDP_CLAIMED);
	ck_assert_uint_eq(answer_len, 0);
	ck_assert_int_eq(input(), NDP_CLAIMED); // its interface went down and up
	ck_assert_uint_eq(answer_len, 0);
	ck_assert_ptr_eq(link_claimed_by(ptable, &target), a);
	use(b);
	make_dad("2001:db8:3000::77");
	ck_assert_int_eq(input(), NDP_TAKEN);
	check_answer(136);
	check_to("ff02::1");
	ck_assert_uint_eq(answer[7], 255);
	ck_assert_uint_eq(answer[44], 0x20); // override; neither router nor solicited
	ck_assert_mem_eq(answer + 48, target.bytes, 16);
	ck_assert_ptr_eq(link_claimed_by(ptable, &target), a);
	// Nobody's to have: the subnet-router anycast address.
	make_dad("2001:db8:3000::");
	ck_assert_int_eq(input(), NDP_TAKEN);
	ck_assert_uint_gt(answer_len, 0);
	// Nothing of ours.
	make_dad("2001:db8:9999::77");
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	ck_assert_uint_eq(answer_len, 0);
	// A question about a neighbour is no claim.
	make(135, 24);
	set_addr(48, "2001:db8:3000::78");
	to_solicited_node();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	make_dad("2001:db8:3000::78");
	set_addr(24, "ff02::1:ff00:79"); // the group of another one
	finish();
	ck_assert_int_eq(input(), NDP_NOT_FOR_US);
	ck_assert_uint_eq(b->extra_n, 0);
}
END_TEST

// A client that claims in a loop: refused, and told so, from its limit on.
START_TEST(test_claim_in_a_loop)
{
	char text[64];

	use(begin(PROFILE_P4, "b@example.org", false));
	for (int i = 1; i <= 1000; i++) {
		snprintf(text, sizeof(text), "2001:db8:3000::2:%x", i);
		make_dad(text);
		ck_assert_int_eq(input(), i <= 16 ? NDP_CLAIMED : NDP_OVER_LIMIT);
		ck_assert((answer_len > 0) == (i > 16));
	}
	check_answer(136);
	ck_assert_uint_eq(the_link->extra_n, 16);
}
END_TEST

// Where whole prefixes are given, or IKEv2 gives the addresses, detection has nothing to find (L4).
START_TEST(test_no_detection_L4)
{
	static const int profiles[] = {PROFILE_P1, PROFILE_P2, PROFILE_P5, PROFILE_P6};

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		use(begin(profiles[i], "b@example.org", false));
		make_dad("2001:db8:3000::77");
		ck_assert_int_eq(input(), NDP_NOT_FOR_US);
		ck_assert_uint_eq(answer_len, 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ndp");
	TCase *tc = tcase_create("ndp");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, profile_teardown);
	tcase_add_test(tc, test_solicitation_L26);
	tcase_add_test(tc, test_echo);
	tcase_add_loop_test(tc, test_defects, 0, (int)(sizeof(defects) / sizeof(defects[0])));
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_unspecified_source);
	tcase_add_test(tc, test_no_virtual_link);
	tcase_add_test(tc, test_router_solicitation_P2_L3);
	tcase_add_loop_test(tc, test_router_solicitation_of_every_profile_L26, 0,
		(int)(sizeof(solicited) / sizeof(solicited[0])));
	tcase_add_test(tc, test_refresh_L3);
	tcase_add_test(tc, test_unasked_host_P2);
	tcase_add_test(tc, test_duplicate_address_detection_P3_P4);
	tcase_add_test(tc, test_claim_in_a_loop);
	tcase_add_test(tc, test_no_detection_L4);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
