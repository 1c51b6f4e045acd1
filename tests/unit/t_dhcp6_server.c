// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 server of a link (L11, L22, P6): every message with its answer, who may ask, what survives
// a restart, and what a hostile client gets: nothing more than its share. RFC 8415 sections 16, 18.3.
#include "t_dhcp6.h"

#include <check.h>

static struct dhcp6_msg reply;

// The answer to it, read.
static void ask(const struct dhcp6_msg *msg)
{
	struct inet_addr ours = inet_addr_link_local(link_find(table, the_link)->gateway_iid);
	struct inet_addr client = inet_addr_link_local(client_iid);

	ck_assert_int_eq(put(msg), DHCP6_ANSWERED);
	ck_assert_uint_eq(out.link, the_link);
	ck_assert(inet_addr_equal(&out.local, &ours));
	ck_assert(inet_addr_equal(&out.remote, &client));
	ck_assert_uint_eq(out.local_port, 547);
	ck_assert_uint_eq(out.remote_port, 546);
	ck_assert_int_eq(dhcp6_msg_read(out.data, out.len, &reply), 0);
	ck_assert_uint_eq(reply.xid, msg->xid);
	ck_assert(dhcp6_duid_equal(&reply.client, &msg->client));
	ck_assert_uint_eq(reply.server.len, 18);
}

// A message for our server, whose DUID the last answer told.
static struct dhcp6_msg to_server(uint8_t type)
{
	struct dhcp6_msg msg = question(type);

	msg.server = reply.server;
	return msg;
}

static struct inet_prefix bound(bool pd, uint32_t iaid)
{
	struct dhcp6_msg msg = question(DHCP6_SOLICIT);

	msg.rapid_commit = true;
	add_ia(&msg, pd, iaid);
	ask(&msg);
	ck_assert_uint_eq(reply.type, DHCP6_REPLY);
	ck_assert(reply.rapid_commit);
	ck_assert_uint_eq(reply.ia_n, 1);
	ck_assert_uint_eq(reply.ia[0].item_n, 1);
	ck_assert_uint_eq(reply.ia[0].item[0].valid_s, DHCP6_INFINITY);
	ck_assert_uint_eq(reply.ia[0].t1_s, DHCP6_INFINITY);
	ck_assert_uint_eq(reply.ia[0].t2_s, DHCP6_INFINITY);
	return reply.ia[0].item[0].prefix;
}

static uint32_t leases(enum link_lease_role role)
{
	const struct link *link = link_find(table, the_link);
	uint32_t n = 0;

	for (uint32_t i = 0; i < link->lease_n; i++)
		n += link->role[i] == role;
	return n;
}

START_TEST(test_information_L22)
{
	struct dhcp6_msg msg = question(DHCP6_INFORMATION_REQUEST);
	struct inet_addr dns = addr_of("2001:db8:aaaa::53");

	ask(&msg); // asks for nothing by name: all
	ck_assert_uint_eq(reply.type, DHCP6_REPLY);
	ck_assert_uint_eq(reply.dns_n, 1); // not the IPv4 one
	ck_assert(inet_addr_equal(&reply.dns[0], &dns));
	ck_assert_uint_eq(reply.sntp_n, 1);
	ck_assert_uint_eq(reply.domain_n, 1);
	ck_assert_str_eq(reply.domain[0], "corp.example.org");
	ck_assert(reply.has_refresh);
	ck_assert_uint_eq(reply.refresh_s, DHCP6_INFINITY); // L3
	msg.request_n = 1;
	msg.request[0] = DHCP6_OPTION_SNTP;
	msg.client.len = 0; // anonymous
	ask(&msg);
	ck_assert_uint_eq(reply.dns_n + reply.domain_n, 0);
	ck_assert_uint_eq(reply.sntp_n, 1);
	ck_assert_uint_eq(added, 0);
}
END_TEST

