// SPDX-License-Identifier: BSD-3-Clause
// Effects of the IKE core as commands of the seam, and the two restarts: what goes to which worker in
// which order, ingress filters (L29), pool slots, orphans, a new dataplane.
#include "child_sa.h"
#include "ike_sa.h"
#include "punt_backlog.h"
#include "t_control.h"

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};

static void setup(void)
{
	c = link_config_new();
	c->config.gateway.present = true;
	c->config.life.liveness_s = 30;
	c->config.life.child_rekey_s = 3600;
	seen_n = holds_n = 0;
	add_status = 0;
	fake_dataplane_start(&dp, 2, 1024);
	start_control(store_open(NULL));
}

static void teardown(void)
{
	struct store *store = control.store;

	stop_control();
	store_close(store);
	fake_dataplane_stop(&dp);
	free(c);
}

static const struct link *attach(const char *name, uint64_t ike_sa)
{
	struct config_id id = link_config_id(name);
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .ip4_n = 1};
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &id, .asked = &cp, .ike_sa = ike_sa};
	struct ike_link_reply reply;

	memcpy(cp.link_iid, iid, 8);
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	return link_find(control.links, reply.link);
}

static uint32_t new_spi(uint32_t worker)
{
	uint32_t spi = 0;

	ck_assert_int_eq(slots_take_spi(control.slots, worker, &spi), 0);
	return spi;
}

static sa_ref_t new_ref(uint32_t worker)
{
	sa_ref_t ref = 0;

	ck_assert_int_eq(slots_take_ref(control.slots, worker, &ref), 0);
	return ref;
}

static void in_add(const struct link *link, uint32_t spi, uint64_t child)
{
	struct ike_effect effect = {.type = IKE_SA_IN_ADD, .link = link != NULL ? link->handle : 0};

	effect.in_add.sa.spi = spi;
	effect.in_add.sa.child = child;
	install_in_add(&control, &effect);
}

static void out_set(const struct link *link, sa_ref_t ref, uint32_t spi, uint64_t child)
{
	struct ike_effect effect = {
		.type = IKE_SA_OUT_SET, .link = link != NULL ? link->handle : 0};

	effect.out_set.sa.spi = spi;
	effect.out_set.ref = ref;
	effect.out_set.sa.child = child;
	install_out_set(&control, &effect);
}

// Every worker gets every pool, and the addresses that are ours to answer on links.
START_TEST(test_tables_at_start)
{
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 2 * POOLS);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 6);
	for (size_t i = 0; i < 6; i++)
		ck_assert_uint_eq(find_seen(IPC_ROUTE_SET, i)->route_set.kind, IPC_ROUTE_PUNT);
	for (size_t i = 0; i < 2 * POOLS; i++) {
		const struct ipc_pool_add *add = &find_seen(IPC_POOL_ADD, i)->pool_add;

		ck_assert_uint_le(add->slot_len - add->prefix.len, 28);
	}
	ck_assert_uint_eq(count_seen(IPC_SA_LIST), 4);
}
END_TEST

// L19, L29: the inbound SA has the link's prefixes and addresses as ingress filter, nothing else.
START_TEST(test_ingress_filter_L29)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = new_spi(1);
	struct inet_addr own = inet_addr_link_local(iid);
	const struct seen *s = NULL;

	in_add(link, spi, 5);
	serve();
	s = find_seen(IPC_SA_IN_ADD, 0);
	ck_assert_uint_eq(s->thread, 2); // worker 1
	ck_assert_uint_eq(s->in_add.sa.cookie, link->handle);
	ck_assert_uint_eq(s->in_add.sa.link, link->handle);
	ck_assert_uint_eq(s->in_add.ingress_n, 4);
	ck_assert(inet_addr_equal(&s->in_add.ingress[0].addr, &own));
	ck_assert_uint_eq(s->in_add.ingress[0].len, 128);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert(inet_prefix_equal(&s->in_add.ingress[i + 1], &link->prefix[i]));
}
END_TEST

