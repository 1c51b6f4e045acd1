// SPDX-License-Identifier: BSD-3-Clause
// IP4_ALLOWED and IP6_ALLOWED, RFC 8983: what the gateway says of the address families that it has, and
// what the client does not ask for any more.
#include "peers.h"

#include <stdio.h>
#include <string.h>

static struct net net;
static struct config_pool pool4, pool6;

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
}

// RFC 8983, table 1. Asked for, there, and what is answered: 4 and 6 are families.
static const struct {
	bool want4, want6, has4, has6;
	const char *notifies; // behind CP, or before the error
	bool fails;
} families[] = {
	{true, false, false, true, "N(IP6_ALLOWED), ", true},
	{true, false, true, false, "N(IP4_ALLOWED), ", false},
	{true, false, true, true, "N(IP4_ALLOWED), N(IP6_ALLOWED), ", false},
	{false, true, false, true, "N(IP6_ALLOWED), ", false},
	{false, true, true, false, "N(IP4_ALLOWED), ", true},
	{false, true, true, true, "N(IP4_ALLOWED), N(IP6_ALLOWED), ", false},
	{true, true, true, false, "N(IP4_ALLOWED), ", false},
	{true, true, false, true, "N(IP6_ALLOWED), ", false},
	{true, true, true, true, "N(IP4_ALLOWED), N(IP6_ALLOWED), ", false},
};

static int row;

// The link layer gives what the profile has.
static void give_families(struct ike_link_reply *reply)
{
	if (!families[row].has4)
		reply->reply.ip4_n = 0;
	if (!families[row].has6) {
		reply->reply.link = false;
		reply->reply.prefix_n = 0;
		reply->reply.ip6_n = 0;
	}
}

static void with_families(uint64_t seed)
{
	net_init(&net, seed);
	net.b.profile.ipv4_pool = families[row].has4 ? &pool4 : NULL;
	net.b.profile.ipv6_pool = families[row].has6 ? &pool6 : NULL;
	net.a.connection.ipv4 = families[row].want4;
	net.a.connection.link = families[row].want6;
	net.b.reply_hook = give_families;
	if (families[row].fails)
		net.b.link_mode = LINK_FAIL;
}

START_TEST(families_rfc8983)
{
	char text[160];

	row = _i;
	with_families(6);
	go();
	if (families[_i].fails)
		snprintf(text, sizeof(text),
			"IKE_AUTH response 1 { IDr, AUTH, %sN(INTERNAL_ADDRESS_FAILURE) }",
			families[_i].notifies);
	else
		snprintf(text, sizeof(text),
			"IKE_AUTH response 1 { IDr, AUTH, CP, %sSA, TSi, TSr }",
			families[_i].notifies);
	ck_assert_msg(peer_sent_text(&net.b, text), "%s", text);
	ck_assert_uint_eq(net.a.up, !families[_i].fails);
	net_finish(&net);
}
END_TEST

// Addresses that are only lacking at the moment are told by INTERNAL_ADDRESS_FAILURE alone.
START_TEST(exhausted_rfc8983)
{
	row = 8;
	with_families(7);
	net.b.link_mode = LINK_FAIL;
	go();
	ck_assert(peer_sent_text(
		&net.b, "IKE_AUTH response 1 { IDr, AUTH, N(INTERNAL_ADDRESS_FAILURE) }"));
	net_finish(&net);
}
END_TEST

// Who asks for no address is told nothing.
START_TEST(nothing_asked_rfc8983)
{
	row = 8;
	with_families(8);
	net.a.connection.ipv4 = net.a.connection.link = false;
	net.b.pad[0].physical_local = selectors("10.20.0.0/24");
	net.b.pad[0].physical_remote = selectors("192.0.2.0/24");
	go();
	ck_assert(!peer_sent_text(&net.b, "_ALLOWED"));
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// "MUST NOT send a subsequent request for an alternate address family not supported": _i 0 IPv4 only,
// 1 IPv6 only; asked again after the IKE SA went.
START_TEST(not_asked_again_rfc8983)
{
	row = 6 + _i;
	with_families(9);
	net.a.connection.autostart = true;
	go();
	net_check_up(&net);
	ck_assert(net.b.asked.link && net.b.asked.ip4_n == 1);
	for (uint32_t round = 2; round <= 3; round++) {
		ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
		peer_drain(&net.b);
		net_run(&net, 10 * US_PER_S);
		ck_assert_uint_eq(net.a.up, round);
		net_check_up(&net);
		ck_assert_uint_eq(net.b.asked.ip4_n, _i == 0);
		ck_assert_uint_eq(net.b.asked.ip6_n, _i == 1);
		ck_assert(net.b.asked.link == (_i == 1));
		ck_assert(net.b.asked.want_dns4 == (_i == 0));
		ck_assert(net.b.asked.want_dns6 == (_i == 1));
	}
	net_finish(&net);
}
END_TEST

// Nothing is left to ask for: the client leaves the gateway alone until an operator says otherwise.
START_TEST(nothing_left_to_ask_rfc8983)
{
	struct sas sas;

	row = _i == 0 ? 0 : 4;
	with_families(10);
	net.a.connection.autostart = true;
	go();
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, "INTERNAL_ADDRESS_FAILURE");
	net_run(&net, 500 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.b).address_failure, 1);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("families");
	TCase *tc = tcase_create("families");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, families_rfc8983, 0, sizeof(families) / sizeof(families[0]));
	tcase_add_test(tc, exhausted_rfc8983);
	tcase_add_test(tc, nothing_asked_rfc8983);
	tcase_add_loop_test(tc, not_asked_again_rfc8983, 0, 2);
	tcase_add_loop_test(tc, nothing_left_to_ask_rfc8983, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
