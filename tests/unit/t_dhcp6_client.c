// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 client of a connection (L11, L22, P6) against our own server, with losses and without, and
// against servers that mean it no good. RFC 8415 sections 14, 15 and 18.2. Time is moved by hand.
#include "dhcp6_client.h"
#include "t_dhcp6.h"

#include <check.h>

static struct dhcp6_client *client;
static struct dhcp6_given given;
static uint32_t changes, sent;
static uint8_t last[1400];
static size_t last_len;
static struct dhcp6_msg last_msg;

static void on_changed(void *arg, const struct dhcp6_given *now)
{
	(void)arg;
	given = *now;
	changes++;
}

static struct dhcp6_client *new_client(void)
{
	struct dhcp6_client_setup setup = {.random = test_random,
		.changed = on_changed,
		.duid = {0, 4, 1, 2, 3},
		.duid_len = 18};

	return dhcp6_client_new(&setup);
}

static void setup(void)
{
	dhcp6_setup_all();
	client = new_client();
	ck_assert_ptr_nonnull(client);
	given = (struct dhcp6_given){};
	changes = sent = 0;
}

static void teardown(void)
{
	dhcp6_client_free(client);
	dhcp6_teardown_all();
}

// What it wants to send; false: nothing.
static bool take(void)
{
	last_len = dhcp6_client_take(client, last, sizeof(last));
	if (last_len == 0)
		return false;
	ck_assert_int_eq(dhcp6_msg_read(last, last_len, &last_msg), 0);
	sent++;
	return true;
}

// Messages to the server and back, of which `loss` in 100 are lost.
static void talk(int loss)
{
	while (take()) {
		struct inner_packet packet = packet_with(last, last_len);

		if (random() % 100 >= loss &&
			dhcp6_server_input(server, the_link, &packet, now_us, &out) ==
				DHCP6_ANSWERED &&
			random() % 100 >= loss)
			dhcp6_client_input(client, out.data, out.len, now_us);
	}
}

static void run(int loss, uint64_t until_us)
{
	talk(loss);
	while (dhcp6_client_next_us(client) <= until_us) {
		now_us = dhcp6_client_next_us(client);
		dhcp6_client_timeout(client, now_us);
		talk(loss);
	}
	now_us = until_us;
}

static struct dhcp6_client_want want_all(void)
{
	return (struct dhcp6_client_want){.info = true, .prefix = true};
}

START_TEST(test_info_L22)
{
	struct dhcp6_client_want want = {.info = true};
	struct inet_addr dns = addr_of("2001:db8:aaaa::53"), sntp = addr_of("2001:db8:aaaa::123");

	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_eq(given.dns_n, 1);
	ck_assert(inet_addr_equal(&given.dns[0], &dns));
	ck_assert(inet_addr_equal(&given.sntp[0], &sntp));
	ck_assert_str_eq(given.domain[0], "corp.example.org");
	ck_assert(dhcp6_client_next_us(client) == CLOCK_NEVER); // L3
	ck_assert_uint_eq(sent, 1);
	dhcp6_client_start(client, &want, now_us); // the link came again
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(sent, 2);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

START_TEST(test_prefix_L11)
{
	struct dhcp6_client_want want = want_all();

	want.prefix_len = 56;
	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(sent, 1); // rapid commit
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_eq(given.prefix_n, 1);
	ck_assert_uint_eq(given.prefix[0].len, 64);
	ck_assert_uint_eq(given.dns_n, 1);
	ck_assert(link_owns(link_find(table, the_link), &given.prefix[0].addr));
	ck_assert(dhcp6_client_next_us(client) == CLOCK_NEVER);
	// After a link change: Rebind, since a prefix cannot be confirmed; nothing is different.
	dhcp6_client_start(client, &want, now_us);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_REBIND);
	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(changes, 1);
	dhcp6_client_stop(client);
	ck_assert(!take());
}
END_TEST

START_TEST(test_address_P6)
{
	struct dhcp6_client_want want = {.info = true, .address = true};
	struct inet_addr before;

	the_link = make_link("dave@example.org", PROFILE_P6);
	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(given.address_n, 1);
	before = given.address[0];
	dhcp6_client_start(client, &want, now_us);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_CONFIRM);
	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(changes, 1);
	// Another link: NotOnLink, then another address.
	the_link = make_link("erin@example.org", PROFILE_P6);
	dhcp6_client_start(client, &want, now_us);
	run(0, now_us + US_PER_S / 2);
	ck_assert_uint_eq(given.address_n, 1);
	ck_assert(!inet_addr_equal(&given.address[0], &before));
}
END_TEST

