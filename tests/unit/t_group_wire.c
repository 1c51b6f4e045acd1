// SPDX-License-Identifier: BSD-3-Clause
// Multicast as control carries it out (L5, L25, L3): a link is asked once, its reports become
// commands to every worker with the SA that the link has at the time, and what all links want is
// reported on the inner port. L19: nothing of this in the first child SA.
#include "group_ask.h"
#include "igmp_msg.h"
#include "mld_msg.h"
#include "punt_limit.h"
#include "t_control.h"

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static struct inet_addr group6, group4;
static const struct link *link6;
static uint32_t spi_in, next_spi;
static uint64_t next_ike_sa;

enum {
	REF_A = (1 << SPI_OWNER_SHIFT) | 3, // worker 0
	REF_B = (2 << SPI_OWNER_SHIFT) | 4, // worker 1
	PORT = 5,
};

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void add_port(void)
{
	port_holds = (struct ipc_port_info){
		.name = "inner0", .index = PORT, .role = CONFIG_PORT_INNER, .addr_n = 3};
	port_holds.addr[0].addr = addr_of("2001:db8:aaaa::1");
	port_holds.addr[1].addr = addr_of("fe80::aa");
	port_holds.addr[2].addr = addr_of("10.20.0.1");
}

static const struct link *attach(const char *name)
{
	struct config_id id = link_config_id(name);
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .ip4_n = 1};
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &id, .asked = &cp, .ike_sa = next_ike_sa++};
	struct ike_link_reply reply;

	memcpy(cp.link_iid, iid, 8);
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	return link_find(control.links, reply.link);
}

static void in_add(const struct link *link)
{
	struct ike_effect effect = {.type = IKE_SA_IN_ADD, .link = link->handle};

	spi_in = next_spi++;
	effect.in_add.sa.spi = spi_in;
	effect.in_add.sa.child = 5;
	install_in_add(&control, &effect);
}

static void out_set(const struct link *link, sa_ref_t ref, uint64_t child, const char *remote)
{
	struct ike_effect effect = {.type = IKE_SA_OUT_SET, .link = link->handle};
	struct inet_prefix prefix;
	struct ts ts;

	ck_assert_int_eq(inet_prefix_parse(remote, &prefix), 0);
	ts = ts_from_prefix(&prefix);
	ts_list_add(&effect.out_set.sa.remote_ts, &ts);
	ts = ts_any(ts.family);
	ts_list_add(&effect.out_set.sa.local_ts, &ts);
	effect.out_set.sa.spi = 1000;
	effect.out_set.ref = ref;
	effect.out_set.sa.child = child;
	install_out_set(&control, &effect);
}

static void setup(void)
{
	static const uint64_t secret[2] = {5, 6};

	c = link_config_new();
	c->config.gateway.present = true;
	c->config.life.liveness_s = 30;
	c->profile[0].multicast = true;
	seen_n = holds_n = 0;
	add_status = 0;
	next_spi = spi_make(0, 1, 7);
	next_ike_sa = 10;
	group6 = addr_of("ff0e::1:2");
	group4 = addr_of("239.1.2.3");
	add_port();
	fake_dataplane_start(&dp, 2, 1024);
	start_control(store_open(NULL));
	control.punt_limit = punt_limit_new(secret);
	link6 = attach("alice@example.org");
	in_add(link6);
	serve();
}

static void teardown(void)
{
	struct store *store = control.store;

	punt_limit_free(control.punt_limit);
	stop_control();
	store_close(store);
	fake_dataplane_stop(&dp);
	port_holds = (struct ipc_port_info){};
	free(c);
}

// ---- what comes down ----

