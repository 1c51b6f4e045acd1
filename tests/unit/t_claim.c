// SPDX-License-Identifier: BSD-3-Clause
// What comes to a link while it lives: claimed addresses of shared prefixes (P3 to P5), addresses by
// INTERNAL_IP6_ADDRESS2 (P5), leases by DHCPv6 (P6, L11), what a relayed server gave; limits, refusals,
// ends, and all of it after a restart of control (L13, L20).
#include "t_link_profiles.h"

#include <errno.h>
#include <stdio.h>

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t iid_b[8] = {0x02, 9, 9, 9, 9, 9, 9, 9};

static uint64_t new_link(int profile, const char *name, uint64_t ike_sa)
{
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;

	ck_assert_int_eq(profile_attach(profile, name, &cp, ike_sa, &reply), IKE_LINK_OK);
	return reply.link;
}

static int claim(uint64_t link, const char *text)
{
	struct inet_addr addr = profile_addr(text);

	return link_claim(ptable, link, &addr, pnow_us);
}

static uint64_t claimed_by(const char *text)
{
	struct inet_addr addr = profile_addr(text);
	const struct link *link = link_claimed_by(ptable, &addr);

	return link != NULL ? link->handle : 0;
}

// P3, L20: first come, first served; again is nothing new; given up, it is anybody's.
START_TEST(test_first_come_P3_L20)
{
	uint64_t a = new_link(PROFILE_P3, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_P4, "b@example.org", 2);
	struct inet_addr addr = profile_addr("2001:db8:3000::77");

	ck_assert_int_eq(claim(a, "2001:db8:3000::77"), 0);
	ck_assert_int_eq(p_adds, 1);
	ck_assert(inet_addr_equal(&p_last_add.addr, &addr));
	ck_assert_uint_eq(p_last_add.len, 128);
	ck_assert_ptr_null(p_last_lease);
	ck_assert_int_eq(claim(b, "2001:db8:3000::77"), -EADDRINUSE);
	ck_assert_int_eq(claim(a, "2001:db8:3000::77"), 0);
	ck_assert_int_eq(p_adds, 1);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::77"), a);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::78"), 0);
	ck_assert(link_owns(link_find(ptable, a), &addr));
	ck_assert(!link_owns(link_find(ptable, b), &addr));
	ck_assert_int_eq(link_unclaim(ptable, b, &addr), -ENOENT);
	ck_assert_int_eq(link_unclaim(ptable, a, &addr), 0);
	ck_assert_int_eq(p_dels, 1);
	ck_assert_int_eq(link_unclaim(ptable, a, &addr), -ENOENT);
	ck_assert_int_eq(claim(b, "2001:db8:3000::77"), 0);
	ck_assert_int_eq(claim(999, "2001:db8:3000::79"), -ENOENT);
	ck_assert_int_eq(link_unclaim(ptable, 999, &addr), -ENOENT);
}
END_TEST

static const struct {
	const char *why, *addr;
	int error;
} refused[] = {
	{"subnet-router anycast", "2001:db8:3000::", -EADDRINUSE},
	{"reserved for anycast", "2001:db8:3000::fdff:ffff:ffff:fffe", -EADDRINUSE},
	{"IANA's block", "2001:db8:3000:0:200:5eff:fe00:1", -EADDRINUSE},
	{"all ones", "2001:db8:3000::ffff:ffff:ffff:ffff", -EADDRINUSE},
	{"an address of the gateway's port", "2001:db8:3000::1", -EADDRINUSE},
	{"beside the prefix", "2001:db8:3000:1::77", -ERANGE},
	{"shared, but not with this profile", "fd00:db8:3000::77", -ERANGE},
	{"of a pool of links", "2001:db8:1000::77", -ERANGE},
	{"link-local", "fe80::77", -ERANGE},
	{"multicast", "ff02::77", -ERANGE},
	{"unspecified", "::", -ERANGE},
	{"IPv4", "10.66.0.1", -ERANGE},
};

