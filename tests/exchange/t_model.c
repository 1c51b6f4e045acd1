// SPDX-License-Identifier: BSD-3-Clause
// A random life: both sides rekey child SA and IKE SA whenever they like, over a net that loses,
// doubles and reorders. After each quiet pause both sides must have the same child SAs with the same
// selectors, and nothing else; at the end nothing is left. RFC 7296 sections 2.1 to 2.4, 2.8, 2.25.
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 3000 // actions in each of the runs
#define RUNS 4

static struct net net;

static void act(struct peer *peer)
{
	struct sas sas;
	uint64_t r = net_random(&net) >> 16;

	peer_sas(peer, &sas);
	if (sas.n == 0)
		return;
	const struct ike_sa_info *info = &sas.info[r % sas.n];

	switch (r >> 8 & 7) {
	case 0:
		ike_sa_rekey(peer->ike, info->ike_sa, net.now_us);
		break;
	case 1:
	case 2:
	case 3:
		if (info->child_n > 0)
			ike_child_rekey(peer->ike, info->child[0].child, net.now_us);
		break;
	case 4:
		if (info->child_n > 0)
			ike_on_traffic(peer->ike, info->child[0].child, UINT64_MAX, net.now_us);
		break;
	case 5:
		if (info->child_n > 0)
			ike_on_expire(peer->ike, info->child[0].child, false, net.now_us);
		break;
	case 6:
		net_traffic(&net);
		break;
	default:
		if (r >> 16 & 1) // the same time for both
			act(peer == &net.a ? &net.b : &net.a);
	}
	peer_drain(peer);
}

static void weather(void)
{
	uint64_t r = net_random(&net) >> 16;

	net.loss_percent = (uint32_t)(r % 30);
	net.dup_percent = (uint32_t)(r >> 8) % 30;
	net.reorder_percent = (uint32_t)(r >> 16) % 40;
}

static void calm(void)
{
	net.loss_percent = net.dup_percent = net.reorder_percent = 0;
	net_run(&net, 400 * US_PER_S);
}

START_TEST(random_life)
{
	net_init(&net, 7000 + (unsigned)_i);
	net.a.config.life.retransmit_tries = 12; // bad weather is no death
	net.b.config.life.retransmit_tries = 12;
	net.a.config.esp.proposal[0].dh_n = _i & 1;
	net.a.config.esp.proposal[0].dh[0] = alg_dh_find(DH_X25519);
	net.b.config.esp.proposal[0].dh_n = _i & 1;
	net.b.config.esp.proposal[0].dh[0] = alg_dh_find(DH_X25519);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	net.check_traffic = true;
	for (int step = 1; step <= STEPS; step++) {
		act(net_random(&net) & 1 ? &net.a : &net.b);
		net_run(&net, (net_random(&net) >> 16) % (2 * US_PER_S));
		if (step % 10 == 0)
			weather();
		if (step % 50 == 0) {
			struct sas a, b;

			calm();
			ck_assert(net_traffic(&net));
			net_check_mirror(&net);
			peer_sas(&net.a, &a);
			peer_sas(&net.b, &b);
			ck_assert_uint_eq(a.n, 1);
			ck_assert_uint_eq(b.n, 1);
			ck_assert_uint_eq(a.info[0].child_n, 1);
			ck_assert_uint_eq(a.info[0].spi_i, b.info[0].spi_i);
			ck_assert_uint_eq(a.info[0].spi_r, b.info[0].spi_r);
			ck_assert_uint_ne(b.info[0].link, 0);
			ck_assert_ptr_nonnull(a.info[0].connection);
			weather();
		}
	}
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_eq(net.b.attached, 1);
	ck_assert_uint_eq(net.b.detached, 0);
	ck_assert_uint_gt(peer_counters(&net.a).child_rekeys, STEPS / 20);
	ck_assert_uint_gt(peer_counters(&net.a).ike_rekeys, STEPS / 60);
	ck_assert_uint_gt(net.traffic_checks, STEPS);
	net_finish(&net);
}
END_TEST

// The same with deletions and death among it: no convergence to one child SA, but never a leak.
START_TEST(random_death)
{
	net_init(&net, 8000 + (unsigned)_i);
	net.a.connection.autostart = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	for (int step = 1; step <= STEPS / 3; step++) {
		struct peer *peer = net_random(&net) & 1 ? &net.a : &net.b;
		struct sas sas;

		act(peer);
		peer_sas(peer, &sas);
		if (step % 7 == 0 && sas.n > 0 && sas.info[0].child_n > 0 &&
			net_random(&net) % 3 == 0)
			ike_child_terminate(peer->ike, sas.info[0].child[0].child, net.now_us);
		if (step % 11 == 0 && sas.n > 0 && net_random(&net) % 3 == 0)
			ike_sa_terminate(peer->ike, sas.info[0].ike_sa, net.now_us);
		if (step % 13 == 0 && sas.n > 0 && sas.info[0].child_n > 0)
			ike_on_expire(peer->ike, sas.info[0].child[0].child, true, net.now_us);
		if (step % 17 == 0)
			net_connect(&net);
		if (step % 100 == 0)
			net.down = true;
		if (step % 100 == 10)
			net.down = false;
		peer_drain(peer);
		net_run(&net, (net_random(&net) >> 16) % (3 * US_PER_S));
		if (step % 10 == 0)
			weather();
	}
	net.down = false;
	calm();
	ck_assert_uint_eq(peer_in_count(&net.a), net.a.spi_live);
	ck_assert_uint_eq(peer_in_count(&net.b), net.b.spi_live);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, random_life, 0, RUNS);
	tcase_add_loop_test(tc, random_death, 0, RUNS);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
