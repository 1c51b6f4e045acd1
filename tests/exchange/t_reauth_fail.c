// SPDX-License-Identifier: BSD-3-Clause
// L7 L21: reauthentication that does not go well: refused, unanswered, of no use, in the way of rekeys and
// deletes, or not done at all; INITIAL_CONTACT, and hosts that lost their state. As long as an IKE SA
// lives the connection is up. RFC 7296 sections 2.4, 2.8.3, 2.25, RFC 4478.
#include "child_sa.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct net net;

static void init(uint64_t seed)
{
	net_init(&net, seed);
	net.b.links_last = true;
	net.a.connection.autostart = true;
}

static void up(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
}

static void start(uint64_t seed)
{
	init(seed);
	up();
}

static int reauth(struct peer *peer, uint32_t seconds)
{
	int ret = ike_sa_reauth(peer->ike, peer_ike_sa(peer), seconds, net.now_us);

	peer_drain(peer);
	return ret;
}

static uint32_t sa_count(const struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	return sas.n;
}

static void check_one(uint32_t downs)
{
	ck_assert_uint_eq(net.a.down, downs);
	ck_assert_uint_eq(sa_count(&net.a), 1);
	ck_assert_uint_eq(sa_count(&net.b), 1);
	ck_assert_uint_eq(net.b.link_live, 1);
	net_check_mirror(&net);
	net_check_up(&net);
}

// Handle of the IKE SA that is not the one given, 0: there is none.
static uint64_t other_sa(const struct peer *peer, uint64_t not )
{
	struct sas sas;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		if (sas.info[i].ike_sa != not )
			return sas.info[i].ike_sa;
	return 0;
}

// ---- the attempt comes to nothing ----

static void no_link_id(struct ike_link_reply *reply)
{
	reply->reply.link_id_len = 0;
}

static void other_prefix(struct ike_link_reply *reply)
{
	reply->reply.prefix[0].addr = addr("ff02::1");
}

static bool no_init(struct net *n, struct packet *packet)
{
	(void)n;
	return packet->data[18] != IKE_SA_INIT || packet->number < 5; // but those of the start
}

static bool no_auth(struct net *n, struct packet *packet)
{
	return packet->data[18] != IKE_AUTH || packet->number < 5 || packet->from != &n->a;
}

static const struct {
	const char *why;
	bool secret, ts;
	enum link_mode mode;
	void (*hook)(struct ike_link_reply *reply);
	bool (*filter)(struct net *net, struct packet *packet);
} failures[] = {
	{.why = "the secret is another one", .secret = true},
	{.why = "INTERNAL_ADDRESS_FAILURE", .mode = LINK_FAIL},
	{.why = "a link without a Link ID", .hook = no_link_id},
	{.why = "a prefix that no link can have", .hook = other_prefix},
	{.why = "IKE_SA_INIT is not answered", .filter = no_init},
	{.why = "IKE_AUTH is not answered", .filter = no_auth},
};

// The old one stays in use, whatever happens to the new one; with time it is tried again, and when the
// reason is gone it succeeds, for the same link.
START_TEST(fails_and_is_tried_again)
{
	uint64_t first;

	start(40);
	first = peer_ike_sa(&net.a);
	net.b.pad[0].psk.bytes[0] ^= failures[_i].secret;
	net.b.link_mode = failures[_i].mode;
	net.b.reply_hook = failures[_i].hook;
	net.filter = failures[_i].filter;
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	for (int i = 0; i < 600; i++) {
		net_run(&net, US_PER_S);
		ck_assert(net_traffic(&net));
		ck_assert_uint_eq(net.a.up, 1);
		ck_assert_msg(net.a.down == 0, "%s: down, %s", failures[_i].why, net.a.why);
		ck_assert_uint_eq(peer_ike_sa(&net.a), first);
	}
	net.b.pad[0].psk.bytes[0] ^= failures[_i].secret;
	net.b.link_mode = LINK_RFC5739;
	net.b.reply_hook = NULL;
	net.filter = NULL;
	net_run(&net, 350 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6);
	check_one(0);
	net_finish(&net);
}
END_TEST

