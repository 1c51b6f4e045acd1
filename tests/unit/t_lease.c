// SPDX-License-Identifier: BSD-3-Clause
// Leases: the same again, surely another one, the longest unused for somebody else, nothing at all;
// and a model test over crashes of the process at any moment: a prefix is never live for two (L20)
// and a stable one comes back to who had it (L28).
#include "lease.h"
#include "t_link_setup.h"
#include "t_tmp_db.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void setup(void)
{
	srandom(1);
	c = link_config_new();
	store = store_open(NULL);
	book = lease_book_new(&c->config, store, plain_random, NULL);
	ck_assert_ptr_nonnull(book);
	alice = link_config_id("alice@example.org");
	bob = link_config_id("bob@example.org");
}

static void teardown(void)
{
	lease_book_free(book);
	store_close(store);
	free(c);
}

static void reload(void)
{
	lease_book_free(book);
	book = lease_book_new(&c->config, store, plain_random, NULL);
	ck_assert_ptr_nonnull(book);
}

START_TEST(test_stable_L28)
{
	struct lease *first = NULL, *second = NULL, *other = NULL;
	struct inet_prefix prefix;

	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 0, 7, 100, &first), 0);
	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 0, 8, 100, &second), -EBUSY);
	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 1, 8, 100, &second), 0);
	ck_assert_uint_ne(first->slot, second->slot);
	ck_assert_uint_eq(lease_book_live(book, POOL_GLOBAL), 2);
	prefix = lease_prefix(book, first);
	lease_give(book, first, 200);
	ck_assert_uint_eq(lease_book_live(book, POOL_GLOBAL), 1);
	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &bob, 0, 9, 100, &other), 0);
	ck_assert_uint_ne(other->slot, first->slot);
	// Over a restart: nothing is live, everything comes back.
	reload();
	ck_assert_uint_eq(lease_book_live(book, POOL_GLOBAL), 0);
	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 0, 10, 300, &first), 0);
	ck_assert(memcmp(&prefix,
			  &(struct inet_prefix){
				  lease_prefix(book, first).addr, lease_prefix(book, first).len},
			  sizeof(prefix)) == 0);
	ck_assert_int_eq(lease_resume(book, POOL_GLOBAL, &alice, 0, NULL, 10, 1, &first), -EBUSY);
	ck_assert_int_eq(lease_resume(book, POOL_GLOBAL, &bob, 5, NULL, 10, 1, &first), -ENOENT);
}
END_TEST

START_TEST(test_random_L28)
{
	struct lease *lease = NULL;
	uint64_t last = UINT64_MAX;

	c->pool[POOL_TINY].assign = CONFIG_ASSIGN_RANDOM; // four slots
	reload();
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(lease_take(book, POOL_TINY, &alice, 0, 7, 100, &lease), 0);
		ck_assert_uint_ne(lease->slot, last);
		last = lease->slot;
		lease_give(book, lease, 200);
	}
	// The only one left is better than none.
	for (uint32_t i = 1; i < 4; i++) {
		struct lease *more = NULL;

		ck_assert_int_eq(lease_take(book, POOL_TINY, &bob, i, 8, 100, &more), 0);
	}
	ck_assert_int_eq(lease_take(book, POOL_TINY, &alice, 0, 7, 100, &lease), 0);
}
END_TEST

START_TEST(test_exhaustion)
{
	struct lease *lease[4], *more = NULL;
	struct config_id id;
	struct inet_prefix prefix;
	char name[32];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		id = link_config_id(name);
		ck_assert_int_eq(lease_take(book, POOL_TINY, &id, 0, 7, 100, &lease[i]), 0);
	}
	ck_assert_int_eq(lease_take(book, POOL_TINY, &alice, 0, 8, 100, &more), -ENOSPC);
	// Given back in this order: the longest unused goes to who is new.
	lease_give(book, lease[2], 100);
	lease_give(book, lease[0], 101);
	ck_assert_int_eq(lease_take(book, POOL_TINY, &alice, 0, 8, 102, &more), 0);
	id = link_config_id("u2@example.org");
	ck_assert_ptr_null(lease_find(book, POOL_TINY, &id, 0));
	id = link_config_id("u0@example.org");
	ck_assert_ptr_nonnull(lease_find(book, POOL_TINY, &id, 0));
	// What replaced it is what a restart finds.
	prefix = lease_prefix(book, more);
	reload();
	ck_assert_int_eq(lease_resume(book, POOL_TINY, &alice, 0, &prefix, 9, 1, &more), 0);
	id = link_config_id("u2@example.org");
	ck_assert_int_eq(lease_resume(book, POOL_TINY, &id, 0, NULL, 9, 1, &more), -ENOENT);
}
END_TEST

// Another pool of the same name: what does not fit is not taken, and not deleted either.
START_TEST(test_other_shape)
{
	struct lease *lease = NULL;

	ck_assert_int_eq(lease_take(book, POOL_V4, &alice, 0, 7, 100, &lease), 0);
	lease_give(book, lease, 101);
	link_config_pool(&c->pool[POOL_V4], "v4", "10.67.0.0/16", 32);
	reload();
	ck_assert_ptr_null(lease_find(book, POOL_V4, &alice, 0));
	link_config_pool(&c->pool[POOL_V4], "v4", "10.66.0.0/16", 32);
	reload();
	ck_assert_ptr_nonnull(lease_find(book, POOL_V4, &alice, 0));
}
END_TEST

