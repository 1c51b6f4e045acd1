// SPDX-License-Identifier: BSD-3-Clause
// A host that nothing in its request tells from another (an ordinary RFC 7296 client, a link asked for
// with a fresh interface ID) gets what a host of the same identity has given up itself, and never what
// one that fell silent may still use (L13, L14, L20, L28).
#include "t_link.h"

enum {
	LOST, // time-out
	DELETED, // by the peer
	CONTACT // INITIAL_CONTACT on the IKE SA that asks next
};

static void leave(uint64_t link, uint64_t ike_sa, int how, uint64_t next_ike_sa)
{
	uint64_t left_by = how == DELETED ? ike_sa : how == CONTACT ? next_ike_sa : 0;

	link_detach(table, link, ike_sa, left_by, now_us);
}

static struct ike_link_reply get(const struct cp_attrs *cp, uint64_t ike_sa)
{
	struct ike_link_reply reply;

	ck_assert_int_eq(attach(&alice, cp, ike_sa, &reply), IKE_LINK_OK);
	return reply;
}

static bool same_addresses(const struct ike_link_reply *a, const struct ike_link_reply *b)
{
	return a->reply.prefix_n == b->reply.prefix_n && a->reply.ip6_n == b->reply.ip6_n &&
		inet_addr_equal(&a->reply.ip4[0], &b->reply.ip4[0]) &&
		(a->reply.ip6_n == 0 ||
			inet_addr_equal(&a->reply.ip6[0].addr, &b->reply.ip6[0].addr)) &&
		(a->reply.prefix_n == 0 ||
			inet_prefix_equal(&a->reply.prefix[0], &b->reply.prefix[0]));
}

// Each way to leave, for an ordinary client and for one with links that has a fresh interface ID.
START_TEST(test_comes_again_L13_L14_L28)
{
	bool link = _i % 2 != 0;
	int how = _i / 2;
	struct cp_attrs cp = link ? ask_link(iid_a) : ask_plain(NULL);
	struct cp_attrs next = link ? ask_link(iid_b) : ask_plain(NULL);
	struct ike_link_reply first = get(&cp, 1), again;

	leave(first.link, 1, how, 2);
	ck_assert_int_eq(graces, 1);
	now_us += how == CONTACT ? 0 : 30 * US_PER_S;
	again = get(&next, 2);
	ck_assert_int_eq(same_addresses(&first, &again), how != LOST);
	// It is another link: what was told of the old one opens nothing.
	ck_assert_uint_ne(first.link, again.link);
	ck_assert_int_eq(downs, how != LOST);
	ck_assert_uint_eq(link_count(table), how != LOST ? 1 : 2);
}
END_TEST

// INITIAL_CONTACT on one IKE SA says nothing for another one.
START_TEST(test_contact_of_another)
{
	struct cp_attrs plain = ask_plain(NULL), link = ask_link(iid_a);
	struct ike_link_reply first = get(&plain, 1), again;

	leave(first.link, 1, CONTACT, 2);
	get(&link, 2); // wants something else
	again = get(&plain, 3);
	ck_assert(!same_addresses(&first, &again));
}
END_TEST

// The most recently left one first, at one time the lowest number.
START_TEST(test_last_left_first)
{
	struct cp_attrs plain = ask_plain(NULL);
	struct ike_link_reply had[4], again;

	for (uint64_t i = 0; i < 4; i++)
		had[i] = get(&plain, 1 + i);
	leave(had[2].link, 3, DELETED, 0);
	now_us += US_PER_S;
	leave(had[0].link, 1, DELETED, 0);
	now_us += US_PER_S;
	leave(had[3].link, 4, LOST, 0);
	again = get(&plain, 10);
	ck_assert(same_addresses(&had[0], &again));
	again = get(&plain, 11);
	ck_assert(same_addresses(&had[2], &again));
	again = get(&plain, 12);
	for (int i = 0; i < 4; i++)
		ck_assert(!same_addresses(&had[i], &again));
	leave(had[1].link, 2, CONTACT, 13);
	leave(again.link, 12, CONTACT, 13);
	again = get(&plain, 13);
	ck_assert(same_addresses(&had[1], &again));
}
END_TEST

// What shows a host to be another one, or asks for something else, takes nothing over.
START_TEST(test_no_take_over)
{
	struct cp_attrs link = ask_link(iid_a), next = ask_link(iid_b), plain = ask_plain(NULL);
	struct ike_link_reply first = get(&link, 1), again;

	leave(first.link, 1, DELETED, 0);
	again = get(&plain, 2); // the other kind
	ck_assert(!inet_addr_equal(&first.reply.ip4[0], &again.reply.ip4[0]));
	memset(next.link_id, 0x77, LINK_ID_BYTES); // of a link that is no more
	next.link_id_len = LINK_ID_BYTES;
	again = get(&next, 3);
	ck_assert(!same_addresses(&first, &again));
	next = ask_link(iid_b);
	c->peer[0].profile = &c->profile[1]; // another profile
	again = get(&next, 4);
	ck_assert(!same_addresses(&first, &again));
	ck_assert_int_eq(attach(&bob, &next, 5, &again), IKE_LINK_OK); // another identity
	ck_assert(!same_addresses(&first, &again));
	ck_assert_int_eq(downs, 0);
	ck_assert_int_eq(link_find(table, first.link)->state, LINK_GRACE);
}
END_TEST

// Its own host comes first, whoever left what and when.
START_TEST(test_own_link_before_one_left)
{
	struct cp_attrs a = ask_link(iid_a), b = ask_link(iid_b);
	struct ike_link_reply one = get(&a, 1), two = get(&b, 2), again;

	leave(one.link, 1, LOST, 0);
	now_us += US_PER_S;
	leave(two.link, 2, DELETED, 0);
	again = get(&a, 3);
	ck_assert(same_addresses(&one, &again));
	ck_assert(!same_addresses(&two, &again));
}
END_TEST

// How it went the last time counts, also when a restart has forgotten it.
START_TEST(test_only_the_last_end_counts)
{
	struct cp_attrs cp = ask_link(iid_a), next = ask_link(iid_b);
	struct ike_link_reply first = get(&cp, 1), again;

	memcpy(cp.link_id, first.reply.link_id, LINK_ID_BYTES);
	cp.link_id_len = LINK_ID_BYTES;
	leave(first.link, 1, DELETED, 0);
	get(&cp, 2); // comes back
	get(&cp, 3); // reauthenticates
	leave(first.link, 3, DELETED, 0);
	ck_assert_int_eq(link_find(table, first.link)->state, LINK_UP);
	leave(first.link, 2, LOST, 0);
	again = get(&next, 4);
	ck_assert(!same_addresses(&first, &again));
	get(&cp, 5);
	leave(first.link, 5, DELETED, 0);
	restart();
	next.link_iid[3] ^= 1;
	again = get(&next, 6);
	ck_assert(!same_addresses(&first, &again));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link_left");
	TCase *tcase = tcase_create("link_left");
	SRunner *runner = srunner_create(suite);
	int failed = 0;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_comes_again_L13_L14_L28, 0, 6);
	tcase_add_test(tcase, test_contact_of_another);
	tcase_add_test(tcase, test_last_left_first);
	tcase_add_test(tcase, test_no_take_over);
	tcase_add_test(tcase, test_own_link_before_one_left);
	tcase_add_test(tcase, test_only_the_last_end_counts);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
