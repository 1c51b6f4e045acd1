// SPDX-License-Identifier: BSD-3-Clause
// What links have beside their leases, as commands of the seam: routes and ingress filters of what
// comes and goes (L29), shared prefixes, pools of another configuration, and SAs of the physical
// interface (the draft's section 7).
#include "child_sa.h"
#include "ike_sa.h"
#include "t_control.h"

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static struct inet_prefix given, other;

static void setup(void)
{
	c = link_config_new();
	c->config.gateway.present = true;
	c->config.life.liveness_s = 30;
	seen_n = holds_n = 0;
	add_status = 0;
	inet_prefix_parse("2001:db8:7000:1::/64", &given);
	inet_prefix_parse("2001:db8:7000:2::5/128", &other);
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

static void in_add(const struct link *link, uint32_t spi)
{
	struct ike_effect effect = {.type = IKE_SA_IN_ADD, .link = link->handle};

	effect.in_add.sa.spi = spi;
	effect.in_add.sa.child = 5;
	install_in_add(&control, &effect);
}

static void out_set(const struct link *link, sa_ref_t ref, uint64_t child)
{
	struct ike_effect effect = {.type = IKE_SA_OUT_SET, .link = link->handle};

	effect.out_set.sa.spi = 1000;
	effect.out_set.ref = ref;
	effect.out_set.sa.child = child;
	install_out_set(&control, &effect);
}

static void hold(enum ipc_direction direction, uint32_t id, uint64_t cookie)
{
	struct ipc_sa_info *info = &holds[holds_n++];

	*info = (struct ipc_sa_info){.direction = direction, .cookie = cookie, .child = 5};
	info->spi = direction == IPC_DIR_IN ? id : 1000;
	info->ref = direction == IPC_DIR_OUT ? id : 0;
}

// Nothing else but this route at both workers: to the SA, or gone with ref 0.
static void expect_route(const struct inet_prefix *prefix, sa_ref_t ref)
{
	uint32_t type = ref != 0 ? IPC_ROUTE_SET : IPC_ROUTE_DEL;
	uint32_t n = 0;

	serve();
	for (size_t i = 0; i < seen_n; i++) {
		const struct seen *s = &seen[i];

		if (s->type == type && inet_prefix_equal(&s->route_set.prefix, prefix)) {
			n++;
			if (ref != 0)
				ck_assert_uint_eq(s->route_set.ref, ref);
			if (ref != 0)
				ck_assert_uint_eq(s->route_set.kind, IPC_ROUTE_SA);
		}
		ck_assert(s->type != (ref != 0 ? IPC_ROUTE_DEL : IPC_ROUTE_SET) ||
			!inet_prefix_equal(&s->route_set.prefix, prefix));
	}
	ck_assert_uint_eq(n, 2);
	seen_n = 0;
}

static bool in_filter(const struct ipc_sa_ingress_set *set, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < set->ingress_n; i++)
		if (inet_prefix_equal(&set->ingress[i], prefix))
			return true;
	return false;
}

// Every inbound SA has, or has not, this prefix in its filter now, beside the link's leases.
static void expect_filter(
	const struct link *link, const struct inet_prefix *prefix, bool has, uint32_t n)
{
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_INGRESS_SET), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct seen *s = find_seen(IPC_SA_INGRESS_SET, i);

		ck_assert_uint_eq(s->thread, 1 + spi_worker(s->ingress.spi));
		ck_assert_int_eq(in_filter(&s->ingress, prefix), has);
		for (uint32_t k = 0; k < link->lease_n; k++)
			ck_assert(in_filter(&s->ingress, &link->prefix[k]));
	}
}