// --> Solicit  <-- Advertise  --> Request  <-- Reply
START_TEST(test_delegation_L11)
{
	struct dhcp6_msg msg = question(DHCP6_SOLICIT);
	struct inet_prefix offered, pool = prefix_of("2001:db8:3000::/62");

	add_ia(&msg, true, 7);
	ask(&msg);
	ck_assert_uint_eq(reply.type, DHCP6_ADVERTISE);
	ck_assert_uint_eq(reply.ia[0].item_n, 1);
	offered = reply.ia[0].item[0].prefix;
	ck_assert_uint_eq(offered.len, 64);
	ck_assert(inet_prefix_covers(&pool, &offered));
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 0); // nothing is bound
	ck_assert_uint_eq(added, 0);
	msg = to_server(DHCP6_REQUEST);
	add_item(add_ia(&msg, true, 7), &offered);
	for (int i = 0; i < 3; i++) { // the same again: the same
		ask(&msg);
		ck_assert_uint_eq(reply.type, DHCP6_REPLY);
		ck_assert_uint_eq(reply.ia[0].iaid, 7);
		ck_assert(inet_prefix_equal(&reply.ia[0].item[0].prefix, &offered));
		ck_assert_uint_eq(added, 1);
		ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 1);
	}
	ck_assert_uint_eq(reply.dns_n, 1);
	ck_assert(link_owns(link_find(table, the_link), &offered.addr));
}
END_TEST

// Two prefixes for two IAs, none for a third; another link gets others; the pool ends.
START_TEST(test_shares)
{
	struct inet_prefix first = bound(true, 1), second = bound(true, 2);
	struct dhcp6_msg msg = question(DHCP6_SOLICIT);

	ck_assert(!inet_prefix_equal(&first, &second));
	msg.rapid_commit = true;
	add_ia(&msg, true, 3);
	ask(&msg);
	ck_assert_uint_eq(reply.ia[0].item_n, 0);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NO_PREFIX_AVAIL);
	for (uint32_t iaid = 4; iaid < 1000; iaid++) { // in a loop: no more than its share
		msg.ia[0].iaid = iaid;
		ask(&msg);
	}
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 2);
	the_link = make_link("bob@example.org", PROFILE_P1);
	bound(true, 1);
	bound(true, 2);
	the_link = make_link("carol@example.org", PROFILE_P1);
	msg.ia[0].iaid = 1;
	ask(&msg);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NO_PREFIX_AVAIL);
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 0);
}
END_TEST

// The link's host was installed anew: another DUID takes over.
START_TEST(test_other_duid)
{
	struct inet_prefix first = bound(true, 1), second = bound(true, 2);
	struct dhcp6_msg msg = question(DHCP6_SOLICIT);

	msg.client = duid_of("another client");
	msg.rapid_commit = true;
	add_ia(&msg, true, 1);
	add_ia(&msg, true, 2);
	ask(&msg);
	ck_assert(inet_prefix_equal(&reply.ia[0].item[0].prefix, &first));
	ck_assert(inet_prefix_equal(&reply.ia[1].item[0].prefix, &second));
	msg = to_server(DHCP6_RELEASE); // the old one's word counts no more
	add_item(add_ia(&msg, true, 1), &first);
	ask(&msg);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NO_BINDING);
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 2);
}
END_TEST

START_TEST(test_renew_rebind)
{
	struct inet_prefix ours = bound(true, 1), strange = prefix_of("2001:db8:9:9::/64");
	struct dhcp6_msg msg;

	for (int i = 0; i < 2; i++) {
		msg = i == 0 ? to_server(DHCP6_RENEW) : question(DHCP6_REBIND);
		add_item(add_ia(&msg, true, 1), &ours);
		add_item(&msg.ia[0], &strange);
		ask(&msg);
		ck_assert_uint_eq(reply.ia[0].item_n, 2);
		ck_assert(inet_prefix_equal(&reply.ia[0].item[0].prefix, &ours));
		ck_assert_uint_eq(reply.ia[0].item[0].valid_s, DHCP6_INFINITY);
		ck_assert(inet_prefix_equal(&reply.ia[0].item[1].prefix, &strange));
		ck_assert_uint_eq(reply.ia[0].item[1].valid_s, 0);
	}
	ck_assert_uint_eq(added, 1);
}
END_TEST