// The first outbound SA brings the link's slots to every worker; a rekey in place touches none.
START_TEST(test_slots_and_rekey)
{
	const struct link *link = attach("alice@example.org", 1);
	sa_ref_t ref = new_ref(0);

	out_set(link, ref, 1000, 5);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 2 * 3);
	for (size_t i = 0; i < 6; i++) {
		const struct ipc_pool_set *set = &find_seen(IPC_POOL_SET, i)->pool_set;

		ck_assert_uint_eq(set->ref, ref);
		for (uint32_t k = 0; k < link->lease_n; k++)
			if (link->lease[k]->pool == set->pool)
				ck_assert_uint_eq(link->lease[k]->slot, set->slot);
	}
	out_set(link, ref, 1001, 5);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 6);
	ck_assert_uint_eq(find_seen(IPC_SA_OUT_SET, 1)->out_set.next, 0);
	// Away with it: slots first, then the SA.
	install_ref_free(&control, ref);
	install_out_del(&control, ref);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 12);
	ck_assert_uint_eq(find_seen(IPC_POOL_SET, 11)->pool_set.ref, 0);
	ck_assert_uint_eq(
		seen[seen_n - 1].type == IPC_SA_OUT_DEL || count_seen(IPC_SA_OUT_DEL) == 1, true);
	ck_assert(!slots_is_used(control.slots, ref, IPC_DIR_OUT));
}
END_TEST

// A second child SA of the link goes first and names the first one; the slot of the first stays
// reserved while it is named.
START_TEST(test_chain)
{
	const struct link *link = attach("alice@example.org", 1);
	sa_ref_t old = new_ref(0), fresh = new_ref(1);

	out_set(link, old, 1000, 5);
	out_set(link, fresh, 2000, 6);
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_SET), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct ipc_sa_out_set *set = &find_seen(IPC_SA_OUT_SET, i)->out_set;

		ck_assert_uint_eq(set->next, set->ref == fresh ? old : 0);
	}
	ck_assert_uint_eq(sa_group_find(control.sas, link->handle)->ref[0], fresh);
	install_ref_free(&control, old);
	install_out_del(&control, old);
	serve();
	ck_assert(slots_is_used(control.slots, old, IPC_DIR_OUT));
	seen_n = 0;
	out_set(link, fresh, 2001, 6); // a rekey names nobody any more
	serve();
	ck_assert_uint_eq(find_seen(IPC_SA_OUT_SET, 0)->out_set.next, 0);
	ck_assert(!slots_is_used(control.slots, old, IPC_DIR_OUT));
}
END_TEST

START_TEST(test_counters_of_link)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = new_spi(0);
	sa_ref_t ref = new_ref(0);
	struct control_counters counters;

	in_add(link, spi, 5);
	out_set(link, ref, 1000, 5);
	install_in_del(&control, spi);
	install_out_del(&control, ref);
	serve();
	sa_group_counters(sa_group_find(control.sas, link->handle), &counters);
	ck_assert_uint_eq(counters.in.pkts, 100); // from the answers to the deletes
	ck_assert_uint_eq(counters.out.pkts, 200);
	ck_assert_uint_eq(sa_table_count(control.sas), 0);
}
END_TEST

// What a worker does not take leads nowhere.
START_TEST(test_refused)
{
	const struct link *link = attach("alice@example.org", 1);

	add_status = ENOSPC;
	in_add(link, new_spi(0), 5);
	out_set(link, new_ref(0), 1000, 5);
	serve();
	ck_assert_uint_eq(control.counts.sa_failures, 2);
	ck_assert_uint_eq(sa_table_count(control.sas), 0);
	ck_assert_uint_eq(find_seen(IPC_POOL_SET, 11)->pool_set.ref, 0);
}
END_TEST

// A child SA in the core that is known there, without keys: it sends nothing.
static uint64_t core_child(void)
{
	static const struct ts_list none;
	struct ike_sa *sa = ike_sa_new(control.ike, false);
	struct child_sa *child;

	ck_assert_ptr_nonnull(sa);
	child = child_new(sa, &none, &none);
	ck_assert_ptr_nonnull(child);
	return child->handle;
}

// So much waits for worker 0 that not one command more can.
static void fill_queue(void)
{
	struct ipc_sa_in_add cmd = {};
	int error = 0;

	for (uint32_t i = 0; i < 1u << 20 && error == 0; i++)
		error = dp_client_command(
			control.dp, 1, IPC_SA_IN_ADD, &cmd, sizeof(cmd), NULL, NULL);
	ck_assert_int_eq(error, -ENOBUFS);
}