START_TEST(test_extra_comes_and_goes)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi[2] = {spi_make(0, 1, 3), spi_make(1, 1, 4)};
	sa_ref_t old = spi_make(0, 0, 6), fresh = spi_make(0, 0, 7);
	uint64_t now_us = clock_now_us();

	in_add(link, spi[0]);
	in_add(link, spi[1]);
	out_set(link, old, 5);
	serve();
	seen_n = 0;
	ck_assert_int_eq(
		link_relayed_add(control.links, link->handle, &given, CLOCK_NEVER, now_us), 0);
	expect_filter(link, &given, true, 2);
	expect_route(&given, old);
	// It follows the newest SA, and goes back.
	out_set(link, fresh, 6);
	expect_route(&given, fresh);
	install_out_del(&control, fresh);
	expect_route(&given, old);
	// New inbound SAs have it at once.
	in_add(link, spi_make(0, 2, 9));
	serve();
	ck_assert_uint_eq(find_seen(IPC_SA_IN_ADD, 0)->in_add.ingress_n, 5);
	seen_n = 0;
	ck_assert_int_eq(link_relayed_del(control.links, link->handle, &given), 0);
	expect_filter(link, &given, false, 3);
	expect_route(&given, 0);
	// Without an SA there is nowhere to lead to; the first SA brings it.
	install_out_del(&control, old);
	serve();
	seen_n = 0;
	ck_assert_int_eq(
		link_relayed_add(control.links, link->handle, &other, CLOCK_NEVER, now_us), 0);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 0);
	out_set(link, fresh, 7);
	expect_route(&other, fresh);
	// The link's end.
	link_detach(control.links, link->handle, 1, 0, now_us);
	ck_assert_int_eq(link_end(control.links, link->handle, now_us), 0);
	expect_route(&other, 0);
}
END_TEST

// L7, L29: the client comes back to its link with another interface ID: SAs that stay accept its new
// link-local address. With the same one there is nothing to say.
START_TEST(test_new_interface_id_L7_L29)
{
	static const uint8_t iid_new[8] = {0x02, 7, 7, 7, 7, 7, 7, 7};
	const struct link *link = attach("alice@example.org", 1);
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .link_id_len = LINK_ID_BYTES};
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &link->identity, .asked = &cp, .ike_sa = 2};
	struct inet_addr addr = inet_addr_link_local(iid_new), old = inet_addr_link_local(iid);
	struct inet_prefix fresh = {.addr = addr, .len = 128}, before = {.addr = old, .len = 128};
	struct ike_link_reply reply;

	in_add(link, spi_make(0, 1, 3));
	in_add(link, spi_make(1, 1, 4));
	serve();
	seen_n = 0;
	memcpy(cp.link_id, link->link_id, LINK_ID_BYTES);
	memcpy(cp.link_iid, iid, 8);
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_INGRESS_SET), 0);
	memcpy(cp.link_iid, iid_new, 8);
	request.ike_sa = 3;
	ck_assert_int_eq(link_attach(control.links, &request, &reply, clock_now_us()), IKE_LINK_OK);
	ck_assert_uint_eq(reply.link, link->handle);
	expect_filter(link, &fresh, true, 2);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert(!in_filter(&find_seen(IPC_SA_INGRESS_SET, i)->ingress, &before));
}
END_TEST

// What changed while there was no connection to a dataplane that went on.
START_TEST(test_extra_while_away)
{
	const struct link *link = attach("alice@example.org", 1);
	uint32_t spi = spi_make(0, 1, 3);
	sa_ref_t ref = spi_make(0, 0, 6);
	uint64_t now_us = clock_now_us();

	in_add(link, spi);
	out_set(link, ref, 5);
	ck_assert_int_eq(
		link_relayed_add(control.links, link->handle, &given, CLOCK_NEVER, now_us), 0);
	serve();
	hold(IPC_DIR_IN, spi, link->handle);
	hold(IPC_DIR_OUT, ref, link->handle);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	ck_assert_int_eq(link_relayed_del(control.links, link->handle, &given), 0);
	ck_assert_int_eq(
		link_relayed_add(control.links, link->handle, &other, CLOCK_NEVER, now_us), 0);
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	expect_filter(link, &other, true, 1);
	ck_assert(!in_filter(&find_seen(IPC_SA_INGRESS_SET, 0)->ingress, &given));
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 2);
	ck_assert(inet_prefix_equal(&find_seen(IPC_ROUTE_DEL, 0)->route_del.prefix, &given));
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL) + count_seen(IPC_SA_OUT_DEL), 0);
	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].type == IPC_ROUTE_DEL)
			seen[i].type = IPC_NONE;
	expect_route(&other, ref);
}
END_TEST

