// SPDX-License-Identifier: BSD-3-Clause
// Every combination of the four axes (P0 to P6 and their variants): what the reply says, exactly which
// selectors child SAs are narrowed to and which sources the ingress filter lets pass, also for hosts
// that ask for nothing, and after a restart of control. The draft's section 5 and appendix A.
#include "t_link_profiles.h"

#include "link_reply.h"

#include <errno.h>
#include <stdio.h>

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};

// What a row expects, with $L the client's link-local address, $0 $1 the prefixes that the link
// leases, $4 its IPv4 address and $6 its IPv6 address.
static const char *expand(const char *pattern, const struct link *link)
{
	static char text[2000];
	struct inet_addr local = inet_addr_link_local(link->client_iid);
	struct inet_prefix own = {.addr = local, .len = 128};
	size_t len = 0;

	text[0] = '\0';
	for (const char *at = pattern; *at != '\0'; at++) {
		uint32_t prefixes = 0;

		if (*at != '$') {
			text[len++] = *at;
			text[len] = '\0';
			continue;
		}
		at++;
		if (*at == 'L')
			inet_prefix_format(&own, text + len);
		for (uint32_t i = 0; i < link->lease_n; i++)
			if ((*at == '4' && link->role[i] == LINK_LEASE_IP4) ||
				(*at == '6' && link->role[i] == LINK_LEASE_IP6) ||
				(link->role[i] == LINK_LEASE_PREFIX &&
					prefixes++ == (uint32_t)(*at - '0')))
				inet_prefix_format(&link->prefix[i], text + len);
		len += strlen(text + len);
	}
	return text;
}

static void check_lists(const char *why, uint64_t handle, const char *remote, const char *ingress)
{
	const struct link *link = link_find(ptable, handle);

	ck_assert_ptr_nonnull(link);
	ck_assert_msg(strcmp(profile_policy(handle), expand(remote, link)) == 0,
		"%s: selectors are %s", why, profile_policy(handle));
	ck_assert_msg(strcmp(profile_ingress(handle), expand(ingress, link)) == 0,
		"%s: the filter is %s", why, profile_ingress(handle));
}

#define MINE "2001:db8:3000:0:201:203:405:607/128"
#define MINE2 "fd00:db8:3000:0:201:203:405:607/128"

static const struct {
	const char *why;
	int profile;
	bool link; // in the reply
	uint8_t prefix_n, address2_n, ip6_n, dhcp6_n;
	const char *remote, *ingress;
} rows[] = {
	{"P0", PROFILE_P0, false, 0, 0, 1, 0, "$6 $4", "$6 $4"},
	{"P1", PROFILE_P1, true, 2, 0, 0, 1, "$L $0 $1 $4", "$L $0 $1 $4"},
	{"P1 with the filter", PROFILE_P1_FILTER, true, 1, 0, 0, 1, "$L $0 $4", "$L $0 $4"},
	{"P2", PROFILE_P2, true, 0, 0, 0, 1, "::/0 $4", "$L ::/128 $0 $1 $4"},
	{"P3", PROFILE_P3, true, 2, 0, 0, 0,
		"$L 2001:db8:3000::/64 fd00:db8:3000::/64 $4 ::/128 ff02::1/128", "$L ::/128 $4"},
	{"P4", PROFILE_P4, true, 0, 0, 0, 0, "::/0 $4", "$L ::/128 $4"},
	{"P5", PROFILE_P5, true, 0, 2, 0, 0, "$L $4 " MINE " " MINE2, "$L $4 " MINE " " MINE2},
	{"P5 with the filter", PROFILE_P5_FILTER, true, 0, 1, 0, 0, "$L 2001:db8:3000::/64 $4",
		"$L $4 " MINE},
	{"P6", PROFILE_P6, true, 0, 0, 0, 1, "$L $4", "$L $4"},
	{"P6 with the filter", PROFILE_P6_FILTER, true, 0, 0, 0, 0, "::/0 $4", "$L $4"},
	{"P6 by relay", PROFILE_RELAY6, true, 0, 0, 0, 1, "$L $4", "$L $4"},
};

