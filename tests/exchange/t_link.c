// SPDX-License-Identifier: BSD-3-Clause
// Configuration payloads, selectors and LINK_ID between two cores; what goes wrong with them leaves
// the IKE SA standing. RFC 7296 sections 2.9, 2.19, 2.21.2; RFC 5739 sections 4 and 5.
#include "child_sa.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
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

// --> CP(CFG_REQUEST) { INTERNAL_IP6_LINK(IID), INTERNAL_IP6_ADDRESS(), INTERNAL_IP6_DHCP() ... }
START_TEST(client_asks_L15)
{
	const struct cp_attrs *asked = &net.b.asked;
	static const uint8_t zero[8];

	up(1);
	ck_assert_int_eq(asked->type, CP_REQUEST);
	ck_assert(asked->link);
	ck_assert_mem_eq(asked->link_iid, net.a.interface_id, 8);
	ck_assert_mem_ne(asked->link_iid, zero, 8);
	ck_assert_uint_eq(asked->link_id_len, 0);
	ck_assert_uint_eq(asked->ip6_n, 1);
	ck_assert_uint_eq(asked->ip6[0].addr.family, 0);
	ck_assert_uint_eq(asked->ip4_n, 1);
	ck_assert(asked->want_dhcp6 && asked->want_dns6 && asked->want_dns4 && asked->want_domain);
	net_finish(&net);
}
END_TEST

START_TEST(interface_id_of_the_configuration)
{
	static const uint8_t iid[8] = {2, 0, 0, 0, 0, 0, 0, 9};

	net_init(&net, 2);
	memcpy(net.a.connection.interface_id, iid, 8);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_mem_eq(net.b.asked.link_iid, iid, 8);
	ck_assert_mem_eq(net.a.interface_id, iid, 8);
	net_finish(&net);
}
END_TEST

// L19: exactly the link-local address and the assigned prefixes, one selector each (and the IPv4
// address, L10).
START_TEST(selectors_narrowed_L19_L10)
{
	struct sas sas;
	const struct ts_list *tsi;
	struct inet_addr link_local, v4 = addr("10.66.0.7");
	struct ts ts;

	up(3);
	peer_sas(&net.a, &sas);
	tsi = &sas.info[0].child[0].local;
	ck_assert_uint_eq(tsi->n, 4);
	link_local = inet_addr_link_local(net.a.interface_id);
	ts = ts_from_addr(&link_local);
	ck_assert(ts_equal(&tsi->ts[0], &ts));
	ts = ts_from_addr(&v4);
	ck_assert(ts_equal(&tsi->ts[3], &ts));
	ck_assert_uint_eq(sas.info[0].child[0].remote.n, 2);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// L9, L16: a gateway that knows addresses only, and a client that asks for addresses only.
START_TEST(addresses_L9_L16)
{
	struct sas sas;

	net_init(&net, 4);
	if (_i == 0)
		net.b.link_mode = LINK_ADDRESSES;
	else
		net.a.connection.link = false;
	net.a.connection.ipv6_address = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert(!net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.ip6_n, 1);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].child[0].remote.n, 2);
	// Such peers know no LINK_ID, and need none.
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ck_assert(!peer_sent_text(&net.a, "N(LINK_ID)"));
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 1);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// <-- IKE_AUTH { IDr, AUTH, N(INTERNAL_ADDRESS_FAILURE) }: the IKE SA stays, no child SA.
START_TEST(address_failure_L18)
{
	struct sas sas;

	net_init(&net, 5);
	net.b.link_mode = LINK_FAIL;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert(peer_sent_text(
		&net.b, "IKE_AUTH response 1 { IDr, AUTH, N(INTERNAL_ADDRESS_FAILURE) }"));
	for (int i = 0; i < 2; i++) {
		struct peer *peer = i == 0 ? &net.a : &net.b;

		peer_sas(peer, &sas);
		ck_assert_uint_eq(sas.n, 1);
		ck_assert_int_eq(sas.info[0].state, IKE_SA_ESTABLISHED);
		ck_assert_uint_eq(sas.info[0].child_n, 0);
		ck_assert_uint_eq(peer_counters(peer).address_failure, 1);
		ck_assert_uint_eq(peer->event_n[IKE_EVENT_LINK_FAILED], 1);
		ck_assert_uint_eq(peer->spi_live, 0);
		ck_assert_uint_eq(peer->ref_live, 0);
	}
	ck_assert_str_eq(net.a.why, "INTERNAL_ADDRESS_FAILURE");
	net_run(&net, 100 * US_PER_S);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	net_finish(&net);
}
END_TEST