START_TEST(test_release)
{
	struct inet_prefix ours = bound(true, 1), strange = prefix_of("2001:db8:9:9::/64");
	struct dhcp6_msg msg = to_server(DHCP6_RELEASE);

	add_item(add_ia(&msg, true, 1), &strange); // not its own: ignored
	ask(&msg);
	ck_assert(reply.has_status);
	ck_assert_uint_eq(reply.status, DHCP6_STATUS_SUCCESS);
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 1);
	msg.ia[0].item[0].prefix = ours;
	ask(&msg);
	ck_assert_uint_eq(reply.ia_n, 0);
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 0);
	ck_assert_uint_eq(removed, 1);
	ask(&msg);
	ck_assert_uint_eq(reply.status, DHCP6_STATUS_SUCCESS);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NO_BINDING);
	ours = bound(true, 9); // there is room again
}
END_TEST

// The store has the leases; which IA has which follows from what the client says.
START_TEST(test_restart)
{
	struct inet_prefix first = bound(true, 1), second = bound(true, 2), again;
	struct dhcp6_duid duid = reply.server;
	struct dhcp6_msg msg;

	restart();
	msg = question(DHCP6_REBIND);
	add_item(add_ia(&msg, true, 2), &second);
	ask(&msg);
	ck_assert(dhcp6_duid_equal(&reply.server, &duid));
	ck_assert_uint_eq(reply.ia[0].item_n, 1);
	ck_assert(inet_prefix_equal(&reply.ia[0].item[0].prefix, &second));
	again = bound(true, 1);
	ck_assert(inet_prefix_equal(&again, &first));
	ck_assert_uint_eq(added, 2);
	restart();
	msg = to_server(DHCP6_RELEASE);
	add_item(add_ia(&msg, true, 1), &first);
	ask(&msg);
	ck_assert_uint_eq(reply.ia_n, 0);
	ck_assert_uint_eq(leases(LINK_LEASE_DELEGATED), 1);
	ck_assert_uint_eq(removed, 1);
}
END_TEST

START_TEST(test_addresses_P6)
{
	struct inet_prefix pool = prefix_of("2001:db8:2000::/64"), first, other;
	struct dhcp6_msg msg;

	the_link = make_link("dave@example.org", PROFILE_P6);
	first = bound(false, 5);
	ck_assert_uint_eq(first.len, 128);
	ck_assert(inet_prefix_covers(&pool, &first));
	msg = question(DHCP6_CONFIRM);
	add_item(add_ia(&msg, false, 5), &first);
	ask(&msg);
	ck_assert_uint_eq(reply.status, DHCP6_STATUS_SUCCESS);
	msg.ia[0].item[0].prefix = prefix_of("2001:db8:2000::dead/128"); // somebody else's
	ask(&msg);
	ck_assert_uint_eq(reply.status, DHCP6_STATUS_NOT_ON_LINK);
	msg.ia[0].item_n = 0;
	ck_assert_int_eq(put(&msg), DHCP6_IGNORED);
	// A second IA_NA of the same client, prefix delegation here: nothing.
	msg = question(DHCP6_SOLICIT);
	add_ia(&msg, false, 6);
	add_ia(&msg, true, 6);
	ask(&msg);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NO_ADDRS_AVAIL);
	ck_assert_uint_eq(reply.ia[1].status, DHCP6_STATUS_NO_PREFIX_AVAIL);
	// An address of another link in a Request.
	msg = to_server(DHCP6_REQUEST);
	other = prefix_of("2001:db8:7777::1/128");
	add_item(add_ia(&msg, false, 5), &other);
	ask(&msg);
	ck_assert_uint_eq(reply.ia[0].status, DHCP6_STATUS_NOT_ON_LINK);
	ck_assert_uint_eq(leases(LINK_LEASE_DHCP6), 1);
	other = bound(false, 5);
	ck_assert(inet_prefix_equal(&other, &first));
}
END_TEST