// P0 to P6, L16, L17, L19, L22, L29: asked for with everything that a client can ask for.
START_TEST(test_axes_P0_P6_L19_L29)
{
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;
	const char *why = rows[_i].why;

	cp.ip4_n = cp.ip6_n = 1;
	ck_assert_msg(profile_attach(rows[_i].profile, "alice@example.org", &cp, 1, &reply) ==
			IKE_LINK_OK,
		"%s", why);
	ck_assert_msg(reply.reply.link == rows[_i].link, "%s", why);
	ck_assert_msg(reply.reply.prefix_n == rows[_i].prefix_n, "%s", why);
	ck_assert_msg(reply.reply.address2_n == rows[_i].address2_n, "%s", why);
	ck_assert_msg(reply.reply.ip6_n == rows[_i].ip6_n, "%s", why);
	ck_assert_msg(reply.reply.dhcp6_n == rows[_i].dhcp6_n, "%s", why);
	ck_assert_uint_eq(reply.reply.ip4_n, 1);
	check_lists(why, reply.link, rows[_i].remote, rows[_i].ingress);
	ck_assert_str_eq(profile_list(&reply.remote),
		expand(rows[_i].remote, link_find(ptable, reply.link)));
	ck_assert_str_eq(profile_list(&reply.local), "::/0 0.0.0.0/0");
	if (reply.reply.dhcp6_n > 0) {
		struct inet_addr gateway =
			inet_addr_link_local(link_find(ptable, reply.link)->gateway_iid);

		ck_assert(inet_addr_equal(&reply.reply.dhcp6[0], &gateway));
	}
	// A restart of control changes none of it.
	profile_restart();
	check_lists(why, reply.link, rows[_i].remote, rows[_i].ingress);
}
END_TEST

// L7, L23 and restarts: the same again on the next IKE SA, by the Link ID, before and after a restart.
START_TEST(test_reauthentication_of_every_profile_L7)
{
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply first, again;

	cp.ip4_n = 1;
	if (!rows[_i].link)
		return;
	ck_assert_int_eq(
		profile_attach(rows[_i].profile, "alice@example.org", &cp, 1, &first), IKE_LINK_OK);
	memcpy(cp.link_id, first.reply.link_id, LINK_ID_BYTES);
	cp.link_id_len = LINK_ID_BYTES;
	for (uint64_t i = 2; i < 5; i++) {
		if (i == 3)
			profile_restart();
		ck_assert_int_eq(
			profile_attach(rows[_i].profile, "alice@example.org", &cp, i, &again),
			IKE_LINK_OK);
		ck_assert_uint_eq(first.link, again.link);
		ck_assert_mem_eq(&first.reply, &again.reply, sizeof(first.reply));
		ck_assert(ts_list_equal(&first.remote, &again.remote));
	}
}
END_TEST

static const struct {
	const char *why;
	int profile;
	bool cp, ip4, ip6; // asked for: nothing, addresses
	bool link;
	const char *remote, *ingress;
} unasked[] = {
	{"P2, no CP at all", PROFILE_P2, false, false, false, true, "::/0",
		"fe80::/64 ::/128 $0 $1"},
	{"P2, DNS only", PROFILE_P2, true, false, false, true, "::/0", "fe80::/64 ::/128 $0 $1"},
	{"P2, IPv4", PROFILE_P2, true, true, false, true, "::/0 $4", "fe80::/64 ::/128 $0 $1 $4"},
	{"P2, an address that the profile has not", PROFILE_P2, true, true, true, true, "::/0 $4",
		"fe80::/64 ::/128 $0 $1 $4"},
	{"P2, an address that the profile has", PROFILE_P2_ADDRESSES, true, true, true, false,
		"$6 $4", "$6 $4"},
	{"P2 with addresses, IPv4 alone", PROFILE_P2_ADDRESSES, true, true, false, true, "::/0 $4",
		"fe80::/64 ::/128 $0 $4"},
	{"P4, no CP at all", PROFILE_P4, false, false, false, true, "::/0", "fe80::/64 ::/128"},
	{"P1, IPv4", PROFILE_P1, true, true, false, false, "$4", "$4"},
	{"P3, IPv4", PROFILE_P3, true, true, false, false, "$4", "$4"},
};