// An attempt writes down what it asks for and what it is answered, and fails. What the connection has is
// the old one's: a child SA that is made again, then or meanwhile, is reported with the old link.
START_TEST(the_old_view_stays)
{
	static const uint8_t iid[8] = {2, 0, 0, 0, 0, 0, 0, 7};
	uint8_t first[8];

	start(41);
	memcpy(first, net.a.interface_id, 8);
	if (_i == 0)
		net.b.reply_hook = no_link_id;
	else
		net.filter = no_auth;
	ike_connection_link(net.a.ike, &net.a.connection, iid, (const uint8_t *)"link-1", 6);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 5 * US_PER_S);
	ike_on_expire(net.a.ike, peer_child(&net.a), true, net.now_us);
	peer_drain(&net.a);
	net_run(&net, 2 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.a.cp.prefix_n, 2);
	ck_assert_uint_eq(net.a.cp.link_id_len, 6);
	ck_assert_mem_eq(net.a.interface_id, first, 8);
	net.b.reply_hook = NULL;
	net.filter = NULL;
	net_run(&net, 200 * US_PER_S);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6);
	ck_assert_mem_eq(net.a.interface_id, iid, 8); // what was wished for the next one
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// ---- the client does not come back in time ----

static uint32_t lifetime;

static void with_lifetime(struct ike_link_reply *reply)
{
	reply->reauth_s = lifetime;
}

// L21: a peer that does not know AUTH_LIFETIME (here: cannot) gets the delete, not before the time and a
// margin. _i 0: said in IKE_AUTH, 1: later by the operator, 2: at once.
START_TEST(not_in_time)
{
	static const uint32_t seconds[] = {100, 100, 0};
	uint64_t from;

	init(42);
	net.a.connection.autostart = false;
	lifetime = _i == 0 ? seconds[_i] : 0;
	net.b.reply_hook = with_lifetime;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	from = net.now_us;
	if (_i != 0)
		ck_assert_int_eq(reauth(&net.b, seconds[_i]), 0);
	net.filter = no_init;
	while (net.a.down == 0 && net.now_us < from + 1000 * US_PER_S) {
		ck_assert(net_traffic(&net) || net.now_us - from > (seconds[_i] + 29) * US_PER_S);
		net_run(&net, US_PER_S);
	}
	ck_assert_uint_ge(net.now_us - from, (seconds[_i] + 27) * US_PER_S);
	ck_assert_uint_le(net.now_us - from, (seconds[_i] + 40) * US_PER_S);
	ck_assert_str_eq(net.a.why, "deleted by the peer");
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_eq(net.b.link_live, 0);
	net_finish(&net);
}
END_TEST

// ---- at the same time ----

// A rekey of the old one, or of its child SA, by either side, begins some time after the reauthentication.
START_TEST(while_rekeying)
{
	struct peer *peer = _i & 1 ? &net.b : &net.a;
	uint64_t handle;

	start(50 + (unsigned)_i);
	net.check_traffic = true;
	handle = peer_ike_sa(peer);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, (uint64_t)(_i >> 2) * 5 * US_PER_MS);
	if (_i & 2)
		ike_sa_rekey(peer->ike, handle, net.now_us);
	else
		ike_child_rekey(peer->ike, peer_child(peer), net.now_us);
	peer_drain(peer);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	check_one(0);
	net_finish(&net);
}
END_TEST