START_TEST(test_refused_L18_L20)
{
	uint64_t link = new_link(PROFILE_P4, "a@example.org", 1);
	struct inet_addr gateway = profile_addr("2001:db8:3000::");

	pc->port->addr[0].addr = profile_addr("2001:db8:3000::1");
	ck_assert_msg(claim(link, refused[_i].addr) == refused[_i].error, "%s", refused[_i].why);
	memcpy(gateway.bytes + 8, link_find(ptable, link)->gateway_iid, 8);
	ck_assert_int_eq(link_claim(ptable, link, &gateway, pnow_us), -EADDRINUSE);
	ck_assert_uint_eq(link_find(ptable, link)->extra_n, 0);
	ck_assert_int_eq(p_adds, 0);
	// A link without shared prefixes has nothing to claim.
	link = new_link(PROFILE_P1, "b@example.org", 2);
	ck_assert_int_eq(claim(link, "2001:db8:3000::77"), -ERANGE);
}
END_TEST

// A client that asks in a loop: its profile's number, not one more; another client is not in the way.
START_TEST(test_limit)
{
	uint64_t a = new_link(PROFILE_P4, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_P4, "b@example.org", 2);
	struct inet_addr addr;
	char text[64];

	for (int i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "2001:db8:3000::1:%x", i);
		ck_assert_int_eq(claim(a, text), i <= 16 ? 0 : -EDQUOT);
	}
	ck_assert_uint_eq(link_find(ptable, a)->extra_n, 16);
	ck_assert_int_eq(p_adds, 16);
	ck_assert_int_eq(claim(b, "2001:db8:3000::1:64"), 0);
	addr = profile_addr("2001:db8:3000::1:3");
	ck_assert_int_eq(link_unclaim(ptable, a, &addr), 0);
	ck_assert_int_eq(claim(a, "2001:db8:3000::1:64"), -EADDRINUSE);
	ck_assert_int_eq(claim(a, "2001:db8:3000::1:65"), 0);
}
END_TEST

static bool no_sas(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
	return false;
}

// L13, L20: claims outlive restarts of control in every state of the link, and end with it.
START_TEST(test_claims_through_restarts_L13_L20)
{
	uint64_t a = new_link(PROFILE_P4, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_P4, "b@example.org", 2);
	struct inet_addr given_up = profile_addr("2001:db8:3000::7a");

	ck_assert_int_eq(claim(a, "2001:db8:3000::77"), 0);
	ck_assert_int_eq(claim(a, "2001:db8:3000::7a"), 0);
	ck_assert_int_eq(link_unclaim(ptable, a, &given_up), 0);
	profile_restart(); // while it is up
	ck_assert_int_eq(link_find(ptable, a)->state, LINK_ORPHAN);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::77"), a);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::7a"), 0);
	ck_assert_int_eq(claim(b, "2001:db8:3000::77"), -EADDRINUSE);
	ck_assert_int_eq(claim(a, "2001:db8:3000::79"), 0); // an orphan's SAs are still there
	profile_restart(); // as an orphan
	link_reconcile(ptable, no_sas, NULL, pnow_us);
	ck_assert_int_eq(link_find(ptable, a)->state, LINK_GRACE);
	profile_restart(); // in its grace time
	ck_assert_uint_eq(claimed_by("2001:db8:3000::79"), a);
	link_reconcile(ptable, no_sas, NULL, pnow_us);
	pnow_us += 61 * US_PER_S;
	p_dels = p_downs = 0;
	link_timeout(ptable, pnow_us);
	ck_assert_int_eq(p_downs, 2);
	ck_assert_int_eq(p_dels, 2);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::77"), 0);
	profile_restart(); // ended
	ck_assert_uint_eq(link_count(ptable), 0);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::77"), 0);
	b = new_link(PROFILE_P4, "b@example.org", 3);
	ck_assert_int_eq(claim(b, "2001:db8:3000::77"), 0);
}
END_TEST

// A prefix that is not shared any more, or not the profile's: its claims do not come back.
START_TEST(test_claims_without_their_prefix)
{
	uint64_t a = new_link(PROFILE_P3, "a@example.org", 1);

	ck_assert_int_eq(claim(a, "2001:db8:3000::77"), 0);
	ck_assert_int_eq(claim(a, "fd00:db8:3000::77"), 0);
	pc->profile[PROFILE_P3].prefix_pool_n = 1;
	profile_restart();
	ck_assert_uint_eq(link_find(ptable, a)->extra_n, 1);
	ck_assert_uint_eq(claimed_by("2001:db8:3000::77"), a);
	ck_assert_uint_eq(claimed_by("fd00:db8:3000::77"), 0);
	pc->profile[PROFILE_P3].prefix_pool_n = 2;
	profile_restart(); // the row is gone, too
	ck_assert_uint_eq(claimed_by("fd00:db8:3000::77"), 0);
}
END_TEST

