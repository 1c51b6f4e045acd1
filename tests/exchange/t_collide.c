// SPDX-License-Identifier: BSD-3-Clause
// Both sides begin at once: rekeys of the child SA and of the IKE SA with both outcomes of the nonce
// comparison, rekey against delete, delete against delete, with messages lost so that one side does
// not notice. RFC 7296 sections 1.4.1, 2.8.1, 2.8.2, 2.25.
#include "child_sa.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

static void start(uint64_t seed)
{
	net_init(&net, seed);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	net.check_traffic = true;
}

static void rekey_child(struct peer *peer)
{
	ck_assert_int_eq(ike_child_rekey(peer->ike, peer_child(peer), net.now_us), 0);
	peer_drain(peer);
}

static void rekey_ike(struct peer *peer)
{
	ck_assert_int_eq(ike_sa_rekey(peer->ike, peer_ike_sa(peer), net.now_us), 0);
	peer_drain(peer);
}

static uint32_t current_spi_in(struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		if (sas.info[i].child_n > 0)
			return sas.info[i].child[0].spi_in;
	return 0;
}

// SPIa1,SPIb1 are rekeyed by both; a's exchange has the lowest nonce with _i == 0, b's with 1.
//   a --> CREATE_CHILD_SA { N(REKEY_SA,SPIa1), SA(SPIa2), Ni1 }   b --> { N(REKEY_SA,SPIb1), SA(SPIb2), Ni2 }
//   a <-- CREATE_CHILD_SA { SA(SPIb3), Nr2 }                      b <-- { SA(SPIa3), Nr1 }
//   loser --> INFORMATIONAL { D(its new one) }    winner --> INFORMATIONAL { D(old) }
START_TEST(both_rekey_child)
{
	bool a_loses = _i == 0;
	uint32_t spi_a;

	start(100 + (unsigned)_i);
	net.a.nonce_first = a_loses ? 0x00 : 0x80; // of Ni1, and of Nr1
	net.b.nonce_first = a_loses ? 0x80 : 0x00;
	rekey_child(&net.a);
	rekey_child(&net.b);
	// Both nonces of one side are low: the lowest of four is the first octet's tie broken by the
	// rest. Make it plain: the requests carry 0x00 or 0x80, the answers 0xf0.
	net.a.nonce_first = 0xf0;
	net.b.nonce_first = 0xf0;
	spi_a = net.a.spi_generation;
	net_run(&net, 40 * US_PER_S);
	ck_assert(net_traffic(&net));
	net_run(&net, 20 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(net.a.spi_generation, spi_a + 1); // one more, for the answer
	// a made SPIs 1 (first), 2 (its request), 3 (its answer): which one lives?
	ck_assert_uint_eq(current_spi_in(&net.a) >> SPI_GENERATION_SHIFT & 0xf, a_loses ? 2 : 1);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).child_rekeys, 1);
	ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