// L20: a link ends while the dataplane is away, and its leases are somebody else's already: slots that
// nobody has lead nowhere any more, however they were left. Those of others are set again.
START_TEST(test_slots_while_away_L20)
{
	const struct link *gone = attach("alice@example.org", 1);
	const struct link *stays = attach("bob@example.org", 2);
	sa_ref_t ref[2] = {spi_make(0, 0, 6), spi_make(0, 0, 7)};
	struct lease slot = *gone->lease[0];
	uint32_t cleared = 0, set = 0;

	in_add(stays, spi_make(0, 1, 3));
	out_set(gone, ref[0], 5);
	out_set(stays, ref[1], 6);
	serve();
	hold(IPC_DIR_IN, spi_make(0, 1, 3), stays->handle);
	hold(IPC_DIR_OUT, ref[0], gone->handle);
	hold(IPC_DIR_OUT, ref[1], stays->handle);
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	ck_assert_int_eq(link_end(control.links, gone->handle, clock_now_us()), 0);
	link_detach(control.links, gone->handle, 1, 0, clock_now_us());
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	for (size_t i = 0; i < seen_n; i++) {
		const struct ipc_pool_set *cmd = &seen[i].pool_set;

		if (seen[i].type != IPC_POOL_SET)
			continue;
		if (cmd->pool == slot.pool && cmd->slot == slot.slot) {
			ck_assert_uint_eq(cmd->ref, 0);
			cleared++;
		}
		set += cmd->ref == ref[1];
	}
	ck_assert_uint_eq(cleared, 2); // at both workers
	ck_assert_uint_eq(set, 2 * stays->lease_n);
}
END_TEST

// L3: a rekey is the occasion to advertise the router again when its lifetime has run for a third, once,
// by the link's newest SA; on links that have it from elsewhere, never.
START_TEST(test_advertised_again_L3)
{
	struct ike_event rekeyed = {
		.type = IKE_EVENT_CHILD_REKEYED, .child_spi_in = spi_make(0, 1, 3)};
	sa_ref_t ref = spi_make(1, 0, 6);
	struct link *link = NULL;

	c->profile[0].prefixes_by = _i == 0 ? CONFIG_PREFIXES_RA : CONFIG_PREFIXES_IKEV2;
	link = (struct link *)(uintptr_t)attach("alice@example.org", 1);
	in_add(link, rekeyed.child_spi_in);
	out_set(link, ref, 5);
	serve();
	punt_child_rekeyed(&control, &rekeyed);
	serve();
	note_packets();
	ck_assert_uint_eq(count_seen(IPC_SEND_INNER), 0); // it is young
	link->last_ra_us -= 30000 * US_PER_S;
	rekeyed.child_spi_in++; // nobody's
	punt_child_rekeyed(&control, &rekeyed);
	rekeyed.child_spi_in--;
	serve();
	note_packets();
	ck_assert_uint_eq(count_seen(IPC_SEND_INNER), 0);
	for (int i = 0; i < 2; i++) {
		punt_child_rekeyed(&control, &rekeyed);
		serve();
		note_packets();
		ck_assert_uint_eq(count_seen(IPC_SEND_INNER), _i == 0);
	}
	if (_i == 0)
		ck_assert_uint_eq(find_seen(IPC_SEND_INNER, 0)->thread, 1 + spi_worker(ref));
}
END_TEST

// What the configuration had no more when control was started again goes from a dataplane that went on.
START_TEST(test_pools_of_before)
{
	struct store *store = control.store;

	stop_control();
	fake_dataplane_die(&dp);
	c->config.pool_n = POOL_TINY; // the last one went
	seen_n = 0;
	start_control(store);
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 2 * POOL_TINY);
	ck_assert_uint_eq(count_seen(IPC_POOL_DEL), 2 * (IPC_POOLS - POOL_TINY));
	ck_assert_uint_eq(find_seen(IPC_POOL_DEL, 0)->pool_del.pool, POOL_TINY);
}
END_TEST

// L20: control was started again; the dataplane carries on, and is told what links have.
START_TEST(test_extra_after_restart)
{
	const struct link *link = attach("alice@example.org", 1);
	struct store *store = control.store;
	uint64_t handle = link->handle;
	uint32_t spi = spi_make(0, 1, 3);
	sa_ref_t ref = spi_make(0, 0, 6);

	in_add(link, spi);
	out_set(link, ref, 5);
	ck_assert_int_eq(
		link_relayed_add(control.links, handle, &given, CLOCK_NEVER, clock_now_us()), 0);
	serve();
	hold(IPC_DIR_IN, spi, handle);
	hold(IPC_DIR_OUT, ref, handle);
	stop_control();
	fake_dataplane_die(&dp);
	seen_n = 0;
	start_control(store);
	link = link_find(control.links, handle);
	ck_assert_ptr_nonnull(link);
	expect_filter(link, &given, true, 1);
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 2 * link->lease_n);
	ck_assert_uint_eq(count_seen(IPC_SA_IN_DEL) + count_seen(IPC_SA_OUT_DEL), 0);
	expect_route(&given, ref);
}
END_TEST

