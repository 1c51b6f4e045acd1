// SPDX-License-Identifier: BSD-3-Clause
// IKE_AUTH requests that our own initiator would never make, under good keys: what the responder
// makes of them. RFC 7296 sections 1.2, 2.4, 2.9, 2.15, 2.21.2.
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"
#include "proposal.h"
#include "psk.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

// The client's own IKE_AUTH never leaves.
static bool no_auth(struct net *n, struct packet *packet)
{
	return packet->from != &n->a || packet->data[18] != IKE_AUTH || n->filter_arg != NULL;
}

static struct ike_sa *half_way(uint64_t seed)
{
	struct ike_sa *sa;

	net_init(&net, seed);
	net_start(&net);
	net.filter = no_auth;
	net_connect(&net);
	net_settle(&net);
	sa = net.a.ike->all;
	ck_assert_ptr_nonnull(sa->handshake);
	ck_assert_int_eq(sa->state, IKE_SA_AUTHENTICATING);
	return sa;
}

static void put_id_and_auth(
	struct ike_sa *sa, struct ike_builder *b, uint8_t method, size_t auth_len)
{
	const struct handshake *hs = sa->handshake;
	uint8_t body[260] = {CONFIG_ID_RFC822}, auth[PSK_AUTH_MAX];
	size_t len;

	memcpy(body + 4, sa->local_id.data, sa->local_id.len);
	ck_assert_int_eq(psk_auth(&sa->keys, true, &net.a.connection.psk,
				 (struct bytes){hs->request, hs->request_len}, nonce_bytes(&hs->nr),
				 (struct bytes){body, 4 + (size_t)sa->local_id.len}, auth, &len),
		0);
	payload_id_write(b, true, &sa->local_id);
	payload_auth_write(b, method, auth, auth_len == SIZE_MAX ? len : auth_len);
}

static void put_child(struct ike_builder *b, const char *tsi, const char *tsr)
{
	const char *text[2] = {tsi, tsr};
	struct wire_sa offer;

	proposal_offer_esp(&net.a.config.esp, 0x12345678, false, &offer);
	payload_sa_write(b, &offer);
	for (int i = 0; i < 2; i++) {
		struct ts_list list = {0};
		struct inet_prefix p;
		struct ts ts;

		ck_assert_int_eq(inet_prefix_parse(text[i], &p), 0);
		ts = ts_from_prefix(&p);
		ts_list_add(&list, &ts);
		payload_ts_write(b, i == 0, &list);
	}
}

static void put_request(struct ike_builder *b)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .ip6_n = 1, .ip4_n = 1};

	payload_cp_write(b, &cp);
}

static void send_auth(struct ike_sa *sa)
{
	net.filter_arg = &net; // this one passes
	craft_send(&net.a, sa->handle, IKE_AUTH, 0, 1);
	net.filter_arg = NULL;
	net_run(&net, 15 * US_PER_MS);
}

static void expect(const char *answer, bool established)
{
	struct sas sas;

	ck_assert_msg(
		peer_sent_text(&net.b, answer), "%s", net.b.event_text[IKE_EVENT_MESSAGE_OUT]);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, established);
	if (!established) {
		ck_assert_uint_eq(net.b.spi_generation, 0);
		ck_assert_uint_eq(net.b.attached, 0);
	}
	net_finish(&net);
}

// What VPP's responder is said to accept.
START_TEST(auth_of_no_length)
{
	struct ike_sa *sa = half_way(1);
	struct ike_builder *b = craft_begin();

	put_id_and_auth(sa, b, AUTH_PSK, (size_t)_i);
	put_request(b);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	expect("IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }", false);
}
END_TEST

START_TEST(other_method)
{
	struct ike_sa *sa = half_way(2);
	struct ike_builder *b = craft_begin();

	put_id_and_auth(sa, b, _i == 0 ? AUTH_NULL : AUTH_RSA, SIZE_MAX);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	expect("IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }", false);
}
END_TEST

// EAP is asked for by leaving AUTH out.
START_TEST(no_auth_payload)
{
	struct ike_sa *sa = half_way(3);
	struct ike_builder *b = craft_begin();

	payload_id_write(b, true, &sa->local_id);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	expect("IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }", false);
}
END_TEST

START_TEST(no_identity)
{
	struct ike_sa *sa = half_way(4);
	struct ike_builder *b = craft_begin();

	payload_auth_write(b, AUTH_PSK, "0123456789abcdef0123456789abcdef", 32);
	send_auth(sa);
	expect("IKE_AUTH response 1 { N(INVALID_SYNTAX) }", false);
}
END_TEST