// The same with each message of the collision lost once: _i picks message and outcome.
START_TEST(both_rekey_child_lossy)
{
	bool a_loses = _i & 1;

	start(200 + (unsigned)_i);
	net.a.nonce_first = a_loses ? 0x00 : 0x80;
	net.b.nonce_first = a_loses ? 0x80 : 0x00;
	net.drop_number = net.sent + 1 + (uint32_t)_i / 2;
	rekey_child(&net.a);
	rekey_child(&net.b);
	net.a.nonce_first = 0xf0;
	net.b.nonce_first = 0xf0;
	net_run(&net, 60 * US_PER_S);
	ck_assert(net_traffic(&net));
	net_run(&net, 100 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_ge(peer_counters(&net.a).child_rekeys, 1);
	net_finish(&net);
}
END_TEST

static struct peer *lose_from;
static uint64_t lose_until;

static bool lose_for_a_while(struct net *n, struct packet *packet)
{
	return packet->from != lose_from || n->now_us >= lose_until;
}

// a's request is lost; b rekeys and deletes without having noticed; then a's request comes.
//   b <-- CREATE_CHILD_SA { N(CHILD_SA_NOT_FOUND) }: a knows why and lets it be.
START_TEST(one_side_does_not_notice)
{
	struct peer *first = _i == 0 ? &net.a : &net.b, *second = _i == 0 ? &net.b : &net.a;
	struct window_out *place;

	start(300 + (unsigned)_i);
	net.drop_number = net.sent + 1;
	rekey_child(first);
	rekey_child(second);
	place = window_any(&ike_sa_by_handle(first->ike, peer_ike_sa(first))->window);
	place->again_us = net.now_us + 20 * US_PER_S; // after everything
	net_run(&net, 30 * US_PER_S);
	ck_assert(peer_sent_text(second, "{ N(CHILD_SA_NOT_FOUND) }"));
	net_run(&net, 30 * US_PER_S);
	ck_assert(net_traffic(&net));
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_counters(first).child_rekeys, 1);
	ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

//   a --> CREATE_CHILD_SA { SA, Ni1, KEi }        b --> CREATE_CHILD_SA { SA, Ni2, KEi }
//   both answer; the winner's IKE SA inherits; loser --> D on its new one, winner --> D on the old.
START_TEST(both_rekey_ike)
{
	bool a_loses = _i == 0;
	struct sas sas;

	start(400 + (unsigned)_i);
	net.a.nonce_first = a_loses ? 0x00 : 0x80;
	net.b.nonce_first = a_loses ? 0x80 : 0x00;
	rekey_ike(&net.a);
	rekey_ike(&net.b);
	net.a.nonce_first = 0xf0;
	net.b.nonce_first = 0xf0;
	net_settle(&net);
	net_check_mirror(&net);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_int_eq(sas.info[0].initiator, !a_loses);
	ck_assert_uint_eq(sas.info[0].rekeys, 1);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	ck_assert_ptr_eq(sas.info[0].connection, &net.a.connection);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_int_eq(sas.info[0].initiator, a_loses);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	ck_assert_uint_ne(sas.info[0].link, 0);
	ck_assert_uint_eq(net.b.moved, 1);
	ck_assert_uint_eq(net.b.moved_to, sas.info[0].ike_sa);
	ck_assert_uint_eq(net.b.detached, 0);
	// The survivor is a whole IKE SA.
	rekey_child(&net.b);
	net_run(&net, 30 * US_PER_S);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

START_TEST(both_rekey_ike_lossy)
{
	bool a_loses = _i & 1;
	struct sas sas;

	start(500 + (unsigned)_i);
	net.a.nonce_first = a_loses ? 0x00 : 0x80;
	net.b.nonce_first = a_loses ? 0x80 : 0x00;
	net.drop_number = net.sent + 1 + (uint32_t)_i / 2;
	rekey_ike(&net.a);
	rekey_ike(&net.b);
	net.a.nonce_first = 0xf0;
	net.b.nonce_first = 0xf0;
	net_run(&net, 200 * US_PER_S);
	net_check_mirror(&net);
	for (int i = 0; i < 2; i++) {
		peer_sas(i == 0 ? &net.a : &net.b, &sas);
		ck_assert_uint_eq(sas.n, 1);
		ck_assert_uint_eq(sas.info[0].child_n, 1);
	}
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_eq(net.b.detached, 0);
	net_finish(&net);
}
END_TEST

// a's request is late: b has rekeyed and deletes. b answers TEMPORARY_FAILURE, or nothing any more.
START_TEST(one_side_does_not_notice_ike)
{
	struct peer *first = _i == 0 ? &net.a : &net.b, *second = _i == 0 ? &net.b : &net.a;
	struct sas sas;

	start(600 + (unsigned)_i);
	lose_from = first;
	lose_until = net.now_us + 15 * US_PER_MS;
	net.filter = lose_for_a_while;
	rekey_ike(first);
	rekey_ike(second);
	net_run(&net, 200 * US_PER_S);
	net_check_mirror(&net);
	peer_sas(first, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

// Child rekey by one side, IKE rekey by the other, at once: refusals, waiting, both get done.
START_TEST(child_rekey_against_ike_rekey)
{
	struct peer *child = _i == 0 ? &net.a : &net.b, *ike = _i == 0 ? &net.b : &net.a;

	start(700 + (unsigned)_i);
	rekey_child(child);
	rekey_ike(ike);
	net_run(&net, 200 * US_PER_S);
	ck_assert(net_traffic(&net));
	net_run(&net, 100 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).child_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).ike_rekeys, 1);
	ck_assert(peer_sent_text(&net.a, "N(TEMPORARY_FAILURE)"));
	ck_assert(peer_sent_text(&net.b, "N(TEMPORARY_FAILURE)"));
	net_finish(&net);
}
END_TEST

// One rekeys the child SA, the other deletes it: it is gone on both sides, and nothing of it stays.
// _i: who deletes; which of the first messages is lost.
START_TEST(rekey_against_delete)
{
	struct peer *rekeys = _i & 1 ? &net.a : &net.b, *deletes = _i & 1 ? &net.b : &net.a;

	start(800 + (unsigned)_i);
	net.check_traffic = false;
	if (_i >= 2)
		net.drop_number = net.sent + (uint32_t)_i / 2;
	rekey_child(rekeys);
	ck_assert_int_eq(ike_child_terminate(deletes->ike, peer_child(deletes), net.now_us), 0);
	peer_drain(deletes);
	net_run(&net, 200 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_out_count(&net.a), 0);
	ck_assert_uint_eq(net.a.down, 1);
	net_finish(&net);
}
END_TEST

// The same side rekeys the child SA and then deletes it: what the rekey made goes as well.
START_TEST(rekey_then_delete)
{
	struct peer *peer = _i & 1 ? &net.a : &net.b;

	start(850 + (unsigned)_i);
	net.check_traffic = false;
	if (_i >= 2)
		net.drop_number = net.sent + (uint32_t)_i / 2;
	rekey_child(peer);
	ck_assert_int_eq(ike_child_terminate(peer->ike, peer_child(peer), net.now_us), 0);
	peer_drain(peer);
	net_run(&net, 80 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_in_count(&net.a), 0);
	ck_assert_uint_eq(peer_in_count(&net.b), 0);
	net_finish(&net);
}
END_TEST

// The answerer of a rekey deletes the child SA before its answer has arrived.
START_TEST(delete_overtakes_rekey_answer)
{
	struct peer *rekeys = _i & 1 ? &net.a : &net.b, *deletes = _i & 1 ? &net.b : &net.a;

	start(870 + (unsigned)_i);
	net.check_traffic = false;
	net.drop_number = net.sent + 2;
	rekey_child(rekeys);
	net_run(&net, 15 * US_PER_MS);
	ck_assert_int_eq(ike_child_terminate(deletes->ike, peer_child(deletes), net.now_us), 0);
	peer_drain(deletes);
	net_run(&net, 80 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_in_count(&net.a), 0);
	net_finish(&net);
}
END_TEST

// The two D cross: neither answer names the SA again.
START_TEST(delete_against_delete)
{
	start(900);
	net.check_traffic = false;
	ck_assert_int_eq(ike_child_terminate(net.a.ike, peer_child(&net.a), net.now_us), 0);
	ck_assert_int_eq(ike_child_terminate(net.b.ike, peer_child(&net.b), net.now_us), 0);
	peer_drain(&net.a);
	peer_drain(&net.b);
	net_run(&net, 30 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_in_count(&net.a), 0);
	ck_assert(peer_sent_text(&net.a, "INFORMATIONAL response 0 { }"));
	ck_assert(peer_sent_text(&net.b, "INFORMATIONAL response 2 { }"));
	net_finish(&net);
}
END_TEST

START_TEST(both_delete_ike)
{
	struct sas sas;

	start(1000);
	net.check_traffic = false;
	ck_assert_int_eq(ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	ck_assert_int_eq(ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us), 0);
	peer_drain(&net.a);
	peer_drain(&net.b);
	net_settle(&net);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 0);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 0);
	net_finish(&net);
}
END_TEST

