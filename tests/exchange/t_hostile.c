// SPDX-License-Identifier: BSD-3-Clause
// What strangers and confused peers send: garbage, forged SPIs, changed octets, wrong versions, and
// requests under good keys that make no sense. RFC 7296 sections 2.5, 2.21.
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;

static void up(uint64_t seed)
{
	net_init(&net, seed);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
}

static void raw(struct peer *to, uint8_t *data, uint32_t len)
{
	struct packet packet = {.src = addr("198.51.100.1"),
		.dst = to->addr,
		.src_port = 1000,
		.dst_port = 500,
		.len = len,
		.data = data};

	net_send_raw(&net, &packet);
}

START_TEST(garbage)
{
	uint8_t data[1500];

	up(1);
	for (int i = 0; i < 20000; i++) {
		uint32_t len = (uint32_t)(net_random(&net) % sizeof(data));

		for (uint32_t j = 0; j < len; j++)
			data[j] = (uint8_t)net_random(&net);
		if (i % 2 == 0 && len >= 28) { // with a plausible header
			data[17] = 0x20;
			data[18] = (uint8_t)(34 + i % 4);
			data[24] = data[25] = 0;
			data[26] = (uint8_t)(len >> 8);
			data[27] = (uint8_t)len;
			if (i % 8 == 0) { // of an IKE_SA_INIT
				memset(data + 8, 0, 8);
				data[18] = IKE_SA_INIT;
				data[19] = IKE_FLAG_INITIATOR;
				memset(data + 20, 0, 4);
				data[16] = (uint8_t)(33 + i % 16);
			}
		}
		raw(i % 3 == 0 ? &net.a : &net.b, data, len);
		if (i % 64 == 0)
			net_run(&net, 10 * US_PER_MS);
	}
	net_settle(&net);
	ck_assert_uint_gt(peer_counters(&net.b).malformed, 1000);
	ck_assert_uint_eq(net.b.ike->sa_n, 1);
	net_check_up(&net);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// <-- { N(INVALID_IKE_SPI) } in the clear, and only so many of them.
START_TEST(forged_spi)
{
	uint8_t data[64] = {[17] = 0x20,
		[18] = INFORMATIONAL,
		[19] = IKE_FLAG_INITIATOR,
		[23] = 5,
		[27] = 64,
		[16] = PAYLOAD_SK,
		[28] = 0,
		[31] = 36};
	uint32_t sent;

	up(2);
	sent = net.b.sent;
	for (int i = 0; i < 1000; i++) {
		memcpy(data, &i, sizeof(i));
		memcpy(data + 8, &i, sizeof(i));
		raw(&net.b, data, sizeof(data));
	}
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(peer_counters(&net.b).unknown_spi, 1000);
	ck_assert_uint_le(net.b.sent - sent, STRANGER_BURST + STRANGER_PER_S / 5);
	ck_assert_uint_gt(net.b.sent, sent);
	// A response is never answered.
	sent = net.b.sent;
	data[19] |= IKE_FLAG_RESPONSE;
	net_run(&net, 10 * US_PER_S);
	raw(&net.b, data, sizeof(data));
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.b.sent, sent);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

static uint8_t last[256];
static uint32_t last_len;
static bool catch_stranger(struct net *, struct packet *packet)
{
	if (packet->dst_port == 1000) {
		last_len = packet->len;
		memcpy(last, packet->data, packet->len < 256 ? packet->len : 256);
	}
	return true;
}

// <-- { N(INVALID_MAJOR_VERSION) } with our version, the same SPIs and message id.
START_TEST(other_version)
{
	uint8_t data[40] = {1, 2, 3, 4, 5, 6, 7,
		8, [17] = 0x30, [18] = IKE_SA_INIT, [19] = IKE_FLAG_INITIATOR, [27] = 40};
	struct payload_notify notify;
	struct ike_msg msg;

	up(3);
	net.filter = catch_stranger;
	raw(&net.b, data, sizeof(data));
	net_settle(&net);
	ck_assert_uint_gt(last_len, 0);
	ck_assert_int_eq(ike_msg_parse(last, last_len, &msg), 0);
	ck_assert_uint_eq(msg.header.version, 0x20);
	ck_assert_uint_eq(msg.header.flags, IKE_FLAG_RESPONSE);
	ck_assert_mem_eq(last, data, 8);
	ck_assert_int_eq(payload_notify_read(&msg.payload[0], &notify), 0);
	ck_assert_uint_eq(notify.type, NOTIFY_INVALID_MAJOR_VERSION);
	last_len = 0;
	data[17] = 0x10; // IKEv1: silence
	raw(&net.b, data, sizeof(data));
	net_settle(&net);
	ck_assert_uint_eq(last_len, 0);
	net_finish(&net);
}
END_TEST

static uint32_t change_at, change_message;
static bool change_octet(struct net *, struct packet *packet)
{
	if (packet->number == change_message && packet->len > change_at)
		packet->data[change_at] ^= 0xff;
	return true;
}

// Each octet of each of the first six messages changed once: what was changed is refused or comes to
// nothing, the retransmission comes through, nobody crashes, nothing leaks.
START_TEST(changed_octets)
{
	for (uint32_t at = 0; at < 400; at += 7) {
		net_init(&net, 1000 + (unsigned)_i);
		net_start(&net);
		net.filter = change_octet;
		change_message = (uint32_t)_i;
		change_at = at;
		net_connect(&net);
		net_settle(&net);
		if (net.a.up > 0) {
			ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
			peer_drain(&net.a);
		}
		net_run(&net, 150 * US_PER_S);
		net.filter = NULL;
		net_finish(&net);
	}
}
END_TEST

// Changes of IKE_SA_INIT are found by AUTH: both sides must have seen the same messages.
START_TEST(changed_init_is_noticed)
{
	net_init(&net, 4);
	net_start(&net);
	net.filter = change_octet;
	change_message = 1;
	change_at = 28 + 48 + 8 + 32 + 8 + 10; // inside of Ni
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_gt(peer_counters(&net.b).bad_icv, 0); // other nonces, other keys
	ck_assert_uint_eq(peer_counters(&net.b).established, 0);
	net_finish(&net);
}
END_TEST

static uint32_t client_next(void)
{
	return ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a))->window.next_out;
}