// ---- pools ----

static uint32_t count_route(const char *text, uint32_t type)
{
	struct inet_prefix prefix;
	uint32_t n = 0;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	for (size_t i = 0; i < seen_n; i++)
		n += seen[i].type == type &&
			inet_prefix_equal(&seen[i].route_set.prefix, &prefix) &&
			(type == IPC_ROUTE_DEL ||
				seen[i].route_set.kind == (uint32_t)IPC_ROUTE_DISCARD);
	return n;
}

// A prefix that is everybody's is no pool: what nobody has claimed there is discarded.
START_TEST(test_shared_pool)
{
	struct store *store = control.store;

	stop_control();
	fake_dataplane_die(&dp);
	link_config_pool(&c->pool[POOL_TINY], "shared", "2001:db8:3000::/64", 128);
	c->pool[POOL_TINY].shared = true;
	seen_n = 0;
	start_control(store);
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 2 * (POOLS - 1));
	for (size_t i = 0; i < 2 * (POOLS - 1); i++)
		ck_assert(!inet_prefix_covers(
			&find_seen(IPC_POOL_ADD, i)->pool_add.prefix, &c->pool[POOL_TINY].prefix));
	ck_assert_uint_eq(count_route("2001:db8:3000::/64", IPC_ROUTE_SET), 2);
}
END_TEST

// Another configuration: one pool is another one, one becomes shared, the rest is not touched, and
// links whose leases stay in a pool that was made anew are led to again.
START_TEST(test_other_pools)
{
	const struct link *link = attach("alice@example.org", 1);
	struct link_config *old = c;

	out_set(link, spi_make(0, 0, 6), 5);
	serve();
	c = link_config_new();
	c->config.gateway.present = true;
	link_config_pool(&c->pool[POOL_TINY], "tiny", "2001:db8:3100::/62", 64);
	link_config_pool(&c->pool[POOL_ADDR6], "addr6", "2001:db8:2000::/64", 128);
	c->pool[POOL_ADDR6].shared = true;
	for (int i = 0; i < 3; i++)
		c->profile[i].ipv6_pool = NULL;
	ck_assert_int_eq(
		link_reconfigure(control.links, &c->config, NULL, NULL, clock_now_us()), 0);
	control.config = &c->config;
	seen_n = 0;
	ck_assert_int_eq(install_pools(&control, &old->config, &c->config), 0);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_DEL), 4);
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 2);
	ck_assert(inet_prefix_equal(
		&find_seen(IPC_POOL_ADD, 0)->pool_add.prefix, &c->pool[POOL_TINY].prefix));
	ck_assert_uint_eq(count_route("2001:db8:2000::/64", IPC_ROUTE_SET), 2);
	ck_assert_uint_eq(count_seen(IPC_POOL_SET), 0);
	// And back.
	ck_assert_int_eq(
		link_reconfigure(control.links, &old->config, NULL, NULL, clock_now_us()), 0);
	control.config = &old->config;
	seen_n = 0;
	ck_assert_int_eq(install_pools(&control, &c->config, &old->config), 0);
	serve();
	ck_assert_uint_eq(count_seen(IPC_POOL_DEL), 2);
	ck_assert_uint_eq(count_seen(IPC_POOL_ADD), 4);
	ck_assert_uint_eq(count_route("2001:db8:2000::/64", IPC_ROUTE_DEL), 2);
	seen_n = 0;
	ck_assert_int_eq(install_pools(&control, &old->config, &old->config), 0);
	serve();
	ck_assert_uint_eq(seen_n, 0);
	free(c);
	c = old;
}
END_TEST

// ---- the physical interface ----

static struct ts_list selectors(const char *a, const char *b)
{
	struct ts_list list = {};
	struct ts ts;

	ck_assert_int_eq(ts_parse(a, &ts), 0);
	ts_list_add(&list, &ts);
	if (b != NULL) {
		ck_assert_int_eq(ts_parse(b, &ts), 0);
		ts_list_add(&list, &ts);
	}
	return list;
}

