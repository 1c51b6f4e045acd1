// SPDX-License-Identifier: BSD-3-Clause
// Links: what a request gets, and what it does not; the profile of the draft's section 6 (P1). How long
// it lasts is t_link_life.c's, other profiles are t_link_profiles.c's. RFC 5739 section 4.
#include "t_link.h"

#include "link_reply.h"

#include <errno.h>
#include <stdio.h>

// L2, L10, L15, L17, L18, L19: a link with two prefixes and an IPv4 address; the IPv6 address that
// was asked for beside it is ignored; selectors are exactly what was given.
START_TEST(test_new_link_L2_L10_L15_L17_L18_L19)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;
	const struct cp_attrs *r = &reply.reply;
	const struct link *link = NULL;
	struct inet_addr own = inet_addr_link_local(iid_a);
	struct ts ts = ts_from_addr(&own);

	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_int_eq(r->type, CP_REPLY);
	ck_assert(r->link);
	ck_assert_uint_eq(r->link_id_len, 16);
	ck_assert_uint_eq(r->prefix_n, 2);
	ck_assert_uint_eq(r->prefix[0].len, 64);
	ck_assert(inet_prefix_covers(&c->pool[POOL_GLOBAL].prefix, &r->prefix[0]));
	ck_assert(inet_prefix_covers(&c->pool[POOL_ULA].prefix, &r->prefix[1]));
	ck_assert_uint_eq(r->ip4_n, 1);
	ck_assert_uint_eq(r->ip6_n, 0);
	ck_assert_uint_eq(r->dhcp6_n, 0); // nobody would answer there
	ck_assert_uint_eq(r->dns_n, 2);
	ck_assert_str_eq(r->domain[0], "corp.example.org");
	// RFC 5739: the gateway's own interface ID, and it differs from the client's.
	ck_assert(memcmp(r->link_iid, iid_a, 8) != 0);
	ck_assert(link_iid_acceptable(r->link_iid));
	ck_assert_uint_eq(reply.remote.n, 4);
	ck_assert(ts_equal(&reply.remote.ts[0], &ts));
	ts = ts_from_prefix(&r->prefix[0]);
	ck_assert(ts_list_contains(&reply.remote, &ts));
	ck_assert_uint_eq(reply.local.n, 2);
	ck_assert(list_has(&reply.local, "::/0") && list_has(&reply.local, "0.0.0.0/0"));
	link = link_find(table, reply.link);
	ck_assert_ptr_nonnull(link);
	ck_assert(link_owns(link, &own));
	own = inet_addr_link_local(link->gateway_iid);
	ck_assert(!link_owns(link, &own));
	ck_assert(link_id_matches(table, reply.link, r->link_id, 16));
	ck_assert(!link_id_matches(table, reply.link, r->link_id, 15));
	ck_assert(!link_id_matches(table, reply.link + 1, r->link_id, 16));
	ck_assert_int_eq(ups, 1);
}
END_TEST

// L9, L16: no INTERNAL_IP6_LINK asked, none given: plain addresses.
START_TEST(test_plain_addresses_L9_L16)
{
	struct cp_attrs cp = ask_plain(NULL);
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert(!reply.reply.link);
	ck_assert_uint_eq(reply.reply.prefix_n, 0);
	ck_assert_uint_eq(reply.reply.ip6_n, 1);
	ck_assert_uint_eq(reply.reply.ip6[0].prefix_len, 128);
	ck_assert_uint_eq(reply.reply.ip4_n, 1);
	ck_assert_uint_eq(reply.reply.dns_n, 1); // IPv6 servers were not asked for
	ck_assert_uint_eq(reply.reply.domain_n, 0);
	ck_assert_uint_eq(reply.remote.n, 2);
	ck_assert(!link_id_matches(table, reply.link, reply.reply.link_id, 16));
}
END_TEST

// A profile without prefixes: the link is not known there, the fallback is (L15).
START_TEST(test_fallback_L15)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	c->peer[0].profile = &c->profile[2];
	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert(!reply.reply.link);
	ck_assert_uint_eq(reply.reply.ip6_n, 1);
	ck_assert_uint_eq(reply.reply.ip4_n, 1);
}
END_TEST