// With autostart it tries again, with longer and longer pauses, and gets through in the end.
START_TEST(address_failure_retried)
{
	struct sas sas;

	net_init(&net, 6);
	net.b.link_mode = LINK_FAIL;
	net.a.connection.autostart = true;
	net_start(&net);
	net_connect(&net);
	net_run(&net, 40 * US_PER_S);
	ck_assert_uint_ge(net.a.down, 4);
	ck_assert_uint_le(net.a.down, 7);
	net.b.link_mode = LINK_RFC5739;
	net_run(&net, 70 * US_PER_S);
	net_check_up(&net);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	net_finish(&net);
}
END_TEST

// The child SA is refused, the IKE SA stays (RFC 7296 section 2.21.2).
START_TEST(child_refused)
{
	static const char *const why[] = {
		"N(NO_PROPOSAL_CHOSEN)", "N(TS_UNACCEPTABLE)", "N(NO_ADDITIONAL_SAS)"};
	struct sas sas;
	char text[128];

	net_init(&net, 7);
	if (_i == 0)
		net.b.config.esp.proposal[0].encr[0] = alg_encr_find(ENCR_AES_GCM_16, 256);
	if (_i == 1)
		net.b.link_mode = LINK_NOTHING; // default deny
	net.b.spi_fail = _i == 2;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	snprintf(text, sizeof(text), "IKE_AUTH response 1 { IDr, AUTH, %s%s }",
		_i == 1 ? "" : "CP, ", why[_i]);
	ck_assert_msg(peer_sent_text(&net.b, text), "%s", text);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_int_eq(sas.info[0].state, IKE_SA_ESTABLISHED);
	ck_assert_uint_eq(sas.info[0].child_n, 0);
	ck_assert_uint_eq(net.b.ref_live, 0);
	ck_assert_uint_eq(net.a.spi_live, 0);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 1);
	net_finish(&net);
}
END_TEST

static void no_link_id(struct ike_link_reply *reply)
{
	reply->reply.link_id_len = 0;
}
static void own_interface_id(struct ike_link_reply *reply)
{
	memcpy(reply->reply.link_iid, net.b.asked.link_iid, 8);
}
static void link_local_prefix(struct ike_link_reply *reply)
{
	ck_assert_int_eq(inet_prefix_parse("fe80::/64", &reply->reply.prefix[1]), 0);
}
static void multicast_prefix(struct ike_link_reply *reply)
{
	ck_assert_int_eq(inet_prefix_parse("ff02::/16", &reply->reply.prefix[0]), 0);
}
static void everything_prefix(struct ike_link_reply *reply)
{
	ck_assert_int_eq(inet_prefix_parse("::/0", &reply->reply.prefix[0]), 0);
}
static void bad_address(struct ike_link_reply *reply)
{
	reply->reply.ip4[0] = addr("224.0.0.1");
}
static void nothing_at_all(struct ike_link_reply *reply)
{
	memset(&reply->reply, 0, sizeof(reply->reply));
	reply->reply.type = CP_REPLY;
}
static void not_a_reply(struct ike_link_reply *reply)
{
	reply->reply.type = CP_REQUEST;
}

static const struct {
	void (*hook)(struct ike_link_reply *reply);
	const char *why;
} bad_reply[] = {
	{no_link_id, "a link without a Link ID"},
	{own_interface_id, "the gateway has our own interface ID"},
	{link_local_prefix, "a prefix that no link can have"},
	{multicast_prefix, "a prefix that no link can have"},
	{everything_prefix, "a prefix that no link can have"},
	{bad_address, "an IPv4 address that no host can have"},
	{nothing_at_all, "neither link nor address"},
	{not_a_reply, "malformed configuration payload"},
};

// The client believes no configuration that makes no sense; the IKE SA is deleted.
START_TEST(bad_replies)
{
	struct sas sas;

	net_init(&net, 8);
	net.b.reply_hook = bad_reply[_i].hook;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_str_eq(net.a.why, bad_reply[_i].why);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 0);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.b.link_live, 0);
	ck_assert_uint_eq(net.a.spi_live, 0);
	net_finish(&net);
}
END_TEST

