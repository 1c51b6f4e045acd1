// SPDX-License-Identifier: BSD-3-Clause
// Child SAs that a connection has beside its first one: when they come up, what is tried again and
// when, what of them outlives rekeys, reauthentication and the loss of everything. RFC 7296 sections
// 1.3.1, 2.25, 2.8.3; L8, L11.
#include "child_sa.h"
#include "connection.h"
#include "connection_child.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <string.h>

static struct net net;

static struct ike_child_spec spec(uint32_t tag)
{
	return (struct ike_child_spec){.tag = tag,
		.of_link = true,
		.local = selectors("2001:db8:1000:1::/64"),
		.remote = selectors("2001:db8:aaaa::/64")};
}

static int add(uint32_t tag)
{
	struct ike_child_spec s = spec(tag);
	int ret = ike_child_add(net.a.ike, &net.a.connection, &s, net.now_us);

	peer_drain(&net.a);
	return ret;
}

static int take_off(uint32_t tag)
{
	int ret = ike_child_remove(net.a.ike, &net.a.connection, tag, net.now_us);

	peer_drain(&net.a);
	return ret;
}

static void configure(uint64_t seed, uint32_t n)
{
	net_init(&net, seed);
	net.a.connection.autostart = true;
	net.a.connection.child_n = n;
	for (uint32_t i = 0; i < n; i++)
		net.a.connection.child[i] = (struct config_child){.link = true,
			.local = selectors("2001:db8:1000:1::/64"),
			.remote = selectors("2001:db8:aaaa::/64")};
}

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 1);
}

static uint32_t child_count(const struct peer *peer)
{
	struct sas sas;
	uint32_t n = 0;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		n += sas.info[i].child_n;
	return n;
}

static struct child_sa *child_of_tag(uint32_t tag)
{
	struct child_pair *pair =
		child_pair_by_spi(net.a.ike, net.a.child[tag].last.connection.spi_in);

	ck_assert_ptr_nonnull(pair);
	return pair->child;
}

START_TEST(configured_ones_come_up)
{
	const struct ike_effect *last = &net.a.child[2].last;
	struct ts_list local = selectors("2001:db8:1000:1::/64");

	configure(1, 3);
	go();
	for (uint32_t tag = 1; tag <= 3; tag++) {
		ck_assert_uint_eq(net.a.child[tag].up, 1);
		ck_assert_uint_eq(net.a.child[tag].down, 0);
	}
	ck_assert_int_eq(last->type, IKE_CONNECTION_CHILD_UP);
	ck_assert_ptr_eq(last->connection.connection, &net.a.connection);
	ck_assert(ts_list_equal(&last->connection.local, &local));
	ck_assert_uint_eq(last->connection.out_ref, child_of_tag(2)->ref);
	ck_assert_mem_eq(last->connection.interface_id, net.a.interface_id, 8);
	ck_assert_uint_eq(child_count(&net.b), 4);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Empty selectors: everything that the link has, and what these families reach.
START_TEST(empty_selectors)
{
	struct sas sas;

	configure(2, 1);
	net.a.connection.child[0].local.n = net.a.connection.child[0].remote.n = 0;
	go();
	ck_assert_uint_eq(net.a.child[1].up, 1);
	peer_sas(&net.a, &sas);
	ck_assert(ts_list_equal(&sas.info[0].child[0].local, &sas.info[0].child[1].local));
	ck_assert(ts_list_equal(&sas.info[0].child[0].remote, &sas.info[0].child[1].remote));
	net_finish(&net);
}
END_TEST

// By the caller, before it is up and while it is; every answer.
START_TEST(added_and_removed)
{
	struct config_connection stranger = {0};
	struct ike_child_spec s = spec(1);

	configure(3, 0);
	net_start(&net);
	ck_assert_int_eq(add(4), 0);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.child[4].up, 1);
	ck_assert_int_eq(add(5), 0);
	ck_assert_int_eq(add(5), -EEXIST);
	net_settle(&net);
	ck_assert_uint_eq(net.a.child[5].up, 1);
	ck_assert_int_eq(take_off(4), 0);
	ck_assert_int_eq(take_off(4), -ENOENT);
	ck_assert_uint_eq(net.a.child[4].down, 1); // at once: its routes go before it does
	net_settle(&net);
	ck_assert_uint_eq(net.a.child[4].down, 1);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(child_count(&net.b), 2);
	net_check_mirror(&net);
	for (uint32_t tag = 6; tag < 6 + CHILDREN_MAX - 2; tag++)
		ck_assert_int_eq(add(tag), 0);
	ck_assert_int_eq(add(1), -ENOSPC);
	ck_assert_int_eq(ike_child_add(net.a.ike, &stranger, &s, net.now_us), -ENOENT);
	ck_assert_int_eq(ike_child_remove(net.a.ike, &stranger, 5, net.now_us), -ENOENT);
	net_settle(&net);
	ck_assert_uint_eq(child_count(&net.b), CHILDREN_MAX);
	net_finish(&net);
}
END_TEST

