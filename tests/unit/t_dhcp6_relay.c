// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 relay agent (L11, P6): what goes to the server, which answers are believed, and what the
// link has of them. RFC 8415 section 19, RFC 4649.
#include "t_dhcp6.h"

#include <check.h>

#include <stdio.h>

static uint8_t forwarded[DHCP6_OUT_MAX];
static size_t forwarded_len;
static struct dhcp6_relay forward;

static void setup(void)
{
	dhcp6_setup_all();
	the_link = make_link("erin@example.org", PROFILE_RELAY);
}

static void send_up(const struct dhcp6_msg *msg)
{
	ck_assert_int_eq(put(msg), DHCP6_RELAYED);
	memcpy(forwarded, out.data, out.len);
	forwarded_len = out.len;
	ck_assert_int_eq(dhcp6_relay_read(forwarded, forwarded_len, &forward), 0);
}

// The server's answer to what was forwarded.
static enum dhcp6_result answer(const struct dhcp6_msg *msg, const struct dhcp6_relay *relay)
{
	struct inet_addr from = addr_of("2001:db8:aaaa::10");
	struct dhcp6_relay reply = *relay;
	uint8_t inside[1300], data[1400];
	size_t len = 0;

	reply.type = DHCP6_RELAY_REPLY;
	reply.remote_id = NULL;
	reply.message = inside;
	reply.message_len = dhcp6_msg_write(msg, inside, sizeof(inside));
	len = dhcp6_relay_write(&reply, data, sizeof(data));
	return dhcp6_relay_input(server, &from, 547, data, len, now_us, &out);
}

static struct dhcp6_msg reply_with(const char *prefix, uint32_t valid_s)
{
	struct dhcp6_msg msg = question(DHCP6_REPLY);
	struct inet_prefix p = prefix_of(prefix);
	struct dhcp6_ia *ia = add_ia(&msg, p.len < 128, 1);

	msg.server = duid_of("kea's");
	add_item(ia, &p);
	ia->item[0].preferred_s = ia->item[0].valid_s = valid_s;
	return msg;
}

static uint32_t extras(void)
{
	return link_find(table, the_link)->extra_n;
}

START_TEST(test_forward)
{
	struct inet_addr inner = addr_of("2001:db8:aaaa::1"), kea = addr_of("2001:db8:aaaa::10");
	struct inet_addr client = inet_addr_link_local(client_iid);
	struct dhcp6_msg msg = question(DHCP6_SOLICIT), inside;

	add_ia(&msg, true, 1);
	send_up(&msg);
	ck_assert(inet_addr_equal(&out.local, &inner));
	ck_assert(inet_addr_equal(&out.remote, &kea));
	ck_assert_uint_eq(out.local_port, 547);
	ck_assert_uint_eq(out.remote_port, 547);
	ck_assert_uint_eq(forward.type, DHCP6_RELAY_FORWARD);
	ck_assert_uint_eq(forward.hops, 0);
	ck_assert(inet_addr_equal(&forward.peer, &client));
	ck_assert(inet_addr_equal(&forward.link, &link_find(table, the_link)->prefix[0].addr));
	ck_assert_uint_eq(forward.interface_id_len, 16);
	ck_assert_uint_eq(forward.remote_id_len, 16);
	ck_assert_mem_eq(forward.remote_id, "erin@example.org", 16);
	ck_assert_int_eq(dhcp6_msg_read(forward.message, forward.message_len, &inside), 0);
	ck_assert_uint_eq(inside.type, DHCP6_SOLICIT);
	ck_assert_uint_eq(inside.xid, 0xabcdef);
	// Whatever server it is for: the relay agent does not choose.
	msg = question(DHCP6_REQUEST);
	msg.server = duid_of("kea's");
	send_up(&msg);
	ck_assert_uint_eq(added, 0);
}
END_TEST