// The other way round, and both sides rekey: the reauthentication begins in the middle.
START_TEST(rekeys_under_way)
{
	uint64_t a, b;

	start(90 + (unsigned)_i);
	net.check_traffic = true;
	a = peer_ike_sa(&net.a);
	b = peer_ike_sa(&net.b);
	ike_sa_rekey(net.a.ike, a, net.now_us);
	peer_drain(&net.a);
	if (_i & 1) {
		ike_sa_rekey(net.b.ike, b, net.now_us);
		peer_drain(&net.b);
	}
	net_run(&net, (uint64_t)(_i >> 1) * 5 * US_PER_MS);
	if (ike_sa_reauth(net.a.ike, a, 0, net.now_us) != 0)
		ck_assert_int_eq(reauth(&net.a, 0), 0);
	peer_drain(&net.a);
	net_run(&net, 120 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	check_one(0);
	net_finish(&net);
}
END_TEST

// The gateway deletes the old one while the new one is being made. Before the gateway has answered
// anything the connection is down and up; later it just goes on. The gateway's links have no grace time
// in this model, so that the link may be another one.
START_TEST(the_old_one_is_deleted)
{
	uint64_t wait_us = (uint64_t)_i * 5 * US_PER_MS;

	start(130 + (unsigned)_i);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, wait_us);
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 30 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	check_one(net.a.down);
	// The D is 10 ms under way; IKE_SA_INIT takes 20 ms.
	if (_i >= 2)
		ck_assert_uint_eq(net.a.down, 0);
	net_finish(&net);
}
END_TEST

// It is deleted in good hands, but the new one fails: now it is down, once, and comes back.
START_TEST(neither_is_left)
{
	start(150);
	net.b.link_mode = LINK_FAIL;
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 21 * US_PER_MS);
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 14 * US_PER_MS);
	ck_assert_uint_eq(net.a.down, 0);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(peer_out_count(&net.a), 0);
	net.b.link_mode = LINK_RFC5739;
	net_run(&net, 60 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	check_one(net.a.down);
	net_finish(&net);
}
END_TEST

// The operator ends the connection in the middle, by the old IKE SA or by the attempt: all of it goes.
START_TEST(terminated)
{
	uint64_t first, second;

	start(160 + (unsigned)_i);
	first = peer_ike_sa(&net.a);
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	second = other_sa(&net.a, first);
	ck_assert_uint_ne(second, 0);
	net_run(&net, (uint64_t)(_i >> 1) * 10 * US_PER_MS);
	ck_assert_int_eq(ike_sa_terminate(net.a.ike, _i & 1 ? first : second, net.now_us), 0);
	peer_drain(&net.a);
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(sa_count(&net.a), 0);
	ck_assert_uint_eq(sa_count(&net.b), 0);
	net_finish(&net);
}
END_TEST

// A random life with everything at once.
START_TEST(random_life)
{
	init(200 + (unsigned)_i);
	net.a.config.life.retransmit_tries = 12;
	net.b.config.life.retransmit_tries = 12;
	up();
	for (int i = 0; i < 400; i++) {
		uint64_t r = net_random(&net) >> 16;
		struct peer *peer = r & 1 ? &net.a : &net.b;
		struct sas sas;

		net.loss_percent = net.dup_percent = net.reorder_percent =
			r & 0x300 ? 0 : (uint32_t)(r >> 12) % 25;
		peer_sas(peer, &sas);
		for (uint32_t k = 0; k < sas.n; k++) {
			uint64_t handle = sas.info[k].ike_sa;

			switch (((r >> 20) + k) & 7) {
			case 0:
				ike_sa_rekey(peer->ike, handle, net.now_us);
				break;
			case 1:
				if (sas.info[k].child_n > 0)
					ike_child_rekey(
						peer->ike, sas.info[k].child[0].child, net.now_us);
				break;
			case 2:
			case 3:
				ike_sa_reauth(
					peer->ike, handle, (uint32_t)(r >> 40) % 30, net.now_us);
				break;
			default:
				net_traffic(&net);
			}
		}
		peer_drain(&net.a);
		peer_drain(&net.b);
		net_run(&net, (r >> 24) % (4 * US_PER_S));
	}
	net.loss_percent = net.dup_percent = net.reorder_percent = 0;
	net_run(&net, 2000 * US_PER_S);
	check_one(net.a.down);
	ck_assert_uint_gt(net.a.up, 20);
	net_finish(&net);
}
END_TEST

// ---- INITIAL_CONTACT, and what was left behind ----