// A declined address is nobody's; the client gets another one, a few times.
START_TEST(test_decline)
{
	struct inet_prefix last = {}, given;
	struct dhcp6_msg msg;
	uint32_t others = 0;

	the_link = make_link("dave@example.org", PROFILE_P6);
	for (int i = 0; i < 20; i++) {
		given = bound(false, 5);
		others += !inet_prefix_equal(&given, &last);
		last = given;
		msg = to_server(DHCP6_DECLINE);
		add_item(add_ia(&msg, false, 5), &given);
		ask(&msg);
		ck_assert_uint_eq(reply.status, DHCP6_STATUS_SUCCESS);
		ck_assert_uint_eq(reply.ia_n, 0);
	}
	ck_assert_uint_eq(others, 4);
	ck_assert_uint_eq(leases(LINK_LEASE_DHCP6), 4);
	restart();
	given = bound(false, 5);
	ck_assert(inet_prefix_equal(&given, &last)); // not one that was declined
}
END_TEST

static const struct {
	const char *why;
	uint8_t type;
	bool client, server, ia;
	enum dhcp6_result result;
} rules[] = {
	{"Solicit without client", DHCP6_SOLICIT, false, false, true, DHCP6_IGNORED},
	{"Solicit to a server", DHCP6_SOLICIT, true, true, true, DHCP6_IGNORED},
	{"Request to nobody", DHCP6_REQUEST, true, false, true, DHCP6_IGNORED},
	{"Request of nobody", DHCP6_REQUEST, false, true, true, DHCP6_IGNORED},
	{"Confirm to a server", DHCP6_CONFIRM, true, true, true, DHCP6_IGNORED},
	{"Renew to nobody", DHCP6_RENEW, true, false, true, DHCP6_IGNORED},
	{"Rebind to a server", DHCP6_REBIND, true, true, true, DHCP6_IGNORED},
	{"Release to nobody", DHCP6_RELEASE, true, false, true, DHCP6_IGNORED},
	{"Decline to nobody", DHCP6_DECLINE, true, false, true, DHCP6_IGNORED},
	{"Information-request with an IA", DHCP6_INFORMATION_REQUEST, true, false, true,
		DHCP6_IGNORED},
	{"Information-request to us", DHCP6_INFORMATION_REQUEST, true, true, false, DHCP6_ANSWERED},
	{"Advertise from a client", DHCP6_ADVERTISE, true, true, true, DHCP6_REFUSED},
	{"Reply from a client", DHCP6_REPLY, true, true, true, DHCP6_REFUSED},
	{"Reconfigure from a client", DHCP6_RECONFIGURE, true, true, false, DHCP6_REFUSED},
};

START_TEST(test_rules)
{
	struct dhcp6_msg msg = question(DHCP6_INFORMATION_REQUEST);

	ask(&msg);
	msg = question(rules[_i].type);
	if (!rules[_i].client)
		msg.client.len = 0;
	if (rules[_i].server)
		msg.server = reply.server;
	if (rules[_i].ia)
		add_ia(&msg, true, 1);
	ck_assert_msg(put(&msg) == rules[_i].result, "%s", rules[_i].why);
	msg.server = duid_of("somebody else");
	if (rules[_i].result == DHCP6_ANSWERED)
		ck_assert_msg(put(&msg) == DHCP6_IGNORED, "%s, another server", rules[_i].why);
	ck_assert_uint_eq(added, 0);
}
END_TEST

static const struct {
	const char *why, *src, *dst;
	uint16_t port;
	enum dhcp6_result result;
} packets[] = {
	{"to another group", NULL, "ff02::2", 547, DHCP6_IGNORED},
	{"to all servers of the site", NULL, "ff05::1:3", 547, DHCP6_IGNORED},
	{"to another port", NULL, "ff02::1:2", 546, DHCP6_IGNORED},
	{"of another link-local address", "fe80::77", "ff02::1:2", 547, DHCP6_REFUSED},
	{"of an address of nobody's", "2001:db8:bad::1", "ff02::1:2", 547, DHCP6_REFUSED},
	{"of no address", "::", "ff02::1:2", 547, DHCP6_REFUSED},
	{"as it should be", NULL, "ff02::1:2", 547, DHCP6_ANSWERED},
};