// P5: the client's interface ID if nobody has it there, else another one; what it asks for if free.
START_TEST(test_addresses_by_ikev2_P5)
{
	struct inet_addr mine = profile_addr("2001:db8:3000:0:201:203:405:607");
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply a, b, c;

	ck_assert_int_eq(profile_attach(PROFILE_P5, "a@example.org", &cp, 1, &a), IKE_LINK_OK);
	ck_assert(inet_addr_equal(&a.reply.address2[0], &mine));
	ck_assert_int_eq(profile_attach(PROFILE_P5, "b@example.org", &cp, 2, &b), IKE_LINK_OK);
	ck_assert_uint_eq(b.reply.address2_n, 2);
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED].prefix, &b.reply.address2[0]));
	ck_assert(!inet_addr_equal(&b.reply.address2[0], &mine));
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED2].prefix, &b.reply.address2[1]));
	memcpy(cp.link_iid, iid_b, 8);
	cp.address2_n = 4;
	cp.address2[0] = profile_addr("2001:db8:3000::42");
	cp.address2[1] = mine; // somebody's: another one
	cp.address2[2] = profile_addr("2001:db8:9999::42"); // not ours
	ck_assert_int_eq(profile_attach(PROFILE_P5, "c@example.org", &cp, 3, &c), IKE_LINK_OK);
	ck_assert_uint_eq(c.reply.address2_n, 3);
	ck_assert(inet_addr_equal(&c.reply.address2[0], &cp.address2[0]));
	ck_assert(!inet_addr_equal(&c.reply.address2[1], &mine));
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED].prefix, &c.reply.address2[1]));
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED2].prefix, &c.reply.address2[2]));
	ck_assert_uint_eq(claimed_by("2001:db8:3000:0:201:203:405:607"), a.link);
	ck_assert_int_eq(p_adds, 2 + 2 + 3);
}
END_TEST

// P5, further addresses by CREATE_CHILD_SA: selectors are the address alone.
START_TEST(test_extend_P5)
{
	uint64_t a = new_link(PROFILE_P5, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_P5, "b@example.org", 2);
	struct cp_attrs asked = {.type = CP_REQUEST, .address2_n = 1};
	struct ike_link_reply reply;

	asked.address2[0] = profile_addr("2001:db8:3000::42");
	ck_assert_int_eq(link_extend(ptable, a, &asked, &reply, pnow_us), IKE_LINK_OK);
	ck_assert_int_eq(reply.reply.type, CP_REPLY);
	ck_assert_uint_eq(reply.reply.address2_n, 1);
	ck_assert(inet_addr_equal(&reply.reply.address2[0], &asked.address2[0]));
	ck_assert_str_eq(profile_list(&reply.remote), "2001:db8:3000::42/128");
	ck_assert_str_eq(profile_list(&reply.local), "::/0");
	ck_assert_uint_eq(reply.link, a);
	ck_assert_ptr_nonnull(strstr(profile_policy(a), " 2001:db8:3000::42/128"));
	// Again, as after a reauthentication: the same, and not one more.
	ck_assert_int_eq(link_extend(ptable, a, &asked, &reply, pnow_us), IKE_LINK_OK);
	ck_assert_str_eq(profile_list(&reply.remote), "2001:db8:3000::42/128");
	ck_assert_uint_eq(link_find(ptable, a)->extra_n, 3);
	// Somebody else's: another one of the prefix.
	ck_assert_int_eq(link_extend(ptable, b, &asked, &reply, pnow_us), IKE_LINK_OK);
	ck_assert(!inet_addr_equal(&reply.reply.address2[0], &asked.address2[0]));
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED].prefix, &reply.reply.address2[0]));
	// Any: one of the first prefix.
	asked.address2[0] = (struct inet_addr){};
	ck_assert_int_eq(link_extend(ptable, b, &asked, &reply, pnow_us), IKE_LINK_OK);
	ck_assert(inet_prefix_contains(&pc->pool[PP_SHARED].prefix, &reply.reply.address2[0]));
	ck_assert_int_eq(link_extend(ptable, 999, &asked, &reply, pnow_us), IKE_LINK_FAILED);
	ck_assert_int_eq(link_extend(ptable, new_link(PROFILE_P1, "c@example.org", 3), &asked,
				 &reply, pnow_us),
		IKE_LINK_FAILED);
	ck_assert_ptr_nonnull(reply.why);
	ck_assert_int_eq(link_extend(ptable, new_link(PROFILE_P3, "d@example.org", 4), &asked,
				 &reply, pnow_us),
		IKE_LINK_FAILED);
	asked.address2[0] = profile_addr("2001:db8:9999::42");
	ck_assert_int_eq(link_extend(ptable, a, &asked, &reply, pnow_us), IKE_LINK_FAILED);
}
END_TEST