// Four of ten messages are lost, each way: it comes to its end, and does not send too often.
START_TEST(test_losses)
{
	struct dhcp6_client_want want = want_all();

	srandom((unsigned)_i);
	dhcp6_client_start(client, &want, now_us);
	run(40, now_us + 3600 * UINT64_C(3) * US_PER_S);
	ck_assert_uint_eq(given.prefix_n, 1);
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_le(sent, 40);
}
END_TEST

// Retransmission times of a Solicit that nobody answers: doubled up to SOL_MAX_RT, by a tenth more or
// less, the first one not less.
START_TEST(test_backoff)
{
	struct dhcp6_client_want want = want_all();
	uint64_t rt_us = 0, before_us = now_us;

	dhcp6_client_start(client, &want, now_us);
	for (int i = 0; i < 20; i++) {
		ck_assert(take());
		ck_assert_uint_eq(last_msg.type, DHCP6_SOLICIT);
		ck_assert_uint_eq(last_msg.ia_n, 1);
		ck_assert(last_msg.rapid_commit);
		ck_assert_uint_eq(last_msg.elapsed_cs,
			now_us - 1000 * US_PER_S > 655350000 ? 65535
							     : (now_us - 1000 * US_PER_S) / 10000);
		now_us = dhcp6_client_next_us(client);
		if (i == 0)
			ck_assert(now_us - before_us > US_PER_S &&
				now_us - before_us <= 1100 * US_PER_MS);
		else
			ck_assert(now_us - before_us <= 3600 * 11 * US_PER_S / 10 &&
				(now_us - before_us >= rt_us * 19 / 10 ||
					now_us - before_us >= 3600 * 9 * US_PER_S / 10));
		rt_us = now_us - before_us;
		before_us = now_us;
		dhcp6_client_timeout(client, now_us);
	}
}
END_TEST

// ---- a server by hand ----

static struct dhcp6_msg answer_to(uint8_t type)
{
	struct dhcp6_msg msg = {.type = type, .xid = last_msg.xid, .client = last_msg.client};

	msg.server = duid_of("server");
	return msg;
}

static void add_prefix(
	struct dhcp6_msg *msg, const char *text, uint32_t preferred_s, uint32_t valid_s)
{
	struct dhcp6_ia *ia = msg->ia_n > 0 ? &msg->ia[0] : add_ia(msg, true, 1);

	ia->item[ia->item_n++] = (struct dhcp6_item){
		.prefix = prefix_of(text), .preferred_s = preferred_s, .valid_s = valid_s};
}

static void put_in(const struct dhcp6_msg *msg)
{
	uint8_t data[1400];
	size_t len = dhcp6_msg_write(msg, data, sizeof(data));

	ck_assert_uint_gt(len, 0);
	dhcp6_client_input(client, data, len, now_us);
}

static void start_prefix(void)
{
	struct dhcp6_client_want want = want_all();

	dhcp6_client_start(client, &want, now_us);
	ck_assert(take());
}

static void timeout(void)
{
	now_us = dhcp6_client_next_us(client);
	ck_assert(now_us != CLOCK_NEVER);
	dhcp6_client_timeout(client, now_us);
}

// Of several Advertises the one with the highest preference is requested when the first time is over.
START_TEST(test_preference)
{
	struct dhcp6_msg msg;

	start_prefix();
	msg = answer_to(DHCP6_ADVERTISE);
	add_prefix(&msg, "2001:db8:6001::/56", 100, 200);
	put_in(&msg);
	msg.server = duid_of("better");
	msg.preference = 9;
	put_in(&msg);
	msg.server = duid_of("worse");
	msg.preference = 8;
	put_in(&msg);
	ck_assert(!take());
	timeout();
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_REQUEST);
	ck_assert_mem_eq(last_msg.server.data, "better", 6);
	ck_assert_uint_eq(last_msg.ia[0].item_n, 1);
	// 255: at once.
	start_prefix();
	msg = answer_to(DHCP6_ADVERTISE);
	add_prefix(&msg, "2001:db8:6001::/56", 100, 200);
	msg.preference = 255;
	put_in(&msg);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_REQUEST);
}
END_TEST