static struct inet_prefix prefix_of(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void put_row(const struct config_id *identity, const char *prefix, uint64_t used_s)
{
	struct store_lease row = {
		.pool = "v4", .prefix = prefix_of(prefix), .identity = *identity, .used_s = used_s};

	ck_assert_int_eq(store_put_lease(store, &row), 0);
}

// What a link's row says of its prefix is newer than what rows of leases say of the prefix, or of whose
// it is: they are reserved for nobody any more, after another start neither.
START_TEST(test_resume_old_rows_L20)
{
	struct inet_prefix prefix = prefix_of("10.66.0.5/32");
	struct lease *lease = NULL, *other = NULL;

	put_row(&alice, "10.66.0.4/32", 100);
	put_row(&bob, "10.66.0.5/32", 101);
	reload();
	ck_assert_int_eq(lease_resume(book, POOL_V4, &alice, 0, &prefix, 7, 50, &lease), 0);
	ck_assert_uint_eq(lease->used_s, 50);
	prefix = lease_prefix(book, lease);
	ck_assert_uint_eq(prefix.addr.bytes[3], 5);
	ck_assert_ptr_null(lease_find(book, POOL_V4, &bob, 0));
	ck_assert_uint_eq(pool_taken(lease_book_pool(book, POOL_V4)), 1);
	// A second owner of it there is not.
	ck_assert_int_eq(lease_resume(book, POOL_V4, &bob, 0, &prefix, 8, 50, &other), -ENOENT);
	ck_assert_int_eq(lease_resume(book, POOL_V4, &alice, 0, &prefix, 8, 50, &other), -EBUSY);
	prefix = prefix_of("10.67.0.5/32");
	ck_assert_int_eq(lease_resume(book, POOL_V4, &bob, 0, &prefix, 8, 50, &other), -ENOENT);
	reload();
	ck_assert_ptr_null(lease_find(book, POOL_V4, &alice, 0));
	ck_assert_ptr_null(lease_find(book, POOL_V4, &bob, 0));
}
END_TEST

START_TEST(test_lost_database)
{
	// An identity finds its place by itself: most get the same prefix from an empty database.
	struct lease *lease = NULL;
	uint64_t slot = 0;

	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 0, 7, 100, &lease), 0);
	slot = lease->slot;
	lease_book_free(book);
	store_close(store);
	store = store_open(NULL);
	book = lease_book_new(&c->config, store, plain_random, NULL);
	ck_assert_int_eq(lease_take(book, POOL_GLOBAL, &alice, 0, 7, 100, &lease), 0);
	ck_assert_uint_eq(lease->slot, slot);
}
END_TEST

// ---- the model ----

#define IDS 12
#define ORDINALS 2
#define CRASHES 200
#define OPS 800

// What the outside world saw, in memory that survives the crash.
struct world {
	uint64_t told[IDS][ORDINALS]; // slot + 1 that was told to the client last
	uint64_t told_at[IDS][ORDINALS];
	uint64_t ops, crashes_inside;
	bool broken;
};

static struct world *world;
static char path[128];
static int crash_in; // operations until the process dies, within a transaction if it can

static void crash_random(void *arg, void *out, size_t len)
{
	plain_random(arg, out, len);
	if (crash_in <= 0 && random() % 2 == 0) {
		world->crashes_inside++;
		_exit(0);
	}
}

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "after %lu operations: %s\n", world->ops, what);
	world->broken = true;
	_exit(1);
}

static uint64_t model_handle(int i, int k)
{
	return (uint64_t)(i * 8 + k + 1);
}

static struct config_id model_id(int i)
{
	char name[32];

	snprintf(name, sizeof(name), "m%d@example.org", i);
	return link_config_id(name);
}

static void put_link(
	const struct config_id *identity, int k, uint64_t handle, const struct lease *lease)
{
	struct store_link row = {.handle = handle,
		.identity = *identity,
		.ordinal = (uint32_t)k,
		.peer = "p",
		.profile = "p",
		.pool_n = 1};

	strcpy(row.pool[0].name, c->pool[POOL_TINY].name);
	row.pool[0].prefix = lease_prefix(book, lease);
	must(store_put_link(store, &row) == 0, "put");
}

// The links that a crash left end.
static bool end_link(void *arg, const struct store_link *row)
{
	struct lease *lease = NULL;

	(void)arg;
	must(lease_resume(book, POOL_TINY, &row->identity, row->ordinal, &row->pool[0].prefix,
		     row->handle, 1, &lease) == 0,
		"not there again");
	lease_give(book, lease, world->ops);
	must(store_del_link(store, row->handle) == 0, "delete");
	return true;
}