// P5: who asks in a loop gets as many as a selector list holds, and each of them is in the policy.
START_TEST(test_extend_limit_P5)
{
	uint64_t a = new_link(PROFILE_P5, "a@example.org", 1);
	struct cp_attrs asked = {.type = CP_REQUEST, .address2_n = 1};
	struct ike_link_reply reply;
	int given = 0;

	for (int i = 0; i < 100; i++)
		given += link_extend(ptable, a, &asked, &reply, pnow_us) == IKE_LINK_OK;
	ck_assert_int_eq(given, 8);
	ck_assert_str_eq(reply.why, "the link has as many addresses as it may");
	for (uint32_t i = 0; i < link_find(ptable, a)->extra_n; i++) {
		struct ts_list remote, local;
		struct ts ts = ts_from_prefix(&link_find(ptable, a)->extra[i].prefix);

		ck_assert(link_policy(ptable, a, &remote, &local));
		ck_assert(ts_list_contains(&remote, &ts));
	}
}
END_TEST

// L11: a delegated prefix enters selectors and filter, the same number is the same prefix, also after
// a restart and on the next link of the same host.
START_TEST(test_delegation_L11_L29)
{
	uint64_t link = new_link(PROFILE_P1, "a@example.org", 1);
	struct inet_prefix first, second, again;
	char text[INET_PREFIX_STRLEN];

	ck_assert_int_eq(link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 0, pnow_us, &first), 0);
	ck_assert_int_eq(p_adds, 1);
	ck_assert_ptr_nonnull(p_last_lease);
	ck_assert(inet_prefix_equal(&p_last_add, &first));
	ck_assert(inet_prefix_covers(&pc->pool[PP_DELEGATED].prefix, &first));
	ck_assert_uint_eq(first.len, 56);
	ck_assert_int_eq(
		link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 1, pnow_us, &second), 0);
	ck_assert(!inet_prefix_equal(&first, &second));
	ck_assert_int_eq(link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 0, pnow_us, &again), 0);
	ck_assert(inet_prefix_equal(&first, &again));
	ck_assert_int_eq(p_adds, 2);
	ck_assert_int_eq(
		link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 2, pnow_us, &again), -EDQUOT);
	inet_prefix_format(&first, text);
	ck_assert_ptr_nonnull(strstr(profile_policy(link), text));
	ck_assert_ptr_nonnull(strstr(profile_ingress(link), text));
	profile_restart();
	ck_assert_ptr_nonnull(strstr(profile_policy(link), text));
	ck_assert_int_eq(link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 1, pnow_us, &again), 0);
	ck_assert(inet_prefix_equal(&second, &again));
	ck_assert_int_eq(link_lease_del(ptable, link, &first, pnow_us), 0);
	ck_assert_int_eq(link_lease_del(ptable, link, &first, pnow_us), -ENOENT);
	ck_assert_int_eq(p_dels, 1);
	ck_assert_ptr_null(strstr(profile_ingress(link), text));
	profile_restart();
	ck_assert_ptr_null(strstr(profile_ingress(link), text));
	ck_assert_int_eq(link_lease_add(ptable, link, LINK_LEASE_DELEGATED, 0, pnow_us, &again), 0);
	ck_assert(inet_prefix_equal(&first, &again)); // reserved for it
}
END_TEST

