// SPDX-License-Identifier: BSD-3-Clause
// The one table of commands. The program parses, completes, explains and prints by it; the server
// checks requests and fills rows by it; the man page is made from it. Constant data: any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// One name per command; the server has one handler for each (admin_cmds.c).
#define CMD_IDS(X)                                                                                 \
	X(LINK_SHOW)                                                                               \
	X(LINK_TERMINATE)                                                                          \
	X(SA_SHOW)                                                                                 \
	X(SA_REKEY)                                                                                \
	X(SA_TERMINATE)                                                                            \
	X(LINK_RENUMBER)                                                                           \
	X(LINK_REAUTH)                                                                             \
	X(PEER_REAUTH)                                                                             \
	X(CONFIG_RELOAD)                                                                           \
	X(PEER_SHOW)                                                                               \
	X(PEER_INITIATE)                                                                           \
	X(PEER_TERMINATE)                                                                          \
	X(POOL_SHOW)                                                                               \
	X(LEASE_SHOW)                                                                              \
	X(GROUP_SHOW)                                                                              \
	X(DROPS_SHOW)                                                                              \
	X(STATS_SHOW)                                                                              \
	X(PORT_SHOW)                                                                               \
	X(NEIGHBOUR_SHOW)                                                                          \
	X(ROUTE_SHOW)                                                                              \
	X(LOG_SHOW)                                                                                \
	X(LOG_LEVEL)                                                                               \
	X(CONFIG_SHOW)                                                                             \
	X(CONFIG_CHECK)                                                                            \
	X(MONITOR)                                                                                 \
	X(NAMES)

enum cmd_id {
#define X(name) CMD_##name,
	CMD_IDS(X)
#undef X
	CMD_ID_COUNT,
};

// What a field of a row is: how people see it, and which type it has in JSON. Numbers are in base
// units (bytes, packets, seconds) in JSON.
enum cmd_kind {
	CMD_TEXT, // string
	CMD_COUNT, // integer
	CMD_BYTES, // integer; "1.2 MiB"
	CMD_SECONDS, // number; "3m12s"
	CMD_TIME, // number, seconds since 1970; "12:03:04.123" of the local day
	CMD_BOOL, // true or false; "yes", "no"
	CMD_TEXTS, // array of strings; "a, b"
	CMD_COUNTS, // array of integers; "1 2 3"
};

enum cmd_column_flags {
	CMD_LONG = 1 << 0, // not in the table: in the long form (one field a line) and in JSON
	CMD_SPARE = 1 << 1, // the table leaves the column out when no row has a value in it
};

struct cmd_column {
	const char *name; // key in JSON
	const char *heading; // of the table and the long form
	enum cmd_kind kind;
	unsigned flags; // enum cmd_column_flags
	const char *help; // for the man page
};

// What an argument is: decides what completion offers.
enum cmd_arg_kind {
	CMD_ARG_WORD, // one of `words`
	CMD_ARG_LINK,
	CMD_ARG_SA,
	CMD_ARG_PEER,
	CMD_ARG_CONNECTION,
	CMD_ARG_POOL,
	CMD_ARG_LOG_TYPE,
	CMD_ARG_TEXT, // anything; nothing is offered
	CMD_ARG_FILE,
};

struct cmd_arg {
	const char *name; // key in the request; in capitals in usage lines
	enum cmd_arg_kind kind;
	bool optional;
	const char *help;
	const char *const *words; // CMD_ARG_WORD, NULL-terminated
};

enum cmd_flags {
	CMD_LOCAL = 1 << 0, // done by the program itself, no daemon needed
	CMD_STREAM = 1 << 1, // events until the client goes
	CMD_HIDDEN = 1 << 2, // for the program's own use: not offered, not explained
	CMD_ACTION = 1 << 3, // rows say what was done: without JSON that is talk, on stderr
	CMD_DETAIL = 1 << 4, // with an argument it shows the long form
};

#define CMD_ARGS_MAX 3

struct cmd {
	enum cmd_id id;
	const char *noun;
	const char *verb; // NULL: the noun alone
	const char *help; // one line, no full stop
	const char *more; // a paragraph, or NULL
	unsigned flags; // enum cmd_flags
	struct cmd_arg arg[CMD_ARGS_MAX + 1]; // ends with name NULL
	const struct cmd_column *column; // ends with name NULL; NULL: no rows
};

struct cmd_noun {
	const char *name;
	const char *help;
};

// i-th row, NULL behind the last.
const struct cmd *cmd_at(size_t i);
const struct cmd_noun *cmd_noun_at(size_t i);
const struct cmd *cmd_by_id(enum cmd_id id);
// Exact words; verb NULL: the command of the noun alone. NULL when there is none.
const struct cmd *cmd_find(const char *noun, const char *verb);
// By "link show" or "monitor", as in a request.
const struct cmd *cmd_find_path(const char *path);
const char *cmd_path(const struct cmd *cmd, char buf[64]);
// "link show [LINK]"
const char *cmd_usage(const struct cmd *cmd, char buf[160]);
const struct cmd_column *cmd_column_find(const struct cmd *cmd, const char *name);
size_t cmd_arg_count(const struct cmd *cmd);
