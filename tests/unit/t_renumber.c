// SPDX-License-Identifier: BSD-3-Clause
// Links that are renumbered while they live: by command, and by another configuration. New prefixes
// come before old ones go (L7, L20).
#include "clock.h"
#include "link.h"
#include "t_link_setup.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>

static struct link_config *c, *other;
static struct store *store;
static struct link_table *table;
static struct config_id alice;
static uint64_t now_us;
static int adds, dels, downs;
static uint64_t told[8];
static int told_n;

static const uint8_t iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};

static void test_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static void on_link(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
}

static void on_down(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
	downs++;
}

static void on_add(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	(void)arg;
	(void)prefix;
	ck_assert_uint_eq(lease->link, link->handle);
	adds++;
}

// Still the link's own when it is about to go.
static void on_del(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	bool there = false;

	(void)arg;
	ck_assert_uint_eq(lease->link, link->handle);
	for (uint32_t i = 0; i < link->lease_n; i++)
		there = there || inet_prefix_equal(&link->prefix[i], prefix);
	ck_assert(there);
	dels++;
}

static const struct link_events events = {on_link, on_link, on_down, on_add, on_del, NULL};

static void open_table(void)
{
	struct link_setup setup = {.config = &c->config,
		.store = store,
		.random = test_random,
		.events = &events,
		.now_us = now_us,
		.wall_s = 1700000000};

	table = link_table_new(&setup);
	ck_assert_ptr_nonnull(table);
}

static void setup(void)
{
	srandom(3);
	c = link_config_new();
	other = link_config_new();
	store = store_open(NULL);
	now_us = 1000 * US_PER_S;
	adds = dels = downs = told_n = 0;
	open_table();
	alice = link_config_id("alice@example.org");
}

static void teardown(void)
{
	link_table_free(table);
	store_close(store);
	free(c);
	free(other);
}

static struct ike_link_reply attach(uint64_t ike_sa, const uint8_t *link_id)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .ip4_n = 1};
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &alice, .asked = &cp, .ike_sa = ike_sa};
	struct ike_link_reply reply;

	memcpy(cp.link_iid, iid, 8);
	if (link_id != NULL) {
		memcpy(cp.link_id, link_id, LINK_ID_BYTES);
		cp.link_id_len = LINK_ID_BYTES;
	}
	ck_assert_int_eq(link_attach(table, &request, &reply, now_us), IKE_LINK_OK);
	return reply;
}

static bool replied(const struct ike_link_reply *reply, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < reply->reply.prefix_n; i++)
		if (inet_prefix_equal(&reply->reply.prefix[i], prefix))
			return true;
	return false;
}

static bool passes(uint64_t handle, const struct inet_prefix *prefix)
{
	struct inet_prefix allowed[64];
	uint32_t n = link_ingress(link_find(table, handle), allowed, 64);

	for (uint32_t i = 0; i < n; i++)
		if (inet_prefix_equal(&allowed[i], prefix))
			return true;
	return false;
}

static bool selects(const struct ike_link_reply *reply, const struct inet_prefix *prefix)
{
	struct ts ts = ts_from_prefix(prefix);

	for (uint32_t i = 0; i < reply->remote.n; i++)
		if (ts_equal(&reply->remote.ts[i], &ts))
			return true;
	return false;
}

static void on_renumber(void *arg, const struct link *link)
{
	(void)arg;
	told[told_n++] = link->handle;
}

static void reconfigure(struct link_config *to)
{
	struct link_config *was = c;

	told_n = 0;
	ck_assert_int_eq(link_reconfigure(table, &to->config, on_renumber, NULL, now_us), 0);
	c = to;
	other = was;
}

