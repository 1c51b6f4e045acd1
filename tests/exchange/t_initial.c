// SPDX-License-Identifier: BSD-3-Clause
// IKE_SA_INIT and IKE_AUTH between two cores: the good case, negotiation, cookies, refusals. RFC 7296
// sections 1.2, 2.6, 2.7, 2.15, 2.21.
#include "ike_payload.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

// --> IKE_SA_INIT { SA, KEi, Ni, N(NATD), N(NATD) }
// <-- IKE_SA_INIT { SA, KEr, Nr, N(NATD), N(NATD) }
// --> IKE_AUTH { IDi, IDr, AUTH, CP, SA, TSi, TSr }
// <-- IKE_AUTH { IDr, AUTH, CP, SA, TSi, TSr }
START_TEST(happy_path)
{
	struct sas sas;

	net_init(&net, 1);
	net_start(&net);
	ck_assert_int_eq(net_connect(&net), 0);
	ck_assert_int_eq(net_connect(&net), -EALREADY);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_eq(net.a.sent, 2);
	ck_assert_uint_eq(net.b.sent, 2);
	net_check_up(&net);
	net_check_mirror(&net);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_int_eq(sas.info[0].state, IKE_SA_ESTABLISHED);
	ck_assert_str_eq(sas.info[0].suite, "aes128gcm16-prfsha256-x25519");
	ck_assert(!sas.info[0].child[0].encap);
	ck_assert_uint_eq(sas.info[0].local_port, 500);
	ck_assert(peer_sent_text(&net.a, "IKE_SA_INIT request 0 { SA, KEi, Ni, "));
	ck_assert(
		peer_sent_text(&net.a, "IKE_AUTH request 1 { IDi, IDr, AUTH, CP, SA, TSi, TSr }"));
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { IDr, AUTH, CP, SA, TSi, TSr }"));
	ck_assert_int_eq(net_connect(&net), -EALREADY);
	net_finish(&net);
	ck_assert_uint_eq(net.a.down, 1);
}
END_TEST