// L16, P2, P4: who does not ask for a link is not told of one, and has it where it can solicit a
// router; its Link ID is nobody's to name.
START_TEST(test_unasked_L16_P2)
{
	struct cp_attrs cp = {.type = CP_REQUEST,
		.want_dns6 = true,
		.ip4_n = unasked[_i].ip4,
		.ip6_n = unasked[_i].ip6};
	struct ike_link_reply reply;
	const struct link *link = NULL;

	ck_assert_int_eq(profile_attach(unasked[_i].profile, "alice@example.org",
				 unasked[_i].cp ? &cp : NULL, 1, &reply),
		IKE_LINK_OK);
	ck_assert(!reply.reply.link);
	ck_assert_uint_eq(reply.reply.prefix_n, 0);
	ck_assert_uint_eq(reply.reply.link_id_len, 0);
	link = link_find(ptable, reply.link);
	ck_assert_msg(link->virtual_link == unasked[_i].link, "%s", unasked[_i].why);
	ck_assert(link->unasked == unasked[_i].link);
	check_lists(unasked[_i].why, reply.link, unasked[_i].remote, unasked[_i].ingress);
	ck_assert(!link_id_matches(ptable, reply.link, link->link_id, LINK_ID_BYTES));
	profile_restart();
	ck_assert(link_find(ptable, reply.link)->unasked == unasked[_i].link);
	check_lists(unasked[_i].why, reply.link, unasked[_i].remote, unasked[_i].ingress);
}
END_TEST

// A profile by IKEv2 gives nothing to who asks for nothing.
START_TEST(test_nothing_asked_L16)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .want_dns6 = true};
	static const int profiles[] = {PROFILE_P0, PROFILE_P1, PROFILE_P3, PROFILE_P5, PROFILE_P6};
	struct ike_link_reply reply;

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		ck_assert_int_eq(profile_attach(profiles[i], "a@example.org", NULL, 1, &reply),
			IKE_LINK_NONE);
		ck_assert_int_eq(profile_attach(profiles[i], "a@example.org", &cp, 1, &reply),
			IKE_LINK_NONE);
		ck_assert_uint_eq(reply.link, 0);
	}
	ck_assert_uint_eq(link_count(ptable), 0);
}
END_TEST