// What cannot even be queued for a worker does not live on in the core: it would pass no traffic and
// never be missed.
START_TEST(test_queue_full)
{
	const struct link *link = attach("alice@example.org", 1);
	uint64_t child = core_child();

	fill_queue();
	if (_i == 0)
		in_add(link, new_spi(0), child);
	else
		out_set(link, new_ref(0), 1000, child);
	ck_assert_uint_eq(control.counts.sa_failures, 1);
	ck_assert(child_by_handle(control.ike, child)->deleting);
	ck_assert_ptr_null(sa_find(control.sas, IPC_DIR_IN, spi_make(0, 0, 0)));
	if (_i == 0)
		ck_assert_uint_eq(sa_table_count(control.sas), 0);
}
END_TEST

static void hold(enum ipc_direction direction, uint32_t id, uint64_t cookie)
{
	struct ipc_sa_info *info = &holds[holds_n++];

	*info = (struct ipc_sa_info){.direction = (uint32_t)direction, .cookie = cookie, .pkts = 5};
	if (direction == IPC_DIR_IN)
		info->spi = id;
	else
		info->ref = id;
}

static void restart_control(void)
{
	struct store *store = control.store;

	stop_control(); // as after kill -9: no IKE SA said a word
	fake_dataplane_die(&dp);
	seen_n = 0;
	start_control(store);
}

// Control is started again: SAs of known links carry on, their leases are theirs, their slots in
// use; those that nobody knows go. The peer comes back: its link goes on with the new SA.
START_TEST(test_control_restart_L20)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = new_spi(0);
	sa_ref_t ref = new_ref(0);
	uint64_t handle = link->handle;
	struct inet_prefix prefix = link->prefix[0];
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .link_id_len = 16};
	struct config_id id = link_config_id("alice@example.org");
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &id, .asked = &cp, .ike_sa = 2};
	struct ike_link_reply reply;

	memcpy(cp.link_iid, iid, 8);
	memcpy(cp.link_id, link->link_id, 16);
	in_add(link, spi, 5);
	out_set(link, ref, 1000, 5);
	serve();
	hold(IPC_DIR_IN, spi, handle);
	hold(IPC_DIR_OUT, ref, handle);
	hold(IPC_DIR_IN, spi_make(1, 3, 9), 4711);
	restart_control();
	link = link_find(control.links, handle);
	ck_assert_ptr_nonnull(link);
	ck_assert_int_eq(link->state, LINK_ORPHAN);
	ck_assert_uint_eq(control.counts.orphans_found, 3);
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL), 1);
	ck_assert_uint_eq(find_seen(IPC_SA_IN_DEL, 0)->in_del.spi, spi_make(1, 3, 9));
	ck_assert(slots_is_used(control.slots, spi, IPC_DIR_IN));
	ck_assert(slots_is_used(control.slots, ref, IPC_DIR_OUT));
	ck_assert(!slots_is_used(control.slots, spi_make(1, 3, 9), IPC_DIR_IN));
	for (size_t i = 0; i < count_seen(IPC_POOL_SET); i++)
		ck_assert_uint_eq(find_seen(IPC_POOL_SET, i)->pool_set.ref, ref);
	ck_assert_uint_eq(link_next_us(control.links), CLOCK_NEVER);

	seen_n = 0;
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	ck_assert_uint_eq(reply.link, handle);
	ck_assert(inet_prefix_equal(&reply.reply.prefix[0], &prefix));
	serve();
	ck_assert_uint_eq(seen_n, 0); // until the new SA is there, the old one is of use
	in_add(link, new_spi(1), 6);
	out_set(link, new_ref(1), 3000, 6);
	serve();
	ck_assert_uint_eq(find_seen(IPC_SA_IN_DEL, 0)->in_del.spi, spi);
	ck_assert_uint_eq(find_seen(IPC_SA_OUT_DEL, 0)->out_del.ref, ref);
	ck_assert(!slots_is_used(control.slots, spi, IPC_DIR_IN));
	ck_assert_uint_eq(sa_group_find(control.sas, handle)->orphan_n, 0);
	ck_assert_int_eq(link->state, LINK_UP);
}
END_TEST