// Fresh prefixes: the new IKE SA hears of these alone, both pass until the old IKE SA is gone.
START_TEST(test_fresh)
{
	struct ike_link_reply first = attach(1, NULL), second;
	const uint8_t *id = first.reply.link_id;

	ck_assert_int_eq(link_renumber(table, 12345, true), -ENOENT);
	ck_assert_int_eq(link_renumber(table, first.link, true), 0);
	ck_assert(passes(first.link, &first.reply.prefix[0])); // nothing happens before
	second = attach(2, id);
	ck_assert_uint_eq(second.link, first.link);
	ck_assert_uint_eq(second.reply.prefix_n, 2);
	ck_assert_uint_eq(second.reply.ip4_n, 1);
	ck_assert(!inet_addr_equal(&second.reply.ip4[0], &first.reply.ip4[0]));
	ck_assert_int_eq(adds, 3);
	ck_assert_int_eq(dels, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert(!replied(&second, &first.reply.prefix[i]));
		ck_assert(!selects(&second, &first.reply.prefix[i]));
		ck_assert(selects(&second, &second.reply.prefix[i]));
		ck_assert(passes(first.link, &first.reply.prefix[i]));
		ck_assert(passes(first.link, &second.reply.prefix[i]));
	}
	link_moved(table, first.link, 1, 11); // rekeyed: still one from before
	link_detach(table, first.link, 11, 0, now_us);
	ck_assert_int_eq(dels, 3);
	for (int i = 0; i < 2; i++) {
		ck_assert(!passes(first.link, &first.reply.prefix[i]));
		ck_assert(passes(first.link, &second.reply.prefix[i]));
	}
	ck_assert_uint_eq(lease_book_live(link_leases(table), POOL_GLOBAL), 1);
	// Once: the next reauthentication changes nothing.
	first = attach(3, id);
	ck_assert(inet_prefix_equal(&first.reply.prefix[0], &second.reply.prefix[0]));
	ck_assert_int_eq(adds, 3);
}
END_TEST

START_TEST(test_new_sa_goes_first)
{
	struct ike_link_reply first = attach(1, NULL), second, third;

	link_renumber(table, first.link, true);
	second = attach(2, first.reply.link_id);
	link_detach(table, first.link, 2, 0, now_us); // it failed behind this
	ck_assert_int_eq(dels, 0);
	ck_assert(passes(first.link, &first.reply.prefix[0]));
	// Once more, while one set leaves already: that one stays the only one that does.
	link_renumber(table, first.link, true);
	third = attach(3, first.reply.link_id);
	ck_assert(inet_prefix_equal(&third.reply.prefix[0], &second.reply.prefix[0]));
	link_detach(table, first.link, 1, 0, now_us);
	ck_assert(!passes(first.link, &first.reply.prefix[0]));
	ck_assert(passes(first.link, &third.reply.prefix[0]));
}
END_TEST

START_TEST(test_restart_between)
{
	struct ike_link_reply first = attach(1, NULL), second, third;

	link_renumber(table, first.link, true);
	second = attach(2, first.reply.link_id);
	link_table_free(table);
	open_table();
	ck_assert(passes(first.link, &first.reply.prefix[0]));
	ck_assert(passes(first.link, &second.reply.prefix[0]));
	third = attach(3, first.reply.link_id);
	ck_assert(inet_prefix_equal(&third.reply.prefix[0], &second.reply.prefix[0]));
	ck_assert(!passes(first.link, &first.reply.prefix[0])); // no IKE SA has it any more
	ck_assert_uint_eq(lease_book_live(link_leases(table), POOL_GLOBAL), 1);
}
END_TEST

