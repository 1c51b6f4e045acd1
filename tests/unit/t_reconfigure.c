// SPDX-License-Identifier: BSD-3-Clause
// Pools of another configuration under live leases: growing, shrinking, moving, gone and back; static
// leases; indexes that stay (L20, L28).
#include "lease.h"
#include "t_link_setup.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>

static void plain_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static struct link_config *c;
static struct store *store;
static struct lease_book *book;
static struct config_id alice, bob;
static struct config_static assigned[2];
static uint64_t lost_link[16];
static uint32_t lost_n;

static void setup(void)
{
	srandom(1);
	c = link_config_new();
	store = store_open(NULL);
	book = lease_book_new(&c->config, store, plain_random, NULL);
	ck_assert_ptr_nonnull(book);
	alice = link_config_id("alice@example.org");
	bob = link_config_id("bob@example.org");
	lost_n = 0;
}

static void teardown(void)
{
	lease_book_free(book);
	store_close(store);
	free(c);
}

static void on_lost(void *arg, struct lease *lease)
{
	(void)arg;
	lost_link[lost_n++] = lease->link;
}

static void reconfigure(void)
{
	lost_n = 0;
	ck_assert_int_eq(lease_book_reconfigure(book, &c->config, on_lost, NULL), 0);
}

static void restart(void)
{
	lease_book_free(book);
	book = lease_book_new(&c->config, store, plain_random, NULL);
	ck_assert_ptr_nonnull(book);
}

static uint32_t tiny(void)
{
	return lease_book_index(book, &c->pool[POOL_TINY]);
}

static void set_tiny(const char *prefix)
{
	link_config_pool(&c->pool[POOL_TINY], "tiny", prefix, 64);
}

static struct lease *take(const char *name, uint64_t link)
{
	struct config_id id = link_config_id(name);
	struct lease *lease = NULL;

	return lease_take(book, tiny(), &id, 0, link, 100, &lease) == 0 ? lease : NULL;
}

static bool has(const struct lease *lease, const char *text)
{
	struct inet_prefix want, is = lease_prefix(book, lease);

	ck_assert_int_eq(inet_prefix_parse(text, &want), 0);
	return inet_prefix_equal(&is, &want);
}

// Takes slots until `text` is the one that was given; its name in `name`.
static struct lease *take_prefix(const char *text, uint64_t link, char name[32])
{
	for (int i = 0; i < 64; i++) {
		struct lease *lease = NULL;

		snprintf(name, 32, "x%d@example.org", i);
		lease = take(name, link);
		if (lease != NULL && has(lease, text))
			return lease;
		if (lease != NULL)
			lease_give(book, lease, 100);
	}
	ck_abort_msg("%s is not to be had", text);
	return NULL;
}

START_TEST(test_grow)
{
	char name[32];
	struct lease *live = take_prefix("2001:db8:3000:2::/64", 7, name);
	uint32_t index = tiny();

	set_tiny("2001:db8:3000::/56");
	reconfigure();
	ck_assert_uint_eq(lost_n, 0);
	ck_assert_uint_eq(tiny(), index);
	ck_assert_uint_eq(live->slot, 2);
	ck_assert(has(live, "2001:db8:3000:2::/64"));
	ck_assert_uint_eq(lease_book_live(book, index), 1);
	ck_assert_uint_eq(pool_size(lease_book_pool(book, index)), 256);
	// Its begin moves: the slot's number changes, the prefix does not.
	set_tiny("2001:db8:3000:2::/63");
	reconfigure();
	ck_assert_uint_eq(lost_n, 0);
	ck_assert(has(live, "2001:db8:3000:2::/64"));
	ck_assert_uint_eq(live->slot, 0);
	lease_give(book, live, 200);
	live = take(name, 8);
	ck_assert(has(live, "2001:db8:3000:2::/64"));
}
END_TEST

START_TEST(test_shrink)
{
	char inside[32], outside[32];
	struct lease *in = take_prefix("2001:db8:3000:1::/64", 7, inside);
	struct lease *out = take_prefix("2001:db8:3000:3::/64", 8, outside);

	ck_assert_ptr_nonnull(out);
	set_tiny("2001:db8:3000::/63");
	reconfigure();
	ck_assert_uint_eq(lost_n, 1);
	ck_assert_uint_eq(lost_link[0], 8);
	ck_assert(has(in, "2001:db8:3000:1::/64"));
	ck_assert_uint_eq(lease_book_live(book, tiny()), 1);
	ck_assert(has(take(outside, 9), "2001:db8:3000::/64")); // the only one left
	ck_assert_ptr_null(take("more@example.org", 10));
}
END_TEST