// A stock host that comes back without anything to know it by has the prefix that it had; a second
// one at the same time has another. A link that was asked for is not touched by either (L14, L20).
START_TEST(test_unasked_comes_back_L14_L28)
{
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply asked, first, second, again;

	ck_assert_int_eq(profile_attach(PROFILE_P2, "a@example.org", &cp, 1, &asked), IKE_LINK_OK);
	link_detach(ptable, asked.link, 1, 0, pnow_us);
	ck_assert_int_eq(profile_attach(PROFILE_P2, "a@example.org", NULL, 2, &first), IKE_LINK_OK);
	ck_assert_uint_ne(first.link, asked.link);
	ck_assert_int_eq(
		profile_attach(PROFILE_P2, "a@example.org", NULL, 3, &second), IKE_LINK_OK);
	ck_assert_uint_ne(first.link, second.link);
	link_detach(ptable, first.link, 2, 0, pnow_us);
	ck_assert_int_eq(profile_attach(PROFILE_P2, "a@example.org", NULL, 4, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	// Its Link ID, should somebody know it, is no way in.
	memcpy(cp.link_id, link_find(ptable, first.link)->link_id, LINK_ID_BYTES);
	cp.link_id_len = LINK_ID_BYTES;
	cp.link_iid[7] = 9;
	ck_assert_int_eq(profile_attach(PROFILE_P2, "a@example.org", &cp, 5, &again), IKE_LINK_OK);
	ck_assert_uint_ne(first.link, again.link);
}
END_TEST

// L9, L17: INTERNAL_IP6_ADDRESS without a link, in any profile that has a pool for it.
START_TEST(test_addresses_of_a_link_profile_L9_P0)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .ip6_n = 1, .want_dhcp6 = true};
	struct ike_link_reply reply;

	ck_assert_int_eq(profile_attach(PROFILE_P1, "a@example.org", &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(reply.reply.ip6_n, 1);
	ck_assert_uint_eq(reply.reply.dhcp6_n, 0); // there is no link that a server could answer on
	check_lists("P1, an address", reply.link, "$6", "$6");
	ck_assert_int_eq(
		profile_attach(PROFILE_P3, "a@example.org", &cp, 2, &reply), IKE_LINK_FAILED);
}
END_TEST

// What the peer may reach, when the profile says: discovery and DHCPv6 begin with multicast.
START_TEST(test_local_selectors)
{
	static const struct {
		int profile;
		bool multicast;
	} cases[] = {{PROFILE_P1, true}, {PROFILE_P2, true}, {PROFILE_P3, true}, {PROFILE_P4, true},
		{PROFILE_P5, false}, {PROFILE_P6, true}, {PROFILE_RELAY6, true}};
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;
	char expected[200], own[INET_ADDR_STRLEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_profile *p = &pc->profile[cases[i].profile];
		struct inet_prefix net = profile_prefix("2001:db8:aaaa::/64");
		struct inet_addr gateway;

		p->local_ts.n = 1;
		p->local_ts.ts[0] = ts_from_prefix(&net);
		ck_assert_int_eq(
			profile_attach(cases[i].profile, "a@example.org", &cp, i + 1, &reply),
			IKE_LINK_OK);
		gateway = inet_addr_link_local(link_find(ptable, reply.link)->gateway_iid);
		snprintf(expected, sizeof(expected), "%s/128%s 2001:db8:aaaa::/64",
			inet_addr_format(&gateway, own), cases[i].multicast ? " ff02::/16" : "");
		ck_assert_str_eq(profile_list(&reply.local), expected);
	}
}
END_TEST

// Split DNS (RFC 8598): domains beside servers only, trust anchors only with both; reauthentication
// time (RFC 4478).
START_TEST(test_split_dns_and_reauth)
{
	struct config_profile *p = &pc->profile[PROFILE_P1];
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;

	strcpy(p->domain[0], "corp.example.org");
	strcpy(p->domain[1], "lab.example.org");
	p->domain_n = 2;
	p->dns[0] = profile_addr("2001:db8:aaaa::53");
	p->dns_n = 1;
	p->dnssec_ta[0] = (struct config_dnssec_ta){.domain = 1, .key_tag = 7, .digest_len = 20};
	p->dnssec_ta_n = 1;
	p->reauth_s = 3600;
	cp.want_domain = cp.want_dnssec_ta = true;
	ck_assert_int_eq(profile_attach(PROFILE_P1, "a@example.org", &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(reply.reply.domain_n, 0);
	ck_assert_uint_eq(reply.reply.ta_n, 0);
	ck_assert_uint_eq(reply.reauth_s, 3600);
	cp.want_dns6 = true;
	ck_assert_int_eq(profile_attach(PROFILE_P1, "b@example.org", &cp, 2, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(reply.reply.domain_n, 2);
	ck_assert_str_eq(reply.reply.domain[1], "lab.example.org");
	ck_assert_uint_eq(reply.reply.ta_n, 1);
	ck_assert_uint_eq(reply.reply.ta[0].key_tag, 7);
	cp.want_domain = false;
	cp.domain_n = 1; // one that the client names
	strcpy(cp.domain[0], "lab.example.org");
	cp.want_dnssec_ta = false;
	ck_assert_int_eq(profile_attach(PROFILE_P1, "c@example.org", &cp, 3, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(reply.reply.domain_n, 2);
	ck_assert_uint_eq(reply.reply.ta_n, 0);
}
END_TEST

// The wire variant of the draft echoes the interface ID in every profile that has links.
START_TEST(test_wire_of_every_profile)
{
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;

	if (!rows[_i].link)
		return;
	pc->profile[rows[_i].profile].wire = CONFIG_WIRE_IPSECME_00;
	ck_assert_int_eq(
		profile_attach(rows[_i].profile, "a@example.org", &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_mem_eq(reply.reply.link_iid, iid, 8);
	ck_assert_mem_ne(link_find(ptable, reply.link)->gateway_iid, iid, 8);
}
END_TEST

static const struct {
	const char *why;
	uint8_t iid[8];
} bad_iids[] = {
	{"zero", {}},
	{"reserved for anycast", {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80}},
};

// L18: on shared links as on others, an interface ID that cannot be a host's: no link at all. One that
// another client has on its own link is nobody's business: link-local addresses are each link's.
START_TEST(test_interface_ids_L18)
{
	static const int profiles[] = {PROFILE_P2, PROFILE_P3, PROFILE_P4, PROFILE_P5, PROFILE_P6};
	struct ike_link_reply reply;

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct cp_attrs cp = profile_ask(bad_iids[_i].iid);

		ck_assert_msg(profile_attach(profiles[i], "a@example.org", &cp, 1, &reply) ==
				IKE_LINK_FAILED,
			"%s", bad_iids[_i].why);
		ck_assert_uint_eq(link_count(ptable), 0);
	}
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct cp_attrs cp = profile_ask(iid);

		ck_assert_int_eq(
			profile_attach(profiles[i], "a@example.org", &cp, 2, &reply), IKE_LINK_OK);
		ck_assert_int_eq(
			profile_attach(profiles[i], "b@example.org", &cp, 3, &reply), IKE_LINK_OK);
		memcpy(cp.link_id, reply.reply.link_id, LINK_ID_BYTES);
		cp.link_id_len = LINK_ID_BYTES;
		memcpy(cp.link_iid, reply.reply.link_iid, 8); // the gateway's
		ck_assert_int_eq(profile_attach(profiles[i], "b@example.org", &cp, 4, &reply),
			IKE_LINK_FAILED);
	}
}
END_TEST

static void ignore(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
}

// L20: what a relayed server gave lies in a pool of another configuration: it goes before the pool gives
// it to somebody. What does not, stays.
START_TEST(test_relayed_in_a_new_pool_L20)
{
	struct inet_prefix inside = profile_prefix("2001:db8:7000:100::/56");
	struct inet_prefix outside = profile_prefix("2001:db8:8000:100::/56");
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;

	pc->config.pool_n = PP_DELEGATED; // the last one is to come
	ck_assert_int_eq(profile_attach(PROFILE_P2, "a@example.org", &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_int_eq(link_relayed_add(ptable, reply.link, &inside, CLOCK_NEVER, pnow_us), 0);
	ck_assert_int_eq(link_relayed_add(ptable, reply.link, &outside, CLOCK_NEVER, pnow_us), 0);
	pc->pool[PP_DELEGATED].prefix = profile_prefix("2001:db8:7000::/40");
	pc->config.pool_n = PP_POOLS;
	p_dels = 0;
	ck_assert_int_eq(link_reconfigure(ptable, &pc->config, ignore, NULL, pnow_us), 0);
	ck_assert_int_eq(p_dels, 1);
	ck_assert(inet_prefix_equal(&p_last_del, &inside));
	ck_assert(!link_owns(link_find(ptable, reply.link), &inside.addr));
	ck_assert(link_owns(link_find(ptable, reply.link), &outside.addr));
	ck_assert_int_eq(
		link_relayed_add(ptable, reply.link, &inside, CLOCK_NEVER, pnow_us), -EADDRINUSE);
	profile_restart();
	ck_assert_uint_eq(link_find(ptable, reply.link)->extra_n, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_profiles");
	TCase *tc = tcase_create("link_profiles");
	SRunner *runner = srunner_create(s);
	int failed = 0, n = (int)(sizeof(rows) / sizeof(rows[0]));

	tcase_add_checked_fixture(tc, profile_setup, profile_teardown);
	tcase_add_loop_test(tc, test_axes_P0_P6_L19_L29, 0, n);
	tcase_add_loop_test(tc, test_reauthentication_of_every_profile_L7, 0, n);
	tcase_add_loop_test(
		tc, test_unasked_L16_P2, 0, (int)(sizeof(unasked) / sizeof(unasked[0])));
	tcase_add_test(tc, test_nothing_asked_L16);
	tcase_add_test(tc, test_unasked_comes_back_L14_L28);
	tcase_add_test(tc, test_addresses_of_a_link_profile_L9_P0);
	tcase_add_test(tc, test_local_selectors);
	tcase_add_test(tc, test_split_dns_and_reauth);
	tcase_add_loop_test(tc, test_wire_of_every_profile, 0, n);
	tcase_add_test(tc, test_relayed_in_a_new_pool_L20);
	tcase_add_loop_test(
		tc, test_interface_ids_L18, 0, (int)(sizeof(bad_iids) / sizeof(bad_iids[0])));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