// L21: what was asked for is not forgotten: _i 0 fresh prefixes, 1 what the profile has by then.
START_TEST(test_restart_before)
{
	struct ike_link_reply first = attach(1, NULL), second;

	c->profile[0].prefix_pool_n = _i == 0 ? 2 : 1;
	ck_assert_int_eq(link_renumber(table, first.link, _i == 0), 0);
	link_table_free(table);
	open_table();
	second = attach(2, first.reply.link_id);
	ck_assert_uint_eq(second.link, first.link);
	ck_assert_uint_eq(second.reply.prefix_n, c->profile[0].prefix_pool_n);
	ck_assert_int_eq(replied(&second, &first.reply.prefix[0]), _i == 1);
	ck_assert(!replied(&second, &first.reply.prefix[1]));
	// Once, over a restart too.
	link_table_free(table);
	open_table();
	first = attach(3, first.reply.link_id);
	ck_assert_mem_eq(&first.reply.prefix, &second.reply.prefix, sizeof(first.reply.prefix));
}
END_TEST

// A client knows its prefixes by their order, which is the profile's whatever came when.
START_TEST(test_order)
{
	struct ike_link_reply first = attach(1, NULL), second;
	struct config_profile *profile = &other->profile[0];

	profile->prefix_pool_n = 3;
	profile->prefix_pool[0] = &other->pool[POOL_TINY];
	profile->prefix_pool[1] = &other->pool[POOL_ULA];
	profile->prefix_pool[2] = &other->pool[POOL_GLOBAL];
	reconfigure(other);
	ck_assert_int_eq(link_renumber(table, first.link, _i == 1), 0);
	for (uint64_t i = 2; i < 4; i++) { // by the one before, and by the next
		second = attach(i, first.reply.link_id);
		ck_assert_uint_eq(second.reply.prefix_n, 3);
		for (uint32_t k = 0; k < 3; k++)
			ck_assert(inet_prefix_covers(
				&profile->prefix_pool[k]->prefix, &second.reply.prefix[k]));
		ck_assert_uint_eq(second.reply.ip4_n, 1);
		link_detach(table, first.link, i - 1, 0, now_us);
	}
	ck_assert_int_eq(dels, _i == 1 ? 3 : 0);
	ck_assert(passes(first.link, &second.reply.prefix[2]));
	link_table_free(table); // each place with what belongs to it
	open_table();
	first = attach(4, first.reply.link_id);
	ck_assert_mem_eq(&first.reply.prefix, &second.reply.prefix, sizeof(first.reply.prefix));
	ck_assert(inet_addr_equal(&first.reply.ip4[0], &second.reply.ip4[0]));
}
END_TEST

// The profile loses a pool and gets another one.
START_TEST(test_pools_of_profile)
{
	struct ike_link_reply first = attach(1, NULL), second;
	struct config_profile *profile = &other->profile[0];

	profile->prefix_pool_n = 3;
	profile->prefix_pool[1] = &other->pool[POOL_TINY];
	profile->prefix_pool[2] = &other->pool[POOL_ULA];
	reconfigure(other);
	ck_assert_int_eq(told_n, 0); // by command alone
	second = attach(2, first.reply.link_id);
	ck_assert_uint_eq(second.reply.prefix_n, 2);
	link_detach(table, first.link, 1, 0, now_us);
	ck_assert_int_eq(link_renumber(table, first.link, false), 0);
	second = attach(3, first.reply.link_id);
	ck_assert_uint_eq(second.reply.prefix_n, 3);
	ck_assert(replied(&second, &first.reply.prefix[0])); // what it had it keeps
	ck_assert(replied(&second, &first.reply.prefix[1]));
	// And back, with one leaving, then wanted again while it leaves.
	other->profile[0].prefix_pool_n = 1;
	reconfigure(other);
	link_renumber(table, first.link, false);
	second = attach(4, first.reply.link_id);
	ck_assert_uint_eq(second.reply.prefix_n, 1);
	ck_assert(passes(first.link, &first.reply.prefix[1]));
	reconfigure(other);
	link_renumber(table, first.link, false);
	second = attach(5, first.reply.link_id);
	ck_assert_uint_eq(second.reply.prefix_n, 3);
	ck_assert(replied(&second, &first.reply.prefix[1]));
	ck_assert_int_eq(dels, 0);
}
END_TEST

