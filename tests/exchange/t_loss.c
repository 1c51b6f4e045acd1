// SPDX-License-Identifier: BSD-3-Clause
// Each message of each exchange lost once, doubled, delayed; retransmission timers; the window's
// edges. RFC 7296 sections 2.1 to 2.4.
#include "child_sa.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

static void check_settled(void)
{
	net_run(&net, 40 * US_PER_S);
	net_check_up(&net);
	net_run(&net, 20 * US_PER_S);
	net_check_mirror(&net);
}

// Set-up, a rekey of the child SA by either side, a rekey of the IKE SA by either side, an empty
// INFORMATIONAL, deletion: 4 + 4*4 messages. Message number _i is treated badly.
static void whole_life(void)
{
	net_connect(&net);
	check_settled();
	ck_assert_uint_eq(net.a.up, 1);
	net.check_traffic = true;
	ck_assert_int_eq(ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	check_settled();
	ck_assert_int_eq(ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us), 0);
	peer_drain(&net.b);
	check_settled();
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	check_settled();
	ck_assert_int_eq(ike_sa_rekey(net.b.ike, peer_ike_sa(&net.b), net.now_us), 0);
	peer_drain(&net.b);
	check_settled();
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 2);
	ck_assert_uint_eq(peer_counters(&net.b).child_rekeys, 2);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 2);
	ck_assert_uint_eq(peer_counters(&net.b).ike_rekeys, 2);
	ck_assert_uint_eq(net.b.moved, 2);
	ck_assert_uint_eq(net.b.attached, 1);
	ck_assert_uint_eq(net.a.down, 0);
	net.check_traffic = false;
	net_finish(&net);
	ck_assert_uint_eq(net.a.down, 1);
}

#define MESSAGES 22

START_TEST(nothing_lost)
{
	net_init(&net, 100);
	net_start(&net);
	whole_life();
	ck_assert_uint_eq(net.sent, MESSAGES);
}
END_TEST

START_TEST(one_lost)
{
	net_init(&net, 200 + (unsigned)_i);
	net_start(&net);
	net.drop_number = (uint32_t)_i;
	whole_life();
	ck_assert_uint_gt(net.sent, MESSAGES);
}
END_TEST

START_TEST(one_doubled)
{
	net_init(&net, 300 + (unsigned)_i);
	net_start(&net);
	net.dup_number = (uint32_t)_i;
	whole_life();
}
END_TEST

START_TEST(all_doubled)
{
	net_init(&net, 400);
	net_start(&net);
	net.duplicate_all = true;
	whole_life();
}
END_TEST

static bool delay_one(struct net *n, struct packet *packet)
{
	if (packet->number == *(uint32_t *)n->filter_arg)
		packet->due_us += 5 * US_PER_S;
	return true;
}

// Later than what was sent after it, and after it was sent again.
START_TEST(one_delayed)
{
	uint32_t number = (uint32_t)_i;

	net_init(&net, 500 + (unsigned)_i);
	net_start(&net);
	net.filter = delay_one;
	net.filter_arg = &number;
	whole_life();
}
END_TEST

static uint8_t seen[8][2048];
static uint32_t seen_len[8], seen_n;

static bool record_and_lose(struct net *n, struct packet *packet)
{
	if (packet->from != n->filter_arg)
		return true;
	ck_assert_uint_lt(seen_n, 8);
	memcpy(seen[seen_n], packet->data, packet->len);
	seen_len[seen_n++] = packet->len;
	return false;
}

// 1, 2, 4, 8 ... s between them, the same bytes each time, and an end.
START_TEST(retransmission_timing)
{
	static const uint64_t at_s[] = {0, 1, 3, 7, 15, 31, 63};

	net_init(&net, 600);
	net_start(&net);
	seen_n = 0;
	net.filter = record_and_lose;
	net.filter_arg = &net.a;
	net_connect(&net);
	for (uint32_t i = 0; i < 7; i++) {
		ck_assert_uint_eq(seen_n, i + 1);
		ck_assert_uint_eq(seen_len[i], seen_len[0]);
		ck_assert_mem_eq(seen[i], seen[0], seen_len[0]);
		if (i + 1 < 7)
			net_run(&net, (at_s[i + 1] - at_s[i]) * US_PER_S);
	}
	net_run(&net, 59 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 0);
	net_run(&net, 2 * US_PER_S);
	ck_assert_uint_eq(seen_n, 7);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, "the peer does not answer");
	ck_assert_uint_eq(peer_counters(&net.a).retransmits_out, 6);
	ck_assert_uint_eq(peer_counters(&net.a).peer_timeouts, 1);
	net_finish(&net);
}
END_TEST