// A request of the client's under good keys, which it did not make; the gateway's answer.
static void crafted(uint8_t exchange, const char *answer, bool survives)
{
	struct sas sas;
	uint64_t handle = peer_ike_sa(&net.a);

	craft_send(&net.a, handle, exchange, 0, client_next());
	ike_sa_by_handle(net.a.ike, handle)->window.next_out++;
	net_run(&net, 50 * US_PER_MS);
	ck_assert_msg(
		peer_sent_text(&net.b, answer), "%s", net.b.event_text[IKE_EVENT_MESSAGE_OUT]);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, survives);
	ck_assert_uint_eq(peer_out_count(&net.b), survives);
	ck_assert_uint_eq(net.b.link_live, survives);
	net_finish(&net);
}

START_TEST(unknown_exchange)
{
	up(5);
	craft_begin();
	crafted(99, "? response 2 { N(INVALID_SYNTAX) }", false);
}
END_TEST

START_TEST(auth_once_more)
{
	up(6);
	craft_begin();
	crafted(IKE_AUTH, "IKE_AUTH response 2 { N(INVALID_SYNTAX) }", false);
}
END_TEST

// Section 2.21.3: malformed under good keys is fatal.
START_TEST(malformed)
{
	struct ike_builder *b;

	up(7);
	b = craft_begin();
	ike_build_payload(b, _i == 0 ? PAYLOAD_DELETE : _i == 1 ? PAYLOAD_NOTIFY : PAYLOAD_SA);
	buf_put_be16(&b->w, 0x0904);
	crafted(_i == 2 ? CREATE_CHILD_SA : INFORMATIONAL,
		_i == 2 ? "CREATE_CHILD_SA response 2 { N(INVALID_SYNTAX) }"
			: "INFORMATIONAL response 2 { N(INVALID_SYNTAX) }",
		false);
}
END_TEST

// A critical payload that we do not know: this request is refused, the IKE SA stays.
START_TEST(unknown_critical)
{
	struct ike_builder *b;
	struct buf_writer *w;

	up(8);
	b = craft_begin();
	w = ike_build_payload(b, (enum payload_type)200);
	w->start[1] = 0x80;
	crafted(INFORMATIONAL, "INFORMATIONAL response 2 { N(UNSUPPORTED_CRITICAL_PAYLOAD) }",
		true);
}
END_TEST