// Without SAs in the dataplane the link waits for its peer for the grace time.
START_TEST(test_control_restart_no_sas)
{
	const struct link *link = attach("alice@example.org", 1);
	uint64_t handle = link->handle;

	restart_control();
	link = link_find(control.links, handle);
	ck_assert_ptr_nonnull(link);
	ck_assert_int_eq(link->state, LINK_GRACE);
}
END_TEST

// An orphan that falls silent goes, and its link after it.
START_TEST(test_silent_orphan)
{
	const struct link *link = attach("alice@example.org", 1);
	uint64_t handle = link->handle;
	uint32_t spi = new_spi(0);
	sa_ref_t ref = new_ref(0);

	hold(IPC_DIR_IN, spi, handle);
	hold(IPC_DIR_OUT, ref, handle);
	restart_control();
	seen_n = 0;
	reconcile_orphans(&control);
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL), 0); // idle, but not for long
	sa_find(control.sas, IPC_DIR_IN, spi)->since_us -= 3600 * US_PER_S;
	holds[0].idle_us = 61 * US_PER_S;
	reconcile_orphans(&control);
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL), 1);
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_DEL), 1);
	ck_assert_int_eq(link_find(control.links, handle)->state, LINK_GRACE);
}
END_TEST

// The connection breaks and the dataplane is the same: what it has too much goes, what it lacks is
// left to a rekey, pools come again.
START_TEST(test_same_dataplane)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = new_spi(0), extra = new_spi(1);
	sa_ref_t ref = new_ref(0);

	in_add(link, spi, 5);
	out_set(link, ref, 1000, 5);
	serve();
	hold(IPC_DIR_IN, spi, link->handle);
	hold(IPC_DIR_OUT, ref, link->handle);
	hold(IPC_DIR_IN, extra, link->handle);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	ck_assert_uint_eq(sa_table_count(control.sas), 2);
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL), 1);
	ck_assert_uint_eq(find_seen(IPC_SA_IN_DEL, 0)->in_del.spi, extra);
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_DEL), 0);
	ck_assert_int_eq(link->state, LINK_UP);
}
END_TEST

static void reconnect(void)
{
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
}

// SAs that came up while the same dataplane was away get new keys when it is back: _i 0 inbound, 1 a
// new outbound one, 2 new keys for an outbound one that it has.
START_TEST(test_while_away)
{
	const struct link *link = attach("alice@example.org", 1);
	uint64_t child = core_child();
	uint32_t spi = new_spi(0);
	sa_ref_t ref = new_ref(0);

	if (_i > 0) {
		in_add(link, spi, child);
		hold(IPC_DIR_IN, spi, link->handle);
	}
	if (_i == 2) {
		out_set(link, ref, 1000, child);
		hold(IPC_DIR_OUT, ref, link->handle);
	}
	serve();
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	if (_i == 0)
		in_add(link, spi, child);
	else
		out_set(link, ref, 1001, child);
	ck_assert(!child_by_handle(control.ike, child)->rekeying);
	reconnect();
	ck_assert(child_by_handle(control.ike, child)->rekeying);
	// With that the matter is settled.
	out_set(link, ref, 1002, child);
	ck_assert(!sa_child_find(control.sas, child)->missed);
}
END_TEST

// SAs of a former use of slots that the core has in use: they go, the slots stay whose they are.
START_TEST(test_leftovers)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = new_spi(1), before = spi - (1u << SPI_GENERATION_SHIFT);
	sa_ref_t ref = new_ref(1);

	if ((spi >> SPI_GENERATION_SHIFT & 0xf) == 0)
		before = spi + (15u << SPI_GENERATION_SHIFT);
	hold(IPC_DIR_IN, before, link->handle);
	hold(IPC_DIR_OUT, ref, link->handle);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	seen_n = 0;
	reconnect();
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL), 1);
	ck_assert_uint_eq(find_seen(IPC_SA_IN_DEL, 0)->in_del.spi, before);
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_DEL), 1);
	ck_assert_uint_eq(find_seen(IPC_SA_OUT_DEL, 0)->out_del.ref, ref);
	ck_assert_uint_eq(control.counts.orphans_found, 0);
	ck_assert(slots_is_used(control.slots, spi, IPC_DIR_IN));
	ck_assert(slots_is_used(control.slots, ref, IPC_DIR_OUT));
}
END_TEST