START_TEST(happy_path_ipv6)
{
	net_init(&net, 2);
	net.a.addr = addr("2001:db8:ff::2");
	net.b.addr = addr("2001:db8:ff::1");
	net.a.connection.gateway = net.b.addr;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

static const struct alg_dh *groups[] = {NULL, NULL};

// <-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD) }
START_TEST(invalid_ke)
{
	net_init(&net, 3);
	groups[0] = alg_dh_find(DH_X25519);
	groups[1] = alg_dh_find(DH_ECP_256);
	net.a.config.ike.proposal[0].dh_n = 2;
	net.a.config.ike.proposal[0].dh[0] = groups[0];
	net.a.config.ike.proposal[0].dh[1] = groups[1];
	net.b.config.ike.proposal[0].dh[0] = groups[1];
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert_uint_eq(peer_counters(&net.b).invalid_ke, 1);
	ck_assert_uint_eq(peer_counters(&net.a).invalid_ke, 1);
	ck_assert_uint_eq(net.a.sent, 3);
	ck_assert(peer_sent_text(&net.b, "IKE_SA_INIT response 0 { SA, KEr"));
	net_finish(&net);
}
END_TEST

START_TEST(no_proposal_chosen)
{
	net_init(&net, 4);
	net.b.config.ike.proposal[0].encr[0] = alg_encr_find(ENCR_AES_GCM_16, 256);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_gt(peer_counters(&net.b).no_proposal, 0);
	// Nobody is believed before authentication: it goes on trying, and says why in the end.
	ck_assert_uint_eq(net.a.down, 0);
	net_run(&net, 300 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, "the peer says NO_PROPOSAL_CHOSEN");
	ck_assert_uint_eq(net.a.spi_live, 0);
	net_finish(&net);
}
END_TEST

static int cookies;

// Answers the first requests with a cookie, in the gateway's place.
static bool ask_for_cookie(struct net *n, struct packet *packet)
{
	uint8_t chain[64], out[128];
	struct ike_header header;
	struct ike_builder b;
	struct packet answer = {.src = packet->dst,
		.dst = packet->src,
		.src_port = 500,
		.dst_port = 500,
		.data = out};
	struct ike_msg msg;
	int len;

	if (packet->from != &n->a || ike_msg_parse(packet->data, packet->len, &msg) != 0 ||
		msg.header.exchange != IKE_SA_INIT || cookies == 0)
		return true;
	cookies--;
	header = msg.header;
	header.flags = IKE_FLAG_RESPONSE;
	ike_build_init(&b, chain, sizeof(chain));
	payload_notify_write(&b, 0, NULL, NOTIFY_COOKIE, "cookie-0123", 11 - (size_t)(cookies % 4));
	len = ike_build_finish(&b);
	len = ike_msg_write_clear(&header, b.first, chain, (size_t)len, out, sizeof(out));
	ck_assert_int_gt(len, 0);
	answer.len = (uint32_t)len;
	net_send_raw(n, &answer);
	return false;
}

// <-- IKE_SA_INIT { N(COOKIE) }
// --> IKE_SA_INIT { N(COOKIE), SA, KEi, Ni, ... }
START_TEST(cookie)
{
	net_init(&net, 5);
	net_start(&net);
	net.filter = ask_for_cookie;
	cookies = 2;
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert(peer_sent_text(&net.a, "IKE_SA_INIT request 0 { N(COOKIE), SA, KEi, Ni"));
	net_finish(&net);
}
END_TEST

START_TEST(cookies_without_end)
{
	net_init(&net, 6);
	net_start(&net);
	net.filter = ask_for_cookie;
	cookies = 1000000;
	net_connect(&net);
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_lt(net.a.sent, 40);
	net_finish(&net);
}
END_TEST

// <-- IKE_AUTH { N(AUTHENTICATION_FAILED) }, and nothing is allocated.
static void expect_auth_failure(void)
{
	struct sas sas;

	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(peer_counters(&net.b).auth_failed, 1);
	ck_assert_uint_eq(net.b.event_n[IKE_EVENT_AUTH_FAILED], 1);
	ck_assert_uint_eq(net.a.event_n[IKE_EVENT_AUTH_FAILED], 1);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, "AUTHENTICATION_FAILED");
	ck_assert_uint_eq(net.b.attached, 0);
	ck_assert_uint_eq(net.b.spi_generation, 0); // not one SPI was ever taken
	ck_assert_uint_eq(net.b.ref_live, 0);
	ck_assert_uint_eq(net.a.spi_live, 0);
	ck_assert_uint_eq(peer_counters(&net.b).established, 0);
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }"));
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 0);
	net_finish(&net);
}

START_TEST(wrong_secret)
{
	net_init(&net, 7);
	secret_set(&net.a.connection.psk, "alice-secreT", 12);
	expect_auth_failure();
}
END_TEST

START_TEST(unknown_identity)
{
	net_init(&net, 8);
	config_id_parse("mallory@example.org", &net.a.connection.id);
	expect_auth_failure();
}
END_TEST

// The gateway proves nothing: the client says so and keeps nothing.
START_TEST(gateway_with_another_name)
{
	net_init(&net, 9);
	config_id_parse("other.example.org", &net.a.connection.gateway_id);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_eq(peer_counters(&net.a).auth_failed, 1);
	ck_assert(peer_sent_text(&net.a, "INFORMATIONAL request 2 { N(AUTHENTICATION_FAILED) }"));
	ck_assert_uint_eq(net.b.attached, 1);
	ck_assert_uint_eq(net.b.detached, 1);
	ck_assert_uint_eq(peer_out_count(&net.b), 0);
	net_finish(&net);
}
END_TEST