// As install_out_set() does for an SA without a link.
static void physical_out(uint64_t link, sa_ref_t ref, const struct ts_list *remote)
{
	struct ipc_sa_info info = {.direction = IPC_DIR_OUT,
		.ref = ref,
		.spi = 1000,
		.child = 100 + ref,
		.cookie = physical_group(link)};
	struct sa *sa = sa_table_add(control.sas, info.cookie, &info, clock_now_us());

	sa_group_ref_add(sa->group, ref);
	physical_set(&control, info.cookie, ref, remote);
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

START_TEST(test_physical)
{
	struct ts_list one = selectors("192.0.2.2/32", "fe80::1/128");
	struct ts_list two = selectors("192.0.2.2/32", "192.0.2.4-192.0.2.6");
	struct inet_prefix host = prefix("192.0.2.2/32"), pair = prefix("192.0.2.4/31");
	sa_ref_t a = spi_make(0, 0, 6), b = spi_make(1, 0, 7);

	physical_out(11, a, &one);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 2); // link-local addresses are not routed
	expect_route(&host, a);
	physical_out(11, a, &one); // a rekey changes nothing
	serve();
	ck_assert_uint_eq(seen_n, 0);
	// Another peer claims the same address: its traffic stays with whom it belonged to.
	physical_out(12, b, &two);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 4);
	ck_assert_uint_eq(control.counts.physical_conflicts, 1);
	seen_n = 0;
	physical_out(12, b, &two);
	serve();
	ck_assert_uint_eq(seen_n, 0);
	// Another SA of the same peer's: the newest has it.
	physical_out(11, spi_make(1, 0, 8), &one);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 2);
	expect_route(&host, spi_make(1, 0, 8));
	install_out_del(&control, spi_make(1, 0, 8));
	serve();
	expect_route(&host, a);
	// Narrower after a rekey: what it does not cover any more goes.
	physical_out(12, b, &one);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 0);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 4);
	expect_route(&pair, 0);
	physical_out(12, b, &two);
	serve();
	seen_n = 0;
	// The first one goes: now it is the other one's.
	install_out_del(&control, a);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 0);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_SET), 2);
	ck_assert_uint_eq(find_seen(IPC_ROUTE_SET, 0)->route_set.ref, b);
	seen_n = 0;
	install_out_del(&control, b);
	serve();
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 6);
	expect_route(&host, 0);
	ck_assert_uint_eq(sa_table_count(control.sas), 0);
}
END_TEST

// Control was started again: the routes of what it finds are known from the store, and go with it.
START_TEST(test_physical_after_restart)
{
	const struct link *link = attach("alice@example.org", 1);
	struct ts_list remote = selectors("192.0.2.2/32", NULL);
	struct inet_prefix host = prefix("192.0.2.2/32");
	struct store *store = control.store;
	sa_ref_t ref = spi_make(0, 0, 6), own = spi_make(0, 0, 8);
	uint64_t handle = link->handle;

	out_set(link, own, 5);
	physical_out(handle, ref, &remote);
	serve();
	hold(IPC_DIR_OUT, own, handle);
	hold(IPC_DIR_OUT, ref, physical_group(handle));
	stop_control();
	fake_dataplane_die(&dp);
	seen_n = 0;
	start_control(store);
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_DEL), 0);
	expect_route(&host, ref);
	install_orphans_end(&control, physical_group(handle));
	serve();
	ck_assert_uint_eq(count_seen(IPC_SA_OUT_DEL), 1);
	expect_route(&host, 0);
}
END_TEST

// Another dataplane has no routes; the SAs' successors, in the same slots, keep theirs.
START_TEST(test_physical_new_dataplane)
{
	struct ts_list remote = selectors("192.0.2.2/32", NULL);
	struct inet_prefix host = prefix("192.0.2.2/32");
	sa_ref_t ref = spi_make(0, 0, 6);

	physical_out(11, ref, &remote);
	serve();
	fake_dataplane_die(&dp);
	until_phase(PHASE_ALONE);
	dp.instance++;
	seen_n = 0;
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
	expect_route(&host, ref);
	install_out_del(&control, ref);
	expect_route(&host, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("install_link");
	TCase *tc = tcase_create("install_link");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_extra_comes_and_goes);
	tcase_add_test(tc, test_new_interface_id_L7_L29);
	tcase_add_test(tc, test_extra_while_away);
	tcase_add_test(tc, test_slots_while_away_L20);
	tcase_add_test(tc, test_pools_of_before);
	tcase_add_loop_test(tc, test_advertised_again_L3, 0, 2);
	tcase_add_test(tc, test_extra_after_restart);
	tcase_add_test(tc, test_shared_pool);
	tcase_add_test(tc, test_other_pools);
	tcase_add_test(tc, test_physical);
	tcase_add_test(tc, test_physical_after_restart);
	tcase_add_test(tc, test_physical_new_dataplane);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