START_TEST(test_nothing_asked)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .want_dns4 = true};
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, NULL, 1, &reply), IKE_LINK_NONE);
	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_NONE);
	c->profile[0].ipv4_pool = NULL;
	cp.ip4_n = 1;
	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_FAILED);
	ck_assert_ptr_nonnull(reply.why);
	ck_assert_uint_eq(link_count(table), 0);
}
END_TEST

static const struct {
	const char *why;
	uint8_t iid[8];
	bool good;
} iids[] = {
	{"subnet-router anycast", {}, false},
	{"RFC 2526 anycast, first", {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80}, false},
	{"RFC 2526 anycast, last", {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false},
	{"just below it", {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, true},
	{"IANA's Ethernet block", {0x02, 0x00, 0x5e, 0xff, 0xfe, 0, 0x52, 0x13}, false},
	{"all ones", {255, 255, 255, 255, 255, 255, 255, 255}, false},
	{"one", {0, 0, 0, 0, 0, 0, 0, 1}, true},
};

START_TEST(test_interface_id_L18)
{
	struct cp_attrs cp = ask_link(iids[_i].iid);
	struct ike_link_reply reply;

	ck_assert_msg(
		attach(&alice, &cp, 1, &reply) == (iids[_i].good ? IKE_LINK_OK : IKE_LINK_FAILED),
		"%s", iids[_i].why);
	ck_assert_uint_eq(link_count(table), iids[_i].good);
}
END_TEST

// L14: one identity, several hosts: a link each, and each its prefix.
START_TEST(test_several_hosts_L14)
{
	struct cp_attrs a = ask_link(iid_a), b = ask_link(iid_b);
	struct ike_link_reply one, two;

	ck_assert_int_eq(attach(&alice, &a, 1, &one), IKE_LINK_OK);
	ck_assert_int_eq(attach(&alice, &b, 2, &two), IKE_LINK_OK);
	ck_assert_uint_ne(one.link, two.link);
	ck_assert(memcmp(one.reply.link_id, two.reply.link_id, 16) != 0);
	ck_assert(!inet_prefix_equal(&one.reply.prefix[0], &two.reply.prefix[0]));
	// The second host leaves; it, not the first one, comes back to the second's prefix.
	link_detach(table, two.link, 2, 0, now_us);
	now_us += 61 * US_PER_S;
	link_timeout(table, now_us);
	ck_assert_int_eq(downs, 1);
	ck_assert_uint_eq(last_down, two.link);
	{
		struct ike_link_reply again;

		ck_assert_int_eq(attach(&alice, &b, 3, &again), IKE_LINK_OK);
		ck_assert(inet_prefix_equal(&two.reply.prefix[0], &again.reply.prefix[0]));
	}
}
END_TEST

// L20, L23 and RFC 5739 section 4.2: somebody else's Link ID is a request for a new link; by the
// draft it is refused.
START_TEST(test_foreign_link_id_L23)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply mine, theirs;

	ck_assert_int_eq(attach(&alice, &cp, 1, &mine), IKE_LINK_OK);
	memcpy(cp.link_id, mine.reply.link_id, 16);
	cp.link_id_len = 16;
	ck_assert_int_eq(attach(&bob, &cp, 2, &theirs), IKE_LINK_OK);
	ck_assert_uint_ne(mine.link, theirs.link);
	ck_assert(memcmp(mine.reply.link_id, theirs.reply.link_id, 16) != 0);
	ck_assert(!inet_prefix_equal(&mine.reply.prefix[0], &theirs.reply.prefix[0]));
	ck_assert(!inet_prefix_equal(&mine.reply.prefix[1], &theirs.reply.prefix[1]));
	ck_assert(!inet_addr_equal(&mine.reply.ip4[0], &theirs.reply.ip4[0]));
	c->peer[0].profile = &c->profile[1];
	ck_assert_int_eq(attach(&bob, &cp, 3, &theirs), IKE_LINK_FAILED);
}
END_TEST

// The draft's wire: the client's interface ID is echoed.
START_TEST(test_draft_wire)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	c->peer[0].profile = &c->profile[1];
	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert(memcmp(reply.reply.link_iid, iid_a, 8) == 0);
	ck_assert(memcmp(link_find(table, reply.link)->gateway_iid, iid_a, 8) != 0);
}
END_TEST