// A pool shrinks away under a lease: it goes at once, the link is named, the next one is another.
START_TEST(test_lost_by_reload)
{
	struct ike_link_reply first = attach(1, NULL), second;

	link_config_pool(&other->pool[POOL_GLOBAL], "global", "2001:db8:4000::/40", 64);
	reconfigure(other);
	ck_assert_int_eq(told_n, 1);
	ck_assert_uint_eq(told[0], first.link);
	ck_assert_int_eq(dels, 1);
	ck_assert(!passes(first.link, &first.reply.prefix[0]));
	ck_assert(passes(first.link, &first.reply.prefix[1]));
	ck_assert_int_eq(link_find(table, first.link)->state, LINK_UP);
	second = attach(2, first.reply.link_id);
	ck_assert_uint_eq(second.link, first.link);
	ck_assert_uint_eq(second.reply.prefix_n, 2);
	ck_assert(inet_prefix_covers(&c->pool[POOL_GLOBAL].prefix, &second.reply.prefix[0]) ||
		inet_prefix_covers(&c->pool[POOL_GLOBAL].prefix, &second.reply.prefix[1]));
	ck_assert(replied(&second, &first.reply.prefix[1]));
	// Over a restart it has what it has now.
	link_table_free(table);
	open_table();
	ck_assert_ptr_nonnull(link_find(table, first.link));
	ck_assert_uint_eq(link_find(table, first.link)->lease_n, 3);
}
END_TEST

START_TEST(test_peer_gone)
{
	struct ike_link_reply first = attach(1, NULL);

	other->config.gateway.peer_n = 1;
	other->peer[0] = other->peer[1]; // alice is gone
	reconfigure(other);
	ck_assert_int_eq(told_n, 1);
	ck_assert_ptr_null(link_find(table, first.link)->peer);
	link_detach(table, first.link, 1, 0, now_us);
	ck_assert_ptr_null(link_find(table, first.link)); // no grace
	ck_assert_int_eq(downs, 1);
}
END_TEST

START_TEST(test_profile_gone)
{
	struct ike_link_reply first = attach(1, NULL);
	const struct link *link = NULL;

	strcpy(other->profile[0].name, "renamed");
	reconfigure(other);
	// The old configuration goes; nothing of it may be needed.
	memset(other, 0xa5, sizeof(*other));
	link = link_find(table, first.link);
	ck_assert_str_eq(link->profile->name, "link");
	ck_assert_ptr_null(link->profile->ipv4_pool);
	ck_assert(passes(first.link, &first.reply.prefix[0])); // as long as it lives
	ck_assert_int_eq(told_n, 1);
	// In grace it ends at once.
	link_detach(table, first.link, 1, 0, now_us);
	ck_assert_ptr_null(link_find(table, first.link));
}
END_TEST

START_TEST(test_grace_ends_with_its_peer)
{
	struct ike_link_reply first = attach(1, NULL);

	link_detach(table, first.link, 1, 0, now_us);
	ck_assert_int_eq(link_find(table, first.link)->state, LINK_GRACE);
	other->config.gateway.peer_n = 0;
	reconfigure(other);
	ck_assert_ptr_null(link_find(table, first.link));
	ck_assert_int_eq(told_n, 0);
	ck_assert_uint_eq(link_next_us(table), CLOCK_NEVER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("renumber");
	TCase *tc = tcase_create("renumber");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_fresh);
	tcase_add_test(tc, test_new_sa_goes_first);
	tcase_add_test(tc, test_restart_between);
	tcase_add_loop_test(tc, test_restart_before, 0, 2);
	tcase_add_loop_test(tc, test_order, 0, 2);
	tcase_add_test(tc, test_pools_of_profile);
	tcase_add_test(tc, test_lost_by_reload);
	tcase_add_test(tc, test_peer_gone);
	tcase_add_test(tc, test_profile_gone);
	tcase_add_test(tc, test_grace_ends_with_its_peer);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