// Not wanted any more while its request is under way: what the gateway made goes. And the same tag
// again at once is another one. _i: 1 with that.
START_TEST(removed_under_way)
{
	configure(4, 0);
	go();
	ck_assert_int_eq(add(1), 0);
	net_run(&net, 12 * US_PER_MS); // the gateway has it, its answer is on the way
	ck_assert_int_eq(take_off(1), 0);
	if (_i == 1)
		ck_assert_int_eq(add(1), 0);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, (uint32_t)_i);
	ck_assert_uint_eq(net.a.child[1].down, 0);
	ck_assert_uint_eq(child_count(&net.b), 1 + (uint32_t)_i);
	ck_assert_uint_eq(peer_counters(&net.b).children, 2 + (uint64_t)_i);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// A refusal that passes is not reported, and is tried again with longer and longer pauses.
START_TEST(passing_refusal)
{
	uint32_t tries;

	configure(5, 0);
	go();
	net.b.spi_fail = true;
	add(1);
	net_run(&net, 200 * US_PER_S);
	tries = peer_sent_count(&net.b, "{ N(NO_ADDITIONAL_SAS) }");
	ck_assert_uint_ge(tries, 7); // 1 2 4 8 16 32 60 60, less up to a quarter
	ck_assert_uint_le(tries, 10);
	ck_assert_uint_eq(net.a.child[1].down, 0);
	net.b.spi_fail = false;
	net_run(&net, 61 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// TEMPORARY_FAILURE: RFC 7296 section 2.25.
START_TEST(temporary_failure)
{
	configure(6, 0);
	go();
	add(1);
	ike_sa_rekey(net.b.ike, peer_ike_sa(&net.b), net.now_us); // refuses while it does that
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert(peer_sent_text(&net.b, "{ N(TEMPORARY_FAILURE) }"));
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(net.a.child[1].down, 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// A refusal that lasts is reported with its reason, each time, and asked about every ten minutes; the
// others do not wait for it.
START_TEST(lasting_refusal)
{
	configure(7, 2);
	net.a.connection.child[0].local = selectors("2001:db8:7::/48");
	go();
	ck_assert_uint_eq(net.a.child[1].down, 1);
	ck_assert_str_eq(net.a.child[1].last.connection.why, "TS_UNACCEPTABLE");
	ck_assert_uint_eq(net.a.child[2].up, 1);
	net_run(&net, 590 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].down, 1);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].down, 2);
	ck_assert_uint_eq(net.a.child[2].up, 1);
	net_finish(&net);
}
END_TEST

// The gateway deletes it: reported, and made again.
START_TEST(deleted_by_the_gateway)
{
	struct child_pair *pair;
	struct child_sa *child;

	configure(8, 1);
	go();
	for (uint32_t round = 1; round <= 3; round++) {
		pair = child_pair_of(child_of_tag(1), PAIR_CURRENT);
		child = child_pair_by_spi(net.b.ike, pair->spi_out)->child;
		ike_child_terminate(net.b.ike, child->handle, net.now_us);
		peer_drain(&net.b);
		net_run(&net, 500 * US_PER_MS);
		ck_assert_uint_eq(net.a.child[1].down, round);
		ck_assert_str_eq(net.a.child[1].last.connection.why, "deleted by the peer");
		net_run(&net, 10 * US_PER_S);
		ck_assert_uint_eq(net.a.child[1].up, round + 1);
	}
	ck_assert_uint_eq(net.a.down, 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// An operator ends it: not made again, until the connection comes up the next time.
START_TEST(terminated_by_the_operator)
{
	configure(9, 1);
	go();
	ike_child_terminate(net.a.ike, child_of_tag(1)->handle, net.now_us);
	peer_drain(&net.a);
	net_run(&net, 1000 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].down, 1);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(child_count(&net.b), 1);
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, 2);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Hard lifetime, a lost dataplane, a rekey that the gateway does not know: it comes again at once.
START_TEST(made_again)
{
	configure(10, 1);
	go();
	switch (_i) {
	case 0:
		ike_on_expire(net.a.ike, child_of_tag(1)->handle, true, net.now_us);
		break;
	case 1:
		child_of_tag(1)->rekeying = false;
		child_pair_of(child_pair_by_spi(net.b.ike,
				      child_pair_of(child_of_tag(1), PAIR_CURRENT)->spi_out)
				      ->child,
			PAIR_CURRENT)
			->spi_out ^= 1; // the gateway does not know it by this name
		ike_child_rekey(net.a.ike, child_of_tag(1)->handle, net.now_us);
		break;
	}
	peer_drain(&net.a);
	net_run(&net, 800 * US_PER_MS);
	ck_assert_uint_eq(net.a.child[1].up, 2);
	ck_assert_uint_eq(net.a.child[1].down, 1);
	net_fini(&net);
}
END_TEST

// The dataplane lost everything: each of them gets new keys, and stays the same child SA.
START_TEST(dataplane_lost)
{
	uint64_t handle;

	configure(11, 2);
	go();
	handle = child_of_tag(2)->handle;
	ike_on_dataplane_lost(net.a.ike, net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 3);
	ck_assert_uint_eq(net.a.child[2].up, 1);
	ck_assert_ptr_nonnull(child_by_handle(net.a.ike, handle));
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The rekey of the IKE SA keeps what is up and what waits for its turn.
START_TEST(ike_rekey)
{
	configure(12, 1);
	go();
	net.b.spi_fail = true;
	add(2);
	net_run(&net, 7 * US_PER_S);
	ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 5 * US_PER_S);
	net.b.spi_fail = false;
	net_run(&net, 60 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(net.a.child[2].up, 1);
	ck_assert_uint_eq(net.a.child[1].down + net.a.child[2].down, 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The IKE SA goes, and all that is on it; a new one has all of it again.
START_TEST(connection_again)
{
	configure(13, 2);
	go();
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(net.a.child[1].down, 1);
	ck_assert_uint_eq(net.a.child[2].down, 1);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.a.child[1].up, 2);
	ck_assert_uint_eq(net.a.child[2].up, 2);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// L7: after reauthentication they are on the new IKE SA before those of the old one go: never down.
START_TEST(reauthentication_L7)
{
	uint64_t old;

	configure(14, 3);
	go();
	for (uint32_t round = 2; round <= 4; round++) {
		old = peer_ike_sa(&net.a);
		ck_assert_int_eq(ike_sa_reauth(net.a.ike, old, 0, net.now_us), 0);
		peer_drain(&net.a);
		net_run(&net, 30 * US_PER_S);
		ck_assert_uint_ne(peer_ike_sa(&net.a), old);
		ck_assert_uint_eq(net.a.up, round);
		for (uint32_t tag = 1; tag <= 3; tag++) {
			ck_assert_uint_eq(net.a.child[tag].up, round);
			ck_assert_uint_eq(net.a.child[tag].down, 0);
		}
		ck_assert_uint_eq(child_count(&net.a), 4);
		net_check_mirror(&net);
	}
	ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

// The first child SA is made again on the same IKE SA: what was up beside it is told once more, for
// the interface was gone meanwhile.
START_TEST(first_one_again)
{
	struct child_sa *first = NULL;
	struct ike_sa *sa;

	configure(15, 1);
	go();
	sa = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	for (struct child_sa *child = sa->children; child != NULL; child = child->next)
		if (child->next == NULL)
			first = child;
	ike_child_terminate(net.b.ike, first->handle, net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.a.child[1].down, 0);
	ck_assert_uint_eq(net.a.child[1].up, 2);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Another configuration: the same stays, another one comes anew, a missing one goes; what the caller
// added is not the configuration's business.
START_TEST(configured_anew)
{
	struct connection *connection;
	uint64_t same;

	configure(16, 3);
	go();
	ck_assert_int_eq(add(9), 0);
	net_settle(&net);
	same = child_of_tag(1)->handle;
	connection = connection_of(net.a.ike, &net.a.connection);
	net.a.connection.child_n = 2;
	net.a.connection.child[1].remote = selectors("2001:db8:aaaa::10");
	ck_assert_int_eq(connection_children_configure(connection), 0);
	ike_timeout(net.a.ike, net.now_us);
	ike_on_traffic(net.a.ike, same, 0, net.now_us); // any entry starts tasks
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(child_of_tag(1)->handle, same);
	ck_assert_uint_eq(net.a.child[2].up, 2);
	ck_assert_uint_eq(child_of_tag(2)->remote.n, 1);
	ck_assert_uint_eq(net.a.child[2].down, 1);
	ck_assert_uint_eq(net.a.child[3].down, 1);
	ck_assert_uint_eq(net.a.child[9].up, 1);
	ck_assert_uint_eq(child_count(&net.b), 4);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Losses, doubles and reordering: in the end everything is up once.
START_TEST(rough_net)
{
	configure(100 + (uint64_t)_i, 4);
	net.loss_percent = 15;
	net.dup_percent = 10;
	net.reorder_percent = 20;
	net_start(&net);
	net_connect(&net);
	net_run(&net, 300 * US_PER_S);
	net.loss_percent = net.dup_percent = net.reorder_percent = 0;
	net_run(&net, 120 * US_PER_S);
	for (uint32_t tag = 1; tag <= 4; tag++)
		ck_assert_int_eq(net.a.child[tag].last.type, IKE_CONNECTION_CHILD_UP);
	net_check_mirror(&net);
	ck_assert_uint_eq(child_count(&net.a), 5);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("children");
	TCase *tc = tcase_create("children");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, configured_ones_come_up);
	tcase_add_test(tc, empty_selectors);
	tcase_add_test(tc, added_and_removed);
	tcase_add_loop_test(tc, removed_under_way, 0, 2);
	tcase_add_test(tc, passing_refusal);
	tcase_add_test(tc, temporary_failure);
	tcase_add_test(tc, lasting_refusal);
	tcase_add_test(tc, deleted_by_the_gateway);
	tcase_add_test(tc, terminated_by_the_operator);
	tcase_add_loop_test(tc, made_again, 0, 2);
	tcase_add_test(tc, dataplane_lost);
	tcase_add_test(tc, ike_rekey);
	tcase_add_test(tc, connection_again);
	tcase_add_test(tc, reauthentication_L7);
	tcase_add_test(tc, first_one_again);
	tcase_add_test(tc, configured_anew);
	tcase_add_loop_test(tc, rough_net, 0, 10);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