// Who has a host's name says at the first contact that he is the only one of it, and never again.
START_TEST(initial_contact)
{
	static const char *const ids[] = {
		"host.example.org", "192.0.2.2", "2001:db8::7", "alice@example.org", "keyid:0102"};

	init(170);
	ck_assert_int_eq(config_id_parse(ids[_i], &net.a.connection.id), 0);
	ck_assert_int_eq(config_id_parse(ids[_i], &net.b.pad[0].id), 0);
	up();
	ck_assert_int_eq(peer_sent_text(&net.a, "N(INITIAL_CONTACT)"), _i < 3);
	memset(net.a.log, 0, sizeof(net.a.log));
	ck_assert_int_eq(reauth(&net.a, 0), 0);
	net_run(&net, 20 * US_PER_S);
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 3);
	ck_assert(!peer_sent_text(&net.a, "N(INITIAL_CONTACT)"));
	// A crash: what was before is gone at once at the gateway, when the new process may say so.
	net_restart_client(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(sa_count(&net.b), _i < 3 ? 1 : 2);
	net_fini(&net);
}
END_TEST

// Two connections of one pair of identities: neither knows that it is the only one.
START_TEST(initial_contact_of_two)
{
	static struct config_connection two[2];

	init(171);
	ck_assert_int_eq(config_id_parse("host.example.org", &net.a.connection.id), 0);
	ck_assert_int_eq(config_id_parse("host.example.org", &net.b.pad[0].id), 0);
	two[0] = two[1] = net.a.connection;
	snprintf(two[1].name, sizeof(two[1].name), "work");
	net.a.config.connection = two;
	net.a.config.connection_n = 2;
	net_start(&net);
	for (int i = 0; i < 2; i++) {
		ike_initiate(net.a.ike, &two[i], &net.a.addr, net.now_us);
		peer_drain(&net.a);
		net_settle(&net);
	}
	ck_assert(!peer_sent_text(&net.a, "N(INITIAL_CONTACT)"));
	ck_assert_uint_eq(sa_count(&net.b), 2);
	net_finish(&net);
}
END_TEST

// A host of a user (L14) crashes again and again and comes back by its Link ID. What it left behind is
// asked after, and goes before the link has no room for it, be it that fast (_i: 1) that no question is
// repeated; another link's IKE SA is left in peace.
START_TEST(crashes_with_one_link)
{
	static const uint8_t iid[8] = {2, 0, 0, 0, 0, 0, 0, 7};
	struct sas sas;

	start(172);
	for (int i = 0; i < 30; i++) {
		net_restart_client(&net);
		if (i > 0) // the first one is a link of its own
			ike_connection_link(
				net.a.ike, &net.a.connection, iid, (const uint8_t *)"link-2", 6);
		net_connect(&net);
		net_run(&net, _i == 0 ? US_PER_S : 100 * US_PER_MS);
		peer_sas(&net.b, &sas);
		for (uint32_t k = 0, n = 0; k < sas.n; k++) {
			n += sas.info[k].link == 2;
			ck_assert_uint_le(n, 7);
		}
	}
	ck_assert_uint_eq(peer_counters(&net.b).address_failure, 0);
	net_run(&net, 400 * US_PER_S);
	peer_sas(&net.b, &sas);
	ck_assert_uint_le(sas.n, 3); // the one in use, one before it, and link-1's
	net_fini(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reauth_fail");
	TCase *tc = tcase_create("reauth_fail");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(
		tc, fails_and_is_tried_again, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_loop_test(tc, the_old_view_stays, 0, 2);
	tcase_add_loop_test(tc, not_in_time, 0, 3);
	tcase_add_loop_test(tc, while_rekeying, 0, 40);
	tcase_add_loop_test(tc, rekeys_under_way, 0, 20);
	tcase_add_loop_test(tc, the_old_one_is_deleted, 0, 9);
	tcase_add_test(tc, neither_is_left);
	tcase_add_loop_test(tc, terminated, 0, 9);
	tcase_add_loop_test(tc, random_life, 0, 6);
	tcase_add_loop_test(tc, initial_contact, 0, 5);
	tcase_add_test(tc, initial_contact_of_two);
	tcase_add_loop_test(tc, crashes_with_one_link, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
