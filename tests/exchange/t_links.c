// SPDX-License-Identifier: BSD-3-Clause
// The same two cores with the testbed's own configuration files and the real link layer (control/link,
// leases in memory) behind the gateway: what a client gets, keeps and gets again. RFC 5739 section 4.
#include "link.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct net net;
static struct config *client, *gateway;
static struct store *store;
static struct link_table *links;

static enum ike_link_outcome attach(void *, const struct ike_link_request *request,
	struct ike_link_reply *reply, uint64_t now_us)
{
	net.b.asked = *request->asked;
	return link_attach(links, request, reply, now_us);
}

static void detach(void *, uint64_t link, uint64_t ike_sa, uint64_t left_by, uint64_t now_us)
{
	link_detach(links, link, ike_sa, left_by, now_us);
}

static void moved(void *, uint64_t link, uint64_t old, uint64_t new)
{
	link_moved(links, link, old, new);
}

static bool policy(void *, uint64_t link, struct ts_list *remote, struct ts_list *local)
{
	return link_policy(links, link, remote, local);
}

static enum ike_link_outcome extend(void *, uint64_t link, const struct cp_attrs *asked,
	struct ike_link_reply *reply, uint64_t now_us)
{
	return link_extend(links, link, asked, reply, now_us);
}

static bool matches(void *, uint64_t link, const uint8_t *link_id, size_t len)
{
	return link_id_matches(links, link, link_id, len);
}

static struct config *load(const char *name)
{
	struct config_errors errors;
	struct config *config;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("CAPONIER_CONFIG_DIR"), name);
	config = config_load(path, &errors);
	ck_assert_msg(config != NULL, "%s", errors.text[0]);
	return config;
}

static void prepare(const char *gateway_file)
{
	struct link_setup link_setup;

	net_init(&net, 77);
	client = load("testbed-client.conf");
	gateway = load(gateway_file);
	net.a.config = *client;
	net.b.config = *gateway;
	store = store_open(NULL);
	link_setup = (struct link_setup){.config = &net.b.config,
		.store = store,
		.random = net.b.ops.random,
		.random_arg = &net.b,
		.now_us = net.now_us,
		.wall_s = 1700000000};
	links = link_table_new(&link_setup);
	ck_assert_ptr_nonnull(links);
	net.b.ops.link_attach = attach;
	net.b.ops.link_detach = detach;
	net.b.ops.link_moved = moved;
	net.b.ops.link_policy = policy;
	net.b.ops.link_extend = extend;
	net.b.ops.link_id_matches = matches;
}

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 1);
	net_check_up(&net);
}

static void setup(void)
{
	prepare("testbed.conf");
	go();
}

// The gateway of testbed-profiles.conf, and a client of this identity that is not up yet.
static struct config_connection *as(const char *identity)
{
	struct config_connection *c = client->connection;

	ck_assert_int_eq(config_id_parse(identity, &c->id), 0);
	secret_set(&c->psk, "profiles-secret", strlen("profiles-secret"));
	return c;
}

static void setup_profiles(void)
{
	prepare("testbed-profiles.conf");
}

static void setup_ordinary(void)
{
	prepare("testbed.conf");
}

static void teardown(void)
{
	net_finish(&net);
	link_timeout(links, net.now_us + 3600 * US_PER_S);
	ck_assert_uint_eq(link_count(links), 0);
	link_table_free(links);
	store_close(store);
	config_free(client);
	config_free(gateway);
}

static struct cp_attrs given;

// L1, L2, L10, L19: several prefixes, a link-local address, IPv4 beside them, one selector each.
START_TEST(link_given_L2_L10_L19)
{
	struct sas sas;
	const struct ts_list *tsi;

	peer_sas(&net.b, &sas);
	tsi = &sas.info[0].child[0].remote;
	ck_assert(net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.prefix_n, 2);
	ck_assert_uint_eq(net.a.cp.ip4_n, 1);
	ck_assert_uint_gt(net.a.cp.dns_n, 0);
	ck_assert_uint_eq(tsi->n, 4);
	for (uint32_t i = 0; i < net.a.cp.prefix_n; i++) {
		struct ts ts = ts_from_prefix(&net.a.cp.prefix[i]);

		ck_assert(ts_list_contains(tsi, &ts));
	}
	ck_assert_mem_ne(net.a.cp.link_iid, net.a.interface_id, 8);
	ck_assert_uint_eq(link_count(links), 1);
	net_check_mirror(&net);
}
END_TEST