// The next packet of this type, NULL: none. Its fixed part in *fixed.
static const uint8_t *sent(uint32_t type, void *fixed, size_t fixed_len, size_t *len)
{
	static uint8_t data[2048];

	for (uint32_t thread = 1; thread <= 2; thread++) {
		const struct ipc_hdr *hdr = NULL;

		while ((hdr = fake_dataplane_take(&dp, thread, SEAM_PUNT_DOWN)) != NULL) {
			if (hdr->type != type)
				continue;
			memcpy(fixed, hdr + 1, fixed_len);
			*len = hdr->len - fixed_len;
			ck_assert_uint_le(*len, sizeof(data));
			memcpy(data, (const uint8_t *)(hdr + 1) + fixed_len, *len);
			return data;
		}
	}
	return NULL;
}

// A query to the link by this SA; 0: there is none.
static void expect_query(sa_ref_t ref, uint8_t family)
{
	struct ipc_punt_inner punt;
	struct inner_packet packet;
	struct group_msg msg;
	size_t len = 0;
	const uint8_t *data = sent(IPC_SEND_INNER, &punt, sizeof(punt), &len);

	if (ref == 0) {
		ck_assert_ptr_null(data);
		return;
	}
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(punt.ref, ref);
	if (family == AF_INET6) {
		struct inet_addr gateway = inet_addr_link_local(link6->gateway_iid);

		ck_assert_int_eq(inner_parse(data, len, &packet), 0);
		ck_assert_int_eq(mld_read(&packet, &msg), GROUP_MSG_QUERY);
		ck_assert(inet_addr_equal(&packet.src, &gateway));
	} else {
		ck_assert_int_eq(igmp_read(data, len, &msg), GROUP_MSG_QUERY);
		ck_assert(inet_addr_equal(&msg.src, &port_holds.addr[2].addr));
	}
	ck_assert_uint_eq(msg.query.group.family, 0);
}

// A report on the inner port, with its first record.
static void expect_report(uint8_t family, enum group_record_type type)
{
	struct ipc_punt_port punt;
	struct inner_packet packet;
	struct group_record record;
	struct group_msg msg;
	size_t len = 0;
	const uint8_t *data = sent(IPC_SEND_PORT, &punt, sizeof(punt), &len);

	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(punt.port, PORT);
	if (family == AF_INET6) {
		ck_assert_int_eq(inner_parse(data, len, &packet), 0);
		ck_assert_int_eq(mld_read(&packet, &msg), GROUP_MSG_REPORT);
		ck_assert(inet_addr_equal(&packet.src, &port_holds.addr[1].addr));
	} else {
		ck_assert_int_eq(igmp_read(data, len, &msg), GROUP_MSG_REPORT);
		ck_assert(inet_addr_equal(&msg.src, &port_holds.addr[2].addr));
	}
	ck_assert(group_msg_next(&msg, &record));
	ck_assert_int_eq(record.type, type);
}

// One command of this type at each of two workers, and nothing else about groups.
static const struct seen *expect_both(uint32_t type)
{
	serve();
	for (uint32_t other = IPC_GROUP_SET; other <= IPC_GROUP_DEL; other++)
		ck_assert_uint_eq(count_seen(other), other == type ? 2 : 0);
	seen_n = 0;
	for (size_t i = 0;; i++)
		if (seen[i].type == type)
			return &seen[i];
}

static void expect_set(sa_ref_t ref, const struct inet_addr *group)
{
	const struct seen *s = expect_both(IPC_GROUP_SET);

	ck_assert_uint_eq(s->group_set.ref, ref);
	ck_assert_uint_eq(s->group_set.link, link6->handle);
	ck_assert(inet_addr_equal(&s->group_set.group, group));
	ck_assert(!s->group_set.include && s->group_set.source_n == 0);
}

static void expect_nothing(void)
{
	serve();
	ck_assert_uint_eq(count_seen(IPC_GROUP_SET) + count_seen(IPC_GROUP_DEL), 0);
}

// ---- what comes up ----

static void from_link(const uint8_t *data, size_t len)
{
	struct ipc_punt_inner punt = {
		.spi = spi_in, .link = link6->handle, .data_len = (uint32_t)len};

	punt_inner(&control, 1, &punt, data);
}

