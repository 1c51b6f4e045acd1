// SPDX-License-Identifier: BSD-3-Clause
// L8, L24: one IKE SA, two interfaces. LINK_ID decides whether a child SA is of the virtual link or of
// the physical interface, which have SPDs of their own: the example at the end of the draft's section
// 5.5, and SAs of both kinds at once. RFC 5739 section 4.3.
#include "child_sa.h"
#include "dh.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static struct net net;
static struct config_connection two[2];

// What a connection wants beside its first child SA.
static void want(
	struct config_connection *connection, bool link, const char *local, const char *remote)
{
	connection->child[connection->child_n++] = (struct config_child){
		.link = link, .local = selectors(local), .remote = selectors(remote)};
}

// joe.user: a user like any other. The PAD has an entry for the neighbouring router, too.
static void begin(uint64_t seed)
{
	struct config_peer *neighbour = &net.b.pad[1];

	net_init(&net, seed);
	*neighbour = net.b.pad[0];
	ck_assert_int_eq(config_id_parse("neighbouring-router@example.org", &neighbour->id), 0);
	neighbour->physical_local = selectors("fe80::/10 10.20.0.0/24");
	neighbour->physical_remote = selectors("fe80::/10 192.0.2.0/24");
	net.b.config.gateway.peer_n = 2;
}

static void as_neighbour(void)
{
	ck_assert_int_eq(
		config_id_parse("neighbouring-router@example.org", &net.a.connection.id), 0);
}

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 1);
	net_check_up(&net);
}

static struct child_sa *child_of(struct peer *peer, uint32_t spi_in)
{
	struct child_pair *pair = child_pair_by_spi(peer->ike, spi_in);

	ck_assert_ptr_nonnull(pair);
	return pair->child;
}

// The gateway's child SA of the client's one with this tag.
static struct child_sa *gateway_child(uint32_t tag)
{
	const struct ike_effect *effect = &net.a.child[tag].last;
	struct child_sa *child = child_of(&net.a, effect->connection.spi_in);

	ck_assert_int_eq(effect->type, IKE_CONNECTION_CHILD_UP);
	return child_of(&net.b, child_pair_of(child, PAIR_CURRENT)->spi_out);
}

// The link that the dataplane was told for the inbound SA of this child SA.
static uint64_t link_in_dataplane(const struct peer *peer, const struct child_sa *child)
{
	uint32_t spi = child_pair_of(child, PAIR_CURRENT)->spi_in;
	const struct model_in *in = &peer->in[spi_slot(spi)];
	const struct model_out *out = &peer->out[spi_slot(child->ref)];

	ck_assert(in->used && in->sa.spi == spi);
	ck_assert_uint_eq(out->set.sa.link, in->sa.link);
	return in->sa.link;
}