// What DHCPv6 cannot add, and cannot take away.
START_TEST(test_lease_limits)
{
	uint64_t p1 = new_link(PROFILE_P1, "a@example.org", 1);
	uint64_t p6 = new_link(PROFILE_P6, "b@example.org", 2);
	uint64_t p3 = new_link(PROFILE_P3, "c@example.org", 3);
	struct inet_prefix out;

	ck_assert_int_eq(link_lease_add(ptable, 999, LINK_LEASE_DHCP6, 0, pnow_us, &out), -ENOENT);
	ck_assert_int_eq(link_lease_add(ptable, p1, LINK_LEASE_DHCP6, 0, pnow_us, &out), -EDQUOT);
	ck_assert_int_eq(link_lease_add(ptable, p6, LINK_LEASE_DHCP6, 64, pnow_us, &out), -EDQUOT);
	ck_assert_int_eq(link_lease_add(ptable, p1, LINK_LEASE_PREFIX, 5, pnow_us, &out), -EDQUOT);
	ck_assert_int_eq(
		link_lease_add(ptable, p3, LINK_LEASE_DELEGATED, 0, pnow_us, &out), -ENOSPC);
	out = link_find(ptable, p1)->prefix[0];
	ck_assert_int_eq(link_lease_del(ptable, p1, &out, pnow_us), -ENOENT);
	ck_assert_int_eq(link_lease_del(ptable, 999, &out, pnow_us), -ENOENT);
	ck_assert_int_eq(p_adds + p_dels, 0);
	for (uint32_t i = 0; i < 10; i++) // a client that wants one after the other
		ck_assert_int_eq(link_lease_add(ptable, p6, LINK_LEASE_DHCP6, i, pnow_us, &out),
			i < CONFIG_LINK_POOLS ? 0 : -EDQUOT);
}
END_TEST

// P6: the address enters selectors and filter once DHCPv6 gave it.
START_TEST(test_dhcpv6_address_P6)
{
	uint64_t link = new_link(PROFILE_P6, "a@example.org", 1);
	struct inet_prefix addr;
	char expected[200], text[INET_PREFIX_STRLEN];

	ck_assert_str_eq(profile_policy(link), "fe80::201:203:405:607/128");
	ck_assert_int_eq(link_lease_add(ptable, link, LINK_LEASE_DHCP6, 0, pnow_us, &addr), 0);
	ck_assert(inet_prefix_covers(&pc->pool[PP_DHCP6].prefix, &addr));
	ck_assert_uint_eq(addr.len, 128);
	snprintf(expected, sizeof(expected), "fe80::201:203:405:607/128 %s",
		inet_prefix_format(&addr, text));
	ck_assert_str_eq(profile_policy(link), expected);
	ck_assert_str_eq(profile_ingress(link), expected);
	profile_restart();
	ck_assert_str_eq(profile_ingress(link), expected);
	ck_assert_int_eq(link_lease_del(ptable, link, &addr, pnow_us), 0);
	ck_assert_str_eq(profile_policy(link), "fe80::201:203:405:607/128");
}
END_TEST

static int relayed(uint64_t link, const char *text, uint64_t seconds)
{
	struct inet_prefix prefix = profile_prefix(text);

	return link_relayed_add(ptable, link, &prefix,
		seconds == 0 ? CLOCK_NEVER : pnow_us + seconds * US_PER_S, pnow_us);
}

static const struct {
	const char *why, *prefix;
} not_relayed[] = {
	{"another link's", "2001:db8:6000:100::/56"},
	{"within another link's", "2001:db8:6000:110::/60"},
	{"around another link's", "2001:db8:6000::/48"},
	{"of a pool of ours", "2001:db8:1000::/56"},
	{"around a pool of ours", "2001:db8::/32"},
	{"in a shared prefix", "2001:db8:3000::7/128"},
	{"of a port's network", "2001:db8:aaaa::7/128"},
	{"everything", "::/0"},
	{"link-local", "fe80::7/128"},
	{"multicast", "ff05::/64"},
	{"IPv4", "192.168.0.0/24"},
};

// L20: a server behind the relay cannot give what others have.
START_TEST(test_relayed_refused_L20)
{
	uint64_t a = new_link(PROFILE_RELAY6, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_RELAY6, "b@example.org", 2);

	ck_assert_int_eq(relayed(a, "2001:db8:6000:100::/56", 0), 0);
	ck_assert_msg(
		relayed(b, not_relayed[_i].prefix, 0) == -EADDRINUSE, "%s", not_relayed[_i].why);
	ck_assert_uint_eq(link_find(ptable, b)->extra_n, 0);
	ck_assert_int_eq(relayed(999, "2001:db8:6000:200::/56", 0), -ENOENT);
}
END_TEST