// L18: on its own link, the gateway's interface ID is taken.
START_TEST(test_gateways_interface_id_L18)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	memcpy(cp.link_id, reply.reply.link_id, 16);
	cp.link_id_len = 16;
	memcpy(cp.link_iid, reply.reply.link_iid, 8);
	ck_assert_int_eq(attach(&alice, &cp, 2, &reply), IKE_LINK_FAILED);
}
END_TEST

// Pools that run out: prefixes alone are enough for a link; nothing at all is a failure that leaves
// nothing behind.
START_TEST(test_exhaustion)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;
	struct config_id id;
	char name[32];

	c->profile[0].prefix_pool_n = 1;
	c->profile[0].prefix_pool[0] = &c->pool[POOL_TINY];
	c->profile[0].ipv4_pool = NULL;
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		id = link_config_id(name);
		ck_assert_int_eq(attach(&id, &cp, (uint64_t)i + 1, &reply), IKE_LINK_OK);
		ck_assert_uint_eq(reply.reply.ip4_n, 0);
	}
	ck_assert_int_eq(attach(&alice, &cp, 9, &reply), IKE_LINK_FAILED);
	ck_assert_uint_eq(link_count(table), 4);
	c->profile[0].ipv4_pool = &c->pool[POOL_V4]; // something is better than nothing
	ck_assert_int_eq(attach(&alice, &cp, 10, &reply), IKE_LINK_OK);
	ck_assert(!reply.reply.link);
	ck_assert_uint_eq(reply.reply.ip4_n, 1);
	ck_assert_uint_eq(reply.remote.n, 1);
}
END_TEST

START_TEST(test_limits)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	// A client that asks and asks.
	for (uint64_t i = 0; i < LINKS_PER_IDENTITY; i++)
		ck_assert_int_eq(attach(&alice, &cp, i + 1, &reply), IKE_LINK_OK);
	ck_assert_int_eq(attach(&alice, &cp, 999, &reply), IKE_LINK_FAILED);
	ck_assert_int_eq(attach(&bob, &cp, 1000, &reply), IKE_LINK_OK);
	memcpy(cp.link_id, reply.reply.link_id, 16);
	cp.link_id_len = 16;
	for (uint64_t i = 1; i < LINK_IKE_SAS; i++)
		ck_assert_int_eq(attach(&bob, &cp, 1000 + i, &reply), IKE_LINK_OK);
	ck_assert_int_eq(attach(&bob, &cp, 2000, &reply), IKE_LINK_FAILED);
}
END_TEST

// What the peer may reach: the profile's selectors of its families, and on a link the gateway.
START_TEST(test_local_selectors)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct config_profile *p = &c->profile[0];
	struct ike_link_reply reply;
	struct inet_prefix prefix;
	struct inet_addr gateway;
	struct ts ts;

	p->local_ts.n = 2;
	inet_prefix_parse("10.20.0.0/24", &prefix);
	p->local_ts.ts[0] = ts_from_prefix(&prefix);
	inet_prefix_parse("2001:db8:aaaa::/64", &prefix);
	p->local_ts.ts[1] = ts_from_prefix(&prefix);
	cp.ip4_n = 0;
	cp.want_subnet4 = cp.want_subnet6 = true;
	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(reply.local.n, 2);
	gateway = inet_addr_link_local(reply.reply.link_iid);
	ts = ts_from_addr(&gateway);
	ck_assert(ts_list_contains(&reply.local, &ts));
	ck_assert(list_has(&reply.local, "2001:db8:aaaa::/64"));
	ck_assert_uint_eq(reply.reply.subnet_n, 2);
	ck_assert(inet_prefix_equal(&reply.reply.subnet[1], &prefix));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("link");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_new_link_L2_L10_L15_L17_L18_L19);
	tcase_add_test(tc, test_plain_addresses_L9_L16);
	tcase_add_test(tc, test_fallback_L15);
	tcase_add_test(tc, test_nothing_asked);
	tcase_add_loop_test(tc, test_interface_id_L18, 0, sizeof(iids) / sizeof(iids[0]));
	tcase_add_test(tc, test_several_hosts_L14);
	tcase_add_test(tc, test_foreign_link_id_L23);
	tcase_add_test(tc, test_draft_wire);
	tcase_add_test(tc, test_gateways_interface_id_L18);
	tcase_add_test(tc, test_exhaustion);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_local_selectors);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
