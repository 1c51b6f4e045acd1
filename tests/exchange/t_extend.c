// SPDX-License-Identifier: BSD-3-Clause
// P5: addresses by IKEv2 in a shared prefix, further ones by CREATE_CHILD_SA with a configuration
// payload, INTERNAL_IP6_ADDRESS2: the draft's appendix A.4. Two cores, a link layer of a few lines.
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <string.h>

static struct net net;
static enum ike_link_outcome outcome;
static struct cp_attrs extend_asked;
static uint32_t extend_n;
static void (*extend_hook)(struct ike_link_reply *reply);

// The gateway's answer in IKE_AUTH: addresses in place of prefixes, one selector each.
static void give_addresses(struct ike_link_reply *reply)
{
	const char *const text[] = {"2001:db8:3000::1:1", "2001:db8:3001::1:1"};

	reply->reply.prefix_n = 0;
	reply->remote.n = 1; // the link-local address
	for (uint32_t i = 0; i < 2; i++) {
		struct inet_addr a = addr(text[i]);
		struct ts ts = ts_from_addr(&a);

		reply->reply.address2[reply->reply.address2_n++] = a;
		ts_list_add(&reply->remote, &ts);
	}
}

static enum ike_link_outcome extend(
	void *, uint64_t link, const struct cp_attrs *asked, struct ike_link_reply *reply, uint64_t)
{
	struct inet_addr given = addr("2001:db8:3000::77");
	struct ts ts;

	ck_assert_uint_eq(link, 1);
	extend_asked = *asked;
	extend_n++;
	memset(reply, 0, sizeof(*reply));
	reply->why = "somebody else has it";
	if (asked->address2_n > 0 && asked->address2[0].family != 0)
		given = asked->address2[0];
	ts = ts_from_addr(&given);
	ts_list_add(&reply->remote, &ts);
	reply->local = selectors("::/0");
	reply->reply.type = CP_REPLY;
	reply->reply.address2_n = 1;
	reply->reply.address2[0] = given;
	if (extend_hook != NULL)
		extend_hook(reply);
	return outcome;
}

static void begin(uint64_t seed)
{
	net_init(&net, seed);
	net.a.connection.ipv4 = false;
	net.a.connection.link_model = CONFIG_LINK_ROUTER_AGGREGATION;
	net.a.connection.addresses_by = CONFIG_ADDRESSES_IKEV2;
	net.b.reply_hook = give_addresses;
	net.b.ops.link_extend = extend;
	outcome = IKE_LINK_OK;
	extend_hook = NULL;
	extend_n = 0;
}

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
}

static void ask(uint32_t tag, bool of_link, const char *address)
{
	struct ike_child_spec spec = {.tag = tag, .of_link = of_link, .ask = true};

	if (address != NULL)
		spec.address2 = addr(address);
	ck_assert_int_eq(ike_child_add(net.a.ike, &net.a.connection, &spec, net.now_us), 0);
	peer_drain(&net.a);
	net_settle(&net);
}

// CP(CFG_REPLY) { INTERNAL_IP6_LINK(...), INTERNAL_IP6_ADDRESS2(...), INTERNAL_IP6_ADDRESS2(...) }
START_TEST(addresses_in_ike_auth_P5)
{
	struct sas sas;

	begin(1);
	go();
	net_check_up(&net);
	ck_assert(net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.prefix_n, 0);
	ck_assert_uint_eq(net.a.cp.address2_n, 2);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.info[0].child[0].local.n, 3);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// --> N(LINK_ID), CP(CFG_REQUEST) { INTERNAL_IP6_ADDRESS2(Prefix1+IID3) }, TSi = Prefix1::/64