// A pattern in the PAD, and an exact entry before or behind it.
START_TEST(pad_order)
{
	net_init(&net, 10);
	net.b.config.gateway.peer_n = 2;
	config_id_parse("*@example.org", &net.b.pad[_i].id);
	config_id_parse("alice@example.org", &net.b.pad[1 - _i].id);
	secret_set(&net.b.pad[0].psk, "alice-secret", 12);
	secret_set(&net.b.pad[1].psk, "other-secret", 12);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// L14: a link is not known by IDi. The client dies, and another host of the same user comes.
START_TEST(two_hosts_of_one_user_L14)
{
	net_init(&net, 11);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_restart_client(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.b.attached, 2);
	ck_assert_uint_eq(net.b.detached, 0);
	net_finish(&net);
}
END_TEST

START_TEST(half_open_limit)
{
	net_init(&net, 12);
	net.b.config.half_open_max = 0;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_gt(peer_counters(&net.b).half_open_refused, 0);
	ck_assert_uint_eq(net.b.sent, 0);
	net.b.config.half_open_max = 1;
	net_run(&net, 10 * US_PER_S);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

static bool no_auth(struct net *n, struct packet *packet)
{
	return packet->from != &n->a || packet->data[18] != IKE_AUTH;
}

START_TEST(half_open_expires)
{
	net_init(&net, 13);
	net_start(&net);
	net.filter = no_auth;
	net_connect(&net);
	net_run(&net, 20 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->half_open_n, 1);
	net_run(&net, 11 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->half_open_n, 0);
	ck_assert_uint_eq(peer_counters(&net.b).half_open_expired, 1);
	net_finish(&net);
}
END_TEST

static int worker_three(void *arg, uint32_t worker, uint32_t *spi)
{
	struct peer *peer = arg;

	ck_assert(worker == UINT32_MAX || worker == 3);
	*spi = spi_make(3, peer->spi_generation++, 5);
	peer->spi_slot[5] = *spi;
	peer->spi_live++;
	return 0;
}

// Everything that a request caused stands before its answer, and goes by the same worker.
START_TEST(effects_in_order)
{
	struct ike_effect *effect;
	struct ike_datagram d;
	int in = 0, out = 0, sent = 0;

	net_init(&net, 15);
	net.b.ops.spi_alloc = worker_three;
	net_start(&net);
	net_connect(&net);
	net_run(&net, 25 * US_PER_MS); // IKE_AUTH is under way
	ck_assert_ptr_nonnull(net.queue);
	d = (struct ike_datagram){.local = net.queue->dst,
		.remote = net.queue->src,
		.local_port = 500,
		.remote_port = 500,
		.len = net.queue->len,
		.data = net.queue->data};
	ike_receive(net.b.ike, &d, net.now_us);
	while ((effect = ike_effect_take(net.b.ike)) != NULL) {
		if (effect->type == IKE_SA_IN_ADD) {
			in++;
			ck_assert_int_eq(sent, 0);
			ck_assert_uint_eq(spi_worker(effect->in_add.sa.spi), 3);
			ck_assert_uint_eq(effect->link, 1);
		} else if (effect->type == IKE_SA_OUT_SET) {
			out++;
			ck_assert_int_eq(in, 1);
			ck_assert_int_eq(sent, 0);
			ck_assert_uint_eq(spi_worker(effect->out_set.ref), 3);
		} else if (effect->type == IKE_SEND) {
			sent++;
			ck_assert_uint_eq(effect->worker, 3);
		}
		ike_effect_free(effect);
	}
	ck_assert_int_eq(in, 1);
	ck_assert_int_eq(out, 1);
	ck_assert_int_eq(sent, 1);
	net_fini(&net);
}
END_TEST

START_TEST(key_log)
{
	net_init(&net, 14);
	strcpy(net.b.config.keylog_dir, "/somewhere");
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.b.keylogs, 1);
	ck_assert_uint_eq(net.a.keylogs, 0);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("initial");
	TCase *tc = tcase_create("initial");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, happy_path);
	tcase_add_test(tc, happy_path_ipv6);
	tcase_add_test(tc, invalid_ke);
	tcase_add_test(tc, no_proposal_chosen);
	tcase_add_test(tc, cookie);
	tcase_add_test(tc, cookies_without_end);
	tcase_add_test(tc, wrong_secret);
	tcase_add_test(tc, unknown_identity);
	tcase_add_test(tc, gateway_with_another_name);
	tcase_add_loop_test(tc, pad_order, 0, 2);
	tcase_add_test(tc, two_hosts_of_one_user_L14);
	tcase_add_test(tc, half_open_limit);
	tcase_add_test(tc, half_open_expires);
	tcase_add_test(tc, effects_in_order);
	tcase_add_test(tc, key_log);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
