// SPDX-License-Identifier: BSD-3-Clause
// Leases against a plain model: links begin and end, pools change, the process is killed at any moment
// and started again. A prefix is never live for two (L20), a stable identity gets its prefix again
// unless somebody needed it (L28), no link that was told to a client is lost and nothing leaks.
// CAPONIER_MODEL_OPS says how many operations instead of some ten thousand.
#include "lease.h"
#include "t_link_setup.h"
#include "t_tmp_db.h"

#include <check.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum {
	IDS = 20,
	ORDINALS = 2,
	LINKS = IDS * ORDINALS,
	KINDS = 2, // pools: a stable one whose shape changes, a random one
	SUBNETS = 64, // all prefixes that there can be, of each kind
};

// What a pool of kind 0 is, in turn.
static const char *const shapes[] = {"2001:db8:3000::/60", "2001:db8:3000:8::/61",
	"2001:db8:3000:8::/62", "2001:db8:3000::/59", "2001:db8:3000:20::/60"};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

// What the clients know, in memory that survives the process. `told` and `lasts` count subnets from 1.
struct world {
	uint64_t ops, kills, in_transaction, reconfigurations, takes, refused, live_at_start;
	uint32_t shape;
	bool up[LINKS]; // the client was told of this link
	uint32_t told[LINKS][KINDS]; // what it has, 0: nothing
	uint32_t lasts[LINKS][KINDS]; // what it had last
	uint32_t holder[KINDS][SUBNETS]; // whose it was last, link + 1
	// The change that is about to be committed.
	bool pending;
	bool pending_up;
	uint32_t pending_link, pending_told[KINDS];
	char broken[200];
};

static struct world *world;
static char path[128];
static struct config config;
static struct config_pool pools[KINDS];
static struct store *store;
static struct lease_book *book;
static struct lease *held[LINKS][KINDS];

static void plain_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	snprintf(
		world->broken, sizeof(world->broken), "after %lu operations: %s", world->ops, what);
	_exit(1);
}

static struct config_id id_of(uint32_t link)
{
	char name[32];

	snprintf(name, sizeof(name), "m%u@example.org", link / ORDINALS);
	return link_config_id(name);
}

static uint64_t handle_of(uint32_t link)
{
	return link + 1;
}

static uint32_t pool_of(uint32_t kind)
{
	return lease_book_index(book, &pools[kind]);
}

// Both kinds number their /64s by the last octet of the prefix.
static uint32_t subnet_of(const struct inet_prefix *prefix)
{
	return prefix->addr.bytes[7] + 1u;
}

static bool in_pool(uint32_t kind, uint32_t subnet)
{
	struct inet_addr addr = pools[kind].prefix.addr;

	addr.bytes[7] = (uint8_t)(subnet - 1);
	return inet_prefix_contains(&pools[kind].prefix, &addr);
}

static void set_config(void)
{
	memset(pools, 0, sizeof(pools));
	link_config_pool(&pools[0], "stable", shapes[world->shape], 64);
	link_config_pool(&pools[1], "random", "2001:db8:4000::/60", 64);
	pools[1].assign = CONFIG_ASSIGN_RANDOM;
	config.pool = pools;
	config.pool_n = KINDS;
}

// ---- the world ----

static void world_ends(uint32_t link)
{
	world->up[link] = false;
	memset(world->told[link], 0, sizeof(world->told[link]));
}

static void world_begins(uint32_t link, const uint32_t told[KINDS])
{
	for (uint32_t k = 0; k < KINDS; k++) {
		world->told[link][k] = told[k];
		if (told[k] == 0)
			continue;
		world->lasts[link][k] = told[k];
		world->holder[k][told[k] - 1] = link + 1;
	}
	world->up[link] = true;
}

static void announce(bool up, uint32_t link, const uint32_t told[KINDS])
{
	world->pending_up = up;
	world->pending_link = link;
	if (told != NULL)
		memcpy(world->pending_told, told, sizeof(world->pending_told));
	__atomic_store_n(&world->pending, true, __ATOMIC_RELEASE);
}

static void carry_out(void)
{
	if (world->pending_up)
		world_begins(world->pending_link, world->pending_told);
	else
		world_ends(world->pending_link);
	__atomic_store_n(&world->pending, false, __ATOMIC_RELEASE);
}

// ---- operations ----

static struct store_link row_of(uint32_t link)
{
	struct store_link row = {.handle = handle_of(link),
		.identity = id_of(link),
		.ordinal = link % ORDINALS,
		.peer = "p",
		.profile = "p"};

