// SPDX-License-Identifier: BSD-3-Clause
// Links: what a request gets, how long it lasts, who may come back to it; the profile of the draft's
// section 6 (P1). The others are t_link_profiles.c's. RFC 5739 section 4.
#include "clock.h"
#include "link.h"
#include "link_reply.h"
#include "t_link_setup.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>

static struct link_config *c;
static struct store *store;
static struct link_table *table;
static struct config_id alice, bob;
static uint64_t now_us;
static int ups, graces, downs;
static uint64_t last_down;

static const uint8_t iid_a[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t iid_b[8] = {0x02, 9, 9, 9, 9, 9, 9, 9};

static void test_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static void on_up(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_int_eq(link->state, LINK_UP);
	ups++;
}

static void on_grace(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_int_eq(link->state, LINK_GRACE);
	graces++;
}

static void on_down(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_uint_eq(link->ike_sa_n, 0);
	for (uint32_t i = 0; i < link->lease_n; i++) // still its own
		ck_assert_uint_eq(link->lease[i]->link, link->handle);
	last_down = link->handle;
	downs++;
}

static const struct link_events events = {.up = on_up, .grace = on_grace, .down = on_down};

static void open_table(void)
{
	struct link_setup setup = {.config = &c->config,
		.store = store,
		.random = test_random,
		.events = &events,
		.now_us = now_us,
		.wall_s = 1700000000 + now_us / US_PER_S};

	table = link_table_new(&setup);
	ck_assert_ptr_nonnull(table);
}

static void setup(void)
{
	srandom(3);
	c = link_config_new();
	store = store_open(NULL);
	now_us = 1000 * US_PER_S;
	ups = graces = downs = 0;
	open_table();
	alice = link_config_id("alice@example.org");
	bob = link_config_id("bob@example.org");
}

static void teardown(void)
{
	link_table_free(table);
	store_close(store);
	free(c);
}

static void restart(void)
{
	link_table_free(table);
	open_table();
}

static struct cp_attrs ask_link(const uint8_t iid[8])
{
	struct cp_attrs cp = {.type = CP_REQUEST,
		.link = true,
		.ip6_n = 1, // L15: the graceful fallback
		.ip4_n = 1,
		.want_dns4 = true,
		.want_dns6 = true,
		.want_dhcp6 = true,
		.want_domain = true};

	memcpy(cp.link_iid, iid, 8);
	return cp;
}

static struct cp_attrs ask_plain(const char *ip4)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .ip6_n = 1, .ip4_n = 1, .want_dns4 = true};

	if (ip4 != NULL)
		ck_assert_int_eq(inet_addr_parse(ip4, &cp.ip4[0]), 0);
	return cp;
}

static enum ike_link_outcome attach(const struct config_id *id, const struct cp_attrs *cp,
	uint64_t ike_sa, struct ike_link_reply *reply)
{
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = id, .asked = cp, .ike_sa = ike_sa};

	return link_attach(table, &request, reply, now_us);
}

static bool list_has(const struct ts_list *list, const char *prefix)
{
	struct inet_prefix p;
	struct ts ts;

	ck_assert_int_eq(inet_prefix_parse(prefix, &p), 0);
	ts = ts_from_prefix(&p);
	for (uint32_t i = 0; i < list->n; i++)
		if (ts_equal(&list->ts[i], &ts))
			return true;
	return false;
}

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
	link_detach(table, two.link, 2, now_us);
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

