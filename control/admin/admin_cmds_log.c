// SPDX-License-Identifier: BSD-3-Clause
// `log show` and `log level`: the log levels of this process. Control's thread.
#include "admin_cmds.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 256

// log_foreach() holds the log's lock, and making rows may log: the types are copied first.
struct types {
	size_t n;
	struct {
		char name[32];
		enum log_level level;
	} type[TYPES_MAX];
};

static void add_type(void *arg, const char *name, enum log_level level)
{
	struct types *types = arg;

	// Several files may share a type.
	for (size_t i = 0; i < types->n; i++)
		if (!strcmp(types->type[i].name, name))
			return;
	if (types->n == TYPES_MAX)
		return;
	snprintf(types->type[types->n].name, sizeof(types->type[0].name), "%s", name);
	types->type[types->n++].level = level;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b); // the name comes first
}

void admin_log_types(void (*fn)(void *arg, const char *name, enum log_level level), void *arg)
{
	struct types *types = calloc(1, sizeof(*types));

	if (!types)
		return;
	log_foreach(add_type, types);
	qsort(types->type, types->n, sizeof(types->type[0]), compare);
	for (size_t i = 0; i < types->n; i++)
		fn(arg, types->type[i].name, types->type[i].level);
	free(types);
}

static void show_type(void *arg, const char *name, enum log_level level)
{
	struct admin_row row = admin_row_begin(arg);

	admin_row_text(&row, "type", name);
	admin_row_text(&row, "level", log_level_name(level));
	admin_row_send(&row);
}

void cmds_log_show(struct admin_call *call)
{
	admin_log_types(show_type, call);
	admin_done(call);
}

void cmds_log_level(struct admin_call *call)
{
	const char *type = admin_arg(call, 0), *text = admin_arg(call, 1);
	enum log_level level;
	int ret;

	if (log_level_parse(text, &level)) {
		admin_fail(call, EINVAL, "\"%.40s\" is no log level", text);
		return;
	}
	// A pattern that matches nothing is a slip of the finger; the rule is harmless.
	ret = log_set_level(type, level);
	if (ret) {
		admin_fail(call, ret, "no log type is called \"%.40s\"; log show lists them", type);
		return;
	}
	action_row(call, type, "log level %s", log_level_name(level));
	admin_done(call);
}