// Renew at T1, Rebind at T2, Solicit when all is over.
START_TEST(test_finite)
{
	struct dhcp6_msg msg;
	uint64_t begun_us = now_us;

	start_prefix();
	msg = answer_to(DHCP6_REPLY);
	msg.rapid_commit = true;
	add_prefix(&msg, "2001:db8:6001::/56", 1000, 2000);
	put_in(&msg);
	ck_assert_uint_eq(given.prefix_n, 1);
	timeout(); // T1 of zero: half of the preferred lifetime
	ck_assert_uint_eq(now_us, begun_us + 500 * US_PER_S);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_RENEW);
	ck_assert_mem_eq(last_msg.server.data, "server", 6);
	msg = answer_to(DHCP6_REPLY);
	add_prefix(&msg, "2001:db8:6001::/56", 1000, 2000);
	put_in(&msg);
	begun_us = now_us;
	while (now_us < begun_us + 800 * US_PER_S)
		timeout();
	ck_assert_uint_eq(now_us, begun_us + 800 * US_PER_S);
	while (take())
		;
	ck_assert_uint_eq(last_msg.type, DHCP6_REBIND);
	ck_assert_uint_eq(last_msg.server.len, 0);
	ck_assert_uint_eq(changes, 1);
	while (given.prefix_n > 0)
		timeout();
	ck_assert_uint_eq(now_us, begun_us + 2000 * US_PER_S);
	while (take())
		;
	ck_assert_uint_eq(last_msg.type, DHCP6_SOLICIT);
}
END_TEST

START_TEST(test_taken_back)
{
	struct dhcp6_msg msg;

	start_prefix();
	msg = answer_to(DHCP6_REPLY);
	msg.rapid_commit = true;
	add_prefix(&msg, "2001:db8:6001::/56", 1000, 2000);
	put_in(&msg);
	timeout();
	ck_assert(take());
	msg = answer_to(DHCP6_REPLY);
	add_prefix(&msg, "2001:db8:6001::/56", 0, 0);
	add_prefix(&msg, "2001:db8:6002::/56", 1000, 2000);
	put_in(&msg);
	ck_assert_uint_eq(given.prefix_n, 1);
	ck_assert_uint_eq(given.prefix[0].addr.bytes[5], 2);
	timeout();
	ck_assert(take());
	msg = answer_to(DHCP6_REPLY);
	add_ia(&msg, true, 1)->status = DHCP6_STATUS_NO_BINDING;
	put_in(&msg);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_REQUEST);
	ck_assert_uint_eq(given.prefix_n, 0);
}
END_TEST

static const struct {
	const char *why, *prefix;
	uint32_t t1, t2, preferred, valid;
} hostile[] = {
	{"everything", "2000::/3", 0, 0, 10, 10},
	{"link-local", "fe80::/64", 0, 0, 10, 10},
	{"multicast", "ff00::/16", 0, 0, 10, 10},
	{"T1 after T2", "2001:db8:6001::/56", 9, 8, 10, 10},
	{"preferred longer than valid", "2001:db8:6001::/56", 0, 0, 11, 10},
	{"no lifetime", "2001:db8:6001::/56", 0, 0, 0, 0},
};

START_TEST(test_hostile)
{
	struct dhcp6_msg msg;

	start_prefix();
	msg = answer_to(DHCP6_ADVERTISE);
	msg.preference = 255;
	add_prefix(&msg, hostile[_i].prefix, hostile[_i].preferred, hostile[_i].valid);
	msg.ia[0].t1_s = hostile[_i].t1;
	msg.ia[0].t2_s = hostile[_i].t2;
	put_in(&msg);
	if (take()) // the settings can be had all the same
		ck_assert_msg(last_msg.type == DHCP6_INFORMATION_REQUEST, "%s", hostile[_i].why);
	do
		timeout();
	while (!take() || last_msg.type != DHCP6_SOLICIT);
	msg.xid = last_msg.xid;
	msg.type = DHCP6_REPLY;
	msg.rapid_commit = true;
	put_in(&msg);
	ck_assert_msg(given.prefix_n == 0, "%s", hostile[_i].why);
}
END_TEST

