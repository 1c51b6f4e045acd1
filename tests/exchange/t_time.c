// SPDX-License-Identifier: BSD-3-Clause
// Lifetimes, liveness, peers that die, reconnection, a dataplane that loses its SAs: days pass in
// these tests. RFC 7296 sections 2.4, 2.8.
#include "child_sa.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_US (3600 * US_PER_S)
#define DAY_US (24 * HOUR_US)

static struct net net;

static void up(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
}

// A week of rekeys by the clock with the same lifetimes on both sides, which collide now and then:
// always one child SA, always traffic, no SPI, ref or key left behind.
START_TEST(a_week)
{
	struct sas sas;

	net_init(&net, 1 + (unsigned)_i);
	for (int i = 0; i < 2; i++) {
		struct config_lifetimes *life = i == 0 ? &net.a.config.life : &net.b.config.life;

		life->child_rekey_s = 3600;
		life->ike_rekey_s = 14400;
		life->jitter_percent =
			_i == 0 ? 10 : 0; // without jitter both begin in the same instant
	}
	up();
	net.check_traffic = true;
	for (int hour = 0; hour < 7 * 24; hour++) {
		net_run(&net, HOUR_US);
		ck_assert(net_traffic(&net));
		peer_sas(&net.a, &sas);
		ck_assert_uint_le(sas.n, 3);
		ck_assert_uint_eq(net.a.down, 0);
	}
	net_run(&net, 300 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_ge(peer_counters(&net.a).child_rekeys, 7 * 24 - 2);
	ck_assert_uint_ge(peer_counters(&net.a).ike_rekeys, 7 * 6 - 2);
	ck_assert_uint_eq(net.b.attached, 1);
	ck_assert_uint_eq(net.b.detached, 0);
	net_finish(&net);
}
END_TEST

// L3: nothing is sent in a day of silence when no lifetime runs out.
START_TEST(silence_L3)
{
	uint32_t sent;

	net_init(&net, 3);
	up();
	sent = net.sent;
	net_run(&net, DAY_US);
	ck_assert_uint_eq(net.sent, sent);
	ck_assert_uint_eq(ike_next_us(net.a.ike), CLOCK_NEVER);
	net_finish(&net);
}
END_TEST

// Liveness only when there is doubt: we sent, and nothing came for liveness_s.
//   --> INFORMATIONAL { }
//   <-- INFORMATIONAL { }
START_TEST(liveness)
{
	uint64_t child;
	uint32_t sent;

	net_init(&net, 4);
	up();
	child = peer_child(&net.a);
	net_run(&net, 100 * US_PER_S);
	sent = net.sent;
	ike_on_traffic(net.a.ike, child, 10 * US_PER_S, net.now_us); // heard 10 s ago
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.sent, sent);
	net_run(&net, 25 * US_PER_S); // 36 s
	ike_on_traffic(net.a.ike, child, 36 * US_PER_S, net.now_us);
	ike_on_traffic(net.a.ike, child, 36 * US_PER_S, net.now_us); // asked once
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.sent, sent + 2);
	ck_assert(peer_sent_text(&net.a, "INFORMATIONAL request 2 { }"));
	// The answer counts as a sign of life.
	ike_on_traffic(net.a.ike, child, UINT64_MAX, net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.sent, sent + 2);
	net_finish(&net);
}
END_TEST

// The peer is dead: retransmissions, then everything of it goes.
START_TEST(dead_peer)
{
	struct peer *alive = _i == 0 ? &net.a : &net.b;

	net_init(&net, 5);
	up();
	net.down = true;
	net_run(&net, 100 * US_PER_S);
	ike_on_traffic(alive->ike, peer_child(alive), UINT64_MAX, net.now_us);
	peer_drain(alive);
	net_run(&net, 140 * US_PER_S);
	ck_assert_uint_eq(peer_counters(alive).peer_timeouts, 1);
	ck_assert_uint_eq(peer_out_count(alive), 0);
	ck_assert_uint_eq(peer_in_count(alive), 0);
	ck_assert_uint_eq(alive->spi_live, 0);
	ck_assert_uint_eq(alive->ref_live, 0);
	if (_i == 0)
		ck_assert_uint_eq(net.a.down, 1);
	else
		ck_assert_uint_eq(net.b.link_live, 0);
	net_finish(&net);
}
END_TEST