// <-- CP(CFG_REPLY) { INTERNAL_IP6_ADDRESS2(Prefix1+IID3) }, TSi = Prefix1+IID3
START_TEST(one_more_address_P5)
{
	struct ts_list expected = selectors("2001:db8:3000::abcd"), any = selectors("::/0");
	const struct ike_effect *last = &net.a.child[9].last;

	begin(2);
	go();
	ask(9, true, "2001:db8:3000::abcd");
	ck_assert(peer_sent_text(
		&net.a, "CREATE_CHILD_SA request 2 { N(LINK_ID), CP, SA, Ni, TSi, TSr }"));
	ck_assert(peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { CP, SA, Nr, TSi, TSr }"));
	ck_assert_int_eq(extend_asked.type, CP_REQUEST);
	ck_assert_uint_eq(extend_asked.address2_n, 1);
	ck_assert_uint_eq(net.a.child[9].up, 1);
	ck_assert_uint_eq(last->connection.cp.address2_n, 1);
	ck_assert(ts_list_equal(&last->connection.local, &expected));
	ck_assert(ts_list_equal(&last->connection.remote, &any));
	net_check_mirror(&net);
	// Its rekeys ask for nothing.
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us);
	peer_drain(&net.a);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(extend_n, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// INTERNAL_IP6_ADDRESS2(): any.
START_TEST(any_address_P5)
{
	begin(3);
	go();
	ask(9, true, NULL);
	ck_assert_uint_eq(extend_asked.address2_n, 1);
	ck_assert_uint_eq(extend_asked.address2[0].family, 0);
	ck_assert_uint_eq(net.a.child[9].up, 1);
	ck_assert_uint_eq(net.a.child[9].last.connection.cp.address2_n, 1);
	net_finish(&net);
}
END_TEST

static void another(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("2001:db8:3000::abce");
	reply->remote = selectors("2001:db8:3000::abce");
}

// The wish is one: another address of the prefix is as good (RFC 7296 section 3.15.1), and told as such.
START_TEST(another_address_P5)
{
	struct inet_addr given = addr("2001:db8:3000::abce");

	begin(11);
	go();
	extend_hook = another;
	ask(9, true, "2001:db8:3000::abcd");
	ck_assert_uint_eq(net.a.child[9].up, 1);
	ck_assert_uint_eq(net.a.child[9].last.connection.cp.address2_n, 1);
	ck_assert(inet_addr_equal(&net.a.child[9].last.connection.cp.address2[0], &given));
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// In use by another client: INTERNAL_ADDRESS_FAILURE, and nothing else changes.
START_TEST(address_in_use_P5)
{
	begin(4);
	go();
	outcome = IKE_LINK_FAILED;
	ask(9, true, "2001:db8:3000::abcd");
	ck_assert(peer_sent_text(&net.b, "{ N(INTERNAL_ADDRESS_FAILURE) }"));
	ck_assert_str_eq(net.b.event_text[IKE_EVENT_LINK_FAILED], "somebody else has it");
	ck_assert_uint_eq(peer_counters(&net.b).address_failure, 1);
	ck_assert_uint_eq(net.a.child[9].down, 1);
	ck_assert_str_eq(net.a.child[9].last.connection.why, "INTERNAL_ADDRESS_FAILURE");
	net_check_mirror(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// Where no addresses are to be had: without LINK_ID, without a link, with a link layer that has none.
// The link layer hears of none of them.
START_TEST(nowhere_to_ask_P5)
{
	begin(5);
	if (_i == 1) {
		net.a.connection.link = false;
		net.a.connection.ipv6_address = true;
		net.b.reply_hook = NULL;
	}
	if (_i > 0)
		net.b.ops.link_extend = NULL;
	go();
	ask(9, _i != 0, "2001:db8:3000::abcd");
	ck_assert(peer_sent_text(&net.b, "{ N(INTERNAL_ADDRESS_FAILURE) }"));
	ck_assert_uint_eq(extend_n, 0);
	ck_assert_uint_eq(net.a.child[9].down, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

static void not_in_selectors(struct ike_link_reply *reply)
{
	reply->reply.address2[reply->reply.address2_n++] = addr("2001:db8:9::1");
}
static void nonsense(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("ff02::1");
}
static void link_local(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("fe80::1");
}
static void none(struct ike_link_reply *reply)
{
	reply->reply.address2_n = 0;
}
static void request(struct ike_link_reply *reply)
{
	reply->reply.type = CP_REQUEST;
}

static const struct {
	void (*hook)(struct ike_link_reply *reply);
	const char *why;
} bad[] = {
	{not_in_selectors, "an address that is not in the selectors"},
	{nonsense, "an address that no link can have"},
	{link_local, "an address that no link can have"},
	{none, "no address in the answer"},
	{request, "malformed configuration payload"},
};

// The client believes no answer that makes no sense: that child SA is deleted, the others go on.
START_TEST(bad_answers_P5)
{
	begin(6);
	go();
	extend_hook = bad[_i].hook;
	ask(9, true, "2001:db8:3000::abcd");
	ck_assert_uint_eq(net.a.child[9].up, 0);
	ck_assert_uint_eq(net.a.child[9].down, 1);
	ck_assert_str_eq(net.a.child[9].last.connection.why, bad[_i].why);
	net_run(&net, 10 * US_PER_S);
	net_check_mirror(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// The link layer has nothing to say to this payload: no CP in the answer, which is refused here.
START_TEST(no_answer_P5)
{
	begin(7);
	go();
	outcome = IKE_LINK_NONE;
	ask(9, true, "2001:db8:3000::1:1");
	ck_assert(peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { N(TS_UNACCEPTABLE) }") ||
		peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { SA, Nr, TSi, TSr }"));
	ck_assert_str_eq(net.a.child[9].last.connection.why, "no configuration in the answer");
	net_run(&net, 10 * US_PER_S);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// What fails after the address was granted answers with the error alone, and what fails before it
// grants none.
START_TEST(fails_otherwise_P5)
{
	begin(8);
	go();
	net.b.spi_fail = _i == 0;
	if (_i == 1)
		net.b.config.esp.proposal[0].encr[0] = alg_encr_find(ENCR_AES_GCM_16, 256);
	ask(9, true, "2001:db8:3000::abcd");
	ck_assert(peer_sent_text(&net.b,
		_i == 0 ? "response 2 { N(NO_ADDITIONAL_SAS) }"
			: "response 2 { N(NO_PROPOSAL_CHOSEN) }"));
	ck_assert(_i == 0 ? extend_n > 0 : extend_n == 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// With PFS and another group than the gateway's: the address is granted once.
START_TEST(other_group_P5)
{
	begin(9);
	net.a.config.esp.proposal[0].dh_n = 2;
	net.a.config.esp.proposal[0].dh[0] = alg_dh_find(DH_X25519);
	net.a.config.esp.proposal[0].dh[1] = alg_dh_find(DH_ECP_256);
	net.b.config.esp.proposal[0].dh_n = 1;
	net.b.config.esp.proposal[0].dh[0] = alg_dh_find(DH_ECP_256);
	go();
	ask(9, true, NULL);
	ck_assert(peer_sent_text(&net.b, "{ N(INVALID_KE_PAYLOAD) }"));
	ck_assert_uint_eq(extend_n, 1);
	ck_assert_uint_eq(net.a.child[9].up, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Malformed attributes: INVALID_SYNTAX, which ends the IKE SA (RFC 7296 section 2.21.3).
START_TEST(malformed_P5)
{
	struct wire_sa offer;
	struct ts_list tsi = selectors("::/0");
	struct ike_builder *b;
	struct buf_writer *w;
	struct ike_sa *sa;
	static const uint8_t size[] = {15, 17, 1};

	begin(10);
	go();
	sa = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	b = craft_begin();
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link-1", 6);
	w = ike_build_payload(b, PAYLOAD_CP);
	buf_put_u8(w, CP_REQUEST);
	buf_put_zero(w, 3);
	buf_put_be16(w, CP_INTERNAL_IP6_ADDRESS2);
	buf_put_be16(w, size[_i]);
	buf_put_zero(w, size[_i]);
	proposal_offer_esp(&net.a.config.esp, 0x12345678, true, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, "0123456789abcdef0123456789abcdef", 32);
	payload_ts_write(b, true, &tsi);
	payload_ts_write(b, false, &tsi);
	craft_send(&net.a, sa->handle, CREATE_CHILD_SA, 0, sa->window.next_out);
	net_run(&net, 1 * US_PER_S);
	ck_assert(peer_sent_text(&net.b, "{ N(INVALID_SYNTAX) }"));
	ck_assert_uint_eq(extend_n, 0);
	ck_assert_uint_eq(net.b.link_live, 0);
	net_fini(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("extend");
	TCase *tc = tcase_create("extend");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, addresses_in_ike_auth_P5);
	tcase_add_test(tc, one_more_address_P5);
	tcase_add_test(tc, any_address_P5);
	tcase_add_test(tc, another_address_P5);
	tcase_add_test(tc, address_in_use_P5);
	tcase_add_loop_test(tc, nowhere_to_ask_P5, 0, 3);
	tcase_add_loop_test(tc, bad_answers_P5, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, no_answer_P5);
	tcase_add_loop_test(tc, fails_otherwise_P5, 0, 2);
	tcase_add_test(tc, other_group_P5);
	tcase_add_loop_test(tc, malformed_P5, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
