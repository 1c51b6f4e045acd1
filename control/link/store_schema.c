// SPDX-License-Identifier: BSD-3-Clause
// The tables of the lease database, and how those of an earlier version become these. Control's
// thread, at the start.
#include "log.h"
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

LOG_TYPE("lease");

// What each version's upgrade leads to; the last is what a new file gets.
#define SCHEMA_VERSION 4

// No index beside the keys: each would be one more page written for every new lease, and nothing is
// ever looked up here but at the start, when everything is read.
static const char schema[] =
	"CREATE TABLE lease ("
	" prefix BLOB PRIMARY KEY," // of all pools: a prefix has one owner
	" pool TEXT NOT NULL,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" used INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE link ("
	" handle INTEGER PRIMARY KEY,"
	" id_type INTEGER NOT NULL, id BLOB NOT NULL, ordinal INTEGER NOT NULL,"
	" unasked INTEGER NOT NULL,"
	" link_id BLOB," // NULL: addresses alone
	" client_iid BLOB, gateway_iid BLOB,"
	" peer TEXT NOT NULL, profile TEXT NOT NULL, created INTEGER NOT NULL,"
	" pools TEXT NOT NULL," // "NAME ROLE NTH PREFIX", each followed by a line feed
	" renumber INTEGER NOT NULL DEFAULT 0"
	");"
	"CREATE TABLE extra ("
	" link INTEGER NOT NULL, prefix BLOB NOT NULL,"
	" kind INTEGER NOT NULL, until INTEGER NOT NULL,"
	" PRIMARY KEY (link, prefix)"
	") WITHOUT ROWID;"
	"CREATE TABLE value (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 4;";

static int user_version(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return version;
}

// ---- from version 1: prefixes were texts, and a link's pools bare names ----

// SQL function prefix_key(TEXT): the key of the prefix, NULL when it is none.
static void sql_prefix_key(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	struct inet_prefix prefix;
	uint8_t key[STORE_PREFIX_MAX];

	(void)argc;
	if (text == NULL || inet_prefix_parse(text, &prefix) != 0)
		sqlite3_result_null(context);
	else
		sqlite3_result_blob(
			context, key, store_prefix_encode(&prefix, key), SQLITE_TRANSIENT);
}

// What the leases of a pool were to their links: enum link_lease_role's first values.
static int role_of_pool(sqlite3_stmt *one_lease, const char *name, size_t len)
{
	struct inet_prefix prefix;
	const char *text = NULL;
	int role = 0;

	sqlite3_bind_text(one_lease, 1, name, (int)len, SQLITE_STATIC);
	if (sqlite3_step(one_lease) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(one_lease, 0);
	if (text != NULL && inet_prefix_parse(text, &prefix) == 0)
		role = prefix.addr.family == AF_INET ? 1 : prefix.len == 128 ? 2 : 0;
	sqlite3_reset(one_lease);
	return role;
}

// SQL function pool_roles(TEXT): the names with a role, a zero and no prefix behind each.
static void sql_pool_roles(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	sqlite3_stmt *one_lease = sqlite3_user_data(context);
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	char out[STORE_LINK_POOLS * (CONFIG_NAME_MAX + 10)];
	size_t used = 0;

	(void)argc;
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len >= CONFIG_NAME_MAX || used + len + 10 > sizeof(out))
			break;
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s %d 0 -\n", (int)len,
			text, role_of_pool(one_lease, text, len));
		text += len + (text[len] == '\n');
	}
	sqlite3_result_text(context, out, (int)used, SQLITE_TRANSIENT);
}

static const char from_1[] =
	"INSERT OR REPLACE INTO lease"
	" SELECT prefix_key(prefix), pool, id_type, id, ordinal, used FROM lease1"
	" WHERE prefix_key(prefix) IS NOT NULL;"
	"INSERT OR REPLACE INTO link"
	" SELECT handle, id_type, id, ordinal, 0, link_id, client_iid, gateway_iid, peer, profile,"
	" created, pool_roles(pools), 0 FROM link1;";

static bool upgrade_from_1(sqlite3 *db)
{
	sqlite3_stmt *one_lease = NULL;
	bool good = sqlite3_exec(db,
			    "ALTER TABLE lease RENAME TO lease1;"
			    "ALTER TABLE link RENAME TO link1;",
			    NULL, NULL, NULL) == SQLITE_OK &&
		sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT prefix FROM lease1 WHERE pool = ? LIMIT 1", -1,
			&one_lease, NULL) == SQLITE_OK &&
		sqlite3_create_function(db, "prefix_key", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
			NULL, sql_prefix_key, NULL, NULL) == SQLITE_OK &&
		sqlite3_create_function(db, "pool_roles", 1, SQLITE_UTF8, one_lease, sql_pool_roles,
			NULL, NULL) == SQLITE_OK &&
		sqlite3_exec(db, from_1, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_finalize(one_lease);
	return good &&
		sqlite3_exec(db, "DROP TABLE lease1; DROP TABLE link1;", NULL, NULL, NULL) ==
		SQLITE_OK;
}

// ---- from version 2: nothing was kept of renumberings to come ----

static bool upgrade_from_2(sqlite3 *db)
{
	return sqlite3_exec(db,
		       "ALTER TABLE link ADD COLUMN renumber INTEGER NOT NULL DEFAULT 0;"
		       "PRAGMA user_version = 4;",
		       NULL, NULL, NULL) == SQLITE_OK;
}

// ---- from version 3: live leases had rows of their own too, which are no worse than none ----

static bool upgrade_from_3(sqlite3 *db)
{
	return sqlite3_exec(db, "PRAGMA user_version = 4;", NULL, NULL, NULL) == SQLITE_OK;
}

static int upgrade(sqlite3 *db, int version)
{
	bool good = false;

	LOG(NOTICE, "lease database: from version %d to %d", version, SCHEMA_VERSION);
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_failed(db, "upgrade");
	good = version == 1    ? upgrade_from_1(db)
		: version == 2 ? upgrade_from_2(db)
			       : upgrade_from_3(db);
	if (!good || sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		store_failed(db, "upgrade");
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return -EIO;
	}
	return 0;
}

int store_schema_setup(sqlite3 *db)
{
	int version = user_version(db);

	if (version == SCHEMA_VERSION)
		return 0;
	if (version >= 1 && version < SCHEMA_VERSION)
		return upgrade(db, version);
	if (version == 0)
		return sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK
			? 0
			: store_failed(db, "create tables");
	LOG(ERR, "lease database: version %d, this program knows %d", version, SCHEMA_VERSION);
	return -EPROTO;
}