// L7, L13, L14: on a new IKE SA the Link ID brings the same link; it lives while either is there.
START_TEST(test_reauthentication_L7_L14)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	memcpy(cp.link_id, first.reply.link_id, 16);
	cp.link_id_len = 16;
	ck_assert_int_eq(attach(&alice, &cp, 2, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	ck_assert(memcmp(&first.reply, &again.reply, sizeof(first.reply)) == 0);
	link_detach(table, first.link, 1, now_us);
	ck_assert_int_eq(graces, 0);
	link_moved(table, first.link, 2, 5);
	link_detach(table, first.link, 2, now_us); // was moved: nothing to do with it
	ck_assert_int_eq(graces, 0);
	link_detach(table, first.link, 5, now_us);
	ck_assert_int_eq(graces, 1);
	ck_assert_uint_eq(link_next_us(table), now_us + 60 * US_PER_S);
	// Within the grace time the link is still there.
	now_us += 59 * US_PER_S;
	link_timeout(table, now_us);
	ck_assert_int_eq(attach(&alice, &cp, 6, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	ck_assert_uint_eq(link_next_us(table), CLOCK_NEVER);
	ck_assert_int_eq(downs, 0);
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

// A crashed client comes back without Link ID while its old link is in grace: its interface ID says who
// it is, and it has the same prefix.
START_TEST(test_crashed_client_L14)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	link_detach(table, first.link, 1, now_us); // INITIAL_CONTACT
	ck_assert_int_eq(attach(&alice, &cp, 2, &again), IKE_LINK_OK);
	ck_assert_uint_ne(first.link, again.link);
	ck_assert_uint_eq(last_down, first.link);
	ck_assert(inet_prefix_equal(&first.reply.prefix[0], &again.reply.prefix[0]));
	ck_assert(inet_addr_equal(&first.reply.ip4[0], &again.reply.ip4[0]));
	ck_assert_uint_eq(link_count(table), 1);
}
END_TEST

// L14, L20: a host that nothing shows to be the one that had it does not get a link in its grace time;
// the other one does, also after a restart of control.
START_TEST(test_new_host_beside_one_in_grace_L14)
{
	struct cp_attrs a = ask_link(iid_a), b = ask_link(iid_b), plain = ask_plain(NULL);
	struct ike_link_reply one, two, three, again;

	ck_assert_int_eq(attach(&alice, &a, 1, &one), IKE_LINK_OK);
	link_detach(table, one.link, 1, now_us);
	ck_assert_int_eq(attach(&alice, &b, 2, &two), IKE_LINK_OK);
	ck_assert(!inet_prefix_equal(&one.reply.prefix[0], &two.reply.prefix[0]));
	ck_assert_int_eq(attach(&alice, &plain, 3, &three), IKE_LINK_OK);
	ck_assert_int_eq(downs, 0);
	restart(); // all are orphans
	memset(b.link_iid, 0x22, 8);
	ck_assert_int_eq(attach(&alice, &b, 4, &again), IKE_LINK_OK);
	ck_assert_int_eq(downs, 0);
	ck_assert_uint_eq(link_count(table), 4);
	memcpy(a.link_id, one.reply.link_id, 16);
	a.link_id_len = 16;
	ck_assert_int_eq(attach(&alice, &a, 5, &again), IKE_LINK_OK);
	ck_assert_uint_eq(one.link, again.link);
	ck_assert(inet_prefix_equal(&one.reply.prefix[0], &again.reply.prefix[0]));
}
END_TEST

// When no number is left, the link in grace that ends first makes room; orphans do not.
START_TEST(test_last_number)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply, some[LINKS_PER_IDENTITY];

	for (uint32_t i = 0; i < LINKS_PER_IDENTITY; i++) {
		cp.link_iid[7] = (uint8_t)i;
		ck_assert_int_eq(attach(&alice, &cp, i + 1, &some[i]), IKE_LINK_OK);
	}
	cp.link_iid[0] = 0x22;
	ck_assert_int_eq(attach(&alice, &cp, 900, &reply), IKE_LINK_FAILED);
	link_detach(table, some[9].link, 10, now_us);
	now_us += US_PER_S;
	link_detach(table, some[5].link, 6, now_us);
	ck_assert_int_eq(attach(&alice, &cp, 901, &reply), IKE_LINK_OK);
	ck_assert_uint_eq(last_down, some[9].link);
	ck_assert(inet_prefix_equal(&reply.reply.prefix[0], &some[9].reply.prefix[0]));
	restart();
	cp.link_iid[0] = 0x42;
	ck_assert_int_eq(attach(&alice, &cp, 902, &reply), IKE_LINK_FAILED);
}
END_TEST

// L7: another interface ID on the same link is the link's from then on, also after a restart.
START_TEST(test_new_interface_id_is_kept_L7)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	cp = ask_link(iid_b);
	memcpy(cp.link_id, reply.reply.link_id, 16);
	cp.link_id_len = 16;
	ck_assert_int_eq(attach(&alice, &cp, 2, &reply), IKE_LINK_OK);
	restart();
	ck_assert_mem_eq(link_find(table, reply.link)->client_iid, iid_b, 8);
}
END_TEST

// L21: a prefix that the profile has no more is told to nobody from the renumbering on, and is still
// the link's, through a restart, until its client comes back.
START_TEST(test_leaving_prefix_through_restart_L21)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;
	const struct link *link = NULL;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	c->profile[0].prefix_pool_n = 1;
	ck_assert_int_eq(link_renumber(table, first.link, false), 0);
	memcpy(cp.link_id, first.reply.link_id, 16);
	cp.link_id_len = 16;
	ck_assert_int_eq(attach(&alice, &cp, 2, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	ck_assert_uint_eq(again.reply.prefix_n, 1);
	ck_assert_uint_eq(again.remote.n, 3);
	restart();
	link = link_find(table, first.link);
	ck_assert_uint_eq(link->lease_n, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert(link->leaving[i] ==
			inet_prefix_equal(&link->prefix[i], &first.reply.prefix[1]));
	ck_assert(link_owns(link, &first.reply.prefix[1].addr));
	ck_assert_int_eq(attach(&alice, &cp, 3, &again), IKE_LINK_OK);
	ck_assert_uint_eq(again.reply.prefix_n, 1);
	ck_assert_uint_eq(link->lease_n, 2);
}
END_TEST

// L10: a link that goes on with IPv4, which was not asked for before, has it from then on.
START_TEST(test_more_asked_later_L10)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;

	cp.ip4_n = 0;
	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	ck_assert_uint_eq(first.reply.ip4_n, 0);
	memcpy(cp.link_id, first.reply.link_id, 16);
	cp.link_id_len = 16;
	cp.ip4_n = 1;
	ck_assert_int_eq(attach(&alice, &cp, 2, &again), IKE_LINK_OK);
	ck_assert_uint_eq(again.reply.ip4_n, 1);
	ck_assert_uint_eq(again.remote.n, 4);
	restart();
	ck_assert_uint_eq(link_find(table, first.link)->lease_n, 3);
}
END_TEST

// L9: reauthentication of a peer that knows no links: it asks for the address that it has.
START_TEST(test_reauthentication_by_address_L9)
{
	struct cp_attrs cp = ask_plain(NULL);
	struct ike_link_reply first, again;
	char text[INET_ADDR_STRLEN];

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	cp = ask_plain(inet_addr_format(&first.reply.ip4[0], text));
	ck_assert_int_eq(attach(&bob, &cp, 2, &again), IKE_LINK_OK);
	ck_assert(!inet_addr_equal(&first.reply.ip4[0], &again.reply.ip4[0])); // not bob's
	ck_assert_int_eq(attach(&alice, &cp, 3, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	cp = ask_plain(NULL);
	ck_assert_int_eq(attach(&alice, &cp, 4, &again), IKE_LINK_OK);
	ck_assert_uint_ne(first.link, again.link); // another host
}
END_TEST

// What the interface ID or the address tells about who comes back goes before the order.
START_TEST(test_likeness_L14)
{
	struct cp_attrs a = ask_link(iid_a), b = ask_link(iid_b);
	struct ike_link_reply one, two, again;

	ck_assert_int_eq(attach(&alice, &a, 1, &one), IKE_LINK_OK);
	ck_assert_int_eq(attach(&alice, &b, 2, &two), IKE_LINK_OK);
	link_detach(table, one.link, 1, now_us);
	link_detach(table, two.link, 2, now_us);
	ck_assert_int_eq(attach(&alice, &b, 3, &again), IKE_LINK_OK);
	ck_assert(inet_prefix_equal(&two.reply.prefix[0], &again.reply.prefix[0]));
	ck_assert_int_eq(attach(&alice, &a, 4, &again), IKE_LINK_OK);
	ck_assert(inet_prefix_equal(&one.reply.prefix[0], &again.reply.prefix[0]));
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

static bool all_have(void *arg, const struct link *link)
{
	(void)link;
	return *(bool *)arg;
}

// Leases and links survive a restart of control: orphans are nobody else's, their Link ID is known.
START_TEST(test_restart_L7_L20)
{
	struct cp_attrs cp = ask_link(iid_a), plain = ask_plain(NULL);
	struct ike_link_reply first, other, again;
	bool yes = true, no = false;
	const struct link *link = NULL;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	ck_assert_int_eq(attach(&bob, &plain, 2, &other), IKE_LINK_OK);
	now_us += 5 * US_PER_S;
	restart();
	ck_assert_uint_eq(link_count(table), 2);
	link = link_find(table, first.link);
	ck_assert_ptr_nonnull(link);
	ck_assert_int_eq(link->state, LINK_ORPHAN);
	ck_assert_ptr_eq(link->peer, &c->peer[0]);
	ck_assert_uint_eq(link->created_us, now_us - 5 * US_PER_S);
	ck_assert_uint_eq(lease_book_live(link_leases(table), POOL_GLOBAL), 1);
	ck_assert_uint_eq(lease_book_live(link_leases(table), POOL_V4), 2);
	link_reconcile(table, all_have, &yes, now_us);
	ck_assert_uint_eq(link_next_us(table), CLOCK_NEVER);
	memcpy(cp.link_id, first.reply.link_id, 16);
	cp.link_id_len = 16;
	ck_assert_int_eq(attach(&alice, &cp, 3, &again), IKE_LINK_OK);
	ck_assert_uint_eq(first.link, again.link);
	ck_assert(memcmp(&first.reply, &again.reply, sizeof(first.reply)) == 0);
	// bob's is still in the dataplane until it is not.
	link_reconcile(table, all_have, &no, now_us);
	ck_assert_int_eq(graces, 1);
	now_us += 60 * US_PER_S;
	link_timeout(table, now_us);
	ck_assert_uint_eq(last_down, other.link);
	restart();
	ck_assert_uint_eq(link_count(table), 1);
	// bob again, by the same identity: the same addresses.
	ck_assert_int_eq(attach(&bob, &plain, 4, &again), IKE_LINK_OK);
	ck_assert(inet_addr_equal(&other.reply.ip4[0], &again.reply.ip4[0]));
	ck_assert(inet_addr_equal(&other.reply.ip6[0].addr, &again.reply.ip6[0].addr));
}
END_TEST

// A profile that the configuration no longer has: its links do not come back, their leases do.
START_TEST(test_restart_without_profile)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	strcpy(c->profile[0].name, "other");
	restart();
	ck_assert_uint_eq(link_count(table), 0);
	ck_assert_uint_eq(lease_book_live(link_leases(table), POOL_GLOBAL), 0);
	ck_assert_int_eq(attach(&alice, &cp, 2, &again), IKE_LINK_OK);
	ck_assert(inet_prefix_equal(&first.reply.prefix[0], &again.reply.prefix[0]));
}
END_TEST

START_TEST(test_end)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, &cp, 1, &reply), IKE_LINK_OK);
	ck_assert_int_eq(link_end(table, reply.link, now_us), 0);
	ck_assert_int_eq(downs, 0);
	link_detach(table, reply.link, 1, now_us);
	ck_assert_int_eq(downs, 1);
	ck_assert_int_eq(graces, 0);
	ck_assert_int_eq(link_end(table, reply.link, now_us), -ENOENT);
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
	tcase_add_test(tc, test_reauthentication_L7_L14);
	tcase_add_test(tc, test_foreign_link_id_L23);
	tcase_add_test(tc, test_draft_wire);
	tcase_add_test(tc, test_gateways_interface_id_L18);
	tcase_add_test(tc, test_crashed_client_L14);
	tcase_add_test(tc, test_new_host_beside_one_in_grace_L14);
	tcase_add_test(tc, test_last_number);
	tcase_add_test(tc, test_new_interface_id_is_kept_L7);
	tcase_add_test(tc, test_more_asked_later_L10);
	tcase_add_test(tc, test_leaving_prefix_through_restart_L21);
	tcase_add_test(tc, test_reauthentication_by_address_L9);
	tcase_add_test(tc, test_likeness_L14);
	tcase_add_test(tc, test_exhaustion);
	tcase_add_test(tc, test_restart_L7_L20);
	tcase_add_test(tc, test_restart_without_profile);
	tcase_add_test(tc, test_end);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_local_selectors);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