// Of other clients, other exchanges, without server: nothing happens.
START_TEST(test_not_for_us)
{
	struct dhcp6_msg good, msg;

	start_prefix();
	good = answer_to(DHCP6_REPLY);
	good.rapid_commit = true;
	add_prefix(&good, "2001:db8:6001::/56", 1000, 2000);
	msg = good;
	msg.xid ^= 1;
	put_in(&msg);
	msg = good;
	msg.client = duid_of("somebody else");
	put_in(&msg);
	msg = good;
	msg.client.len = 0;
	put_in(&msg);
	msg = good;
	msg.server.len = 0;
	put_in(&msg);
	msg = good;
	msg.rapid_commit = false;
	put_in(&msg);
	msg = good;
	msg.type = DHCP6_RECONFIGURE;
	put_in(&msg);
	dhcp6_client_input(client, last, 3, now_us);
	ck_assert_uint_eq(changes, 0);
	put_in(&good);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

// A server that says no to each Request at once keeps the client busy, within limits.
START_TEST(test_loop_is_limited)
{
	uint64_t end_us = now_us + 600 * US_PER_S;
	struct dhcp6_msg msg;
	uint32_t n = 0;

	start_prefix();
	while (now_us < end_us) {
		if (last_msg.type == DHCP6_SOLICIT) {
			msg = answer_to(DHCP6_ADVERTISE);
			msg.preference = 255;
			add_prefix(&msg, "2001:db8:6001::/56", 1000, 2000);
		} else {
			msg = answer_to(DHCP6_REPLY);
			add_ia(&msg, true, 1)->status = DHCP6_STATUS_NO_PREFIX_AVAIL;
		}
		put_in(&msg);
		while (!take())
			timeout();
		n++;
	}
	ck_assert_uint_le(n, 20 + 600);
}
END_TEST

// Nothing to lease: DNS servers are asked for apart, and Solicit slows down as the server says.
START_TEST(test_nothing_to_lease)
{
	struct dhcp6_msg msg;
	uint64_t begun_us = 0;

	start_prefix();
	msg = answer_to(DHCP6_ADVERTISE);
	add_ia(&msg, true, 1)->status = DHCP6_STATUS_NO_PREFIX_AVAIL;
	msg.sol_max_rt_s = 60;
	put_in(&msg);
	ck_assert(take());
	ck_assert_uint_eq(last_msg.type, DHCP6_INFORMATION_REQUEST);
	ck_assert_uint_eq(last_msg.ia_n, 0);
	msg = answer_to(DHCP6_REPLY);
	msg.dns_n = 2;
	msg.dns[0] = addr_of("2001:db8::53");
	msg.dns[1] = addr_of("ff02::1"); // no server
	put_in(&msg);
	ck_assert_uint_eq(given.dns_n, 1);
	for (int i = 0; i < 12; i++) {
		begun_us = now_us;
		timeout();
		take();
	}
	ck_assert_uint_le(now_us - begun_us, 66 * US_PER_S);
	ck_assert_uint_ge(now_us - begun_us, 54 * US_PER_S);
}
END_TEST

// The time after which settings are asked for again: told, by default a day, never less than ten minutes.
START_TEST(test_refresh)
{
	static const uint32_t told[] = {1, 0, 7200}, expected[] = {600, 86400, 7200};
	struct dhcp6_client_want want = {.info = true};
	struct dhcp6_msg msg;

	dhcp6_client_start(client, &want, now_us);
	for (int i = 0; i < 3; i++) {
		ck_assert(take());
		ck_assert_uint_eq(last_msg.type, DHCP6_INFORMATION_REQUEST);
		msg = answer_to(DHCP6_REPLY);
		msg.has_refresh = told[i] != 0;
		msg.refresh_s = told[i];
		put_in(&msg);
		ck_assert_uint_eq(dhcp6_client_next_us(client), now_us + expected[i] * US_PER_S);
		timeout();
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dhcp6_client");
	TCase *tc = tcase_create("dhcp6_client");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_info_L22);
	tcase_add_test(tc, test_prefix_L11);
	tcase_add_test(tc, test_address_P6);
	tcase_add_loop_test(tc, test_losses, 0, 50);
	tcase_add_test(tc, test_backoff);
	tcase_add_test(tc, test_preference);
	tcase_add_test(tc, test_finite);
	tcase_add_test(tc, test_taken_back);
	tcase_add_loop_test(tc, test_hostile, 0, sizeof(hostile) / sizeof(hostile[0]));
	tcase_add_test(tc, test_not_for_us);
	tcase_add_test(tc, test_loop_is_limited);
	tcase_add_test(tc, test_nothing_to_lease);
	tcase_add_test(tc, test_refresh);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