// L21, L24: rekeys of both kinds keep the link, and its Link ID is known on the new IKE SA.
START_TEST(link_through_rekeys_L21_L24)
{
	uint64_t link;
	struct sas sas;

	peer_sas(&net.b, &sas);
	link = sas.info[0].link;
	for (int i = 0; i < 4; i++) {
		struct peer *peer = i & 1 ? &net.a : &net.b;

		ike_sa_rekey(peer->ike, peer_ike_sa(peer), net.now_us);
		peer_drain(peer);
		net_run(&net, 10 * US_PER_S);
		ike_child_rekey(peer->ike, peer_child(peer), net.now_us);
		peer_drain(peer);
		net_run(&net, 10 * US_PER_S);
	}
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 4);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 4);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.info[0].link, link);
	ck_assert_uint_eq(link_find(links, link)->ike_sa_n, 1);
	ck_assert_uint_eq(link_find(links, link)->ike_sa[0], sas.info[0].ike_sa);
	net_check_mirror(&net);
}
END_TEST

static void reconnect(void)
{
	given = net.a.cp;
	ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_settle(&net);
	ck_assert_uint_eq(link_count(links), 1); // its grace time
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
}

// L13, L23: within the grace time the client asks for its link and gets it.
START_TEST(link_again_L13_L23)
{
	reconnect();
	ck_assert_uint_eq(net.b.asked.link_id_len, given.link_id_len);
	ck_assert_mem_eq(net.b.asked.link_id, given.link_id, given.link_id_len);
	ck_assert_mem_eq(net.a.cp.link_id, given.link_id, given.link_id_len);
	ck_assert_mem_eq(net.a.cp.prefix, given.prefix, sizeof(given.prefix[0]) * 2);
	ck_assert_uint_eq(link_count(links), 1);
}
END_TEST

// L14, L20: another host of the same user gets another link and other prefixes.
START_TEST(second_host_L14_L20)
{
	given = net.a.cp;
	net_restart_client(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_uint_eq(link_count(links), 2);
	ck_assert(!inet_prefix_equal(&net.a.cp.prefix[0], &given.prefix[0]));
	ck_assert(!inet_prefix_equal(&net.a.cp.prefix[1], &given.prefix[1]));
}
END_TEST

// L17: what a client asks for beside the link is ignored; L9: without a link it is what counts.
START_TEST(addresses_only_L9_L17)
{
	ck_assert_uint_eq(net.a.cp.ip6_n, 0);
	ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	client->connection[0].link = false;
	client->connection[0].ipv6_address = true;
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert(!net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.ip6_n, 1);
	ck_assert_uint_eq(net.a.cp.prefix_n, 0);
	net_check_up(&net);
}
END_TEST

// L13, L14, L28: an ordinary client, which never names what it had. _i: 0 it goes with a delete and comes
// again, 1 it was started anew and says INITIAL_CONTACT, 2 it falls silent and another host of the same
// user comes.
START_TEST(ordinary_client_again_L13_L14_L28)
{
	struct config_connection *c = &client->connection[0];

	c->link = false;
	c->ipv6_address = true;
	if (_i == 1) { // a host's name: a user's hosts must not say INITIAL_CONTACT
		ck_assert_int_eq(config_id_parse("host.example.org", &c->id), 0);
		gateway->gateway.peer[0].id = c->id;
		gateway->gateway.peer[0].psk = c->psk;
	}
	go();
	given = net.a.cp;
	if (_i == 0) {
		ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us);
		peer_drain(&net.a);
		net_settle(&net);
	} else if (_i == 1) {
		net_restart_client(&net);
	} else {
		net_restart_client(&net);
		ike_sa_terminate(net.b.ike, peer_ike_sa(&net.b), net.now_us); // as after silence
		peer_drain(&net.b);
	}
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_int_eq(inet_addr_equal(&net.a.cp.ip4[0], &given.ip4[0]) &&
			inet_addr_equal(&net.a.cp.ip6[0].addr, &given.ip6[0].addr),
		_i < 2);
	ck_assert_uint_eq(link_count(links), _i < 2 ? 1 : 2);
	net_check_up(&net);
}
END_TEST

static struct ts_list link_local_of(const uint8_t iid[8])
{
	struct inet_addr addr = inet_addr_link_local(iid);
	struct ts_list list = {0};
	struct ts ts = ts_from_addr(&addr);

	ts_list_add(&list, &ts);
	return list;
}

static void child(struct config_connection *c, bool link, const char *local, const char *remote)
{
	c->child[c->child_n++] = (struct config_child){
		.link = link, .local = selectors(local), .remote = selectors(remote)};
}

// L8, the example of the draft's section 5.5 with the testbed's own PAD. _i: 0 joe.user, 1 the
// neighbouring router.
START_TEST(physical_L8)
{
	struct config_connection *c =
		as(_i == 0 ? "joe.user@p1.example.org" : "host@nbr.example.org");
	struct ts_list own;

	child(c, false, "fe80::/64", "fe80::/64");
	child(c, true, "fe80::/64", "fe80::/64");
	child(c, false, "192.0.2.2", "10.20.0.0/24");
	go();
	own = link_local_of(net.a.interface_id);
	ck_assert_uint_eq(net.a.child[1].up, (uint32_t)_i);
	ck_assert_uint_eq(net.a.child[2].up, 1);
	ck_assert_uint_eq(net.a.child[3].up, (uint32_t)_i);
	ck_assert(ts_list_equal(&net.a.child[2].last.connection.local, &own));
	if (_i == 0)
		ck_assert_str_eq(net.a.child[1].last.connection.why, "TS_UNACCEPTABLE");
	net_check_mirror(&net);
}
END_TEST

