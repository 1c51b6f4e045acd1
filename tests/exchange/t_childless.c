// SPDX-License-Identifier: BSD-3-Clause
// An IKE SA without a child SA at first, both roles. RFC 6023.
#include "child_sa.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <string.h>

static struct net net;

static void start(uint64_t seed)
{
	net_init(&net, seed);
	net.a.connection.childless = true;
	net_start(&net);
}

// --> IKE_AUTH { IDi, IDr, AUTH, CP }		<-- { IDr, AUTH, CP }
// --> CREATE_CHILD_SA { SA, Ni, TSi, TSr }	<-- { SA, Nr, TSi, TSr }
START_TEST(later)
{
	struct sas sas;

	net_init(&net, 1 + (unsigned)_i);
	net.a.connection.childless = true;
	net.b.link_mode = _i == 0 ? LINK_RFC5739 : LINK_ADDRESSES;
	if (_i == 2)
		net.a.config.esp.proposal[0].dh_n = net.b.config.esp.proposal[0].dh_n = 1;
	net.a.config.esp.proposal[0].dh[0] = alg_dh_find(DH_X25519);
	net.b.config.esp.proposal[0].dh[0] = alg_dh_find(DH_X25519);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert(peer_sent_text(&net.b, "N(CHILDLESS_IKEV2_SUPPORTED)"));
	ck_assert(peer_sent_text(&net.a, "AUTH, CP }"));
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { IDr, AUTH, CP"));
	ck_assert(!peer_sent_text(&net.b, "IKE_AUTH response 1 { IDr, AUTH, CP, SA"));
	ck_assert_uint_eq(peer_sent_count(&net.a, "CREATE_CHILD_SA request 2"), 1);
	ck_assert(_i < 2 || peer_sent_text(&net.a, "SA, Ni, KEi, TSi, TSr"));
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	// It is an ordinary one from here on.
	ck_assert_int_eq(ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us), 0);
	peer_drain(&net.b);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.b).child_rekeys, 1);
	ck_assert(net_traffic(&net));
	net_run(&net, 60 * US_PER_S);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The responder's announcement becomes one of something unknown, on the wire and in what it signs.
static bool not_announced(struct net *n, struct packet *packet)
{
	const uint16_t type = NOTIFY_CHILDLESS_IKEV2_SUPPORTED;

	if (packet->from != &n->b || packet->data[18] != IKE_SA_INIT)
		return true;
	for (uint32_t i = 28; i + 1 < packet->len; i++) {
		struct handshake *hs = n->b.ike->all->handshake;

		if (packet->data[i] != type >> 8 || packet->data[i + 1] != (type & 0xff))
			continue;
		packet->data[i] = hs->response[i] = 0x9f;
	}
	return true;
}

START_TEST(not_known)
{
	start(5);
	net.filter = not_announced;
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert(peer_sent_text(&net.a, "AUTH, CP, SA, TSi, TSr }"));
	ck_assert_uint_eq(peer_sent_count(&net.a, "CREATE_CHILD_SA"), 0);
	net_finish(&net);
}
END_TEST

static bool no_child(struct net *n, struct packet *packet)
{
	return packet->from != &n->b || packet->data[18] != CREATE_CHILD_SA;
}

// The exchange for the child SA gets no answer: the connection says so, and tries again.
START_TEST(no_answer)
{
	start(6);
	net.a.connection.autostart = true;
	net.filter = no_child;
	net_connect(&net);
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_gt(net.a.down, 0);
	net.filter = NULL;
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 1); // the gateway does not know yet which others are over
	net_finish(&net);
}
END_TEST

// What the gateway refuses is said once, and nothing is left of it.
START_TEST(no_address)
{
	net_init(&net, 7);
	net.a.connection.childless = true;
	net.b.link_mode = LINK_FAIL;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, "INTERNAL_ADDRESS_FAILURE");
	ck_assert_uint_eq(net.a.spi_live, 0);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("childless");
	TCase *tc = tcase_create("childless");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, later, 0, 3);
	tcase_add_test(tc, not_known);
	tcase_add_test(tc, no_answer);
	tcase_add_test(tc, no_address);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