// --> Solicit  <-- Reply { IA_PD }  --> Release
START_TEST(test_snoop_L11)
{
	struct dhcp6_msg msg = question(DHCP6_REQUEST), reply, inside;
	struct inet_addr client = inet_addr_link_local(client_iid);
	struct inet_prefix prefix = prefix_of("2001:db8:6000:100::/56");

	msg.server = duid_of("kea's");
	send_up(&msg);
	reply = reply_with("2001:db8:6000:100::/56", 3600);
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	ck_assert_uint_eq(out.link, the_link);
	ck_assert(inet_addr_equal(&out.remote, &client));
	ck_assert_uint_eq(out.remote_port, 546);
	ck_assert_int_eq(dhcp6_msg_read(out.data, out.len, &inside), 0);
	ck_assert_uint_eq(inside.type, DHCP6_REPLY);
	ck_assert_uint_eq(added, 1);
	ck_assert_uint_eq(extras(), 1);
	ck_assert(inet_prefix_equal(&link_find(table, the_link)->extra[0].prefix, &prefix));
	ck_assert_uint_eq(link_find(table, the_link)->extra[0].until_us, now_us + 3600 * US_PER_S);
	// Renewed: a later end, no other event.
	now_us += 1800 * US_PER_S;
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	ck_assert_uint_eq(link_find(table, the_link)->extra[0].until_us, now_us + 3600 * US_PER_S);
	ck_assert_uint_eq(added, 1);
	// Advertise is an offer.
	reply = reply_with("2001:db8:6000:200::/56", 3600);
	reply.type = DHCP6_ADVERTISE;
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	ck_assert_uint_eq(added, 1);
	msg = question(DHCP6_RELEASE);
	msg.server = duid_of("kea's");
	add_item(add_ia(&msg, true, 1), &prefix);
	send_up(&msg);
	ck_assert_uint_eq(removed, 1);
	ck_assert_uint_eq(extras(), 0);
}
END_TEST

START_TEST(test_ends)
{
	struct dhcp6_msg msg = question(DHCP6_REBIND), reply;

	send_up(&msg);
	reply = reply_with("2001:db8:6000:100::/56", 60);
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	reply = reply_with("2001:db8:6000:300::1/128", DHCP6_INFINITY);
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	ck_assert_uint_eq(extras(), 2);
	now_us += 61 * US_PER_S;
	link_timeout(table, now_us);
	ck_assert_uint_eq(extras(), 1);
	reply = reply_with("2001:db8:6000:300::1/128", 0); // taken back
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	ck_assert_uint_eq(extras(), 0);
	ck_assert_uint_eq(removed, 2);
}
END_TEST

// What the link cannot have, its client does not hear of either.
START_TEST(test_not_to_be_had)
{
	static const char *const bad[] = {"2001:db8:1000::/56", "2001:db8:aaaa::/56", "fe80::/64",
		"ff02::/64", "2000::/4", "2001:db8:6000:100::/57"};
	struct dhcp6_msg msg = question(DHCP6_REBIND), reply;
	uint64_t first = the_link;

	send_up(&msg);
	reply = reply_with("2001:db8:6000:100::/56", 3600);
	ck_assert_int_eq(answer(&reply, &forward), DHCP6_ANSWERED);
	the_link = make_link("frank@example.org", PROFILE_RELAY);
	send_up(&msg);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reply = reply_with(bad[i], 3600);
		ck_assert_msg(answer(&reply, &forward) == DHCP6_REFUSED, "%s", bad[i]);
	}
	ck_assert_uint_eq(extras(), 0);
	ck_assert_uint_eq(link_find(table, first)->extra_n, 1);
}
END_TEST

// L20: with somebody else's DUID a client could have the server give his prefix to a third: what is another
// link's is given up by that one alone. _i 0: another's beside its own, 1 its own.
START_TEST(test_release_of_others)
{
	struct inet_prefix prefix = prefix_of("2001:db8:6000:100::/56");
	struct inet_prefix own = prefix_of("2001:db8:6000:200::/56");
	uint64_t first = the_link;

	ck_assert_int_eq(link_relayed_add(table, first, &prefix, CLOCK_NEVER, now_us), 0);
	the_link = make_link("frank@example.org", PROFILE_RELAY);
	for (int i = 0; i < 2; i++) {
		struct dhcp6_msg msg = question(i == 0 ? DHCP6_RELEASE : DHCP6_DECLINE);
		struct dhcp6_ia *ia = add_ia(&msg, true, 1);

		ck_assert_int_eq(link_relayed_add(table, the_link, &own, CLOCK_NEVER, now_us), 0);
		msg.server = duid_of("kea's");
		add_item(ia, &own);
		if (_i == 0)
			add_item(ia, &prefix);
		if (_i == 0)
			ck_assert_int_eq(put(&msg), DHCP6_REFUSED);
		else
			send_up(&msg);
		ck_assert_uint_eq(link_find(table, first)->extra_n, 1);
		ck_assert_uint_eq(extras(), _i == 0); // nothing of it was carried out
	}
}
END_TEST

