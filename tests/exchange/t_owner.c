// SPDX-License-Identifier: BSD-3-Clause
// SPIs that a waiting task remembers, and that are another IKE SA's or child SA's by the time it
// comes to them: slots come round. RFC 7296 sections 1.4.1, 2.8.1.
#include "child_sa.h"
#include "ike_sa.h"
#include "peers.h"

static struct net net;
static struct ike_sa *sa;
static struct child_sa *child, other_child;
static struct child_pair other; // with an SPI that used to be ours

static void start(uint64_t seed)
{
	net_init(&net, seed);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	sa = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	child = child_by_handle(net.a.ike, peer_child(&net.a));
}

static void reuse(uint32_t spi)
{
	other.child = &other_child;
	other.role = PAIR_PREVIOUS;
	other.spi_in = spi;
	hash_add(&net.a.ike->pairs, &other.by_spi, spi); // found before an older one
	ck_assert_ptr_eq(child_pair_by_spi(net.a.ike, spi), &other);
}

static void run_tasks(void)
{
	ike_on_traffic(net.a.ike, child->handle, 0, net.now_us); // any entry starts tasks
	peer_drain(&net.a);
}

// A D for what is another IKE SA's would make the peer's two IKE SAs differ from ours.
START_TEST(delete_of_anothers)
{
	uint32_t spi = 0x04000177, sent;

	start(1);
	reuse(spi);
	sent = net.a.sent;
	task_add(sa, task_delete_child_new(&spi, 1));
	ike_sa_touch(sa);
	run_tasks();
	ck_assert_ptr_null(sa->tasks);
	ck_assert_uint_eq(net.a.sent, sent);
	hash_del(&net.a.ike->pairs, &other.by_spi);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// While a rekey is under way its old SPI becomes another child SA's: that one is not deleted for it.
START_TEST(old_spi_is_anothers)
{
	start(2);
	ck_assert_int_eq(ike_child_rekey(net.a.ike, child->handle, net.now_us), 0);
	peer_drain(&net.a);
	reuse(child_pair_of(child, PAIR_CURRENT)->spi_in);
	net_run(&net, 5 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert(!other.deleting);
	hash_del(&net.a.ike->pairs, &other.by_spi);
	net_finish(&net);
}
END_TEST

// Both rekey; what the peer made is gone when ours is answered, and its SPI another child SA's.
START_TEST(rival_spi_is_anothers)
{
	struct child_pair *rival;

	start(3);
	net.a.nonce_first = 0x80; // ours stays
	net.b.nonce_first = 0x00;
	ck_assert_int_eq(ike_child_rekey(net.a.ike, child->handle, net.now_us), 0);
	ck_assert_int_eq(ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us), 0);
	peer_drain(&net.a);
	net.a.nonce_first = net.b.nonce_first = 0xf0;
	net.drop_number = net.sent + 2; // b's answer: a hears b's request first
	peer_drain(&net.b);
	net_run(&net, 15 * US_PER_MS);
	rival = child_pair_of(child, PAIR_NEXT);
	ck_assert_ptr_nonnull(rival);
	reuse(rival->spi_in);
	other.role = PAIR_CURRENT;
	other.timer_us = CLOCK_NEVER;
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert_int_eq(other.role, PAIR_CURRENT);
	ck_assert_uint_eq(other.timer_us, CLOCK_NEVER);
	hash_del(&net.a.ike->pairs, &other.by_spi);
	net_fini(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("owner");
	TCase *tc = tcase_create("owner");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, delete_of_anothers);
	tcase_add_test(tc, old_spi_is_anothers);
	tcase_add_test(tc, rival_spi_is_anothers);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
