// SPDX-License-Identifier: BSD-3-Clause
// L7 L21 L23: reauthentication, make before break: another IKE SA onto the same link, the old one deleted
// afterwards, no moment without a way for packets; by the operator, by the connection's setting, by the
// gateway's AUTH_LIFETIME. RFC 7296 section 2.8.3, RFC 5739 section 4.2, RFC 4478.
#include "t_reauth.h"

#include "ike_payload.h"
#include "ike_sa.h"

#include <stdlib.h>
#include <string.h>

static void init(uint64_t seed)
{
	net_init(&net, seed);
	net.b.links_last = true;
}

static void start(uint64_t seed)
{
	init(seed);
	up();
}

// The connection was never down, and serves one link with one IKE SA on each side.
static void check_same_link(uint32_t ups)
{
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.up, ups);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_eq(sa_count(&net.a), 1);
	ck_assert_uint_eq(sa_count(&net.b), 1);
	ck_assert_uint_eq(net.b.link_live, 1);
	ck_assert_uint_eq(net.b.link_next, 2);
	ck_assert_mem_eq(net.a.cp.link_id, "link-1", 6);
	net_check_mirror(&net);
	net_check_up(&net);
}

// --> IKE_AUTH { IDi, IDr, AUTH, CP(INTERNAL_IP6_LINK(iid, link-1)), SA, TSi, TSr }
START_TEST(by_the_operator)
{
	uint64_t first, spi;
	uint8_t iid[8];
	struct sas sas;

	start(1);
	memcpy(iid, net.a.interface_id, 8);
	first = peer_ike_sa(&net.a);
	spi = peer_child(&net.a);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	ck_assert_int_eq(ike_sa_reauth(net.a.ike, first, 0, net.now_us), -EINPROGRESS);
	ck_assert_int_eq(ike_sa_reauth(net.a.ike, 77, 0, net.now_us), -ENOENT);
	net_run(&net, 200 * US_PER_MS);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.b.asked.link_id_len, 6);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6);
	ck_assert_mem_eq(net.b.asked.link_iid, iid, 8);
	ck_assert_mem_eq(net.a.interface_id, iid, 8);
	ck_assert(!peer_sent_text(&net.a, "INITIAL_CONTACT"));
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 2); // the old one is there a little longer
	check_same_link(2);
	ck_assert_uint_ne(peer_ike_sa(&net.a), first);
	ck_assert_uint_ne(peer_child(&net.a), spi);
	ck_assert_int_eq(ike_sa_reauth(net.a.ike, first, 0, net.now_us), -ENOENT);
	net_finish(&net);
}
END_TEST

// Both sides always have a way to send, and what they send arrives. _i 0: both talk all the time, 1: the
// client never does, so that the gateway learns of the new way by the delete of the old one alone.
START_TEST(twenty_times_without_a_gap)
{
	start(2);
	net.check_traffic = true;
	for (uint32_t i = 0; i < 20; i++) {
		ck_assert_int_eq(reauth(&net.a, 0), 0);
		for (int ms = 0; ms < 12000; ms += 5) {
			net_run(&net, 5 * US_PER_MS);
			if (_i == 0)
				ck_assert(net_traffic(&net));
			ck_assert_uint_ge(peer_out_count(&net.a), 1);
			ck_assert_uint_ge(peer_out_count(&net.b), 1);
		}
	}
	check_same_link(21);
	ck_assert_uint_eq(net.b.attached, 21);
	ck_assert_uint_eq(net.b.detached, 20);
	net_finish(&net);
}
END_TEST

// What the gateway sends goes by the old IKE SA until the client has shown that it has the new one.
START_TEST(the_gateway_waits)
{
	start(3);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 35 * US_PER_MS); // IKE_AUTH is answered, and the answer is on its way
	ck_assert_uint_eq(net.b.attached, 2);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_eq(peer_in_count(&net.b), 2);
	ck_assert_uint_eq(peer_out_count(&net.b), 1);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(peer_out_count(&net.b), 1);
	net_traffic(&net); // the client's first packet
	ck_assert_uint_eq(peer_out_count(&net.b), 2);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// What the gateway sent by the old one before it heard of the delete still arrives: the client receives
