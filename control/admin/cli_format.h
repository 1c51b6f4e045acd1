// SPDX-License-Identifier: BSD-3-Clause
// Rows of an answer as people or programs want them: a table, one field a line, or JSON. All three
// go by the columns of the command, so that they never differ. The program's one thread.
#pragma once

#include "cmd_table.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cli_style {
	CLI_TABLE,
	CLI_LONG, // "NAME: value", a blank line between rows
	CLI_JSON, // an array; events: one object a line
};

struct cli_format;

// `width` is the terminal's, 0: unlimited. With one, lists in a table that would be too wide are
// broken into lines. NULL: no memory.
struct cli_format *cli_format_new(
	FILE *out, const struct cmd *cmd, enum cli_style style, unsigned width);
// Copies what it needs. A table is printed when it ends.
void cli_format_row(struct cli_format *format, json_t *row);
void cli_format_event(struct cli_format *format, json_t *event); // at once, flushed
// Ends the output and frees. An answer that broke off leaves complete JSON all the same.
void cli_format_end(struct cli_format *format);
uint32_t cli_format_rows(const struct cli_format *format);

// One value as people see it: "3m12s", "1.2 MiB", "-" when there is none. The caller's (free), NULL:
// no memory. `separator` stands between the parts of a list. Control characters are escaped: what
// strangers sent may be in a text.
char *cli_value_text(enum cmd_kind kind, const json_t *value, const char *separator);
const char *cli_seconds(double seconds, char buf[32]);
const char *cli_bytes(uint64_t bytes, char buf[32]);
