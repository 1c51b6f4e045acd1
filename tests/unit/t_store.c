// SPDX-License-Identifier: BSD-3-Clause
// The lease database as a file: what comes back after a restart, a file of version 1, a second process,
// rows that make no sense (L13, L28).
#include "store.h"
#include "t_link_setup.h"
#include "t_tmp_db.h"

#include <check.h>
#include <sqlite3.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static char path[128];
static struct store *store;

static void setup(void)
{
	tmp_db_path(path, "t_store");
	tmp_db_unlink(path);
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
}

static void teardown(void)
{
	store_close(store);
	tmp_db_unlink(path);
}

static void reopen(void)
{
	store_close(store);
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
}

static struct inet_prefix prefix_of(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct store_link links[8];
static struct store_lease leases[16];
static struct store_extra extras[8];
static uint32_t link_n, lease_n, extra_n;

static bool keep_link(void *arg, const struct store_link *link)
{
	(void)arg;
	links[link_n++] = *link;
	return true;
}

static bool keep_lease(void *arg, const struct store_lease *lease)
{
	(void)arg;
	leases[lease_n++] = *lease;
	return true;
}

static bool keep_extra(void *arg, const struct store_extra *extra)
{
	(void)arg;
	extras[extra_n++] = *extra;
	return true;
}

static void read_all(void)
{
	link_n = lease_n = extra_n = 0;
	ck_assert_int_eq(store_each_link(store, keep_link, NULL), 0);
	ck_assert_int_eq(store_each_lease(store, keep_lease, NULL), 0);
	ck_assert_int_eq(store_each_extra(store, keep_extra, NULL), 0);
}

START_TEST(test_link_comes_back)
{
	struct store_link link = {.handle = UINT64_C(1) << 52,
		.identity = link_config_id("alice@example.org"),
		.ordinal = 3,
		.virtual_link = true,
		.unasked = true,
		.link_id = {1, 2, 3},
		.client_iid = {4},
		.gateway_iid = {5},
		.peer = "alice",
		.profile = "p2",
		.created_s = 77,
		.pool_n = STORE_LINK_POOLS};

	for (uint32_t i = 0; i < STORE_LINK_POOLS; i++) {
		memset(link.pool[i].name, 'p', CONFIG_NAME_MAX - 1); // the longest there is
		link.pool[i].role = UINT32_MAX - i;
		link.pool[i].nth = i;
		link.pool[i].prefix = prefix_of("2001:db8:1000:fffe:fffe:fffe:fffe:fffe/128");
	}
	ck_assert_int_eq(store_put_link(store, &link), 0);
	reopen();
	read_all();
	ck_assert_uint_eq(link_n, 1);
	ck_assert_mem_eq(&links[0], &link, sizeof(link));
	ck_assert_int_eq(store_del_link(store, link.handle), 0);
	read_all();
	ck_assert_uint_eq(link_n, 0);
}
END_TEST

START_TEST(test_extras)
{
	struct store_extra one = {.link = 7,
		.prefix = prefix_of("2001:db8:3000::5/128"),
		.kind = 0,
		.until_s = UINT64_MAX};
	struct store_extra two = {
		.link = 7, .prefix = prefix_of("2001:db8:5000:100::/56"), .kind = 1, .until_s = 99};
	struct store_extra other = {.link = 8, .prefix = two.prefix, .kind = 1, .until_s = 1};

	ck_assert_int_eq(store_put_extra(store, &one), 0);
	ck_assert_int_eq(store_put_extra(store, &two), 0);
	ck_assert_int_eq(store_put_extra(store, &other), 0);
	two.until_s = 100; // replaces
	ck_assert_int_eq(store_put_extra(store, &two), 0);
	reopen();
	read_all();
	ck_assert_uint_eq(extra_n, 3);
	ck_assert(inet_prefix_equal(&extras[0].prefix, &two.prefix));
	ck_assert_uint_eq(extras[0].until_s, 100);
	ck_assert_uint_eq(extras[0].kind, 1);
	ck_assert(inet_prefix_equal(&extras[1].prefix, &one.prefix));
	ck_assert_uint_eq(extras[1].until_s, UINT64_MAX);
	ck_assert_uint_eq(extras[1].link, 7);
	ck_assert_int_eq(store_del_extra(store, 7, &one.prefix), 0);
	read_all();
	ck_assert_uint_eq(extra_n, 2);
	// They go with their link.
	ck_assert_int_eq(store_del_link(store, 7), 0);
	read_all();
	ck_assert_uint_eq(extra_n, 1);
	ck_assert_uint_eq(extras[0].link, 8);
}
END_TEST

START_TEST(test_values)
{
	char out[8] = "";

	ck_assert_int_eq(store_get_value(store, "k", out, sizeof(out)), -ENOENT);
	ck_assert_int_eq(store_put_value(store, "k", "abc", 4), 0);
	ck_assert_int_eq(store_put_value(store, "empty", NULL, 0), 0);
	reopen();
	ck_assert_int_eq(store_get_value(store, "k", out, sizeof(out)), 4);
	ck_assert_str_eq(out, "abc");
	ck_assert_int_eq(store_get_value(store, "empty", out, sizeof(out)), 0);
	ck_assert_int_eq(store_put_value(store, "k", "0123456789", 10), 0);
	ck_assert_int_eq(store_get_value(store, "k", out, sizeof(out)), 10); // too long: not copied
	ck_assert_str_eq(out, "abc");
}
END_TEST

// A second control on the same file fails; a killed one leaves no lock behind.
START_TEST(test_one_process)
{
	int status = 0;
	pid_t pid = 0;

	errno = 0;
	ck_assert_ptr_null(store_open(path));
	ck_assert_int_eq(errno, EBUSY);
	store_close(store);
	pid = fork();
	if (pid == 0) {
		struct store_lease lease = {.pool = "v4", .prefix = prefix_of("10.66.0.9/32")};

		store = store_open(path);
		_exit(store != NULL && store_put_lease(store, &lease) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
	read_all();
	ck_assert_uint_eq(lease_n, 1);
}
END_TEST

START_TEST(test_rollback)
{
	struct store_lease lease = {.pool = "v4", .prefix = prefix_of("10.66.0.9/32")};

	ck_assert_int_eq(store_begin(store), 0);
	ck_assert_int_eq(store_put_lease(store, &lease), 0);
	store_rollback(store);
	read_all();
	ck_assert_uint_eq(lease_n, 0);
}
END_TEST

static void sql(const char *text)
{
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

// As the first version wrote it.
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE lease ("
	" prefix TEXT PRIMARY KEY,"
	" pool TEXT NOT NULL,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" used INTEGER NOT NULL,"
	" UNIQUE (id, id_type, ordinal, pool)"
	") WITHOUT ROWID;"
	"CREATE TABLE link ("
	" handle INTEGER PRIMARY KEY,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" link_id BLOB,"
	" client_iid BLOB, gateway_iid BLOB,"
	" peer TEXT NOT NULL, profile TEXT NOT NULL, created INTEGER NOT NULL,"
	" pools TEXT NOT NULL,"
	" UNIQUE (id, id_type, ordinal)"
	");"
	"PRAGMA user_version = 1;"
	"INSERT INTO lease VALUES ('2001:db8:1000:1::/64', 'global', 3, x'616c696365', 0, 100);"
	"INSERT INTO lease VALUES ('10.66.0.9/32', 'v4', 3, x'616c696365', 0, 101);"
	"INSERT INTO lease VALUES ('2001:db8:2000::9/128', 'addr6', 3, x'626f62', 0, 102);"
	"INSERT INTO lease VALUES ('rubbish', 'v4', 3, x'626f62', 0, 103);"
	"INSERT INTO link VALUES (42, 3, x'616c696365', 0, x'000102030405060708090a0b0c0d0e0f',"
	" x'0201020304050607', x'0209090909090909', 'alice', 'link', 99,"
	" 'global' || char(10) || 'v4' || char(10));"
	"INSERT INTO link VALUES (43, 3, x'626f62', 0, NULL, NULL, NULL, 'bob', 'link', 100,"
	" 'addr6' || char(10));";

START_TEST(test_version_1)
{
	struct inet_prefix prefix = prefix_of("2001:db8:1000:1::/64");

	store_close(store);
	tmp_db_unlink(path);
	sql(version_1);
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
	for (int again = 0; again < 2; again++) {
		read_all();
		ck_assert_uint_eq(lease_n, 3);
		ck_assert(inet_prefix_equal(&leases[0].prefix, &prefix));
		ck_assert_str_eq(leases[0].pool, "global");
		ck_assert_uint_eq(leases[0].used_s, 100);
		ck_assert_uint_eq(leases[0].identity.len, 5);
		ck_assert_uint_eq(link_n, 2);
		ck_assert_uint_eq(links[0].handle, 42);
		ck_assert(links[0].virtual_link && !links[0].unasked);
		ck_assert_uint_eq(links[0].link_id[15], 15);
		ck_assert_uint_eq(links[0].pool_n, 2);
		ck_assert_str_eq(links[0].pool[1].name, "v4");
		// Roles follow from what kind of lease the pool gave.
		ck_assert_uint_eq(links[0].pool[0].prefix.addr.family, 0);
		ck_assert_uint_eq(links[0].pool[0].role, 0);
		ck_assert_uint_eq(links[0].pool[1].role, 1);
		ck_assert_uint_eq(links[1].pool[0].role, 2);
		ck_assert(!links[1].virtual_link);
		reopen(); // upgraded once
	}
}
END_TEST

// The second one kept nothing of renumberings to come.
START_TEST(test_version_2)
{
	struct store_link link = {.handle = 42, .renumber = 3, .peer = "a", .profile = "p"};

	ck_assert_int_eq(store_put_link(store, &link), 0);
	reopen();
	read_all();
	ck_assert_uint_eq(links[0].renumber, 3);
	store_close(store);
	sql("ALTER TABLE link DROP COLUMN renumber; PRAGMA user_version = 2;");
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
	read_all();
	ck_assert_uint_eq(link_n, 1);
	ck_assert_uint_eq(links[0].renumber, 0);
	ck_assert_int_eq(store_put_link(store, &link), 0);
	reopen(); // upgraded once
	read_all();
	ck_assert_uint_eq(links[0].renumber, 3);
}
END_TEST

// The third one had a row for each live lease too.
START_TEST(test_version_3)
{
	struct store_link link = {.handle = 42, .peer = "a", .profile = "p", .pool_n = 1};
	struct store_lease lease = {.pool = "v4", .used_s = 100};

	lease.prefix = link.pool[0].prefix = prefix_of("10.66.0.9/32");
	strcpy(link.pool[0].name, "v4");
	ck_assert_int_eq(store_put_lease(store, &lease), 0);
	ck_assert_int_eq(store_put_link(store, &link), 0);
	store_close(store);
	sql("PRAGMA user_version = 3;");
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
	for (int again = 0; again < 2; again++) {
		read_all();
		ck_assert_uint_eq(lease_n, 1);
		ck_assert_uint_eq(link_n, 1);
		reopen();
	}
}
END_TEST

START_TEST(test_newer_version)
{
	store_close(store);
	sql("PRAGMA user_version = 99;");
	errno = 0;
	store = store_open(path);
	ck_assert_ptr_null(store);
	ck_assert_int_eq(errno, EPROTO);
}
END_TEST

// Whoever can write the file could write anything.
static const struct {
	const char *sql;
	const char *why;
} rubbish[] = {
	{"INSERT INTO lease VALUES (x'', 'v4', 3, x'61', 0, 1)", "no prefix"},
	{"INSERT INTO lease VALUES (x'04200a420009ff', 'v4', 3, x'61', 0, 1)", "too long"},
	{"INSERT INTO lease VALUES (x'04210a42000900', 'v4', 3, x'61', 0, 1)", "/33 of IPv4"},
	{"INSERT INTO lease VALUES (x'04170a4201', 'v4', 3, x'61', 0, 1)", "host bits"},
	{"INSERT INTO lease VALUES (x'05200a420009', 'v4', 3, x'61', 0, 1)", "no family"},
	{"INSERT INTO lease VALUES (x'04200a420009', 'v4', 3, x'61', -1, 1)", "ordinal"},
	{"INSERT INTO lease VALUES (x'04200a420009', 'v4', 3, zeroblob(256), 0, 1)", "identity"},
	{"INSERT INTO lease VALUES (x'04200a420009', printf('%.32c', 'x'), 3, x'61', 0, 1)",
		"pool"},
	{"INSERT INTO link VALUES (1, 3, x'61', 0, 0, x'00', x'', x'', 'a', 'b', 1, '', 0)",
		"link id"},
	{"INSERT INTO link VALUES (0, 3, x'61', 0, 0, NULL, x'', x'', 'a', 'b', 1, '', 0)",
		"handle"},
	{"INSERT INTO link VALUES (1, 3, x'61', 0, 0, NULL, x'', x'', 'a', 'b', 1, 'v4', 0)",
		"pools"},
	{"INSERT INTO link VALUES (1, 3, x'61', 0, 0, NULL, x'', x'', 'a', 'b', 1, 'v4 -1 0 -'"
	 " || char(10), 0)",
		"role"},
	{"INSERT INTO link VALUES (1, 3, x'61', 0, 0, NULL, x'', x'', 'a', 'b', 1,"
	 " replace(printf('%.21c', 'x'), 'x', 'v4 0 0 -' || char(10)), 0)",
		"too many pools"},
	{"INSERT INTO extra VALUES (0, x'04200a420009', 0, 0)", "no link"},
	{"INSERT INTO extra VALUES (1, x'04', 0, 0)", "extra's prefix"},
};

START_TEST(test_rubbish)
{
	store_close(store);
	sql(rubbish[_i].sql);
	store = store_open(path);
	ck_assert_ptr_nonnull(store);
	read_all();
	ck_assert_msg(lease_n + link_n + extra_n == 0, "%s", rubbish[_i].why);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("store");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_link_comes_back);
	tcase_add_test(tc, test_extras);
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_one_process);
	tcase_add_test(tc, test_rollback);
	tcase_add_test(tc, test_version_1);
	tcase_add_test(tc, test_version_2);
	tcase_add_test(tc, test_version_3);
	tcase_add_test(tc, test_newer_version);
	tcase_add_loop_test(tc, test_rubbish, 0, sizeof(rubbish) / sizeof(rubbish[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