// autostart: the client comes back by itself, and tries for ever, at least once a minute or so.
START_TEST(reconnects)
{
	uint32_t sent;

	net_init(&net, 6);
	net.a.connection.autostart = true;
	up();
	net.down = true;
	ike_on_traffic(net.a.ike, peer_child(&net.a), UINT64_MAX, net.now_us + 100 * US_PER_S);
	net_run(&net, 12 * HOUR_US);
	sent = net.a.sent;
	net_run(&net, 10 * 60 * US_PER_S);
	ck_assert_uint_ge(net.a.sent - sent, 10);
	ck_assert_uint_le(net.a.sent - sent, 60);
	ck_assert_uint_eq(net.a.up, 1);
	net.down = false;
	net_run(&net, 130 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_gt(peer_out_count(&net.a), 0);
	net_finish(&net);
}
END_TEST

// An operator's terminate is final, even with autostart.
START_TEST(terminated_stays_down)
{
	net_init(&net, 7);
	net.a.connection.autostart = true;
	up();
	ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, HOUR_US);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_int_eq(net_connect(&net), 0);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	net_finish(&net);
}
END_TEST

START_TEST(soft_expiry)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b;

	net_init(&net, 8);
	up();
	net.check_traffic = true;
	ike_on_expire(peer->ike, peer_child(peer), false, net.now_us);
	ike_on_expire(peer->ike, peer_child(peer), false, net.now_us); // both directions say so
	peer_drain(peer);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Hard expiry: the child SA is deleted; the client makes another one on the same IKE SA.
//   --> INFORMATIONAL { D(SPI) }
//   --> CREATE_CHILD_SA { N(LINK_ID), SA, Ni, TSi, TSr }
START_TEST(hard_expiry)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b;
	struct sas sas;

	net_init(&net, 9);
	net.a.connection.autostart = true;
	up();
	ike_on_expire(peer->ike, peer_child(peer), true, net.now_us);
	peer_drain(peer);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert(net.a.cp.link); // the configuration is still the one of IKE_AUTH
	ck_assert(peer_sent_text(&net.a, "{ N(LINK_ID), SA, Ni, TSi, TSr }"));
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	net_check_mirror(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// The dataplane starts anew: every child SA gets new keys, none is installed again.
START_TEST(dataplane_lost)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b;
	uint64_t child;
	sa_ref_t ref;
	struct sas sas;

	net_init(&net, 10);
	up();
	child = peer_child(peer);
	peer_sas(peer, &sas);
	ref = sas.info[0].child[0].ref;
	memset(peer->out, 0, sizeof(peer->out));
	ck_assert(!net_traffic(&net) || peer_out_count(peer) == 0);
	ike_on_dataplane_lost(peer->ike, net.now_us);
	peer_drain(peer);
	net_run(&net, 20 * US_PER_S);
	net_check_up(&net);
	net_check_mirror(&net);
	peer_sas(peer, &sas);
	ck_assert_uint_eq(sas.info[0].child[0].child, child);
	ck_assert_uint_eq(sas.info[0].child[0].ref, ref);
	ck_assert_uint_eq(sas.info[0].child[0].rekeys, 1);
	net_finish(&net);
}
END_TEST

// ... and while a rekey of the peer's is half done, or one of our own.
START_TEST(dataplane_lost_while_rekeying)
{
	struct peer *peer = _i & 1 ? &net.a : &net.b, *other = _i & 1 ? &net.b : &net.a;
	struct peer *rekeys = _i & 2 ? peer : other;

	net_init(&net, 11 + (unsigned)_i);
	up();
	ike_child_rekey(rekeys->ike, peer_child(rekeys), net.now_us);
	peer_drain(rekeys);
	net_run(&net, 10 * US_PER_MS + (unsigned)_i / 4 * 10 * US_PER_MS);
	memset(peer->out, 0, sizeof(peer->out));
	ike_on_dataplane_lost(peer->ike, net.now_us);
	peer_drain(peer);
	net_run(&net, 200 * US_PER_S);
	net_check_up(&net);
	net_check_mirror(&net);
	ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

// A rekeyed pair receives for some seconds after its deletion, what was under way then arrives.
START_TEST(replaced_pair_drains)
{
	net_init(&net, 30);
	up();
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(peer_in_count(&net.a), 2);
	ck_assert_uint_eq(peer_in_count(&net.b), 2);
	net_run(&net, PAIR_DRAIN_US);
	ck_assert_uint_eq(peer_in_count(&net.a), 1);
	ck_assert_uint_eq(peer_in_count(&net.b), 1);
	net_finish(&net);
}
END_TEST

static bool lose_deletes(struct net *n, struct packet *packet)
{
	return packet->from != &n->a || packet->data[18] != INFORMATIONAL;
}

// The responder of a rekey sends with the new keys when it sees them used, before any delete comes.
START_TEST(first_use_switches)
{
	uint32_t keys;

	net_init(&net, 31);
	up();
	keys = net.b.key_n;
	net.filter = lose_deletes;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.b.key_n, keys); // still the old ones
	ck_assert(net_traffic(&net));
	ck_assert_uint_eq(net.b.key_n, keys + 1);
	ck_assert(net_traffic(&net));
	net.filter = NULL;
	net_run(&net, 100 * US_PER_S);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Hard lifetime of an IKE SA whose rekeys are never answered with success.
static bool lose_ike_rekey(struct net *n, struct packet *)
{
	struct ike_sa *sa = n->b.ike->all;

	if (sa != NULL && n->now_us > 2000 * US_PER_S)
		n->b.config.ike.proposal[0].encr[0] = alg_encr_find(ENCR_AES_GCM_16, 256);
	return true;
}

START_TEST(ike_rekey_never_works)
{
	net_init(&net, 32);
	net.a.config.life.ike_rekey_s = 3600;
	net.a.connection.autostart = true;
	up();
	net.filter = lose_ike_rekey;
	net_run(&net, 3600 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert(peer_sent_text(&net.b, "N(NO_PROPOSAL_CHOSEN)"));
	net_run(&net, 500 * US_PER_S);
	ck_assert_uint_ge(net.a.down, 1);
	net_finish(&net);
}
END_TEST

// PFS: key exchange in each child rekey; the group that the responder wants.
START_TEST(pfs)
{
	net_init(&net, 33);
	for (int i = 0; i < 2; i++) {
		struct config_proposal *esp =
			i == 0 ? &net.a.config.esp.proposal[0] : &net.b.config.esp.proposal[0];

		esp->dh_n = i == 0 || _i == 0 ? 2 : 1;
		esp->dh[0] = alg_dh_find(i == 1 && _i == 1 ? DH_ECP_256 : DH_X25519);
		esp->dh[1] = alg_dh_find(DH_ECP_256);
	}
	up();
	net.check_traffic = true;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	net_check_mirror(&net);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).invalid_ke, _i);
	ck_assert(peer_sent_text(&net.b, "{ SA, Nr, KEr, TSi, TSr }"));
	net_finish(&net);
}
END_TEST