	for (uint32_t k = 0; k < KINDS; k++)
		if (held[link][k] != NULL) {
			strcpy(row.pool[row.pool_n].name, pools[k].name);
			row.pool[row.pool_n].prefix = lease_prefix(book, held[link][k]);
			row.pool[row.pool_n++].role = k;
		}
	return row;
}

// Stable: as before, if that is a slot still and nobody else had it since.
static void check_taken(uint32_t link, uint32_t kind, uint32_t subnet)
{
	uint32_t last = world->lasts[link][kind];

	for (uint32_t other = 0; other < LINKS; other++)
		must(other == link || held[other][kind] == NULL ||
				held[other][kind]->slot != held[link][kind]->slot,
			"live for two in the book");
	for (uint32_t other = 0; other < LINKS; other++)
		must(!world->up[other] || world->told[other][kind] != subnet,
			"told to two clients");
	if (kind == 0 && last != 0 && in_pool(kind, last) &&
		world->holder[kind][last - 1] == link + 1)
		must(subnet == last, "another prefix though nobody needed the old one");
}

static void begin_link(uint32_t link, uint64_t now_s)
{
	struct config_id id = id_of(link);
	uint32_t told[KINDS] = {}, n = 0;
	struct store_link row;

	must(store_begin(store) == 0, "begin");
	for (uint32_t k = 0; k < KINDS; k++) {
		int error = lease_take(book, pool_of(k), &id, link % ORDINALS, handle_of(link),
			now_s, &held[link][k]);
		struct inet_prefix prefix;

		if (error != 0) {
			held[link][k] = NULL;
			world->refused++;
			must(error == -ENOSPC &&
					lease_book_live(book, pool_of(k)) ==
						pool_size(lease_book_pool(book, pool_of(k))),
				"refused though not all slots are live");
			continue;
		}
		prefix = lease_prefix(book, held[link][k]);
		told[k] = subnet_of(&prefix);
		check_taken(link, k, told[k]);
		world->takes++;
		n++;
	}
	if (n == 0) {
		store_rollback(store);
		return;
	}
	row = row_of(link);
	must(store_put_link(store, &row) == 0, "put");
	announce(true, link, told);
	must(store_commit(store) == 0, "commit");
	carry_out();
}

static void end_link(uint32_t link, uint64_t now_s)
{
	must(store_begin(store) == 0, "begin");
	for (uint32_t k = 0; k < KINDS; k++) {
		if (held[link][k] != NULL)
			lease_give(book, held[link][k], now_s);
		held[link][k] = NULL;
	}
	must(store_del_link(store, handle_of(link)) == 0, "delete");
	announce(false, link, NULL);
	must(store_commit(store) == 0, "commit");
	carry_out();
}

static void on_lost(void *arg, struct lease *lease)
{
	uint32_t link = (uint32_t)lease->link - 1;
	struct inet_prefix prefix = lease_prefix(book, lease);

	(void)arg;
	must(held[link][0] == lease, "another link's lease is lost");
	must(!in_pool(0, subnet_of(&prefix)), "lost though it fits");
	held[link][0] = NULL;
	world->told[link][0] = 0; // from the file's change on: the client is told
}

static void reconfigure(void)
{
	struct store_link row;

	world->shape = (uint32_t)random() % SHAPES;
	world->reconfigurations++;
	set_config();
	must(store_begin(store) == 0, "begin");
	must(lease_book_reconfigure(book, &config, on_lost, NULL) == 0, "reconfigure");
	for (uint32_t link = 0; link < LINKS; link++) {
		row = row_of(link);
		if (world->up[link])
			must(store_put_link(store, &row) == 0, "put");
	}
	must(store_commit(store) == 0, "commit");
}

// ---- start ----

static bool in_store[LINKS];

// The pool has not the prefix now: it is the identity's if it comes back.
static void keep_lease(const struct store_link *row, uint32_t i)
{
	struct store_lease lease = {.prefix = row->pool[i].prefix,
		.identity = row->identity,
		.ordinal = row->ordinal,
		.used_s = world->ops};

	strcpy(lease.pool, row->pool[i].name);
	must(store_put_lease(store, &lease) == 0, "keep");
}