// An operator deletes the IKE SA while its rekey is under way, on the same side or the other one.
START_TEST(ike_rekey_against_delete)
{
	struct peer *rekeys = _i & 1 ? &net.a : &net.b, *deletes = _i & 2 ? &net.b : &net.a;
	struct sas sas;
	uint64_t handle;

	start(1100 + (unsigned)_i);
	net.check_traffic = false;
	if (_i >= 4)
		net.drop_number = net.sent + (uint32_t)_i / 4;
	handle = peer_ike_sa(deletes);
	rekey_ike(rekeys);
	ck_assert_int_eq(ike_sa_terminate(deletes->ike, handle, net.now_us), 0);
	peer_drain(deletes);
	net_run(&net, 300 * US_PER_S);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 0);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 0);
	net_finish(&net);
}
END_TEST

// Both rekey the IKE SA, one learns of it first, and then an operator deletes the old one.
START_TEST(ike_collision_against_delete)
{
	struct peer *first = _i & 1 ? &net.a : &net.b, *deletes = _i & 2 ? &net.a : &net.b;
	struct sas sas;
	uint64_t a, b;

	start(1150 + (unsigned)_i);
	net.check_traffic = false;
	a = peer_ike_sa(&net.a);
	b = peer_ike_sa(&net.b);
	lose_from = first; // the other one hears nothing for a while
	lose_until = net.now_us + 15 * US_PER_MS;
	net.filter = lose_for_a_while;
	rekey_ike(&net.a);
	rekey_ike(&net.b);
	net_run(&net, 11 * US_PER_MS);
	ck_assert_int_eq(ike_sa_terminate(deletes->ike, deletes == &net.a ? a : b, net.now_us), 0);
	peer_drain(deletes);
	net_run(&net, 60 * US_PER_S);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 0);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 0);
	ck_assert_uint_eq(peer_in_count(&net.a), 0);
	ck_assert_uint_eq(peer_in_count(&net.b), 0);
	net_finish(&net);
}
END_TEST

