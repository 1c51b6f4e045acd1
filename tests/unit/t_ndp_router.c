// SPDX-License-Identifier: BSD-3-Clause
// Router solicitations and advertisements where prefixes come by RA (P2, P4, P6), and nowhere else (L3,
// L26). RFC 4861 section 6.1.1, RFC 8106, RFC 8319.
#include "t_ndp.h"

#define ROUTER_LIFETIME_US (UINT64_C(65535) * US_PER_S)

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

int main(void)
{
	Suite *s = suite_create("ndp_router");
	TCase *tc = tcase_create("ndp_router");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, profile_teardown);
	tcase_add_test(tc, test_router_solicitation_P2_L3);
	tcase_add_loop_test(tc, test_router_solicitation_of_every_profile_L26, 0,
		(int)(sizeof(solicited) / sizeof(solicited[0])));
	tcase_add_test(tc, test_refresh_L3);
	tcase_add_test(tc, test_unasked_host_P2);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