// As the link table does: all that the row names, or the link is no more.
static bool resume_link(void *arg, const struct store_link *row)
{
	uint32_t link = (uint32_t)row->handle - 1;

	(void)arg;
	must(link < LINKS && !in_store[link], "a link that there never was");
	in_store[link] = true;
	for (uint32_t i = 0; i < row->pool_n; i++) {
		uint32_t k = row->pool[i].role;

		if (lease_resume(book, pool_of(k), &row->identity, row->ordinal,
			    &row->pool[i].prefix, row->handle, world->ops, &held[link][k]) == 0)
			continue;
		held[link][k] = NULL;
		must(k == 0, "a lease is gone though its pool has not changed");
		keep_lease(row, i);
		in_store[link] = false;
	}
	return true;
}

static void resolve_pending(void)
{
	if (world->pending && world->pending_up == in_store[world->pending_link])
		carry_out();
	else if (world->pending)
		world->in_transaction++;
	world->pending = false;
}

static void check_link(uint32_t link)
{
	for (uint32_t k = 0; k < KINDS; k++) {
		struct inet_prefix prefix;

		// The configuration changed, the transaction about it was not committed.
		if (held[link][k] == NULL && world->told[link][k] != 0)
			must(!in_pool(k, world->told[link][k]), "a lease is lost");
		if (held[link][k] == NULL)
			continue;
		prefix = lease_prefix(book, held[link][k]);
		must(world->told[link][k] == subnet_of(&prefix), "another lease than was told");
	}
}

static void drop_link(uint32_t link)
{
	for (uint32_t k = 0; k < KINDS; k++) {
		if (held[link][k] != NULL)
			lease_give(book, held[link][k], 1);
		held[link][k] = NULL;
	}
	must(store_del_link(store, handle_of(link)) == 0, "delete");
	world_ends(link);
}

static void start(void)
{
	uint64_t live = 0;

	set_config();
	store = store_open(path);
	must(store != NULL, "open after a kill");
	book = lease_book_new(&config, store, plain_random, NULL);
	must(book != NULL, "load after a kill");
	must(store_each_link(store, resume_link, NULL) == 0, "read links");
	resolve_pending();
	for (uint32_t link = 0; link < LINKS; link++) {
		if (!world->up[link])
			must(!in_store[link], "a link that had ended");
		else
			check_link(link);
		if (world->up[link] && !in_store[link])
			drop_link(link);
		for (uint32_t k = 0; k < KINDS; k++)
			live += held[link][k] != NULL;
	}
	must(lease_book_live(book, pool_of(0)) + lease_book_live(book, pool_of(1)) == live,
		"leaked");
	world->live_at_start += live;
}

static void live(unsigned seed, uint64_t until_ops)
{
	srandom(seed);
	start();
	while (world->ops < until_ops) {
		uint32_t link = (uint32_t)random() % LINKS;

		world->ops++;
		if (random() % 400 == 0)
			reconfigure();
		else if (world->up[link])
			end_link(link, world->ops);
		else
			begin_link(link, world->ops);
	}
	lease_book_free(book);
	store_close(store);
	_exit(0);
}

static void run(uint64_t ops)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned seed = 1; world->ops < ops; seed++) {
		struct timespec pause = {.tv_nsec = 1000000 + random() % 60000000};
		pid_t pid = fork();
		int status = 0;

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			live(seed, ops);
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL); // of our own child, wherever it is
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		world->kills += WIFSIGNALED(status);
		ck_assert_msg(world->broken[0] == '\0', "%s", world->broken);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lu operations, %lu leases taken, %lu refused, %lu pools changed, %lu kills, %lu "
	       "of "
	       "them in a transaction, %.1f leases live at a start, %ld s\n",
		world->ops, world->takes, world->refused, world->reconfigurations, world->kills,
		world->in_transaction, (double)world->live_at_start / (double)world->kills,
		end.tv_sec - begin.tv_sec);
}

START_TEST(test_model_L20_L28)
{
	const char *ops = getenv("CAPONIER_MODEL_OPS");

	tmp_db_path(path, "t_lease_model");
	tmp_db_unlink(path);
	world = mmap(
		NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(world, MAP_FAILED);
	run(ops != NULL ? strtoull(ops, NULL, 10) : 40000);
	ck_assert_uint_gt(world->kills, 10);
	ck_assert_uint_gt(world->takes, world->ops / 4);
	ck_assert_uint_gt(world->refused, 0);
	munmap(world, sizeof(*world));
	tmp_db_unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lease_model");
	TCase *tc = tcase_create("lease_model");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_set_timeout(tc, getenv("CAPONIER_MODEL_OPS") != NULL ? 3600 : 120);
	tcase_add_test(tc, test_model_L20_L28);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