// The peer refuses for minutes: the two are out of step, and the IKE SA goes (section 2.25).
static bool busy_gateway(struct net *n, struct packet *)
{
	struct ike_sa *sa = n->b.ike->all;

	if (sa != NULL && sa->state == IKE_SA_ESTABLISHED)
		sa->state = IKE_SA_REKEYED; // what makes it answer TEMPORARY_FAILURE
	return true;
}

START_TEST(refused_for_minutes)
{
	start(1200);
	net.check_traffic = false;
	net.filter = busy_gateway;
	rekey_child(&net.a);
	net_run(&net, 250 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_lt(net.a.sent, 30);
	net_run(&net, 250 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collide");
	TCase *tc = tcase_create("collide");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, both_rekey_child, 0, 2);
	tcase_add_loop_test(tc, both_rekey_child_lossy, 0, 20);
	tcase_add_loop_test(tc, one_side_does_not_notice, 0, 2);
	tcase_add_loop_test(tc, both_rekey_ike, 0, 2);
	tcase_add_loop_test(tc, both_rekey_ike_lossy, 0, 20);
	tcase_add_loop_test(tc, one_side_does_not_notice_ike, 0, 2);
	tcase_add_loop_test(tc, child_rekey_against_ike_rekey, 0, 2);
	tcase_add_loop_test(tc, rekey_against_delete, 0, 14);
	tcase_add_loop_test(tc, rekey_then_delete, 0, 14);
	tcase_add_loop_test(tc, delete_overtakes_rekey_answer, 0, 2);
	tcase_add_test(tc, delete_against_delete);
	tcase_add_test(tc, both_delete_ike);
	tcase_add_loop_test(tc, ike_rekey_against_delete, 0, 28);
	tcase_add_loop_test(tc, ike_collision_against_delete, 0, 4);
	tcase_add_test(tc, refused_for_minutes);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