// A repeated request is answered from the cache, byte by byte, and nothing else happens.
START_TEST(answers_from_cache)
{
	struct ike_counters before;
	uint32_t spis;

	net_init(&net, 700);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	spis = net.b.spi_generation;
	seen_n = 0;
	net.filter = record_and_lose;
	net.filter_arg = &net.b;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 4 * US_PER_S);
	before = peer_counters(&net.b);
	ck_assert_uint_eq(seen_n, 3);
	ck_assert_uint_eq(before.retransmits_in, 2);
	ck_assert_uint_eq(seen_len[1], seen_len[0]);
	ck_assert_mem_eq(seen[1], seen[0], seen_len[0]);
	ck_assert_mem_eq(seen[2], seen[0], seen_len[0]);
	ck_assert_uint_eq(net.b.spi_generation, spis + 1);
	net.filter = NULL;
	check_settled();
	net_finish(&net);
}
END_TEST

// The IKE_SA_INIT request again: same answer while half open, none when the IKE SA is further.
START_TEST(init_repeated)
{
	net_init(&net, 800);
	net_start(&net);
	net_connect(&net);
	ck_assert_ptr_nonnull(net.queue);
	struct packet request = *net.queue;
	uint8_t bytes[2048];

	memcpy(bytes, request.data, request.len);
	request.data = bytes;
	request.due_us = 0;
	net_send_raw(&net, &request);
	net_run(&net, 15 * US_PER_MS);
	ck_assert_uint_eq(net.b.sent, 2);
	ck_assert_uint_eq(peer_counters(&net.b).retransmits_in, 1);
	net_settle(&net);
	net_check_up(&net);
	net_send_raw(&net, &request);
	net_settle(&net);
	ck_assert_uint_eq(net.b.sent, 3);
	ck_assert_uint_eq(net.b.ike->sa_n, 1);
	// The same from another port is another host behind the same NAT.
	request.src_port = 1234;
	net_send_raw(&net, &request);
	net_settle(&net);
	ck_assert_uint_eq(net.b.ike->sa_n, 2);
	net_finish(&net);
}
END_TEST

static struct packet last_from_a;
static uint8_t last_bytes[4096];

static bool record_last(struct net *n, struct packet *packet)
{
	if (packet->from == &n->a) {
		last_from_a = *packet;
		memcpy(last_bytes, packet->data, packet->len);
		last_from_a.data = last_bytes;
		last_from_a.due_us = 0;
	}
	return true;
}

// Requests left and right of the window are dropped and counted, without an answer.
START_TEST(window_edges)
{
	struct ike_sa *a, *b;
	uint32_t sent;

	net_init(&net, 900);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net.filter = record_last;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 30 * US_PER_S);
	a = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	b = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	ck_assert_uint_eq(a->window.next_out, 4); // INIT, AUTH, CREATE_CHILD_SA, INFORMATIONAL
	ck_assert_uint_eq(b->window.expect_in, 4);
	// Message 3 again: the cache. Two steps further: too far.
	sent = net.b.sent;
	net_send_raw(&net, &last_from_a);
	net_settle(&net);
	ck_assert_uint_eq(net.b.sent, sent + 1);
	b->window.expect_in = 2;
	free(b->window.in[0].bytes);
	memset(b->window.in, 0, sizeof(b->window.in)); // as if its answers had been forgotten
	net_send_raw(&net, &last_from_a);
	net_settle(&net);
	ck_assert_uint_eq(peer_counters(&net.b).window, 1);
	b->window.expect_in = 9;
	net_send_raw(&net, &last_from_a);
	net_settle(&net);
	ck_assert_uint_eq(peer_counters(&net.b).window, 2);
	ck_assert_uint_eq(net.b.sent, sent + 1);
	b->window.expect_in = 4;
	net.filter = NULL;
	net_finish(&net);
}
END_TEST

// A response to a request that was never made.
START_TEST(response_nobody_waits_for)
{
	net_init(&net, 1000);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net.filter = record_last;
	ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 30 * US_PER_S);
	net_send_raw(&net, &last_from_a); // the client's response, again
	net_settle(&net);
	ck_assert_uint_eq(peer_counters(&net.b).window, 1);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loss");
	TCase *tc = tcase_create("loss");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nothing_lost);
	tcase_add_loop_test(tc, one_lost, 1, MESSAGES + 1);
	tcase_add_loop_test(tc, one_doubled, 1, MESSAGES + 1);
	tcase_add_loop_test(tc, one_delayed, 1, MESSAGES + 1);
	tcase_add_test(tc, all_doubled);
	tcase_add_test(tc, retransmission_timing);
	tcase_add_test(tc, answers_from_cache);
	tcase_add_test(tc, init_repeated);
	tcase_add_test(tc, window_edges);
	tcase_add_test(tc, response_nobody_waits_for);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