// The dataplane is another one: nothing of the old is taken out of it, pools come again, and the
// same slots lead to the new keys.
START_TEST(test_dataplane_restart)
{
	const struct link *link = attach("alice@example.org", 1);
	sa_ref_t ref = new_ref(0);

	in_add(link, new_spi(0), 5);
	out_set(link, ref, 1000, 5);
	serve();
	fake_dataplane_die(&dp);
	dp.instance = 2;
	until_phase(PHASE_ALONE);
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 2 * POOLS);
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL) + count_seen(IPC_SA_OUT_DEL), 0);
	ck_assert_uint_eq(sa_table_count(control.sas), 0);
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 0);
	out_set(link, ref, 1001, 5);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 6);
	ck_assert_int_eq(link->state, LINK_UP);
}
END_TEST

// Another number of workers: what the slots meant is void, links wait for their peers.
START_TEST(test_dataplane_other_shape)
{
	const struct link *link = attach("alice@example.org", 1);

	fake_dataplane_die(&dp);
	dp.instance = 2;
	dp.geometry.workers = 1;
	until_phase(PHASE_ALONE);
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	ck_assert_uint_eq(slots_workers(control.slots), 1);
	ck_assert_ptr_nonnull(link_find(control.links, link->handle));
}
END_TEST

// A datagram is passed on only with addresses that make sense, and before control is ready not at all.
START_TEST(test_punt)
{
	struct ipc_punt_udp punt = {.data_len = 4, .local_port = 500, .remote_port = 500};
	struct ike_counters counters;

	punt_udp(&control, &punt, (const uint8_t *)"abcd");
	inet_addr_parse("192.0.2.1", &punt.local);
	inet_addr_parse("2001:db8::1", &punt.remote);
	punt_udp(&control, &punt, (const uint8_t *)"abcd");
	ike_counters(control.ike, &counters);
	ck_assert_uint_eq(counters.datagrams_in, 0);
	inet_addr_parse("192.0.2.2", &punt.remote);
	control.phase = PHASE_LISTING;
	punt_udp(&control, &punt, (const uint8_t *)"abcd");
	ck_assert_uint_eq(control.counts.punt_early, 1);
	control.phase = PHASE_READY;
	punt_udp(&control, &punt, (const uint8_t *)"abcd");
	ike_counters(control.ike, &counters);
	ck_assert_uint_eq(counters.datagrams_in, 0); // a stranger's: it waits
	punt_strangers(&control);
	ike_counters(control.ike, &counters);
	ck_assert_uint_eq(counters.datagrams_in, 1);
	// So many wait and no more, and they have their turn a part at a time.
	for (int i = 0; i < PUNT_BACKLOG_MAX + 9; i++)
		punt_udp(&control, &punt, (const uint8_t *)"abcd");
	ck_assert_uint_eq(control.counts.punt_shed_strangers, 9);
	punt_strangers(&control);
	ike_counters(control.ike, &counters);
	ck_assert_uint_lt(counters.datagrams_in, PUNT_BACKLOG_MAX);
	for (int i = 0; i < 100; i++)
		event_base_loop(control.base, EVLOOP_NONBLOCK);
	ike_counters(control.ike, &counters);
	ck_assert_uint_eq(counters.datagrams_in, 1 + PUNT_BACKLOG_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("install");
	TCase *tc = tcase_create("install");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_tables_at_start);
	tcase_add_test(tc, test_ingress_filter_L29);
	tcase_add_test(tc, test_slots_and_rekey);
	tcase_add_test(tc, test_chain);
	tcase_add_test(tc, test_counters_of_link);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_control_restart_L20);
	tcase_add_test(tc, test_control_restart_no_sas);
	tcase_add_test(tc, test_silent_orphan);
	tcase_add_test(tc, test_same_dataplane);
	tcase_add_loop_test(tc, test_queue_full, 0, 2);
	tcase_add_loop_test(tc, test_while_away, 0, 3);
	tcase_add_test(tc, test_leftovers);
	tcase_add_test(tc, test_dataplane_restart);
	tcase_add_test(tc, test_dataplane_other_shape);
	tcase_add_test(tc, test_punt);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