enum {
	OTHER_SERVER,
	HOPS,
	FORWARD_BACK,
	OTHER_LINK,
	CUT_INTERFACE,
	NO_INTERFACE,
	OTHER_PEER,
	INSIDE_SOLICIT,
	INSIDE_RUBBISH,
	INSIDE_RELAY,
	INSIDE_NOTHING,
	CUT,
	NOT_RELAYED_ANY_MORE,
	DEFECTS
};

START_TEST(test_believed)
{
	static const enum dhcp6_result results[DEFECTS] = {[CUT] = DHCP6_MALFORMED,
		[INSIDE_RUBBISH] = DHCP6_MALFORMED,
		[INSIDE_RELAY] = DHCP6_MALFORMED,
		[INSIDE_NOTHING] = DHCP6_MALFORMED};
	enum dhcp6_result expected = results[_i] != 0 ? results[_i] : DHCP6_REFUSED;
	struct inet_addr from =
		addr_of(_i == OTHER_SERVER ? "2001:db8:aaaa::11" : "2001:db8:aaaa::10");
	struct dhcp6_msg msg = question(DHCP6_REBIND), reply;
	uint8_t inside[1300], data[1400], id[16];
	struct dhcp6_relay relay;
	size_t len = 0;

	send_up(&msg);
	reply = reply_with("2001:db8:6000:100::/56", 3600);
	if (_i == INSIDE_SOLICIT)
		reply.type = DHCP6_SOLICIT;
	relay = forward;
	relay.type = _i == FORWARD_BACK ? DHCP6_RELAY_FORWARD : DHCP6_RELAY_REPLY;
	relay.hops = _i == HOPS;
	memcpy(id, forward.interface_id, 16);
	relay.interface_id = _i == NO_INTERFACE ? NULL : id;
	id[15] ^= _i == OTHER_LINK;
	relay.interface_id_len -= _i == CUT_INTERFACE;
	if (_i == OTHER_PEER)
		relay.peer = addr_of("fe80::77");
	relay.message = _i == INSIDE_NOTHING ? NULL : inside;
	relay.message_len =
		dhcp6_msg_write(&reply, inside, sizeof(inside)) - (_i == INSIDE_RUBBISH);
	if (_i == INSIDE_RELAY)
		inside[0] = DHCP6_RELAY_REPLY;
	len = dhcp6_relay_write(&relay, data, sizeof(data)) - (_i == CUT);
	if (_i == NOT_RELAYED_ANY_MORE)
		c->profile[PROFILE_RELAY].dhcp6_relay = (struct inet_addr){};
	ck_assert_int_eq(dhcp6_relay_input(server, &from, 547, data, len, now_us, &out), expected);
	ck_assert_uint_eq(added, 0);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

// A server in control of everything: no more than LINK_RELAYED prefixes for one link.
START_TEST(test_too_many)
{
	struct dhcp6_msg msg = question(DHCP6_REBIND), reply;
	char text[64];

	send_up(&msg);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "2001:db8:6000:%x00::/56", i);
		reply = reply_with(text, 3600);
		ck_assert_int_eq(answer(&reply, &forward),
			i < LINK_RELAYED ? DHCP6_ANSWERED : DHCP6_REFUSED);
	}
	ck_assert_uint_eq(extras(), LINK_RELAYED);
}
END_TEST

START_TEST(test_no_inner_port)
{
	struct dhcp6_msg msg = question(DHCP6_REBIND);

	c->config.dataplane.port_n = 1;
	ck_assert_int_eq(put(&msg), DHCP6_IGNORED);
	c->config.dataplane.port_n = 2;
	msg.type = DHCP6_REPLY;
	ck_assert_int_eq(put(&msg), DHCP6_REFUSED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dhcp6_relay");
	TCase *tc = tcase_create("dhcp6_relay");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, dhcp6_teardown_all);
	tcase_add_test(tc, test_forward);
	tcase_add_test(tc, test_snoop_L11);
	tcase_add_test(tc, test_ends);
	tcase_add_test(tc, test_not_to_be_had);
	tcase_add_loop_test(tc, test_release_of_others, 0, 2);
	tcase_add_loop_test(tc, test_believed, 0, DEFECTS);
	tcase_add_test(tc, test_too_many);
	tcase_add_test(tc, test_no_inner_port);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