// An unknown payload with the critical bit: refused before anything in it is looked at.
START_TEST(unknown_critical_payload)
{
	struct ike_sa *sa = half_way(5);
	struct ike_builder *b = craft_begin();
	struct buf_writer *w = ike_build_payload(b, (enum payload_type)100);

	w->start[1] = 0x80; // its critical bit, in the generic header
	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	ck_assert_uint_eq(peer_counters(&net.b).unsupported_critical, 1);
	expect("IKE_AUTH response 1 { N(UNSUPPORTED_CRITICAL_PAYLOAD) }", false);
}
END_TEST

START_TEST(unknown_payload)
{
	struct ike_sa *sa = half_way(6);
	struct ike_builder *b = craft_begin();

	ike_build_payload(b, (enum payload_type)100);
	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	put_request(b);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	expect("IKE_AUTH response 1 { IDr, AUTH, CP, SA, TSi, TSr }", true);
}
END_TEST

START_TEST(malformed_under_good_keys)
{
	struct ike_sa *sa = half_way(7);
	struct ike_builder *b = craft_begin();
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_IDI);

	buf_put_be32(w, 0);
	ike_build_finish(b);
	w->start[3] = 200; // longer than the message
	b->payload_offset = SIZE_MAX;
	send_auth(sa);
	expect("IKE_AUTH response 1 { N(INVALID_SYNTAX) }", false);
}
END_TEST

// No configuration payload: selectors are by policy, and there is none. Default deny.
START_TEST(no_configuration_payload)
{
	struct ike_sa *sa = half_way(8);
	struct ike_builder *b = craft_begin();

	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	ck_assert(!net.b.asked_any);
	expect("IKE_AUTH response 1 { IDr, AUTH, N(TS_UNACCEPTABLE) }", true);
}
END_TEST

// RFC 6023's childless start, though we have not offered it: harmless.
START_TEST(childless)
{
	struct ike_sa *sa = half_way(9);

	put_id_and_auth(sa, craft_begin(), AUTH_PSK, SIZE_MAX);
	send_auth(sa);
	expect("IKE_AUTH response 1 { IDr, AUTH }", true);
}
END_TEST

// OpenIKED proposes 0.0.0.0/32 or ::/128 when it wants a dynamic address.
START_TEST(unspecified_selector)
{
	struct ike_sa *sa = half_way(10);
	struct ike_builder *b = craft_begin();
	struct sas sas;

	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	put_request(b);
	put_child(b, _i == 0 ? "::/128" : "0.0.0.0/32", _i == 0 ? "::/0" : "0.0.0.0/0");
	send_auth(sa);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	ck_assert_uint_eq(sas.info[0].child[0].remote.n, 1);
	ck_assert_int_eq(sas.info[0].child[0].remote.ts[0].family, _i == 0 ? AF_INET6 : AF_INET);
	expect("IKE_AUTH response 1 { IDr, AUTH, CP, SA, TSi, TSr }", true);
}
END_TEST

// Selectors outside of what the link has.
START_TEST(foreign_selector)
{
	struct ike_sa *sa = half_way(11);
	struct ike_builder *b = craft_begin();

	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	put_request(b);
	put_child(b, "2001:db8:ffff::/48", "::/0");
	send_auth(sa);
	expect("IKE_AUTH response 1 { IDr, AUTH, CP, N(TS_UNACCEPTABLE) }", true);
}
END_TEST

// RFC 7296 section 2.4: the older IKE SA of the same two identities goes without a word, and its
// link first, so that the lease is free for the new one.
START_TEST(initial_contact)
{
	struct ike_builder *b;
	struct ike_sa *sa;
	struct sas sas;

	net_init(&net, 12);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.b.link_live, 1);
	net_restart_client(&net);
	net.filter = no_auth;
	net_connect(&net);
	net_settle(&net);
	sa = net.a.ike->all;
	b = craft_begin();
	put_id_and_auth(sa, b, AUTH_PSK, SIZE_MAX);
	payload_notify_write(b, 0, NULL, NOTIFY_INITIAL_CONTACT, NULL, 0);
	put_request(b);
	put_child(b, "::/0", "::/0");
	send_auth(sa);
	ck_assert_uint_eq(net.b.attached, 2);
	ck_assert_uint_eq(net.b.detached, 1);
	ck_assert_uint_eq(net.b.link_live, 1);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_uint_eq(sas.info[0].child_n, 1);
	ck_assert_uint_eq(peer_out_count(&net.b), 1);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth");
	TCase *tc = tcase_create("auth");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, auth_of_no_length, 0, 2);
	tcase_add_loop_test(tc, other_method, 0, 2);
	tcase_add_test(tc, no_auth_payload);
	tcase_add_test(tc, no_identity);
	tcase_add_test(tc, unknown_critical_payload);
	tcase_add_test(tc, unknown_payload);
	tcase_add_test(tc, malformed_under_good_keys);
	tcase_add_test(tc, no_configuration_payload);
	tcase_add_test(tc, childless);
	tcase_add_loop_test(tc, unspecified_selector, 0, 2);
	tcase_add_test(tc, foreign_selector);
	tcase_add_test(tc, initial_contact);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
