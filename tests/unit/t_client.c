// SPDX-License-Identifier: BSD-3-Clause
// The client role's side effects: interface and routes come with the connection, follow its SA, go
// with it (L12, L13); questions about silent peers (L3); what the admin commands are told.
#include "t_control.h"

static struct config_connection connection;
static struct cp_attrs cp;

static void setup(void)
{
	c = link_config_new();
	strcpy(connection.name, "home");
	strcpy(connection.interface, "cpn0");
	connection.autostart = false;
	inet_addr_parse("192.0.2.1", &connection.gateway);
	c->config.connection = &connection;
	c->config.connection_n = 1;
	c->config.life.liveness_s = 30;
	c->config.dataplane.port_n = 1;
	c->config.dataplane.port[0].role = CONFIG_PORT_OUTER;
	c->config.dataplane.port[0].mtu = 1400;
	cp = (struct cp_attrs){.type = CP_REPLY, .ip4_n = 1};
	inet_addr_parse("10.66.0.9", &cp.ip4[0]);
	seen_n = holds_n = 0;
	add_status = 0;
	fake_dataplane_start(&dp, 2, 1024);
	start_control(store_open(NULL));
	seen_n = 0;
}

static void teardown(void)
{
	struct store *store = control.store;

	stop_control();
	store_close(store);
	fake_dataplane_stop(&dp);
	free(c);
}

static void out_sa(sa_ref_t ref, uint64_t child)
{
	struct ipc_sa_info info = {.direction = IPC_DIR_OUT,
		.spi = 1000,
		.ref = ref,
		.child = child,
		.suite = {ENCR_AES_GCM_16, 128, 0, 0}};
	struct sa *sa = NULL;

	inet_addr_parse("192.0.2.1", &info.remote);
	sa = sa_table_add(control.sas, client_group(&control, &connection), &info, clock_now_us());
	sa_group_ref_add(sa->group, ref);
}

static void up(sa_ref_t ref)
{
	struct ike_effect effect = {.type = IKE_CONNECTION_UP, .ike_sa = 77};
	struct ts ts = ts_any(AF_INET);

	effect.connection.connection = &connection;
	effect.connection.cp = cp;
	effect.connection.out_ref = ref;
	ts_list_add(&effect.connection.remote, &ts);
	client_up(&control, &effect);
	serve();
}

static void down(void)
{
	struct ike_effect effect = {.type = IKE_CONNECTION_DOWN};

	effect.connection.connection = &connection;
	strcpy(effect.connection.why, "deleted");
	client_down(&control, &effect);
	serve();
}

START_TEST(test_up_and_down_L12_L13)
{
	const struct seen *s = NULL;

	out_sa(spi_make(1, 0, 3), 5);
	up(spi_make(1, 0, 3));
	s = find_seen(IPC_HOSTIF_SET, 0);
	ck_assert_uint_eq(s->thread, 0);
	ck_assert_str_eq(s->hostif.name, "cpn0");
	ck_assert_uint_eq(s->hostif.mtu, 1346); // 1400 - 20 - 8 - 8 - 16 - 2
	ck_assert_uint_eq(s->hostif.addr_n, 1);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 4); // in and out, at each worker
	for (size_t i = 0; i < 4; i++) {
		const struct ipc_route_set *set = &find_seen(IPC_ROUTE_SET, i)->route_set;

		ck_assert_uint_eq(
			set->kind, set->prefix.len == 32 ? IPC_ROUTE_HOSTIF : IPC_ROUTE_SA);
		if (set->kind == IPC_ROUTE_SA)
			ck_assert_uint_eq(set->ref, spi_make(1, 0, 3));
	}
	seen_n = 0;
	down();
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 1);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 4);
	seen_n = 0;
	down(); // once is enough
	ck_assert_uint_eq(seen_n, 0);
}
END_TEST

// Another address and another SA: what is no more is taken away, the interface changes once.
START_TEST(test_change)
{
	out_sa(spi_make(0, 0, 3), 5);
	up(spi_make(0, 0, 3));
	seen_n = 0;
	inet_addr_parse("10.66.0.10", &cp.ip4[0]);
	up(spi_make(0, 0, 3));
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 2);
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_SET), 1);
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 0);
	seen_n = 0;
	out_sa(spi_make(1, 0, 7), 6);
	client_primary(&control, client_group(&control, &connection), spi_make(1, 0, 7));
	serve();
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_SET), 0);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 4);
}
END_TEST

static bool look(void *arg, const struct control_connection *info)
{
	*(struct control_connection *)arg = *info;
	return true;
}