START_TEST(delete_of_unknown_spis)
{
	uint32_t spi[3] = {0x1000, 0x2000, 0xffffffff};

	up(9);
	payload_delete_write(craft_begin(), PROTOCOL_ESP, spi, 3);
	crafted(INFORMATIONAL, "INFORMATIONAL response 2 { }", true);
}
END_TEST

START_TEST(rekey_of_unknown_spi)
{
	struct ike_builder *b;
	struct wire_sa offer;
	struct sas sas;
	uint32_t spi = 0x1000;
	uint8_t nonce[32] = {1};

	up(10);
	peer_sas(&net.a, &sas);
	b = craft_begin();
	payload_notify_write(b, PROTOCOL_ESP, &spi, NOTIFY_REKEY_SA, NULL, 0);
	proposal_offer_esp(&net.a.config.esp, 0x3000, true, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, nonce, sizeof(nonce));
	payload_ts_write(b, true, &sas.info[0].child[0].local);
	payload_ts_write(b, false, &sas.info[0].child[0].remote);
	crafted(CREATE_CHILD_SA, "CREATE_CHILD_SA response 2 { N(CHILD_SA_NOT_FOUND) }", true);
}
END_TEST

static const struct {
	uint8_t protocol, spi_len;
	const char *why;
} bad_rekey[] = {
	{PROTOCOL_ESP, 0, "no SPI at all"},
	{PROTOCOL_ESP, 3, "an SPI that is too short"},
	{PROTOCOL_ESP, 8, "an SPI of an IKE SA's length"},
	{PROTOCOL_ESP, 200, "longer than the payload"},
};

// --> CREATE_CHILD_SA { N(REKEY_SA) that cannot be read, SA, Ni, TSi, TSr }: no new child SA (the
// selectors would do), and fatal as anything malformed under good keys.
START_TEST(rekey_malformed)
{
	struct ike_builder *b;
	struct buf_writer *w;
	struct wire_sa offer;
	struct sas sas;
	uint8_t nonce[32] = {1};

	up(15);
	peer_sas(&net.a, &sas);
	b = craft_begin();
	w = ike_build_payload(b, PAYLOAD_NOTIFY);
	buf_put_u8(w, bad_rekey[_i].protocol);
	buf_put_u8(w, bad_rekey[_i].spi_len);
	buf_put_be16(w, NOTIFY_REKEY_SA);
	for (int i = 0; i < bad_rekey[_i].spi_len && i < 8; i++)
		buf_put_u8(w, 1);
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link-1", 6);
	proposal_offer_esp(&net.a.config.esp, 0x3000, true, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, nonce, sizeof(nonce));
	payload_ts_write(b, true, &sas.info[0].child[0].local);
	payload_ts_write(b, false, &sas.info[0].child[0].remote);
	crafted(CREATE_CHILD_SA, "CREATE_CHILD_SA response 2 { N(INVALID_SYNTAX) }", false);
}
END_TEST

// The peer says that we never authenticated: section 2.21.2.
START_TEST(authentication_failed_afterwards)
{
	up(11);
	payload_notify_write(
		craft_begin(), PROTOCOL_NONE, NULL, NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
	crafted(INFORMATIONAL, "INFORMATIONAL response 2 { }", false);
}
END_TEST

static bool no_answer(struct net *n, struct packet *packet)
{
	return packet->from != &n->b || n->filter_arg != NULL;
}

// <-- CREATE_CHILD_SA { N(INVALID_SYNTAX) }: fatal for both sides.
START_TEST(invalid_syntax_in_answer)
{
	struct sas sas;

	up(13);
	net.filter = no_answer;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 15 * US_PER_MS);
	payload_notify_write(craft_begin(), PROTOCOL_NONE, NULL, NOTIFY_INVALID_SYNTAX, NULL, 0);
	net.filter_arg = &net;
	craft_send(&net.b, peer_ike_sa(&net.b), CREATE_CHILD_SA, IKE_FLAG_RESPONSE, 2);
	net_run(&net, 15 * US_PER_MS);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 0);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(net.a.spi_live, 0);
	net_finish(&net);
}
END_TEST