// What a relayed server gave lasts as long as it says, is renewed, taken back, limited; and comes back
// after a restart with what is left of its time.
START_TEST(test_relayed_P6_L29)
{
	uint64_t a = new_link(PROFILE_RELAY6, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_RELAY6, "b@example.org", 2);
	struct inet_prefix first = profile_prefix("2001:db8:6000:100::/56");
	struct inet_prefix second = profile_prefix("2001:db8:6000:200::/56");

	ck_assert_int_eq(relayed(a, "2001:db8:6000:100::/56", 100), 0);
	ck_assert_int_eq(relayed(a, "2001:db8:6000:200::/56", 0), 0);
	ck_assert_int_eq(p_adds, 2);
	ck_assert_uint_eq(link_next_us(ptable), pnow_us + 100 * US_PER_S);
	ck_assert_str_eq(profile_ingress(a),
		"fe80::201:203:405:607/128 2001:db8:6000:100::/56 2001:db8:6000:200::/56");
	ck_assert_str_eq(profile_policy(a), profile_ingress(a));
	pnow_us += 50 * US_PER_S;
	profile_restart();
	ck_assert_uint_eq(link_next_us(ptable), pnow_us + 50 * US_PER_S);
	ck_assert_int_eq(relayed(a, "2001:db8:6000:100::/56", 200), 0); // renewed
	ck_assert_int_eq(p_adds, 2);
	pnow_us += 60 * US_PER_S;
	link_timeout(ptable, pnow_us);
	ck_assert_int_eq(p_dels, 0);
	pnow_us += 140 * US_PER_S;
	link_timeout(ptable, pnow_us);
	ck_assert_int_eq(p_dels, 1);
	ck_assert(inet_prefix_equal(&p_last_del, &first));
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
	ck_assert_int_eq(relayed(b, "2001:db8:6000:100::/56", 0), 0); // free again
	ck_assert_int_eq(link_relayed_del(ptable, a, &second), 0);
	ck_assert_int_eq(link_relayed_del(ptable, a, &second), -ENOENT);
	ck_assert_int_eq(link_relayed_del(ptable, 999, &second), -ENOENT);
	for (int i = 0; i < 12; i++) {
		char text[64];

		snprintf(text, sizeof(text), "2001:db8:7000:%x00::/56", i);
		ck_assert_int_eq(relayed(a, text, 0), i < LINK_RELAYED ? 0 : -EDQUOT);
	}
}
END_TEST

// Its time ran out while control was not there; the link of another one ended.
START_TEST(test_relayed_through_restarts)
{
	uint64_t a = new_link(PROFILE_RELAY6, "a@example.org", 1);
	uint64_t b = new_link(PROFILE_RELAY6, "b@example.org", 2);

	ck_assert_int_eq(relayed(a, "2001:db8:6000:100::/56", 100), 0);
	ck_assert_int_eq(relayed(b, "2001:db8:6000:200::/56", 0), 0);
	pnow_us += 200 * US_PER_S;
	profile_restart();
	ck_assert_uint_eq(link_find(ptable, a)->extra_n, 0);
	ck_assert_uint_eq(link_find(ptable, b)->extra_n, 1);
	ck_assert_int_eq(link_end(ptable, b, pnow_us), 0);
	ck_assert_int_eq(p_dels, 1);
	ck_assert_int_eq(relayed(a, "2001:db8:6000:200::/56", 0), 0);
	profile_restart();
	ck_assert_uint_eq(link_find(ptable, a)->extra_n, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("claim");
	TCase *tc = tcase_create("claim");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, profile_setup, profile_teardown);
	tcase_add_test(tc, test_first_come_P3_L20);
	tcase_add_loop_test(
		tc, test_refused_L18_L20, 0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_claims_through_restarts_L13_L20);
	tcase_add_test(tc, test_claims_without_their_prefix);
	tcase_add_test(tc, test_addresses_by_ikev2_P5);
	tcase_add_test(tc, test_extend_P5);
	tcase_add_test(tc, test_extend_limit_P5);
	tcase_add_test(tc, test_delegation_L11_L29);
	tcase_add_test(tc, test_lease_limits);
	tcase_add_test(tc, test_dhcpv6_address_P6);
	tcase_add_loop_test(tc, test_relayed_refused_L20, 0,
		(int)(sizeof(not_relayed) / sizeof(not_relayed[0])));
	tcase_add_test(tc, test_relayed_P6_L29);
	tcase_add_test(tc, test_relayed_through_restarts);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