// "the VPN gateway [...] would typically reject the request"
START_TEST(joe_without_link_id_L8)
{
	begin(1);
	want(&net.a.connection, false, "fe80::/64", "::/0");
	go();
	ck_assert(peer_sent_text(&net.a, "CREATE_CHILD_SA request 2 { SA, Ni, TSi, TSr }"));
	ck_assert(peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { N(TS_UNACCEPTABLE) }"));
	ck_assert_uint_eq(peer_counters(&net.b).ts_unacceptable, 1);
	ck_assert_uint_eq(net.a.child[1].up, 0);
	ck_assert_uint_eq(net.a.child[1].down, 1);
	ck_assert_str_eq(net.a.child[1].last.connection.why, "TS_UNACCEPTABLE");
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// "it might have SPD/PAD entries that would allow neighboring-router.example.com to create such SAs"
START_TEST(neighbouring_router_L8)
{
	struct ts_list link_local = selectors("fe80::/64"), whole = selectors("fe80::/10");
	struct child_sa *child;

	begin(2);
	as_neighbour();
	want(&net.a.connection, false, "fe80::/64", "::/0");
	go();
	ck_assert_uint_eq(net.a.child[1].up, 1);
	child = gateway_child(1);
	ck_assert(ts_list_equal(&child->remote, &link_local));
	ck_assert(ts_list_equal(&child->local, &whole));
	ck_assert_uint_eq(link_in_dataplane(&net.b, child), 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// "the virtual interface created when joe.user authenticated [...] would have a different SPD/PAD"
START_TEST(joe_with_link_id_L8_L19)
{
	struct inet_addr own;
	struct child_sa *child;
	struct ts ts;

	begin(3);
	want(&net.a.connection, true, "fe80::/64", "::/0");
	go();
	ck_assert(peer_sent_text(
		&net.a, "CREATE_CHILD_SA request 2 { N(LINK_ID), SA, Ni, TSi, TSr }"));
	ck_assert(peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { SA, Nr, TSi, TSr }"));
	child = gateway_child(1);
	own = inet_addr_link_local(net.a.interface_id);
	ts = ts_from_addr(&own);
	ck_assert_uint_eq(child->remote.n, 1);
	ck_assert(ts_equal(&child->remote.ts[0], &ts));
	ck_assert_uint_ne(link_in_dataplane(&net.b, child), 0);
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// The neighbour may have fe80::/10 on its wire; its link is as narrow as everybody's.
START_TEST(two_spds_L8)
{
	begin(4);
	as_neighbour();
	want(&net.a.connection, true, "192.0.2.0/24", "10.20.0.0/24");
	want(&net.a.connection, false, "2001:db8:1000:1::/64", "::/0");
	go();
	ck_assert_str_eq(net.a.child[1].last.connection.why, "TS_UNACCEPTABLE");
	ck_assert_str_eq(net.a.child[2].last.connection.why, "TS_UNACCEPTABLE");
	net_finish(&net);
}
END_TEST

static void three(uint64_t seed)
{
	begin(seed);
	as_neighbour();
	want(&net.a.connection, true, "2001:db8:1000:1::/64", "2001:db8:aaaa::10");
	want(&net.a.connection, false, "192.0.2.2", "10.20.0.0/24");
	go();
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(net.a.child[2].up, 1);
}

// An SA of the link, a second one of the link, one of the physical interface, at once; rekeys of each,
// by either side, keep LINK_ID or its absence. _i: who rekeys.
START_TEST(three_at_once_L8_L24)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b, *other = _i == 0 ? &net.b : &net.a;
	struct sas sas;

	three(5);
	for (int round = 0; round < 3; round++) {
		peer_sas(peer, &sas);
		ck_assert_uint_eq(sas.info[0].child_n, 3);
		for (uint32_t i = 0; i < 3; i++) {
			ck_assert_int_eq(
				ike_child_rekey(peer->ike, sas.info[0].child[i].child, net.now_us),
				0);
			peer_drain(peer);
			net_run(&net, 10 * US_PER_S);
		}
		net_check_mirror(&net);
		ck_assert(net_traffic(&net));
	}
	ck_assert_uint_eq(peer_counters(peer).child_rekeys, 9);
	ck_assert_uint_eq(
		peer_sent_count(peer, "{ N(REKEY_SA), N(LINK_ID), SA, Ni, TSi, TSr }"), 6);
	ck_assert_uint_eq(peer_sent_count(peer, "{ N(REKEY_SA), SA, Ni, TSi, TSr }"), 3);
	ck_assert(!peer_sent_text(other, "N(LINK_ID)") || other == &net.a);
	ck_assert_uint_eq(peer_counters(other).ts_unacceptable, 0);
	peer_sas(&net.b, &sas);
	for (uint32_t i = 0, physical = 0; i < 3; i++) {
		const struct child_sa *child = child_of(&net.b, sas.info[0].child[i].spi_in);

		physical += child->physical;
		ck_assert_uint_eq(link_in_dataplane(&net.b, child), child->physical ? 0 : 1);
		ck_assert(i < 2 || physical == 1);
	}
	net_finish(&net);
}
END_TEST

// A rekey is about the interface that its SA is of: the right Link ID for an SA of the physical
// interface is as wrong as none for one of the link. _i: who asks.
START_TEST(rekey_of_the_other_interface_L24)
{
	struct peer *peer = _i == 0 ? &net.a : &net.b, *other = _i == 0 ? &net.b : &net.a;
	struct child_sa *child;
	struct sas sas;

	three(6);
	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < 3; i++) {
		child = child_of(peer, sas.info[0].child[i].spi_in);
		child->physical = !child->physical;
		ike_child_rekey(peer->ike, child->handle, net.now_us);
		peer_drain(peer);
		net_run(&net, 5 * US_PER_S);
		child->physical = !child->physical;
		ck_assert_uint_eq(peer_counters(other).ts_unacceptable, i + 1);
	}
	ck_assert_uint_eq(peer_sent_count(other, "{ N(TS_UNACCEPTABLE) }"), 3);
	ck_assert_uint_eq(peer_counters(peer).child_rekeys, 0);
	net_check_mirror(&net); // all of them go on
	net_finish(&net);
}
END_TEST

// Two users, two links: each one's Link ID is good on its own IKE SA only, for new child SAs and for
// rekeys. The link of the other one goes on.
START_TEST(somebody_elses_link_id_L23_L24)
{
	struct sas sas;
	struct ike_sa *sa;

	begin(7);
	two[0] = two[1] = net.a.connection;
	ck_assert_int_eq(config_id_parse("neighbouring-router@example.org", &two[1].id), 0);
	net.a.config.connection = two;
	net.a.config.connection_n = 2;
	net_start(&net);
	ike_initiate(net.a.ike, &two[0], &net.a.addr, net.now_us);
	ike_initiate(net.a.ike, &two[1], &net.a.addr, net.now_us);
	peer_drain(&net.a);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 2);
	sa = ike_sa_by_handle(net.a.ike, sas.info[0].ike_sa);
	sa->link_id[5] ^= '1' ^ '2'; // "link-1" and "link-2"
	ike_child_rekey(net.a.ike, sas.info[0].child[0].child, net.now_us);
	peer_drain(&net.a);
	net_run(&net, 5 * US_PER_S);
	ck_assert_uint_eq(peer_sent_count(&net.b, "{ N(TS_UNACCEPTABLE) }"), 1);
	ck_assert_int_eq(ike_child_add(net.a.ike, sas.info[0].connection,
				 &(struct ike_child_spec){.tag = 9, .of_link = true}, net.now_us),
		0);
	peer_drain(&net.a);
	net_run(&net, 5 * US_PER_S);
	ck_assert_uint_eq(peer_sent_count(&net.b, "{ N(TS_UNACCEPTABLE) }"), 2);
	ck_assert_str_eq(net.a.child[9].last.connection.why, "TS_UNACCEPTABLE");
	ck_assert_uint_eq(peer_counters(&net.b).ts_unacceptable, 2);
	net_check_mirror(&net);
	sa->link_id[5] ^= '1' ^ '2';
	net_finish(&net);
}
END_TEST

// Two LINK_ID notifies of which one is wrong, one twice, one of an odd size (L27): craft them.
static const struct {
	const char *why;
	const char *id[2];
	uint8_t protocol;
	const char *answer;
} crafted[] = {
	{"right", {"link-1"}, 0, "{ SA, Nr, TSi, TSr }"},
	{"right twice", {"link-1", "link-1"}, 0, "{ SA, Nr, TSi, TSr }"},
	{"right, then wrong", {"link-1", "link-2"}, 0, "{ N(TS_UNACCEPTABLE) }"},
	{"wrong, then right", {"link-2", "link-1"}, 0, "{ N(TS_UNACCEPTABLE) }"},
	{"shorter", {"link-"}, 0, "{ N(TS_UNACCEPTABLE) }"},
	{"longer", {"link-11"}, 0, "{ N(TS_UNACCEPTABLE) }"},
	{"empty", {""}, 0, "{ N(INVALID_SYNTAX) }"},
	{"with an SPI", {"link-1"}, PROTOCOL_ESP, "{ N(INVALID_SYNTAX) }"},
	{"none", {NULL}, 0, "{ N(TS_UNACCEPTABLE) }"},
};

static void craft_child(struct ike_sa *sa, struct ike_builder *b)
{
	struct wire_sa offer;
	struct ts_list tsi = selectors("::/0");

	proposal_offer_esp(&net.a.config.esp, 0x12345678, true, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, "0123456789abcdef0123456789abcdef", 32);
	payload_ts_write(b, true, &tsi);
	payload_ts_write(b, false, &tsi);
	craft_send(&net.a, sa->handle, CREATE_CHILD_SA, 0, sa->window.next_out);
}

START_TEST(link_id_crafted_L24_L27)
{
	struct ike_sa *sa;
	struct ike_builder *b;
	uint32_t spi = 0x11223344;

	begin(8);
	go();
	sa = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	b = craft_begin();
	for (int i = 0; i < 2 && crafted[_i].id[i] != NULL; i++)
		payload_notify_write(b, crafted[_i].protocol,
			crafted[_i].protocol == 0 ? NULL : &spi, NOTIFY_LINK_ID, crafted[_i].id[i],
			strlen(crafted[_i].id[i]));
	craft_child(sa, b);
	net_run(&net, 2 * US_PER_S);
	ck_assert_msg(peer_sent_text(&net.b, crafted[_i].answer), "%s", crafted[_i].why);
	net_fini(&net);
}
END_TEST

// LINK_ID has no place in the rekey of an IKE SA nor in a response: not acted on where it stands all
// the same.
START_TEST(link_id_without_place_L24)
{
	struct dh *dh;
	struct ike_builder *b;
	struct wire_sa offer;
	struct ike_sa *sa;

	begin(9);
	go();
	sa = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	dh = dh_new(alg_dh_find(DH_X25519), net.a.ops.random, &net.a);
	proposal_offer_ike(&net.a.config.ike, 0x1122334455667788, 8, &offer);
	b = craft_begin();
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link-9", 6);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, "0123456789abcdef0123456789abcdef", 32);
	payload_ke_write(b, DH_X25519, dh_public(dh), 32);
	dh_free(dh);
	craft_send(&net.a, sa->handle, CREATE_CHILD_SA, 0, sa->window.next_out);
	net_run(&net, 2 * US_PER_S);
	ck_assert(peer_sent_text(&net.b, "CREATE_CHILD_SA response 2 { SA, Nr, KEr }"));
	net_fini(&net);
}
END_TEST

static bool lose_responses(struct net *, struct packet *packet)
{
	return packet->from != &net.b;
}

START_TEST(link_id_in_a_response_L24)
{
	struct ike_builder *b;
	struct ike_sa *sa;

	begin(10);
	go();
	sa = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	net.filter = lose_responses;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 100 * US_PER_MS);
	net.filter = NULL;
	b = craft_begin();
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link-9", 6);
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_TS_UNACCEPTABLE, NULL, 0);
	craft_send(&net.b, sa->handle, CREATE_CHILD_SA, IKE_FLAG_RESPONSE, 2);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_str_eq(net.a.event_text[IKE_EVENT_ERROR],
		"child SA rekey refused by the peer: TS_UNACCEPTABLE");
	ck_assert_uint_eq(peer_counters(&net.a).malformed, 0);
	net_check_up(&net);
	net_fini(&net);
}
END_TEST

// Who asks for neither link nor address speaks of the physical interface from the first message on.
START_TEST(no_link_at_all_L8)
{
	struct ts_list expected = selectors("192.0.2.0/24 fe80::/10");
	struct sas sas;

	begin(11);
	as_neighbour();
	net.a.connection.link = false;
	net.a.connection.ipv4 = false;
	want(&net.a.connection, false, "fe80::/64", "fe80::/64");
	want(&net.a.connection, false, "2001:db8::/32", "fe80::/64");
	go();
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].child_n, 2);
	ck_assert(ts_list_equal(&sas.info[0].child[0].remote, &expected) ||
		ts_list_equal(&sas.info[0].child[1].remote, &expected));
	ck_assert_uint_eq(sas.info[0].link, 0);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_str_eq(net.a.child[2].last.connection.why, "TS_UNACCEPTABLE");
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

