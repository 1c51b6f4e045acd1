// SPDX-License-Identifier: BSD-3-Clause
// SQLite below links and leases: one file, two tables, prepared statements. Control's thread.
#include "store.h"

#include "log.h"

#include <sqlite3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("lease");

#define SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE lease ("
	" prefix TEXT PRIMARY KEY," // of all pools: a prefix has one owner
	" pool TEXT NOT NULL,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" used INTEGER NOT NULL,"
	" UNIQUE (id, id_type, ordinal, pool)"
	") WITHOUT ROWID;"
	"CREATE TABLE link ("
	" handle INTEGER PRIMARY KEY,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" link_id BLOB," // NULL: addresses alone
	" client_iid BLOB, gateway_iid BLOB,"
	" peer TEXT NOT NULL, profile TEXT NOT NULL, created INTEGER NOT NULL,"
	" pools TEXT NOT NULL," // names, each followed by a line feed
	" UNIQUE (id, id_type, ordinal)"
	");"
	"PRAGMA user_version = 1;";

#define STATEMENTS(X)                                                                              \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(PUT_LEASE,                                                                               \
		"INSERT OR REPLACE INTO lease (prefix, pool, id_type, id, ordinal, used)"          \
		" VALUES (?, ?, ?, ?, ?, ?)")                                                      \
	X(DEL_LEASE, "DELETE FROM lease WHERE prefix = ?")                                         \
	X(PUT_LINK,                                                                                \
		"INSERT OR REPLACE INTO link (handle, id_type, id, ordinal, link_id, client_iid,"  \
		" gateway_iid, peer, profile, created, pools)"                                     \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                       \
	X(DEL_LINK, "DELETE FROM link WHERE handle = ?")                                           \
	X(EACH_LEASE, "SELECT prefix, pool, id_type, id, ordinal, used FROM lease ORDER BY used")  \
	X(EACH_LINK,                                                                               \
		"SELECT handle, id_type, id, ordinal, link_id, client_iid, gateway_iid, peer,"     \
		" profile, created, pools FROM link ORDER BY created")

enum statement {
#define X(name, sql) S_##name,
	STATEMENTS(X)
#undef X
	STATEMENT_COUNT,
};

static const char *const statement_sql[STATEMENT_COUNT] = {
#define X(name, sql) sql,
	STATEMENTS(X)
#undef X
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENT_COUNT];
	bool open; // between begin and commit
};

static int failed(struct store *store, const char *what)
{
	LOG_LIMITED(ERR, "lease database: %s: %s", what, sqlite3_errmsg(store->db));
	return -EIO;
}

static int user_version(struct store *store)
{
	sqlite3_stmt *stmt = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return version;
}

static int setup(struct store *store)
{
	int version = 0;

	sqlite3_busy_timeout(store->db, 1000);
	// One process uses the file; a second control on the same one must fail, not share.
	if (sqlite3_exec(store->db,
		    "PRAGMA locking_mode = EXCLUSIVE;"
		    "PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -65536;", // KiB; leases lie anywhere in the table
		    NULL, NULL, NULL) != SQLITE_OK)
		return failed(store, "open");
	version = user_version(store);
	if (version == 0 && sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return failed(store, "create tables");
	if (version != 0 && version != SCHEMA_VERSION) {
		LOG(ERR, "lease database: version %d, this program knows %d", version,
			SCHEMA_VERSION);
		return -EPROTO;
	}
	for (int i = 0; i < STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statement[i], NULL) != SQLITE_OK)
			return failed(store, "prepare");
	return 0;
}

struct store *store_open(const char *path)
{
	struct store *store = calloc(1, sizeof(*store));
	int error = 0;

	if (store == NULL)
		return NULL;
	if (sqlite3_open(path != NULL ? path : ":memory:", &store->db) != SQLITE_OK)
		error = failed(store, "open");
	else
		error = setup(store);
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
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statement[i]);
	sqlite3_close(store->db);
	free(store);
}