START_TEST(test_shown)
{
	struct control_connection info = {};

	control_connections(&control, look, &info);
	ck_assert_str_eq(info.state, "down");
	ck_assert_int_eq(control_connection_up(&control, "nobody"), -ENOENT);
	ck_assert_int_eq(control_connection_down(&control, "nobody"), -ENOENT);
	out_sa(spi_make(0, 0, 3), 5);
	up(spi_make(0, 0, 3));
	control_connections(&control, look, &info);
	ck_assert_str_eq(info.state, "up");
	ck_assert_uint_eq(info.cp.ip4_n, 1);
	down();
	control_connections(&control, look, &info);
	ck_assert_str_eq(info.state, "down");
	ck_assert_str_eq(info.why, "deleted");
}
END_TEST

// No outer address of the gateway's family: said, and nothing is sent.
START_TEST(test_no_local_address)
{
	ck_assert_int_eq(control_connection_up(&control, "home"), -EADDRNOTAVAIL);
	c->config.dataplane.port[0].addr_n = 1;
	inet_ifaddr_parse("192.0.2.2/24", &c->config.dataplane.port[0].addr[0].addr,
		&c->config.dataplane.port[0].addr[0].len);
	control.phase = PHASE_ALONE;
	ck_assert_int_eq(control_connection_up(&control, "home"), -EAGAIN);
}
END_TEST

static int done_error;

static void on_done(void *arg, int error)
{
	(*(int *)arg)++;
	done_error = error;
}

// A listing of all SAs, asked for three times at once: two rounds, and everybody is answered, also
// when the dataplane dies in the middle.
START_TEST(test_refresh)
{
	int done = 0;

	for (int i = 0; i < 3; i++)
		control_counters_refresh(&control, on_done, &done);
	serve();
	ck_assert_int_eq(done, 3);
	ck_assert_int_eq(done_error, 0);
	ck_assert_uint_eq(count_seen(IPC_SA_LIST), 8); // two workers, two directions, two rounds
	for (int i = 0; i < 2; i++)
		control_counters_refresh(&control, on_done, &done);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	ck_assert_int_eq(done, 5);
	ck_assert_int_eq(done_error, -ENOTCONN);
	control_counters_refresh(&control, on_done, &done);
	ck_assert_int_eq(done, 6);
}
END_TEST

static void count_each(void *arg, const void *info)
{
	(void)info;
	(*(int *)arg)++;
}

static int tables;

static void table_done(void *arg, int error)
{
	(void)arg;
	done_error = error;
	tables++;
}

START_TEST(test_table)
{
	int items = 0;

	control_table(&control, CONTROL_PORTS, count_each, table_done, &items);
	serve();
	ck_assert_int_eq(tables, 1);
	ck_assert_int_eq(done_error, 0);
	ck_assert_uint_eq(find_seen(IPC_PORT_LIST, 0)->thread, 0);
	control_table(&control, CONTROL_ROUTES, count_each, table_done, &items);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	ck_assert_int_eq(tables, 2);
	ck_assert_int_eq(done_error, -ENOTCONN);
}
END_TEST

static char line[2048];

static void take_line(void *arg, const char *text, size_t len)
{
	(*(int *)arg)++;
	ck_assert_uint_lt(len, sizeof(line));
	memcpy(line, text, len + 1);
}

START_TEST(test_monitor)
{
	int lines = 0;
	struct monitor_subscriber *subscriber =
		control_monitor_subscribe(&control, take_line, &lines);
	struct ike_event event = {.type = IKE_EVENT_MESSAGE_IN,
		.ike_sa = 5,
		.spi_i = 0x1234,
		.remote_port = 500,
		.child_spi_in = 0xabc,
		.peer = "\xff\xfe",
		.text = "IKE_SA_INIT \"quoted\""};
	json_t *object = NULL;

	inet_addr_parse("2001:db8::1", &event.remote);
	monitor_emit_ike(control.monitor, &event);
	ck_assert_int_eq(lines, 1);
	ck_assert_ptr_null(strchr(line, '\n'));
	object = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(json_string_value(json_object_get(object, "event")),
		ike_event_name(IKE_EVENT_MESSAGE_IN));
	ck_assert_str_eq(json_string_value(json_object_get(object, "remote")), "[2001:db8::1]:500");
	ck_assert_str_eq(json_string_value(json_object_get(object, "spi_i")), "0000000000001234");
	ck_assert_str_eq(json_string_value(json_object_get(object, "peer")), "(not UTF-8)");
	ck_assert(json_is_real(json_object_get(object, "time")));
	ck_assert_ptr_null(json_object_get(object, "spi_r"));
	json_decref(object);
	out_sa(spi_make(0, 0, 3), 5);
	up(spi_make(0, 0, 3));
	ck_assert_int_eq(lines, 2);
	ck_assert_ptr_nonnull(strstr(line, "\"connection-up\""));
	control_monitor_unsubscribe(&control, subscriber);
	down();
	ck_assert_int_eq(lines, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client");
	TCase *tc = tcase_create("client");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_up_and_down_L12_L13);
	tcase_add_test(tc, test_change);
	tcase_add_test(tc, test_shown);
	tcase_add_test(tc, test_no_local_address);
	tcase_add_test(tc, test_refresh);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_monitor);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