// --> CREATE_CHILD_SA { N(REKEY_SA), N(LINK_ID), SA, Ni, TSi, TSr }, whoever asks; never in an answer,
// never for the IKE SA.
START_TEST(link_id_L24)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b, *other = _i == 0 ? &net.b : &net.a;

	up(9);
	ike_child_rekey(peer->ike, peer_child(peer), net.now_us);
	peer_drain(peer);
	net_run(&net, 10 * US_PER_S);
	ck_assert(peer_sent_text(peer, "{ N(REKEY_SA), N(LINK_ID), SA, Ni, TSi, TSr }"));
	ck_assert(peer_sent_text(other, "{ SA, Nr, TSi, TSr }"));
	ike_sa_rekey(peer->ike, peer_ike_sa(peer), net.now_us);
	peer_drain(peer);
	net_run(&net, 10 * US_PER_S);
	ck_assert(peer_sent_text(peer, "{ SA, Ni, KEi }"));
	// Known to the new IKE SA as well.
	ike_child_rekey(other->ike, peer_child(other), net.now_us);
	peer_drain(other);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 2);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// Without LINK_ID, or with another one, a request is about the physical interface, where nobody is
// allowed link-local selectors. _i: 0 no LINK_ID, 1 a wrong one; the gateway asked, then the client.
START_TEST(link_id_missing_L24)
{
	struct peer *peer = _i < 2 ? &net.a : &net.b, *other = _i < 2 ? &net.b : &net.a;
	struct ike_sa *sa;

	up(10);
	sa = ike_sa_by_handle(peer->ike, peer_ike_sa(peer));
	if (_i % 2 == 0)
		sa->link_wire = false;
	else
		sa->link_id[0] ^= 1;
	ike_child_rekey(peer->ike, peer_child(peer), net.now_us);
	peer_drain(peer);
	net_run(&net, 10 * US_PER_S);
	ck_assert(peer_sent_text(other, "{ N(TS_UNACCEPTABLE) }"));
	ck_assert_uint_eq(peer_counters(other).ts_unacceptable, 1);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 0);
	net_check_up(&net); // the old one goes on
	net_finish(&net);
}
END_TEST

static void propose(const char *tsi, const char *tsr)
{
	struct sas sas;
	struct inet_prefix p;
	struct ts_list local = {0}, remote = {0};
	struct ts ts;
	struct ike_sa *sa;

	inet_prefix_parse(tsi, &p);
	ts = ts_from_prefix(&p);
	ts_list_add(&local, &ts);
	inet_prefix_parse(tsr, &p);
	ts = ts_from_prefix(&p);
	ts_list_add(&remote, &ts);
	peer_sas(&net.a, &sas);
	sa = ike_sa_by_handle(net.a.ike, sas.info[0].ike_sa);
	task_add(sa, task_child_new(&local, &remote));
	ike_timeout(net.a.ike, net.now_us);
	ike_on_traffic(net.a.ike, peer_child(&net.a), 0, net.now_us); // any entry starts tasks
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
}

// A second child SA of the link, narrowed to what the link has; a third one outside of it.
START_TEST(more_child_sas)
{
	struct sas sas;

	up(11);
	propose("2001:db8:1000::/44", "2001:db8:aaaa::/64");
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].child_n, 2);
	ck_assert_uint_eq(sas.info[0].child[0].remote.n, 1);
	ck_assert(peer_sent_text(&net.a, "{ N(LINK_ID), SA, Ni, TSi, TSr }"));
	net_check_mirror(&net);
	propose("2001:db8:2::/48", "2001:db8:aaaa::/64");
	ck_assert(peer_sent_text(&net.b, "{ N(TS_UNACCEPTABLE) }"));
	for (int i = 0; i < 8; i++)
		propose("2001:db8:1000::/44", "2001:db8:aaaa::/64");
	ck_assert(peer_sent_text(&net.b, "{ N(NO_ADDITIONAL_SAS) }"));
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].child_n, 8);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The client that comes back after losing its IKE SA asks for the link that it had (section 4.2).
START_TEST(link_id_asked_again)
{
	net_init(&net, 13);
	net.a.connection.autostart = true;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(net.b.asked.link_id_len, 6);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6);
	ck_assert_mem_eq(net.b.asked.link_iid, net.a.interface_id, 8);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link");
	TCase *tc = tcase_create("link");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, client_asks_L15);
	tcase_add_test(tc, interface_id_of_the_configuration);
	tcase_add_test(tc, selectors_narrowed_L19_L10);
	tcase_add_loop_test(tc, addresses_L9_L16, 0, 2);
	tcase_add_test(tc, address_failure_L18);
	tcase_add_test(tc, address_failure_retried);
	tcase_add_loop_test(tc, child_refused, 0, 3);
	tcase_add_loop_test(tc, bad_replies, 0, sizeof(bad_reply) / sizeof(bad_reply[0]));
	tcase_add_loop_test(tc, link_id_L24, 0, 2);
	tcase_add_loop_test(tc, link_id_missing_L24, 0, 4);
	tcase_add_test(tc, more_child_sas);
	tcase_add_test(tc, link_id_asked_again);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