// Runs a statement whose values are bound, and makes it ready for the next time.
static int run(struct store *store, enum statement which)
{
	sqlite3_stmt *stmt = store->statement[which];
	int rc = sqlite3_step(stmt);
	int error = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(store, statement_sql[which]);

	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return error;
}

int store_begin(struct store *store)
{
	int error = run(store, S_BEGIN);

	store->open = error == 0;
	return error;
}

int store_commit(struct store *store)
{
	int error = run(store, S_COMMIT);

	if (error != 0)
		store_rollback(store);
	store->open = false;
	return error;
}

void store_rollback(struct store *store)
{
	// SQLite has undone the transaction itself after some errors.
	if (store->open && sqlite3_get_autocommit(store->db) == 0)
		run(store, S_ROLLBACK);
	store->open = false;
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_id(sqlite3_stmt *stmt, int at, const struct config_id *id)
{
	sqlite3_bind_int(stmt, at, (int)id->type);
	sqlite3_bind_blob(
		stmt, at + 1, id->len > 0 ? (const void *)id->data : "", id->len, SQLITE_TRANSIENT);
}

int store_put_lease(struct store *store, const struct store_lease *lease)
{
	sqlite3_stmt *stmt = store->statement[S_PUT_LEASE];
	char text[INET_PREFIX_STRLEN];

	bind_text(stmt, 1, inet_prefix_format(&lease->prefix, text));
	bind_text(stmt, 2, lease->pool);
	bind_id(stmt, 3, &lease->identity);
	sqlite3_bind_int64(stmt, 5, lease->ordinal);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)lease->used_s);
	return run(store, S_PUT_LEASE);
}

int store_del_lease(struct store *store, const struct inet_prefix *prefix)
{
	char text[INET_PREFIX_STRLEN];

	bind_text(store->statement[S_DEL_LEASE], 1, inet_prefix_format(prefix, text));
	return run(store, S_DEL_LEASE);
}

int store_put_link(struct store *store, const struct store_link *link)
{
	sqlite3_stmt *stmt = store->statement[S_PUT_LINK];
	char pools[(CONFIG_LINK_POOLS + 2) * (CONFIG_NAME_MAX + 1) + 1] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < link->pool_n; i++) {
		size_t n = strnlen(link->pool[i], CONFIG_NAME_MAX - 1);

		memcpy(pools + len, link->pool[i], n);
		pools[len + n] = '\n';
		len += n + 1;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)link->handle);
	bind_id(stmt, 2, &link->identity);
	sqlite3_bind_int64(stmt, 4, link->ordinal);
	if (link->virtual_link) {
		sqlite3_bind_blob(stmt, 5, link->link_id, LINK_ID_BYTES, SQLITE_TRANSIENT);
		sqlite3_bind_blob(stmt, 6, link->client_iid, 8, SQLITE_TRANSIENT);
		sqlite3_bind_blob(stmt, 7, link->gateway_iid, 8, SQLITE_TRANSIENT);
	}
	bind_text(stmt, 8, link->peer);
	bind_text(stmt, 9, link->profile);
	sqlite3_bind_int64(stmt, 10, (sqlite3_int64)link->created_s);
	sqlite3_bind_text(stmt, 11, pools, (int)len, SQLITE_TRANSIENT);
	return run(store, S_PUT_LINK);
}

int store_del_link(struct store *store, uint64_t handle)
{
	sqlite3_bind_int64(store->statement[S_DEL_LINK], 1, (sqlite3_int64)handle);
	return run(store, S_DEL_LINK);
}

// Reading: whoever can write the file could write anything, so nothing is taken unchecked.

static bool column_blob(sqlite3_stmt *stmt, int at, void *out, size_t len)
{
	const void *blob = sqlite3_column_blob(stmt, at);

	if (blob == NULL || (size_t)sqlite3_column_bytes(stmt, at) != len)
		return false;
	memcpy(out, blob, len);
	return true;
}

static bool column_name(sqlite3_stmt *stmt, int at, char out[CONFIG_NAME_MAX])
{
	const unsigned char *text = sqlite3_column_text(stmt, at);
	int len = sqlite3_column_bytes(stmt, at);

	if (text == NULL || len < 0 || len >= CONFIG_NAME_MAX)
		return false;
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	return strlen(out) == (size_t)len;
}

