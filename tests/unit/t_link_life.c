// SPDX-License-Identifier: BSD-3-Clause
// L7 L13 L21: how long links last and who comes back to them: reauthentication, grace, crashed
// clients, restarts of control, the end. RFC 5739 section 4.2.
#include "link_reply.h"
#include "t_link.h"

#include <errno.h>
#include <stdio.h>

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
	link_detach(table, first.link, 1, 0, now_us);
	ck_assert_int_eq(graces, 0);
	link_moved(table, first.link, 2, 5);
	link_detach(table, first.link, 2, 0, now_us); // was moved: nothing to do with it
	ck_assert_int_eq(graces, 0);
	link_detach(table, first.link, 5, 0, now_us);
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

// A crashed client comes back without Link ID while its old link is in grace: its interface ID says who
// it is, and it has the same prefix.
START_TEST(test_crashed_client_L14)
{
	struct cp_attrs cp = ask_link(iid_a);
	struct ike_link_reply first, again;

	ck_assert_int_eq(attach(&alice, &cp, 1, &first), IKE_LINK_OK);
	link_detach(table, first.link, 1, 0, now_us); // INITIAL_CONTACT
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
	link_detach(table, one.link, 1, 0, now_us);
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
	link_detach(table, some[9].link, 10, 0, now_us);
	now_us += US_PER_S;
	link_detach(table, some[5].link, 6, 0, now_us);
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
	link_detach(table, one.link, 1, 0, now_us);
	link_detach(table, two.link, 2, 0, now_us);
	ck_assert_int_eq(attach(&alice, &b, 3, &again), IKE_LINK_OK);
	ck_assert(inet_prefix_equal(&two.reply.prefix[0], &again.reply.prefix[0]));
	ck_assert_int_eq(attach(&alice, &a, 4, &again), IKE_LINK_OK);
	ck_assert(inet_prefix_equal(&one.reply.prefix[0], &again.reply.prefix[0]));
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
	link_detach(table, reply.link, 1, 0, now_us);
	ck_assert_int_eq(downs, 1);
	ck_assert_int_eq(graces, 0);
	ck_assert_int_eq(link_end(table, reply.link, now_us), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_life");
	TCase *tc = tcase_create("link_life");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_reauthentication_L7_L14);
	tcase_add_test(tc, test_crashed_client_L14);
	tcase_add_test(tc, test_new_host_beside_one_in_grace_L14);
	tcase_add_test(tc, test_last_number);
	tcase_add_test(tc, test_new_interface_id_is_kept_L7);
	tcase_add_test(tc, test_leaving_prefix_through_restart_L21);
	tcase_add_test(tc, test_more_asked_later_L10);
	tcase_add_test(tc, test_reauthentication_by_address_L9);
	tcase_add_test(tc, test_likeness_L14);
	tcase_add_test(tc, test_restart_L7_L20);
	tcase_add_test(tc, test_restart_without_profile);
	tcase_add_test(tc, test_end);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