static void report_from(
	const struct inet_addr *src, const struct inet_addr *group, enum group_record_type type)
{
	struct group_record record = {.type = type, .group = *group};
	uint8_t packet[1500];

	from_link(packet,
		src->family == AF_INET6
			? mld_write_report(packet, sizeof(packet), src, &record, 1)
			: igmp_write_report(packet, sizeof(packet), src, &record, 1));
}

static void report(const struct inet_addr *group, enum group_record_type type)
{
	struct inet_addr src = inet_addr_link_local(link6->client_iid);

	if (group->family == AF_INET)
		for (uint32_t i = 0; i < link6->lease_n; i++)
			if (link6->prefix[i].addr.family == AF_INET)
				src = link6->prefix[i].addr;
	report_from(&src, group, type);
}

// ---- tests ----

START_TEST(test_start)
{
	ck_assert_uint_eq(count_seen(IPC_GROUP_UPSTREAM), 2);
	ck_assert_uint_eq(find_seen(IPC_GROUP_UPSTREAM, 0)->group_upstream.scope_min, 3);
}
END_TEST

// After there is an SA by which a query may go, and once more when nothing is heard; not at the next
// ones, not at a rekey.
START_TEST(test_query_once_L3)
{
	uint64_t later_us = clock_now_us() + 3600 * US_PER_S;

	out_set(link6, REF_A, 5, "2001:db8:1000::/64");
	groups_send(&control, later_us);
	expect_query(0, 0);
	out_set(link6, REF_B, 6, "ff00::/8");
	groups_send(&control, clock_now_us());
	expect_query(0, 0); // its other end may not have it yet
	groups_send(&control, later_us);
	expect_query(REF_B, AF_INET6);
	expect_query(0, 0);
	groups_send(&control, later_us + GROUP_ASK_AGAIN_US);
	expect_query(REF_B, AF_INET6);
	out_set(link6, REF_B, 6, "ff00::/8");
	out_set(link6, REF_A, 5, "::/0");
	groups_send(&control, 2 * later_us);
	expect_query(0, 0);
	out_set(link6, REF_A + 1, 7, "0.0.0.0/0");
	groups_send(&control, 2 * later_us);
	expect_query(REF_A + 1, AF_INET);
	report(&group4, GROUP_CHANGE_TO_EXCLUDE);
	groups_send(&control, 3 * later_us);
	expect_query(0, 0);
}
END_TEST

START_TEST(test_join_leave_L5)
{
	const struct inet_addr *group = _i == 0 ? &group6 : &group4;
	uint8_t family = group->family;

	out_set(link6, REF_A, 5, "::/0");
	serve();
	seen_n = 0;
	report(group, GROUP_CHANGE_TO_EXCLUDE);
	expect_set(REF_A, group);
	expect_report(family, GROUP_CHANGE_TO_EXCLUDE);
	report(group, GROUP_CHANGE_TO_EXCLUDE); // told again by the host
	expect_nothing();
	// Another SA leads to the link from now on; it goes, and the first does again.
	out_set(link6, REF_B, 6, "ff00::/8");
	expect_set(REF_B, group);
	install_out_del(&control, REF_B);
	expect_set(REF_A, group);
	report(group, GROUP_CHANGE_TO_INCLUDE);
	expect_both(IPC_GROUP_DEL);
	expect_report(family, GROUP_CHANGE_TO_INCLUDE);
	ck_assert_uint_eq(control.counts.group[GROUP_CHANGED], 2);
	ck_assert_uint_eq(control.counts.group[GROUP_SAME], 1);
}
END_TEST

START_TEST(test_link_down)
{
	out_set(link6, REF_A, 5, "::/0");
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	serve();
	seen_n = 0;
	link_detach(control.links, link6->handle, 10, 0, clock_now_us());
	link_end(control.links, link6->handle, clock_now_us());
	serve();
	ck_assert_uint_ge(count_seen(IPC_GROUP_DEL), 2);
	ck_assert_uint_eq(count_seen(IPC_GROUP_SET), 0);
}
END_TEST