START_TEST(test_packets)
{
	struct dhcp6_msg msg = question(DHCP6_INFORMATION_REQUEST);
	uint8_t data[1400];
	struct inner_packet packet = packet_with(data, dhcp6_msg_write(&msg, data, sizeof(data)));
	const struct link *link = link_find(table, the_link);

	if (packets[_i].src != NULL)
		packet.src = addr_of(packets[_i].src);
	packet.dst = addr_of(packets[_i].dst);
	packet.dst_port = packets[_i].port;
	ck_assert_msg(
		dhcp6_server_input(server, the_link, &packet, now_us, &out) == packets[_i].result,
		"%s", packets[_i].why);
	// Unicast to the address that INTERNAL_IP6_DHCP names, from the link's or its prefix.
	packet = packet_with(data, packet.payload_len);
	packet.dst = inet_addr_link_local(link->gateway_iid);
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_ANSWERED);
	packet.src = link->prefix[0].addr;
	packet.src.bytes[15] = 1;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_ANSWERED);
	packet.src = packet.dst;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_REFUSED);
}
END_TEST

START_TEST(test_relays_and_rubbish)
{
	uint8_t data[64] = {DHCP6_RELAY_FORWARD};
	struct inner_packet packet = packet_with(data, sizeof(data));

	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_REFUSED);
	data[0] = DHCP6_RELAY_REPLY;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_REFUSED);
	data[0] = 77;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_MALFORMED);
	packet.payload_len = 0;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_MALFORMED);
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link + 1, &packet, now_us, &out), DHCP6_IGNORED);
	c->profile[PROFILE_P1].dhcp6 = false;
	ck_assert_int_eq(
		dhcp6_server_input(server, the_link, &packet, now_us, &out), DHCP6_IGNORED);
}
END_TEST

// Names that do not fit are left out, the rest is answered.
START_TEST(test_long_answer)
{
	struct dhcp6_msg msg = question(DHCP6_SOLICIT);
	struct config_profile *p = &c->profile[PROFILE_P1];

	p->domain_n = CONFIG_DOMAINS;
	for (uint32_t i = 0; i < CONFIG_DOMAINS; i++)
		for (int k = 0; k < 253; k++)
			p->domain[i][k] = k % 50 == 49 ? '.' : 'a';
	p->dns_n = CONFIG_DNS;
	for (uint32_t i = 0; i < CONFIG_DNS; i++)
		p->dns[i] = addr_of("2001:db8:aaaa::53");
	msg.client = (struct dhcp6_duid){.len = DHCP6_DUID_MAX};
	add_ia(&msg, true, 1);
	add_ia(&msg, true, 2);
	ask(&msg);
	ck_assert_uint_eq(reply.dns_n, DHCP6_LIST);
	ck_assert_uint_eq(reply.domain_n, 0);
	ck_assert_uint_eq(reply.ia_n, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dhcp6_server");
	TCase *tc = tcase_create("dhcp6_server");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, dhcp6_setup_all, dhcp6_teardown_all);
	tcase_add_test(tc, test_information_L22);
	tcase_add_test(tc, test_delegation_L11);
	tcase_add_test(tc, test_shares);
	tcase_add_test(tc, test_other_duid);
	tcase_add_test(tc, test_renew_rebind);
	tcase_add_test(tc, test_release);
	tcase_add_test(tc, test_restart);
	tcase_add_test(tc, test_addresses_P6);
	tcase_add_test(tc, test_decline);
	tcase_add_loop_test(tc, test_rules, 0, sizeof(rules) / sizeof(rules[0]));
	tcase_add_loop_test(tc, test_packets, 0, sizeof(packets) / sizeof(packets[0]));
	tcase_add_test(tc, test_relays_and_rubbish);
	tcase_add_test(tc, test_long_answer);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