static const char *const answer_why[] = {"no SA payload", "a reserved SPI",
	"a transform that was not offered", "selectors beyond what was asked for", "a good one"};

// Answers that make no sense under good keys: the IKE SA is deleted, nothing of the exchange stays.
START_TEST(malformed_answer)
{
	bool good = _i == 4;
	struct ike_builder *b;
	struct wire_sa offer;
	uint8_t nonce[32] = {1};
	struct sas sas;

	up(14);
	net.filter = no_answer;
	peer_sas(&net.b, &sas);
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 15 * US_PER_MS);
	b = craft_begin();
	net.b.config.esp.proposal[0].esn_no = false; // an answer has one transform of a type
	proposal_offer_esp(&net.b.config.esp, _i == 1 ? 0x10 : 0x3000, true, &offer);
	if (_i == 2)
		offer.proposal[0].transform[0].key_bits = 256;
	if (_i > 0)
		payload_sa_write(b, &offer);
	payload_nonce_write(b, nonce, sizeof(nonce));
	payload_ts_write(
		b, true, _i == 3 ? &sas.info[0].child[0].local : &sas.info[0].child[0].remote);
	payload_ts_write(b, false, &sas.info[0].child[0].local);
	net.filter_arg = &net;
	craft_send(&net.b, peer_ike_sa(&net.b), CREATE_CHILD_SA, IKE_FLAG_RESPONSE, 2);
	net_run(&net, 15 * US_PER_MS);
	peer_sas(&net.a, &sas);
	ck_assert_msg((sas.info[0].state == IKE_SA_ESTABLISHED) == good, "%s", answer_why[_i]);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, good);
	if (!good)
		ck_assert_uint_eq(net.a.spi_live, 0);
	net_finish(&net);
}
END_TEST

START_TEST(unknown_notify)
{
	struct ike_builder *b;

	up(12);
	b = craft_begin();
	payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)60000, "x", 1);
	payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)8191, "x", 1);
	crafted(INFORMATIONAL, "INFORMATIONAL response 2 { }", true);
}
END_TEST

// Random payload bodies of every known type, under good keys, in every exchange.
START_TEST(random_requests)
{
	for (int i = 0; i < 400; i++) {
		static const uint8_t exchange[] = {CREATE_CHILD_SA, INFORMATIONAL, IKE_AUTH};
		struct ike_builder *b;
		int n;

		up(2000 + (unsigned)_i * 1000 + (unsigned)i);
		b = craft_begin();
		n = 1 + (int)(net_random(&net) % 6);
		for (int j = 0; j < n; j++) {
			uint32_t len = (uint32_t)(net_random(&net) % 60);

			ike_build_payload(b, (enum payload_type)(33 + net_random(&net) % 16));
			for (uint32_t k = 0; k < len; k++) {
				uint64_t r = net_random(&net);

				buf_put_u8(&b->w, (uint8_t)(r % 4 ? r >> 8 & 3 : r >> 8));
			}
		}
		craft_send(&net.a, peer_ike_sa(&net.a), exchange[i % 3], 0, client_next());
		ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a))->window.next_out++;
		net_run(&net, 50 * US_PER_MS);
		net_finish(&net);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, forged_spi);
	tcase_add_test(tc, other_version);
	tcase_add_loop_test(tc, changed_octets, 1, 7);
	tcase_add_test(tc, changed_init_is_noticed);
	tcase_add_test(tc, unknown_exchange);
	tcase_add_test(tc, auth_once_more);
	tcase_add_loop_test(tc, malformed, 0, 3);
	tcase_add_test(tc, unknown_critical);
	tcase_add_test(tc, delete_of_unknown_spis);
	tcase_add_test(tc, rekey_of_unknown_spi);
	tcase_add_loop_test(tc, rekey_malformed, 0, sizeof(bad_rekey) / sizeof(bad_rekey[0]));
	tcase_add_test(tc, authentication_failed_afterwards);
	tcase_add_test(tc, invalid_syntax_in_answer);
	tcase_add_loop_test(tc, malformed_answer, 0, 5);
	tcase_add_test(tc, unknown_notify);
	tcase_add_test(tc, random_requests);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