START_TEST(test_refused)
{
	struct inet_addr strange = addr_of("fe80::bad");
	uint8_t packet[1500];

	out_set(link6, REF_A, 5, "::/0");
	serve();
	seen_n = 0;
	report_from(&strange, &group6, GROUP_CHANGE_TO_EXCLUDE);
	ck_assert_uint_eq(control.counts.group_msg[GROUP_MSG_SOURCE], 1);
	strange = addr_of("ff02::1234"); // stays on the link
	report(&strange, GROUP_CHANGE_TO_EXCLUDE);
	ck_assert_uint_eq(control.counts.group[GROUP_SCOPE], 1);
	memset(packet, 0x45, sizeof(packet));
	from_link(packet, 40);
	ck_assert_uint_eq(control.counts.group_msg[GROUP_MSG_MALFORMED], 1);
	c->profile[0].multicast = false;
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	expect_nothing();
}
END_TEST

// A reload: other limits for what comes, no multicast for a link whose profile has lost it, and a link
// that gets it again is asked again.
START_TEST(test_reload)
{
	struct inet_addr other = addr_of("ff0e::9");
	uint64_t later_us = clock_now_us() + 3600 * US_PER_S;

	out_set(link6, REF_A, 5, "::/0");
	groups_send(&control, later_us);
	expect_query(REF_A, AF_INET6);
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	serve();
	seen_n = 0;
	c->config.multicast.groups = 1;
	groups_reconfigure(&control);
	report(&other, GROUP_CHANGE_TO_EXCLUDE);
	expect_nothing();
	ck_assert_uint_eq(control.counts.group[GROUP_LINK_LIMIT], 1);
	c->config.multicast.groups = 2;
	groups_reconfigure(&control);
	report(&other, GROUP_CHANGE_TO_EXCLUDE);
	expect_set(REF_A, &other);
	c->profile[0].multicast = false;
	groups_reconfigure(&control);
	serve();
	ck_assert_uint_eq(count_seen(IPC_GROUP_DEL), 4);
	out_set(link6, REF_A, 5, "::/0");
	groups_send(&control, 2 * later_us);
	expect_query(0, 0);
	c->profile[0].multicast = true;
	groups_reconfigure(&control);
	out_set(link6, REF_A, 5, "::/0");
	groups_send(&control, 3 * later_us);
	expect_query(REF_A, AF_INET6);
}
END_TEST

// From before its address is known to be free, RFC 3590.
START_TEST(test_unspecified_source)
{
	struct inet_addr nobody = addr_of("::");

	out_set(link6, REF_A, 5, "::/0");
	serve();
	seen_n = 0;
	report_from(&nobody, &group6, GROUP_CHANGE_TO_EXCLUDE);
	expect_set(REF_A, &group6);
}
END_TEST

START_TEST(test_upstream_query)
{
	struct group_query query = {.version = 2};
	struct inet_addr router = addr_of("fe80::77");
	struct ipc_punt_port punt = {.port = PORT};
	uint8_t packet[1500];

	out_set(link6, REF_A, 5, "::/0");
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	serve();
	expect_report(AF_INET6, GROUP_CHANGE_TO_EXCLUDE);
	punt.data_len = (uint32_t)mld_write_query(packet, sizeof(packet), &router, &query);
	groups_port_input(&control, &punt, packet);
	control_pump(&control);
	expect_report(AF_INET6, GROUP_MODE_IS_EXCLUDE);
	punt.port = PORT + 1;
	groups_port_input(&control, &punt, packet);
	ck_assert_uint_eq(control.counts.group_port[GROUP_MSG_QUERY], 1);
}
END_TEST

// The dataplane was away for a moment: it is told all there is.
// Begun at each of two workers, and then done.
static void expect_sweeps(void)
{
	ck_assert_uint_eq(count_seen(IPC_GROUP_SWEEP), 4);
	for (uint32_t thread = 1; thread <= 2; thread++) {
		uint32_t begin = 2;

		for (size_t i = 0; i < seen_n; i++)
			if (seen[i].thread == thread && seen[i].type == IPC_GROUP_SWEEP) {
				ck_assert_uint_lt(seen[i].group_sweep.begin, begin);
				begin = seen[i].group_sweep.begin;
			}
		ck_assert_uint_eq(begin, 0);
	}
}