// by it until the answer, and a little longer.
START_TEST(the_client_drains)
{
	start(37);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 1045 * US_PER_MS); // the D is under way
	ck_assert(peer_sent_text(&net.a, "{ D }"));
	ck_assert_uint_eq(peer_out_count(&net.a), 1);
	ck_assert_uint_eq(peer_in_count(&net.a), 2);
	net_run(&net, 4 * US_PER_S);
	ck_assert_uint_eq(peer_in_count(&net.b), 1);
	ck_assert_uint_eq(peer_in_count(&net.a), 2);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// The old one is never deleted, as by a client that died: the new one is sent with all the same.
START_TEST(the_gateway_does_not_wait_for_ever)
{
	start(4);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 35 * US_PER_MS);
	net.down = true;
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(peer_out_count(&net.b), 1);
	net_run(&net, 15 * US_PER_S);
	ck_assert_uint_eq(peer_out_count(&net.b), 2);
	net.down = false;
	net_run(&net, 60 * US_PER_S);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// Each message of a reauthentication and the delete after it, lost once; or twice there.
START_TEST(every_message_lost)
{
	start(5 + (unsigned)_i);
	net.check_traffic = true;
	if (_i < 8)
		net.drop_number = net.sent + 1 + (uint32_t)_i;
	else
		net.dup_number = net.sent + 1 + (uint32_t)_i - 8;
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 10 * US_PER_S);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

static bool no_create(struct net *n, struct packet *packet)
{
	(void)n;
	return packet->data[18] != CREATE_CHILD_SA;
}