// The IKE SA's group is refused at its rekey.
START_TEST(ike_rekey_with_another_group)
{
	net_init(&net, 34);
	net.a.config.ike.proposal[0].dh_n = 2;
	net.a.config.ike.proposal[0].dh[1] = alg_dh_find(DH_ECP_384);
	up();
	net.b.config.ike.proposal[0].dh[0] = alg_dh_find(DH_ECP_384);
	ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).invalid_ke, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Message ids are about to run out: the IKE SA is rekeyed first.
START_TEST(message_ids_run_out)
{
	struct ike_sa *a, *b;

	net_init(&net, 36);
	up();
	a = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	b = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	a->window.next_out = UINT32_MAX - 1000;
	b->window.expect_in = UINT32_MAX - 1000;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 30 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// No SPI to be had, for instance while the dataplane is away: tried again later.
START_TEST(rekey_without_spi)
{
	net_init(&net, 37);
	net.a.config.life.child_rekey_s = 3600;
	net.a.config.life.jitter_percent = 0;
	up();
	net.a.spi_fail = true;
	net_run(&net, 3610 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 0);
	net.a.spi_fail = false;
	net_run(&net, 70 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	ck_assert_uint_eq(net.a.down, 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

START_TEST(operator_errors)
{
	net_init(&net, 35);
	up();
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, 1, net.now_us), -ENOENT);
	ck_assert_int_eq(ike_sa_terminate(net.a.ike, 1, net.now_us), -ENOENT);
	ck_assert_int_eq(ike_child_rekey(net.a.ike, 1, net.now_us), -ENOENT);
	ck_assert_int_eq(ike_child_terminate(net.a.ike, 1, net.now_us), -ENOENT);
	ck_assert_int_eq(ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us), 0);
	ck_assert_int_eq(ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us), -EINPROGRESS);
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), -EINPROGRESS);
	peer_drain(&net.a);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.b).ike_rekeys, 1);
	ck_assert_uint_eq(peer_counters(&net.b).child_rekeys, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("time");
	TCase *tc = tcase_create("time");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_week, 0, 2);
	tcase_add_test(tc, silence_L3);
	tcase_add_test(tc, liveness);
	tcase_add_loop_test(tc, dead_peer, 0, 2);
	tcase_add_test(tc, reconnects);
	tcase_add_test(tc, terminated_stays_down);
	tcase_add_loop_test(tc, soft_expiry, 0, 2);
	tcase_add_loop_test(tc, hard_expiry, 0, 2);
	tcase_add_loop_test(tc, dataplane_lost, 0, 2);
	tcase_add_loop_test(tc, dataplane_lost_while_rekeying, 0, 20);
	tcase_add_test(tc, replaced_pair_drains);
	tcase_add_test(tc, first_use_switches);
	tcase_add_test(tc, ike_rekey_never_works);
	tcase_add_loop_test(tc, pfs, 0, 2);
	tcase_add_test(tc, ike_rekey_with_another_group);
	tcase_add_test(tc, message_ids_run_out);
	tcase_add_test(tc, rekey_without_spi);
	tcase_add_test(tc, operator_errors);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