// What does not fit stays in the store, and is there again with the pool; never for two.
START_TEST(test_gone_and_back_L20)
{
	char name[32];
	struct config_id id;
	struct lease *live = take_prefix("2001:db8:3000:2::/64", 7, name), *ula = NULL;
	uint32_t index = tiny();

	ck_assert_ptr_nonnull(live);
	ck_assert_int_eq(
		lease_take(book, lease_book_index(book, &c->pool[POOL_ULA]), &alice, 0, 3, 1, &ula),
		0);
	c->config.pool_n = POOL_TINY; // the last one
	reconfigure();
	ck_assert_uint_eq(lost_n, 1);
	ck_assert_uint_eq(lease_book_index(book, &c->pool[POOL_TINY]), LEASE_POOLS);
	ck_assert_ptr_null(lease_book_pool(book, index));
	ck_assert_uint_eq(ula->link, 3); // others are not touched
	c->config.pool_n = POOLS;
	reconfigure();
	ck_assert_uint_eq(lost_n, 0);
	ck_assert_uint_eq(tiny(), index);
	id = link_config_id(name);
	ck_assert_ptr_nonnull(lease_find(book, index, &id, 0));
	ck_assert(has(take(name, 9), "2001:db8:3000:2::/64"));
	// Elsewhere meanwhile: it has a lease there, and what it had before is not live besides.
	set_tiny("2001:db8:3000:100::/62");
	reconfigure();
	ck_assert_uint_eq(lost_n, 1);
	live = take(name, 10);
	ck_assert_ptr_nonnull(live);
	set_tiny("2001:db8:3000::/48"); // holds both
	reconfigure();
	ck_assert_uint_eq(lost_n, 0);
	ck_assert_uint_eq(live->link, 10);
	ck_assert_uint_eq(lease_book_live(book, tiny()), 1);
}
END_TEST

// Pools keep their index, which the dataplane knows them by, in whatever order they stand.
START_TEST(test_indexes_stay)
{
	struct config_pool last = c->pool[POOL_TINY];
	uint32_t index = tiny(), v4 = lease_book_index(book, &c->pool[POOL_V4]);

	c->config.pool_n = POOL_TINY;
	c->pool[POOL_GLOBAL] = last; // in another's place; `global` is gone
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			reconfigure();
		else
			restart();
		ck_assert_uint_eq(lease_book_index_of(book, "tiny"), index);
		ck_assert_uint_eq(lease_book_index_of(book, "v4"), v4);
		ck_assert_uint_eq(lease_book_index_of(book, "global"), LEASE_POOLS);
	}
	// A new name takes an index that was nobody's.
	link_config_pool(&c->pool[POOL_GLOBAL], "fresh", "2001:db8:9000::/48", 64);
	reconfigure();
	ck_assert_uint_ge(lease_book_index_of(book, "fresh"), POOLS);
}
END_TEST

START_TEST(test_too_many_pools)
{
	struct config config = c->config;
	struct config_pool *pool = calloc(LEASE_POOLS + 1, sizeof(*pool));
	char name[32];
	struct lease *live = take_prefix("2001:db8:3000:2::/64", 7, name);

	for (uint32_t i = 0; i <= LEASE_POOLS; i++) {
		char prefix[32];

		snprintf(name, sizeof(name), "pool%u", i);
		snprintf(prefix, sizeof(prefix), "2001:db8:%x::/48", i);
		link_config_pool(&pool[i], name, prefix, 64);
	}
	config.pool = pool;
	config.pool_n = LEASE_POOLS + 1;
	ck_assert_int_eq(lease_book_reconfigure(book, &config, on_lost, NULL), -ENOSPC);
	ck_assert_uint_eq(lost_n, 0);
	ck_assert(has(live, "2001:db8:3000:2::/64"));
	// As many as there are indexes, all at once, in place of those from before.
	config.pool_n = LEASE_POOLS - POOLS;
	ck_assert_int_eq(lease_book_reconfigure(book, &config, on_lost, NULL), 0);
	ck_assert_uint_eq(lost_n, 1);
	free(pool);
}
END_TEST

// ---- static leases ----

static void assign(const char *name, const char *prefix)
{
	assigned[0] = (struct config_static){.id = link_config_id(name)};
	ck_assert_int_eq(inet_prefix_parse(prefix, &assigned[0].prefix), 0);
	c->pool[POOL_TINY].static_lease = assigned;
	c->pool[POOL_TINY].static_n = 1;
}

START_TEST(test_static)
{
	struct lease *lease = NULL, *second = NULL;

	assign("alice@example.org", "2001:db8:3000:2::/64");
	c->pool[POOL_TINY].assign = CONFIG_ASSIGN_RANDOM; // nevertheless
	restart();
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(take(i == 0 ? "a@x" : i == 1 ? "b@x" : "c@x", 7));
	ck_assert_ptr_null(take("d@x", 7)); // it is nobody else's, though it is not in use
	for (int i = 0; i < 5; i++) {
		lease = take("alice@example.org", 8);
		ck_assert_ptr_nonnull(lease);
		ck_assert(has(lease, "2001:db8:3000:2::/64"));
		ck_assert(lease_is_static(lease));
		ck_assert_int_eq(lease_leave(book, lease), -EBUSY);
		lease_give(book, lease, 100);
	}
	// The first of its links alone.
	ck_assert_int_eq(lease_take(book, tiny(), &alice, 1, 9, 100, &second), -ENOSPC);
	restart();
	ck_assert_int_eq(lease_resume(book, tiny(), &alice, 0, NULL, 8, 100, &lease), 0);
	ck_assert(has(lease, "2001:db8:3000:2::/64"));
}
END_TEST

