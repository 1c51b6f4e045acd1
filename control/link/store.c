// SPDX-License-Identifier: BSD-3-Clause
// The lease database as a file: opening it for one process alone, transactions, and small values.
// Control's thread.
#include "store.h"

#include "log.h"
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

LOG_TYPE("lease");

static const char *const statement_sql[STORE_STATEMENT_COUNT] = {
#define X(name, sql) sql,
	STORE_STATEMENTS(X)
#undef X
};

int store_failed(sqlite3 *db, const char *what)
{
	LOG_LIMITED(ERR, "lease database: %s: %s", what, sqlite3_errmsg(db));
	return -EIO;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int log_pages)
{
	const struct store *store = arg;

	(void)db;
	(void)name;
	if (store->checkpoint != NULL)
		checkpoint_written(store->checkpoint, (uint32_t)log_pages);
	return SQLITE_OK;
}

// The checkpoint thread holds the file for a moment; SQLite's own handler would sleep longer than that.
static int on_busy(void *arg, int tries)
{
	(void)arg;
	usleep(200);
	return tries < 50000; // 10 s
}

// The cache is small on purpose: when a page of the table is split, SQLite renumbers pages by way of one
// far behind the end, and the next commit then goes through all pages that are cached. Leases that
// are given back lie anywhere in the table, so that splits are frequent; pages that are not cached are the kernel's and
// cost a read of 4 KiB.
static int setup(struct store *store)
{
	int error = 0;

	sqlite3_busy_handler(store->db, on_busy, NULL);
	if (sqlite3_exec(store->db,
		    "PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -4096;", // KiB
		    NULL, NULL, NULL) != SQLITE_OK)
		return store_failed(store->db, "open");
	error = store_schema_setup(store->db);
	if (error != 0)
		return error;
	// What a process that was killed left in the log would be read again at the next start too.
	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	for (int i = 0; i < STORE_STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statement[i], NULL) != SQLITE_OK)
			return store_failed(store->db, "prepare");
	return 0;
}

// One process uses the file; a second control on the same one must fail, not share. SQLite's own
// exclusive mode would shut out the checkpoint thread too.
static int lock(struct store *store, const char *path)
{
	char name[512];
	int len = snprintf(name, sizeof(name), "%s-lock", path);

	if (len < 0 || (size_t)len >= sizeof(name))
		return -ENAMETOOLONG;
	store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0) {
		int error = -errno;

		LOG(ERR, "lease database: %s: %s", name, strerror(-error));
		return error;
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		LOG(ERR, "lease database: %s is in use by another process", path);
		return -EBUSY;
	}
	return 0;
}

static int open_file(struct store *store, const char *path)
{
	int error = path != NULL ? lock(store, path) : 0;

	if (error != 0)
		return error;
	if (sqlite3_open_v2(path != NULL ? path : ":memory:", &store->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK)
		return store_failed(store->db, "open");
	error = setup(store);
	if (error != 0 || path == NULL)
		return error;
	store->checkpoint = checkpoint_new(path);
	if (store->checkpoint == NULL)
		return -errno;
	sqlite3_wal_hook(store->db, on_commit, store);
	return 0;
}

struct store *store_open(const char *path)
{
	struct store *store = calloc(1, sizeof(*store));
	int error = 0;

	if (store == NULL)
		return NULL;
	store->lock_fd = -1;
	error = open_file(store, path);
	if (error != 0) {
		store_close(store);
		errno = -error;
		return NULL;
	}
	return store;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	// First the thread's connection: the last one to close empties the log into the file.
	checkpoint_free(store->checkpoint);
	for (int i = 0; i < STORE_STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statement[i]);
	sqlite3_close(store->db);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store);
}

int store_run(struct store *store, enum store_statement which)
{
	sqlite3_stmt *stmt = store->statement[which];
	int rc = sqlite3_step(stmt);
	int error = rc == SQLITE_DONE || rc == SQLITE_ROW
		? 0
		: store_failed(store->db, statement_sql[which]);

	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return error;
}

int store_begin(struct store *store)
{
	int error = store_run(store, STORE_BEGIN);

	store->open = error == 0;
	return error;
}

int store_commit(struct store *store)
{
	int error = store_run(store, STORE_COMMIT);

	if (error != 0)
		store_rollback(store);
	store->open = false;
	return error;
}

void store_rollback(struct store *store)
{
	// SQLite has undone the transaction itself after some errors.
	if (store->open && sqlite3_get_autocommit(store->db) == 0)
		store_run(store, STORE_ROLLBACK);
	store->open = false;
}

int store_put_value(struct store *store, const char *key, const void *value, size_t len)
{
	sqlite3_stmt *stmt = store->statement[STORE_PUT_VALUE];

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, len > 0 ? value : "", (int)len, SQLITE_STATIC);
	return store_run(store, STORE_PUT_VALUE);
}

int store_get_value(struct store *store, const char *key, void *out, size_t max)
{
	sqlite3_stmt *stmt = store->statement[STORE_GET_VALUE];
	int rc = 0, len = 0;

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const void *blob = sqlite3_column_blob(stmt, 0);

		len = sqlite3_column_bytes(stmt, 0);
		if (len > 0 && (size_t)len <= max)
			memcpy(out, blob, (size_t)len);
	} else {
		len = rc == SQLITE_DONE ? -ENOENT : store_failed(store->db, "read a value");
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return len;
}