static void one_op(struct lease *held[IDS][ORDINALS], uint64_t now_s)
{
	int i = (int)(random() % IDS), k = (int)(random() % ORDINALS);
	struct config_id id = model_id(i);
	int error = 0, live = 0;

	world->ops++;
	if (held[i][k] != NULL) {
		lease_give(book, held[i][k], now_s);
		store_del_link(store, model_handle(i, k));
		held[i][k] = NULL;
		return;
	}
	must(store_begin(store) == 0, "begin");
	error = lease_take(
		book, POOL_TINY, &id, (uint32_t)k, model_handle(i, k), now_s, &held[i][k]);
	if (error == 0)
		put_link(&id, k, model_handle(i, k), held[i][k]);
	if (crash_in <= 0 && random() % 3 == 0)
		_exit(0); // not committed: the client was not told
	must(store_commit(store) == 0, "commit");
	for (int a = 0; a < IDS; a++)
		for (int b = 0; b < ORDINALS; b++) {
			live += held[a][b] != NULL;
			if (error == 0 && (a != i || b != k) && held[a][b] != NULL)
				must(held[a][b]->slot != held[i][k]->slot, "live for two");
		}
	if (error != 0) {
		must(error == -ENOSPC && live == 4, "refused with free slots");
		return;
	}
	// Stable: the same unless somebody needed it meanwhile.
	if (c->pool[POOL_TINY].assign == CONFIG_ASSIGN_STABLE && world->told[i][k] != 0 &&
		world->told[i][k] != held[i][k]->slot + 1) {
		bool taken = false;

		for (int a = 0; a < IDS; a++)
			for (int b = 0; b < ORDINALS; b++)
				taken = taken ||
					((a != i || b != k) &&
						world->told[a][b] == world->told[i][k] &&
						world->told_at[a][b] >= world->told_at[i][k]);
		must(taken, "another prefix though nobody had taken it");
	}
	world->told[i][k] = held[i][k]->slot + 1;
	world->told_at[i][k] = world->ops;
}

static void live_and_crash(unsigned seed)
{
	struct lease *held[IDS][ORDINALS] = {};

	srandom(seed);
	crash_in = INT32_MAX;
	store = store_open(path);
	must(store != NULL, "open after a crash");
	book = lease_book_new(&c->config, store, crash_random, NULL);
	must(book != NULL, "load after a crash");
	must(store_each_link(store, end_link, NULL) == 0, "read links");
	crash_in = (int)(random() % OPS);
	for (int i = 0; i < OPS; i++, crash_in--)
		one_op(held, world->ops);
	_exit(0);
}

static void model(enum config_assign assign)
{
	tmp_db_path(path, "t_lease");
	tmp_db_unlink(path);
	world = mmap(
		NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c->pool[POOL_TINY].assign = assign;
	for (unsigned i = 0; i < CRASHES; i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0)
			live_and_crash(i + 1);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		ck_assert(!world->broken);
	}
	ck_assert_uint_gt(world->ops, CRASHES * 100);
	tmp_db_unlink(path);
	munmap(world, sizeof(*world));
}

START_TEST(test_model_stable_L20)
{
	model(CONFIG_ASSIGN_STABLE);
}
END_TEST

START_TEST(test_model_random_L20)
{
	model(CONFIG_ASSIGN_RANDOM);
}
END_TEST

static int rows;

static bool count_row(void *arg, const struct store_lease *lease)
{
	(void)arg;
	(void)lease;
	rows++;
	return true;
}

// The tables' constraints alone already keep a prefix from having two owners.
START_TEST(test_store_constraint_L20)
{
	struct store_lease row = {.pool = "v4", .identity = alice, .used_s = 5};

	ck_assert_int_eq(inet_prefix_parse("10.66.0.5/32", &row.prefix), 0);
	ck_assert_int_eq(store_put_lease(store, &row), 0);
	row.identity = bob;
	ck_assert_int_eq(store_put_lease(store, &row), 0);
	rows = 0;
	ck_assert_int_eq(store_each_lease(store, count_row, NULL), 0);
	ck_assert_int_eq(rows, 1);
	ck_assert_int_eq(store_del_lease(store, &row.prefix), 0);
	rows = 0;
	ck_assert_int_eq(store_each_lease(store, count_row, NULL), 0);
	ck_assert_int_eq(rows, 0);
}
END_TEST

START_TEST(test_store_bad_file)
{
	FILE *file = NULL;

	tmp_db_path(path, "t_lease_bad");
	file = fopen(path, "w");
	for (int i = 0; i < 500; i++)
		fputs("this is no database\n", file);
	fclose(file);
	ck_assert_ptr_null(store_open(path));
	tmp_db_unlink(path);
	ck_assert_ptr_null(store_open("/nonexistent/dir/leases.db"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lease");
	TCase *tc = tcase_create("lease");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_stable_L28);
	tcase_add_test(tc, test_random_L28);
	tcase_add_test(tc, test_exhaustion);
	tcase_add_test(tc, test_other_shape);
	tcase_add_test(tc, test_resume_old_rows_L20);
	tcase_add_test(tc, test_lost_database);
	tcase_add_test(tc, test_model_stable_L20);
	tcase_add_test(tc, test_model_random_L20);
	tcase_add_test(tc, test_store_constraint_L20);
	tcase_add_test(tc, test_store_bad_file);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