START_TEST(test_static_comes)
{
	char holder[32];
	struct lease *other = take_prefix("2001:db8:3000:2::/64", 7, holder), *mine = NULL;

	ck_assert_ptr_nonnull(other);
	mine = take("alice@example.org", 8);
	ck_assert_ptr_nonnull(mine);
	ck_assert(!has(mine, "2001:db8:3000:2::/64"));
	assign("alice@example.org", "2001:db8:3000:2::/64");
	reconfigure();
	// Who has the slot, and what alice has instead, both have to go.
	ck_assert_uint_eq(lost_n, 2);
	mine = take("alice@example.org", 9);
	ck_assert(has(mine, "2001:db8:3000:2::/64"));
	reconfigure(); // nothing new
	ck_assert_uint_eq(lost_n, 0);
	ck_assert_uint_eq(mine->link, 9);
	// The same slot without the word: it stays, and is as any other.
	c->pool[POOL_TINY].static_n = 0;
	reconfigure();
	ck_assert_uint_eq(lost_n, 0);
	ck_assert(!lease_is_static(mine));
	ck_assert_uint_eq(mine->link, 9);
	lease_give(book, mine, 100);
	assign("alice@example.org", "2001:db8:3000:2::/64");
	reconfigure();
	mine = take("alice@example.org", 9);
	ck_assert(has(mine, "2001:db8:3000:2::/64") && lease_is_static(mine));
	// The pool moves away from under it.
	set_tiny("2001:db8:7000::/62");
	reconfigure();
	ck_assert_uint_eq(lost_n, 1);
	ck_assert_ptr_null(lease_find(book, tiny(), &alice, 0));
}
END_TEST

// While nobody was running: a link from before does not get other prefixes than its client knows.
START_TEST(test_static_over_restart)
{
	struct lease *lease = take("alice@example.org", 8);
	struct inet_prefix had;
	char prefix[64];

	ck_assert_ptr_nonnull(lease);
	had = lease_prefix(book, lease);
	snprintf(prefix, sizeof(prefix), "2001:db8:3000:%d::/64", lease->slot == 2 ? 1 : 2);
	assign("alice@example.org", prefix);
	restart();
	ck_assert_int_eq(lease_resume(book, tiny(), &alice, 0, &had, 8, 100, &lease), -ENOENT);
	ck_assert(has(take("alice@example.org", 9), prefix));
}
END_TEST

START_TEST(test_leaving)
{
	struct lease *old = take("alice@example.org", 8), *new = NULL, *again = NULL;
	struct inet_prefix old_prefix = lease_prefix(book, old), new_prefix;
	uint64_t slot = old->slot;

	ck_assert_int_eq(lease_leave(book, old), 0);
	ck_assert_int_eq(lease_leave(book, old), -EBUSY);
	new = take("alice@example.org", 8);
	ck_assert_uint_ne(new->slot, slot);
	ck_assert_int_eq(lease_leave(book, new), -EBUSY); // one at a time
	ck_assert_int_eq(lease_stay(book, old), -EBUSY);
	// Both are there after a crash.
	new_prefix = lease_prefix(book, new);
	restart();
	ck_assert_int_eq(
		lease_resume(book, tiny(), &alice, LEASE_LEAVING, &old_prefix, 8, 100, &old), 0);
	ck_assert_int_eq(lease_resume(book, tiny(), &alice, 0, &new_prefix, 8, 100, &new), 0);
	ck_assert_uint_eq(old->slot, slot);
	lease_give(book, old, 100);
	ck_assert_ptr_null(lease_find(book, tiny(), &alice, LEASE_LEAVING));
	lease_give(book, new, 100);
	again = take("alice@example.org", 9);
	ck_assert_uint_ne(again->slot, slot); // stable: the newer one
	restart();
	ck_assert_uint_ne(take("alice@example.org", 9)->slot, slot);
}
END_TEST

// A shared pool has an index and nothing to give.
START_TEST(test_shared)
{
	struct lease *lease = NULL;

	c->pool[POOL_ADDR6].shared = true;
	reconfigure();
	ck_assert(pool_is_shared(lease_book_pool(book, POOL_ADDR6)));
	ck_assert_int_eq(lease_take(book, POOL_ADDR6, &bob, 0, 5, 1, &lease), -ENOSPC);
	ck_assert_uint_eq(pool_size(lease_book_pool(book, POOL_ADDR6)), 0);
	ck_assert_uint_eq(pool_prefix(lease_book_pool(book, POOL_ADDR6))->len, 64);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reconfigure");
	TCase *tc = tcase_create("reconfigure");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_grow);
	tcase_add_test(tc, test_shrink);
	tcase_add_test(tc, test_gone_and_back_L20);
	tcase_add_test(tc, test_indexes_stay);
	tcase_add_test(tc, test_too_many_pools);
	tcase_add_test(tc, test_static);
	tcase_add_test(tc, test_static_comes);
	tcase_add_test(tc, test_static_over_restart);
	tcase_add_test(tc, test_leaving);
	tcase_add_test(tc, test_shared);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