static bool column_id(sqlite3_stmt *stmt, int at, struct config_id *id)
{
	int len = sqlite3_column_bytes(stmt, at + 1);
	const void *blob = sqlite3_column_blob(stmt, at + 1);

	if (len < 0 || (size_t)len > sizeof(id->data))
		return false;
	*id = (struct config_id){
		.type = (enum config_id_type)sqlite3_column_int(stmt, at), .len = (uint8_t)len};
	if (len > 0)
		memcpy(id->data, blob, (size_t)len);
	return true;
}

static bool column_ordinal(sqlite3_stmt *stmt, int at, uint32_t *ordinal)
{
	sqlite3_int64 value = sqlite3_column_int64(stmt, at);

	*ordinal = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

static bool read_lease(sqlite3_stmt *stmt, struct store_lease *lease)
{
	const unsigned char *prefix = sqlite3_column_text(stmt, 0);

	*lease = (struct store_lease){.used_s = (uint64_t)sqlite3_column_int64(stmt, 5)};
	return prefix != NULL && inet_prefix_parse((const char *)prefix, &lease->prefix) == 0 &&
		column_name(stmt, 1, lease->pool) && column_id(stmt, 2, &lease->identity) &&
		column_ordinal(stmt, 4, &lease->ordinal);
}

static bool read_pools(sqlite3_stmt *stmt, int at, struct store_link *link)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	while (text != NULL && *text != '\0') {
		const char *end = strchr(text, '\n');
		size_t len = end != NULL ? (size_t)(end - text) : CONFIG_NAME_MAX;

		if (len >= CONFIG_NAME_MAX || link->pool_n == CONFIG_LINK_POOLS + 2)
			return false;
		memcpy(link->pool[link->pool_n++], text, len);
		text = end + 1;
	}
	return text != NULL;
}

static bool read_link(sqlite3_stmt *stmt, struct store_link *link)
{
	*link = (struct store_link){.handle = (uint64_t)sqlite3_column_int64(stmt, 0),
		.created_s = (uint64_t)sqlite3_column_int64(stmt, 9),
		.virtual_link = sqlite3_column_type(stmt, 4) != SQLITE_NULL};
	if (link->handle == 0 || link->handle > INT64_MAX)
		return false;
	if (link->virtual_link &&
		(!column_blob(stmt, 4, link->link_id, LINK_ID_BYTES) ||
			!column_blob(stmt, 5, link->client_iid, 8) ||
			!column_blob(stmt, 6, link->gateway_iid, 8)))
		return false;
	return column_id(stmt, 1, &link->identity) && column_ordinal(stmt, 3, &link->ordinal) &&
		column_name(stmt, 7, link->peer) && column_name(stmt, 8, link->profile) &&
		read_pools(stmt, 10, link);
}

int store_each_lease(
	struct store *store, bool (*fn)(void *arg, const struct store_lease *lease), void *arg)
{
	sqlite3_stmt *stmt = store->statement[S_EACH_LEASE];
	struct store_lease lease;
	uint64_t bad = 0;
	int rc = 0;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!read_lease(stmt, &lease))
			bad++;
		else if (!fn(arg, &lease))
			break;
	}
	sqlite3_reset(stmt);
	if (bad > 0)
		LOG(WARN, "lease database: %lu bad leases skipped", bad);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(store, "read leases");
}

int store_each_link(
	struct store *store, bool (*fn)(void *arg, const struct store_link *link), void *arg)
{
	sqlite3_stmt *stmt = store->statement[S_EACH_LINK];
	struct store_link link;
	uint64_t bad = 0;
	int rc = 0;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!read_link(stmt, &link))
			bad++;
		else if (!fn(arg, &link))
			break;
	}
	sqlite3_reset(stmt);
	if (bad > 0)
		LOG(WARN, "lease database: %lu bad links skipped", bad);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(store, "read links");
}
