// SPDX-License-Identifier: BSD-3-Clause
// NAT detection, the float to port 4500, UDP encapsulation, forced encapsulation, and addresses that
// change under way. RFC 7296 sections 2.11 and 2.23.
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

static void check_encap(bool encap, uint16_t remote_port_at_b)
{
	struct sas a, b;

	net_check_up(&net);
	net_check_mirror(&net);
	peer_sas(&net.a, &a);
	peer_sas(&net.b, &b);
	ck_assert_int_eq(a.info[0].child[0].encap, encap);
	ck_assert_int_eq(b.info[0].child[0].encap, encap);
	ck_assert_uint_eq(b.info[0].remote_port, remote_port_at_b);
	for (uint32_t i = 0; i < SAS_MAX; i++) {
		const struct ipc_sa *sa = &net.b.out[i].set.sa;

		if (!net.b.out[i].used)
			continue;
		ck_assert_int_eq((sa->flags & IPC_SA_ENCAP) != 0, encap);
		ck_assert_uint_eq(sa->remote_port, encap ? remote_port_at_b : 0);
		ck_assert_uint_eq(sa->local_port, encap ? 4500 : 0);
		ck_assert(inet_addr_equal(&sa->remote, &b.info[0].remote));
	}
}

START_TEST(client_behind_nat)
{
	struct sas sas;

	net_init(&net, 1);
	net.nat = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	check_encap(true, 14500);
	peer_sas(&net.a, &sas);
	ck_assert(sas.info[0].nat_local && !sas.info[0].nat_remote);
	ck_assert_uint_eq(sas.info[0].remote_port, 4500);
	peer_sas(&net.b, &sas);
	ck_assert(sas.info[0].nat_remote && !sas.info[0].nat_local);
	ck_assert(inet_addr_equal(&sas.info[0].remote, &net.nat_addr));
	// Through rekeys as well.
	ike_sa_rekey(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	check_encap(true, 14500);
	net_finish(&net);
}
END_TEST

START_TEST(no_nat)
{
	net_init(&net, 2);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	check_encap(false, 500);
	net_finish(&net);
}
END_TEST

// Either side pretends: the other one sees a NAT where there is none.
START_TEST(forced)
{
	net_init(&net, 3);
	net.a.connection.force_encap = _i == 0;
	net.b.config.force_encap = _i == 1;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	check_encap(true, 4500);
	net_finish(&net);
}
END_TEST

// The NAT forgets its mapping and makes another one: an authenticated message moves IKE SA and
// child SAs, without new keys.
START_TEST(mapping_changes)
{
	uint32_t keys;

	net_init(&net, 4);
	net.nat = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	keys = net.b.key_n;
	net.nat_port_offset = 20000;
	net.nat_addr = addr("203.0.113.77");
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	check_encap(true, 24500);
	ck_assert_uint_ge(net.b.moves, 2);
	ck_assert_uint_eq(net.b.key_n, keys + 1);
	ck_assert_uint_eq(net.a.moves, 0);
	net_finish(&net);
}
END_TEST

// The same, seen by the dataplane on an ESP packet.
START_TEST(mapping_changes_under_esp)
{
	struct ipc_sa_moved moved = {.remote = addr("203.0.113.78"), .remote_port = 7777};
	struct sas sas;

	net_init(&net, 5);
	net.nat = _i == 0;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	peer_sas(&net.b, &sas);
	moved.spi = sas.info[0].child[0].spi_in;
	ike_on_moved(net.b.ike, &moved, net.now_us);
	peer_drain(&net.b);
	peer_sas(&net.b, &sas);
	// Only for a peer that is behind a NAT.
	ck_assert_int_eq(inet_addr_equal(&sas.info[0].remote, &moved.remote), _i == 0);
	ck_assert_uint_eq(net.b.moves, _i == 0 ? 2 : 0);
	if (_i == 0) {
		// A host that is behind a NAT itself does not follow.
		peer_sas(&net.a, &sas);
		moved.spi = sas.info[0].child[0].spi_in;
		ike_on_moved(net.a.ike, &moved, net.now_us);
		peer_drain(&net.a);
		ck_assert_uint_eq(net.a.moves, 0);
		net.nat_addr = moved.remote;
		net.nat_port_offset = 7777 - 4500;
	}
	net_finish(&net);
}
END_TEST

// Without a NAT another source address changes nothing; the answer goes to where the request came
// from all the same.
static struct inet_addr answered_to;
static bool other_source(struct net *n, struct packet *packet)
{
	if (packet->from == &n->a) {
		packet->src = addr("192.0.2.99");
	} else {
		answered_to = packet->dst;
		packet->dst = n->a.addr;
	}
	return true;
}

START_TEST(moved_without_nat)
{
	struct sas sas;

	net_init(&net, 6);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net.filter = other_source;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_settle(&net);
	ck_assert(inet_addr_equal(&answered_to, &(struct inet_addr){0}) == false);
	ck_assert_uint_eq(answered_to.bytes[3], 99);
	net.filter = NULL;
	net_run(&net, 10 * US_PER_S);
	peer_sas(&net.b, &sas);
	ck_assert(inet_addr_equal(&sas.info[0].remote, &net.a.addr));
	ck_assert_uint_eq(net.b.moves, 0);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	net_finish(&net);
}
END_TEST

// An attacker replays an old message of the client's from another address.
START_TEST(replay_moves_nothing)
{
	struct packet old;
	uint8_t bytes[4096];
	struct sas sas;

	net_init(&net, 7);
	net.nat = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	ck_assert_ptr_nonnull(net.queue);
	old = *net.queue;
	memcpy(bytes, old.data, old.len);
	old.data = bytes;
	old.due_us = 0;
	net_run(&net, 15 * US_PER_MS);
	old.src = addr("198.51.100.66");
	old.src_port = 666;
	net_send_raw(&net, &old);
	net_run(&net, 10 * US_PER_S);
	peer_sas(&net.b, &sas);
	ck_assert(inet_addr_equal(&sas.info[0].remote, &net.nat_addr));
	ck_assert_uint_eq(net.b.moves, 0);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nat");
	TCase *tc = tcase_create("nat");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, client_behind_nat);
	tcase_add_test(tc, no_nat);
	tcase_add_loop_test(tc, forced, 0, 2);
	tcase_add_test(tc, mapping_changes);
	tcase_add_loop_test(tc, mapping_changes_under_esp, 0, 2);
	tcase_add_test(tc, moved_without_nat);
	tcase_add_test(tc, replay_moves_nothing);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