// A peer whose addresses came without a link knows no LINK_ID: one SPD for everything, as ever (L9).
START_TEST(plain_addresses_L9)
{
	uint64_t client[2], gateway[2];

	begin(12);
	as_neighbour();
	net.a.connection.link = false;
	net.a.connection.ipv6_address = true;
	want(&net.a.connection, false, "10.66.0.7", "10.20.0.0/24");
	want(&net.a.connection, true, "10.66.0.7", "10.30.0.0/24");
	want(&net.a.connection, false, "fe80::/64", "fe80::/64");
	go();
	ck_assert(!peer_sent_text(&net.a, "N(LINK_ID)"));
	ck_assert_uint_eq(net.a.child[1].up, 1);
	ck_assert_uint_eq(net.a.child[2].up, 1);
	ck_assert_str_eq(net.a.child[3].last.connection.why, "TS_UNACCEPTABLE");
	ck_assert_uint_eq(link_in_dataplane(&net.b, gateway_child(1)), 1);
	net_check_mirror(&net);
	for (uint32_t i = 0; i < 2; i++) {
		client[i] = child_of(&net.a, net.a.child[1 + i].last.connection.spi_in)->handle;
		gateway[i] = gateway_child(1 + i)->handle;
	}
	for (int i = 0; i < 4; i++) {
		struct peer *peer = i % 2 == 0 ? &net.a : &net.b;

		ike_child_rekey(peer->ike, i % 2 == 0 ? client[i / 2] : gateway[i / 2], net.now_us);
		peer_drain(peer);
		net_run(&net, 10 * US_PER_S);
		ck_assert_uint_eq(peer_counters(peer).child_rekeys, (uint64_t)i + 1);
	}
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

static struct ts_list policy_remote, policy_local;
static bool policy_there;
static uint32_t policy_asked;

static bool policy(void *, uint64_t link, struct ts_list *remote, struct ts_list *local)
{
	ck_assert_uint_eq(link, 1);
	policy_asked++;
	*remote = policy_remote;
	*local = policy_local;
	return policy_there;
}

// The link layer is asked for each new child SA of the link: a prefix that came meanwhile counts (L29).
START_TEST(policy_asked_anew_L29)
{
	struct ike_child_spec spec = {.tag = 1, .of_link = true};

	begin(13);
	net.b.ops.link_policy = policy;
	policy_remote = selectors("2001:db8:1000:1::/64");
	policy_local = selectors("::/0");
	policy_there = true;
	go();
	spec.local = spec.remote = selectors("2001:db8:5000::/56");
	for (spec.tag = 1; spec.tag <= 3; spec.tag++) {
		if (spec.tag == 2)
			ts_list_add(&policy_remote, &spec.local.ts[0]);
		policy_there = spec.tag < 3;
		ck_assert_int_eq(ike_child_add(net.a.ike, &net.a.connection, &spec, net.now_us), 0);
		peer_drain(&net.a);
		net_settle(&net);
		ck_assert_uint_eq(policy_asked, spec.tag);
		ck_assert_uint_eq(net.a.child[spec.tag].up, spec.tag == 2);
	}
	ck_assert_str_eq(net.a.child[1].last.connection.why, "TS_UNACCEPTABLE");
	ck_assert_str_eq(net.a.child[3].last.connection.why, "TS_UNACCEPTABLE");
	net_check_mirror(&net);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("physical");
	TCase *tc = tcase_create("physical");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, joe_without_link_id_L8);
	tcase_add_test(tc, neighbouring_router_L8);
	tcase_add_test(tc, joe_with_link_id_L8_L19);
	tcase_add_test(tc, two_spds_L8);
	tcase_add_loop_test(tc, three_at_once_L8_L24, 0, 2);
	tcase_add_loop_test(tc, rekey_of_the_other_interface_L24, 0, 2);
	tcase_add_test(tc, somebody_elses_link_id_L23_L24);
	tcase_add_loop_test(tc, link_id_crafted_L24_L27, 0, sizeof(crafted) / sizeof(crafted[0]));
	tcase_add_test(tc, link_id_without_place_L24);
	tcase_add_test(tc, link_id_in_a_response_L24);
	tcase_add_test(tc, no_link_at_all_L8);
	tcase_add_test(tc, plain_addresses_L9);
	tcase_add_test(tc, policy_asked_anew_L29);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