// The draft's reply, by the profile's and the connection's setting alone; without the latter the echo
// looks like a collision.
START_TEST(draft_wire_L18)
{
	struct config_connection *c = as("joe@draft.example.org");

	c->autostart = false;
	c->wire = _i == 0 ? CONFIG_WIRE_IPSECME_00 : CONFIG_WIRE_RFC5739;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, _i == 0);
	if (_i == 0) {
		ck_assert_mem_eq(net.a.cp.link_iid, net.a.interface_id, 8);
		ck_assert_uint_eq(net.a.cp.prefix_n, 2);
		net_check_mirror(&net);
	} else {
		ck_assert_str_eq(net.a.why, "the gateway has our own interface ID");
	}
}
END_TEST

static void ask_address(uint32_t tag, const struct inet_addr *address)
{
	struct ike_child_spec spec = {
		.tag = tag, .of_link = true, .ask = true, .address2 = *address};

	ck_assert_int_eq(ike_child_add(net.a.ike, client->connection, &spec, net.now_us), 0);
	peer_drain(&net.a);
	net_settle(&net);
}

// P5: an address of the shared prefix in IKE_AUTH, further ones by CREATE_CHILD_SA; another one
// where a link has it already, none where no prefix of the link's is.
START_TEST(addresses_P5)
{
	struct inet_addr wanted = addr("2001:db8:3000::7:7"), outside = addr("2001:db8:1::7"),
			 first;
	struct config_connection *c = as("one@p5.example.org");
	const struct ike_effect *last = &net.a.child[9].last;
	struct ts ts = ts_from_addr(&wanted);

	c->link_model = CONFIG_LINK_ROUTER_AGGREGATION;
	c->addresses_by = CONFIG_ADDRESSES_IKEV2;
	go();
	ck_assert_uint_eq(net.a.cp.prefix_n, 0);
	ck_assert_uint_eq(net.a.cp.address2_n, 1);
	first = net.a.cp.address2[0];
	ask_address(9, &wanted);
	ck_assert_uint_eq(net.a.child[9].up, 1);
	ck_assert(inet_addr_equal(&last->connection.cp.address2[0], &wanted));
	ck_assert_uint_eq(last->connection.local.n, 1);
	ck_assert(ts_equal(&last->connection.local.ts[0], &ts));
	ask_address(8, &outside);
	ck_assert_str_eq(net.a.child[8].last.connection.why, "INTERNAL_ADDRESS_FAILURE");
	net_check_mirror(&net);

	net_restart_client(&net);
	as("two@p5.example.org");
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert(!inet_addr_equal(&net.a.cp.address2[0], &first));
	ask_address(7, &wanted);
	ck_assert_uint_eq(net.a.child[7].last.connection.cp.address2_n, 1);
	ck_assert(!inet_addr_equal(&net.a.child[7].last.connection.cp.address2[0], &wanted));
	ask_address(6, &first);
	ck_assert_uint_eq(net.a.child[6].last.connection.cp.address2_n, 1);
	ck_assert(!inet_addr_equal(&net.a.child[6].last.connection.cp.address2[0], &first));
}
END_TEST

// RFC 8983 with the testbed's profiles: both families everywhere.
START_TEST(families_rfc8983)
{
	as("any@p1.example.org");
	go();
	ck_assert(peer_sent_text(&net.b,
		"IKE_AUTH response 1 { IDr, AUTH, CP, N(IP4_ALLOWED), N(IP6_ALLOWED), SA, TSi, TSr "
		"}"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("links");
	TCase *tc = tcase_create("links");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, link_given_L2_L10_L19);
	tcase_add_test(tc, link_through_rekeys_L21_L24);
	tcase_add_test(tc, link_again_L13_L23);
	tcase_add_test(tc, second_host_L14_L20);
	tcase_add_test(tc, addresses_only_L9_L17);
	suite_add_tcase(suite, tc);
	tc = tcase_create("profiles");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_profiles, teardown);
	tcase_add_loop_test(tc, physical_L8, 0, 2);
	tcase_add_loop_test(tc, draft_wire_L18, 0, 2);
	tcase_add_test(tc, addresses_P5);
	tcase_add_test(tc, families_rfc8983);
	suite_add_tcase(suite, tc);
	tc = tcase_create("ordinary");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_ordinary, teardown);
	tcase_add_loop_test(tc, ordinary_client_again_L13_L14_L28, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