// After a start nobody knows what links want: what the dataplane has stays until they had time to say
// so. In later connections what is set again is all there is, and the rest goes at once.
START_TEST(test_sweep)
{
	uint64_t now_us = clock_now_us();

	ck_assert_uint_eq(count_seen(IPC_GROUP_SWEEP), 2);
	ck_assert_uint_eq(find_seen(IPC_GROUP_SWEEP, 0)->group_sweep.begin, 1);
	ck_assert_uint_gt(groups_next_us(&control), now_us + 5 * US_PER_S);
	groups_send(&control, now_us + 5 * US_PER_S);
	serve();
	ck_assert_uint_eq(count_seen(IPC_GROUP_SWEEP), 2);
	groups_send(&control, now_us + 11 * US_PER_S);
	serve();
	expect_sweeps();
	ck_assert_uint_eq(groups_next_us(&control), CLOCK_NEVER);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	control_pump(&control);
	serve();
	expect_sweeps();
}
END_TEST

START_TEST(test_reconnect)
{
	out_set(link6, REF_A, 5, "::/0");
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	serve();
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	serve();
	ck_assert_uint_eq(count_seen(IPC_GROUP_SET), 2);
	ck_assert_uint_eq(find_seen(IPC_GROUP_SET, 0)->group_set.ref, REF_A);
	ck_assert_uint_eq(count_seen(IPC_GROUP_UPSTREAM), 2);
}
END_TEST

// Left while no dataplane was there to be told.
START_TEST(test_left_meanwhile)
{
	out_set(link6, REF_A, 5, "::/0");
	report(&group6, GROUP_CHANGE_TO_EXCLUDE);
	serve();
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	seen_n = 0;
	report(&group6, GROUP_CHANGE_TO_INCLUDE);
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	serve();
	ck_assert_uint_eq(count_seen(IPC_GROUP_SET), 0);
	groups_send(&control, clock_now_us() + 3600 * US_PER_S);
	serve();
	expect_sweeps();
}
END_TEST

// The child SA for groups is allowed by CREATE_CHILD_SA alone.
START_TEST(test_policy_L19_L25)
{
	struct inet_prefix prefix = {.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
	struct ts ts = ts_from_prefix(&prefix);
	struct config_id id = link_config_id("bob@example.org");
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true};
	struct ike_link_request request = {
		.peer = &c->peer[1], .identity = &id, .asked = &cp, .ike_sa = 77};
	struct ike_link_reply reply;
	struct ts_list remote, local;

	memcpy(cp.link_iid, iid, 8);
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	for (uint32_t i = 0; i < reply.remote.n; i++)
		ck_assert(reply.remote.ts[i].lo[0] != 0xff);
	ck_assert(!ts_list_contains(&reply.remote, &ts));
	ck_assert(link_policy(control.links, reply.link, &remote, &local));
	ck_assert(ts_list_contains(&remote, &ts));
	ck_assert_uint_eq(remote.n, reply.remote.n + 1); // it has no IPv4
	c->profile[0].multicast = false;
	ck_assert(link_policy(control.links, reply.link, &remote, &local));
	ck_assert(!ts_list_contains(&remote, &ts));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("group_wire");
	TCase *tc = tcase_create("group_wire");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, test_start);
	tcase_add_test(tc, test_query_once_L3);
	tcase_add_loop_test(tc, test_join_leave_L5, 0, 2);
	tcase_add_test(tc, test_link_down);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_unspecified_source);
	tcase_add_test(tc, test_upstream_query);
	tcase_add_test(tc, test_sweep);
	tcase_add_test(tc, test_reconnect);
	tcase_add_test(tc, test_left_meanwhile);
	tcase_add_test(tc, test_policy_L19_L25);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
