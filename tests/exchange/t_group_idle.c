// SPDX-License-Identifier: BSD-3-Clause
// L3 L5 L25: a day of an idle link that has joined a group, packet by packet: the IKE messages of two cores with a
// child SA for groups, and the MLD between the gateway and the host at the other end of that SA. The gateway asks
// when there are such SAs, as control does; the host answers, joins, and is silent. Time is moved by hand.
#include "group_ask.h"
#include "mld_msg.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#define LINK 77
#define MINUTE_US (60 * US_PER_S)
#define DAY_MINUTES (24 * 60)
#define GROUP "ff0e::1:2"

static struct net net;
static struct group_asks *asks;
static struct group_table *table;
static struct inet_addr host, gateway;
static bool joined; // the host has
static uint32_t queries, reports; // over the tunnel
static uint32_t keys; // of outbound SAs of the gateway, as far as known here

static void on_member(
	void *arg, uint64_t link, const struct inet_addr *group, const struct source_filter *filter)
{
	(void)arg;
	(void)link;
	(void)group;
	(void)filter;
}

static void on_upstream(
	void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	on_member(arg, 0, group, filter);
}

static void setup(void)
{
	static const uint64_t secret[2] = {1, 2};
	static const struct group_events events = {on_member, on_upstream};
	struct group_limits limits = {.per_link = 16};

	asks = group_asks_new(secret);
	table = group_table_new(&limits, &events, NULL, secret);
	ck_assert(asks != NULL && table != NULL);
	host = addr("fe80::1234");
	gateway = addr("fe80::1");
	joined = false;
	queries = reports = keys = 0;
}

static void teardown(void)
{
	group_table_free(table);
	group_asks_free(asks);
}

// ---- the tunnel ----

// A packet to a group passes the gateway's outbound SAs and the client's inbound ones, or the other way.
static void passes(const struct peer *from, const struct inet_addr *source, const char *to)
{
	struct inet_addr destination = addr(to);
	struct ts dst = ts_from_addr(&destination), src = ts_from_addr(source);
	bool any = false;

	for (uint32_t i = 0; i < SAS_MAX; i++) {
		const struct ipc_sa *sa = &from->out[i].set.sa;
		bool up = from ==
			&net.a; // the host's own address must be the SA's, groups the gateway's

		if (!from->out[i].used)
			continue;
		any = any ||
			(up ? ts_list_contains(&sa->remote_ts, &dst) &&
						ts_list_contains(&sa->local_ts, &src)
			    : ts_list_contains(&sa->remote_ts, &dst));
	}
	ck_assert_msg(any, "no SA takes a packet to %s", to);
}

static void report(enum group_record_type type)
{
	struct group_record record = {.type = type, .group = addr(GROUP)}, read;
	struct inner_packet packet;
	struct group_msg msg;
	uint8_t data[1500];
	size_t len = mld_write_report(data, sizeof(data), &host, &record, joined ? 1 : 0);

	passes(&net.a, &host, "ff02::16");
	reports++;
	ck_assert_int_eq(inner_parse(data, len, &packet), 0);
	ck_assert_int_eq(mld_read(&packet, &msg), GROUP_MSG_REPORT);
	group_ask_heard(asks, LINK, GROUP_ASK_V6);
	while (group_msg_next(&msg, &read))
		group_input(table, LINK, &read, net.now_us);
}

static void ask_due(void)
{
	uint32_t families = 0;
	uint64_t link = 0;

	while (group_ask_take(asks, net.now_us, &link, &families)) {
		passes(&net.b, &gateway, "ff02::1");
		queries++;
		report(GROUP_MODE_IS_EXCLUDE);
	}
}

// Minute by minute; after each new outbound SA of the gateway what control does then.
static void minutes(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		net_run(&net, MINUTE_US);
		if (net.b.key_n != keys)
			ck_assert_int_eq(group_ask_start(asks, LINK, GROUP_ASK_V6, net.now_us), 0);
		keys = net.b.key_n;
		ask_due();
	}
}

static void groups_too(struct ike_link_reply *reply)
{
	struct inet_prefix all = {.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
	struct ts ts = ts_from_prefix(&all);

	ck_assert_int_eq(ts_list_add(&reply->remote, &ts), 0);
}

static void up(uint64_t child_rekey_s, uint64_t ike_rekey_s)
{
	struct config_child *child = &net.a.connection.child[0];

	net_init(&net, 9);
	for (int i = 0; i < 2; i++) {
		struct config_lifetimes *life = i == 0 ? &net.a.config.life : &net.b.config.life;

		life->child_rekey_s = child_rekey_s;
		life->ike_rekey_s = ike_rekey_s;
	}
	net.b.reply_hook = groups_too;
	net.a.connection.child_n = 1;
	*child = (struct config_child){
		.link = true, .local = selectors("ff00::/8"), .remote = selectors("::/0")};
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(net.a.child[1].up, 1);
	memcpy(host.bytes + 8, net.a.interface_id, 8);
	minutes(1);
}

static void join(void)
{
	joined = true;
	report(GROUP_CHANGE_TO_EXCLUDE);
	ck_assert_uint_eq(group_count(table), 1);
}

// ---- tests ----

// No lifetime runs out within the day: the join, and then not one packet and not one IKE message.
START_TEST(a_day_L3)
{
	uint32_t sent = 0;

	up(0, 0);
	minutes(10); // what comes when a link is new
	ck_assert_uint_eq(queries, 1);
	ck_assert_uint_eq(reports, 1); // the answer
	sent = net.sent;
	join();
	minutes(DAY_MINUTES);
	ck_assert_uint_eq(queries, 1);
	ck_assert_uint_eq(reports, 2);
	ck_assert_uint_eq(net.sent, sent);
	ck_assert_uint_eq(ike_next_us(net.a.ike), CLOCK_NEVER);
	ck_assert_uint_eq(ike_next_us(net.b.ike), CLOCK_NEVER);
	ck_assert_uint_eq(group_ask_next_us(asks), CLOCK_NEVER);
	ck_assert_uint_eq(group_count(table), 1);
	net_finish(&net);
}
END_TEST

// IKE messages of a day with rekeys.
static uint32_t day_of_rekeys(bool with_join)
{
	uint32_t sent = 0;

	up(3600, 14400);
	minutes(10);
	sent = net.sent;
	if (with_join)
		join();
	minutes(DAY_MINUTES);
	ck_assert_uint_eq(queries, 1);
	ck_assert_uint_eq(reports, with_join ? 2 : 1);
	ck_assert_uint_ge(
		peer_counters(&net.a).child_rekeys + peer_counters(&net.b).child_rekeys, 2 * 23);
	ck_assert_uint_ge(peer_counters(&net.a).ike_rekeys + peer_counters(&net.b).ike_rekeys, 5);
	ck_assert_uint_eq(group_count(table), with_join ? 1 : 0);
	sent = net.sent - sent;
	net_check_mirror(&net);
	net_finish(&net);
	return sent;
}

// Child SAs rekeyed each hour, IKE SAs every four: the messages of these, as many as without a member.
START_TEST(a_day_of_rekeys_L3)
{
	uint32_t without = day_of_rekeys(false);

	teardown();
	setup();
	ck_assert_uint_eq(day_of_rekeys(true), without);
	ck_assert_uint_gt(without, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("group_idle");
	TCase *tc = tcase_create("group_idle");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_day_L3);
	tcase_add_test(tc, a_day_of_rekeys_L3);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
