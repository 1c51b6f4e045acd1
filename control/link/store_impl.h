// SPDX-License-Identifier: BSD-3-Clause
// The inside of the store, for store.c (the file and its transactions), store_schema.c (tables and
// their history), store_rows.c (rows) and store_checkpoint.c (the way to the disk). Nobody else
// includes it.
#pragma once

#include "store.h"

#include <sqlite3.h>

#define STORE_STATEMENTS(X)                                                                        \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(PUT_LEASE,                                                                               \
		"INSERT OR REPLACE INTO lease (prefix, pool, id_type, id, ordinal, used)"          \
		" VALUES (?, ?, ?, ?, ?, ?)")                                                      \
	X(DEL_LEASE, "DELETE FROM lease WHERE prefix = ?")                                         \
	X(PUT_LINK,                                                                                \
		"INSERT OR REPLACE INTO link (handle, id_type, id, ordinal, unasked, link_id,"     \
		" client_iid, gateway_iid, peer, profile, created, pools, renumber)"               \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                 \
	X(DEL_LINK, "DELETE FROM link WHERE handle = ?")                                           \
	X(PUT_EXTRA,                                                                               \
		"INSERT OR REPLACE INTO extra (link, prefix, kind, until) VALUES (?, ?, ?, ?)")    \
	X(DEL_EXTRA, "DELETE FROM extra WHERE link = ? AND prefix = ?")                            \
	X(DEL_EXTRAS, "DELETE FROM extra WHERE link = ?")                                          \
	X(PUT_VALUE, "INSERT OR REPLACE INTO value (key, value) VALUES (?, ?)")                    \
	X(GET_VALUE, "SELECT value FROM value WHERE key = ?")                                      \
	X(EACH_LEASE, "SELECT prefix, pool, id_type, id, ordinal, used FROM lease ORDER BY used")  \
	X(EACH_POOL_LEASE,                                                                         \
		"SELECT prefix, pool, id_type, id, ordinal, used FROM lease WHERE pool = ?"        \
		" ORDER BY used")                                                                  \
	X(EACH_LINK,                                                                               \
		"SELECT handle, id_type, id, ordinal, unasked, link_id, client_iid, gateway_iid,"  \
		" peer, profile, created, pools, renumber FROM link ORDER BY created")             \
	X(EACH_EXTRA, "SELECT link, prefix, kind, until FROM extra")

enum store_statement {
#define X(name, sql) STORE_##name,
	STORE_STATEMENTS(X)
#undef X
	STORE_STATEMENT_COUNT,
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statement[STORE_STATEMENT_COUNT];
	struct checkpoint *checkpoint; // NULL: in memory
	int lock_fd;
	bool open; // between begin and commit
};

// Logs what SQLite says, with `what` we wanted; -EIO.
int store_failed(sqlite3 *db, const char *what);
// Runs a statement whose values are bound, and makes it ready for the next time.
int store_run(struct store *store, enum store_statement which);

// Creates the tables, or brings those of an earlier version up to date. 0, -EIO, -EPROTO: newer than
// this program.
int store_schema_setup(sqlite3 *db);

// A prefix as the key of its row: family, length, and the octets that it has bits in.
#define STORE_PREFIX_MAX 18
int store_prefix_encode(const struct inet_prefix *prefix, uint8_t out[STORE_PREFIX_MAX]);

// A thread with its own connection brings the log's pages into the file, so that nobody who answers
// a peer waits for a disk. NULL and errno.
struct checkpoint *checkpoint_new(const char *path);
void checkpoint_free(struct checkpoint *checkpoint); // accepts NULL; ends the thread
void checkpoint_written(struct checkpoint *checkpoint, uint32_t log_pages); // any thread