// The old IKE SA stays until the connection's further child SAs are there on the new one as well; _i 1:
// they never come, and it goes all the same.
START_TEST(further_child_sas)
{
	struct ike_child_spec spec = {.tag = 1,
		.of_link = true,
		.local = selectors("2001:db8:1000:1::/64"),
		.remote = selectors("2001:db8:9::/48")};

	start(39);
	ck_assert_int_eq(ike_child_add(net.a.ike, &net.a.connection, &spec, net.now_us), 0);
	peer_drain(&net.a);
	net_settle(&net);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net.filter = no_create;
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(sa_count(&net.a), 2);
	ck_assert_uint_eq(peer_out_count(&net.a), 3);
	if (_i == 1) {
		net_run(&net, 15 * US_PER_S);
		ck_assert_uint_eq(sa_count(&net.a), 1);
	}
	net.filter = NULL;
	net_run(&net, 60 * US_PER_S);
	ck_assert_uint_eq(net.a.child[1].up, 2);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

START_TEST(behind_a_nat)
{
	init(25);
	net.nat = true;
	up();
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// RFC 7296 addresses alone (L9): nothing names a link, and the connection goes on all the same.
START_TEST(without_a_link)
{
	init(26);
	net.b.link_mode = LINK_ADDRESSES;
	up();
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_uint_eq(net.b.link_live, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// L23, RFC 5739 section 4.2: the Link ID is not ours (any more), so there is another link with another ID,
// and the one after that asks for the new one.
START_TEST(another_link)
{
	start(27);
	net.b.links_last = false;
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.a.down, 0);
	ck_assert_mem_eq(net.a.cp.link_id, "link-2", 6);
	net_check_mirror(&net);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 20 * US_PER_S);
	ck_assert_mem_eq(net.b.asked.link_id, "link-2", 6);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The connection's own time, less the jitter; counted from the authentication, not from a rekey.
START_TEST(by_the_connection)
{
	init(28);
	net.a.connection.reauth_s = 3600;
	net.a.config.life.ike_rekey_s = 1000;
	up();
	net_run(&net, 3200 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_ge(peer_counters(&net.a).ike_rekeys, 3);
	net_run(&net, 390 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	net_run(&net, 9 * 3600 * US_PER_S);
	ck_assert_uint_ge(net.a.up, 10);
	ck_assert_uint_le(net.a.up, 12);
	check_same_link(net.a.up);
	net_finish(&net);
}
END_TEST

static uint32_t lifetime;

static void with_lifetime(struct ike_link_reply *reply)
{
	reply->reauth_s = lifetime;
}

static const struct {
	uint32_t seconds;
	uint32_t least, most; // reauthentications in an hour
	const char *why;
} lifetimes[] = {
	{UINT32_MAX, 0, 0, "136 years"},
	{7200, 0, 0, "longer than the hour"},
	{1000, 3, 4, "within a tenth and a half before"},
	{60, 60, 70, "short"},
	{11, 320, 360, "as short as may be"},
	{1, 320, 360, "not more often than every 10 s"},
};

// <-- IKE_AUTH { IDr, AUTH, CP(..), N(AUTH_LIFETIME), SA, TSi, TSr }: in time, so that nothing is deleted.
START_TEST(by_the_gateway)
{
	uint32_t again;

	init(29);
	lifetime = lifetimes[_i].seconds;
	net.b.reply_hook = with_lifetime;
	up();
	ck_assert(peer_sent_text(&net.b, "N(AUTH_LIFETIME)"));
	net_run(&net, 3600 * US_PER_S);
	again = net.a.up - 1;
	ck_assert_msg(again >= lifetimes[_i].least && again <= lifetimes[_i].most, "%s: %u times",
		lifetimes[_i].why, again);
	ck_assert_uint_eq(net.a.down, 0);
	net.b.reply_hook = NULL;
	net_run(&net, 1200 * US_PER_S);
	check_same_link(net.a.up);
	net_finish(&net);
}
END_TEST

// A client that comes again at once, whatever it is told, is not told at once again: 10 s later.
START_TEST(too_soon)
{
	init(38);
	lifetime = 1000;
	net.b.reply_hook = with_lifetime;
	up();
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { IDr, AUTH, CP, N(AUTH_LIFETIME)"));
	memset(net.b.log, 0, sizeof(net.b.log));
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 9 * US_PER_S);
	ck_assert(!peer_sent_text(&net.b, "N(AUTH_LIFETIME)"));
	net_run(&net, 3 * US_PER_S);
	ck_assert(peer_sent_text(&net.b, "request 0 { N(AUTH_LIFETIME) }"));
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, US_PER_S);
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { IDr, AUTH, CP, N(AUTH_LIFETIME)"));
	ck_assert_uint_eq(net.a.up, 3);
	net_finish(&net);
}
END_TEST

// --> INFORMATIONAL { N(AUTH_LIFETIME) }, to the client; within the time it is back.
START_TEST(by_the_gateways_operator)
{
	static const uint32_t seconds[] = {0, 1, 100, 1000};
	uint64_t from;

	start(30);
	net_run(&net, 100 * US_PER_S);
	ck_assert_int_eq(reauth(&net.b, seconds[_i]), 0);
	ck_assert_int_eq(reauth(&net.b, 5), -EINPROGRESS);
	from = net.now_us;
	while (net.a.up == 1 && net.now_us < from + 2000 * US_PER_S)
		net_run(&net, US_PER_S);
	ck_assert(peer_sent_text(&net.b, "{ N(AUTH_LIFETIME) }"));
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_le(net.now_us - from, (seconds[_i] + 2) * US_PER_S);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// Somebody sends it again and again, or when it is not his to send: one reauthentication in 10 s.
START_TEST(a_flood_of_lifetimes)
{
	static const uint8_t zero[4];
	struct peer *from = _i == 0 ? &net.b : &net.a;

	start(31);
	for (uint32_t i = 0; i < 200; i++) {
		struct ike_sa *sa = ike_sa_by_handle(from->ike, peer_ike_sa(from));

		payload_notify_write(
			craft_begin(), PROTOCOL_NONE, NULL, NOTIFY_AUTH_LIFETIME, zero, 4);
		craft_send(from, sa->handle, INFORMATIONAL, 0, sa->window.next_out++);
		net_run(&net, 500 * US_PER_MS);
	}
	ck_assert_uint_le(net.a.up, _i == 0 ? 12 : 1);
	ck_assert_uint_ge(net.a.up, _i == 0 ? 8 : 1);
	net_run(&net, 20 * US_PER_S);
	check_same_link(net.a.up);
	net_finish(&net);
}
END_TEST

// AUTH_LIFETIME of no length is malformed as any other notify with a wrong length.
START_TEST(a_malformed_lifetime)
{
	struct ike_sa *sa;

	start(32);
	sa = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	payload_notify_write(craft_begin(), PROTOCOL_NONE, NULL, NOTIFY_AUTH_LIFETIME, "ab", 2);
	craft_send(&net.b, sa->handle, INFORMATIONAL, 0, sa->window.next_out++);
	net_run(&net, US_PER_S);
	ck_assert(peer_sent_text(&net.a, "N(INVALID_SYNTAX)"));
	ck_assert_uint_eq(net.a.up, 1);
	net_finish(&net);
}
END_TEST

// The time goes with the IKE SA through rekeys, whoever makes them: it begins in time after them, and an
// asking that waited for its turn is not lost.
START_TEST(the_time_survives_a_rekey)
{
	start(33);
	ck_assert_int_eq(reauth(&net.b, 600), 0);
	for (int i = 0; i < 4; i++) {
		struct peer *peer = (i + _i) % 2 == 0 ? &net.a : &net.b;

		net_run(&net, 100 * US_PER_S);
		ck_assert_int_eq(ike_sa_rekey(peer->ike, peer_ike_sa(peer), net.now_us), 0);
		peer_drain(peer);
		net_settle(&net);
		ck_assert_uint_eq(net.a.up, 1);
	}
	net_run(&net, 190 * US_PER_S);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

START_TEST(rekeyed_before_it_is_asked)
{
	start(34);
	ck_assert_int_eq(ike_sa_rekey(net.b.ike, peer_ike_sa(&net.b), net.now_us), 0);
	ck_assert_int_eq(reauth(&net.b, 20), 0); // waits behind the rekey
	net_run(&net, 30 * US_PER_S);
	check_same_link(2);
	net_finish(&net);
}
END_TEST

// The interface ID: another one for each new link when it is a random one, the same while the link lasts.
START_TEST(interface_ids)
{
	uint8_t first[8], given[8] = {2, 0, 0, 0, 0, 0, 0, 9};

	start(35);
	memcpy(first, net.a.interface_id, 8);
	ike_connection_link(net.a.ike, &net.a.connection, given, NULL, 0);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 20 * US_PER_S);
	ck_assert_mem_eq(net.b.asked.link_iid, given, 8);
	ck_assert_uint_eq(net.b.asked.link_id_len, 0);
	ck_assert_mem_eq(net.a.cp.link_id, "link-2", 6);
	ck_assert_int_eq(reauth(&net.a, 0), 0); // and it stays
	net_run(&net, 20 * US_PER_S);
	ck_assert_mem_eq(net.a.interface_id, given, 8);
	ck_assert_mem_eq(net.b.asked.link_id, "link-2", 6);
	// As after a restart: what was written down.
	ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_settle(&net);
	ike_connection_link(net.a.ike, &net.a.connection, first, (const uint8_t *)"link-1", 6);
	net_connect(&net);
	net_settle(&net);
	ck_assert_mem_eq(net.b.asked.link_iid, first, 8);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6);
	net_finish(&net);
}
END_TEST

START_TEST(random_interface_ids)
{
	uint8_t first[8];

	init(36);
	net.b.link_mode = LINK_ADDRESSES; // there is no link to come back to
	net.a.connection.iid = _i == 0 ? CONFIG_IID_RANDOM : CONFIG_IID_STABLE;
	up();
	memcpy(first, net.b.asked.link_iid, 8);
	ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_settle(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_int_eq(memcmp(net.b.asked.link_iid, first, 8) == 0, _i == 1);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reauth");
	TCase *tc = tcase_create("reauth");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, by_the_operator);
	tcase_add_loop_test(tc, twenty_times_without_a_gap, 0, 2);
	tcase_add_test(tc, the_gateway_waits);
	tcase_add_test(tc, the_client_drains);
	tcase_add_test(tc, the_gateway_does_not_wait_for_ever);
	tcase_add_loop_test(tc, every_message_lost, 0, 16);
	tcase_add_loop_test(tc, further_child_sas, 0, 2);
	tcase_add_test(tc, behind_a_nat);
	tcase_add_test(tc, without_a_link);
	tcase_add_test(tc, another_link);
	tcase_add_test(tc, by_the_connection);
	tcase_add_loop_test(tc, by_the_gateway, 0, sizeof(lifetimes) / sizeof(lifetimes[0]));
	tcase_add_test(tc, too_soon);
	tcase_add_loop_test(tc, by_the_gateways_operator, 0, 4);
	tcase_add_loop_test(tc, a_flood_of_lifetimes, 0, 2);
	tcase_add_test(tc, a_malformed_lifetime);
	tcase_add_loop_test(tc, the_time_survives_a_rekey, 0, 2);
	tcase_add_test(tc, rekeyed_before_it_is_asked);
	tcase_add_test(tc, interface_ids);
	tcase_add_loop_test(tc, random_interface_ids, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
