// SPDX-License-Identifier: BSD-3-Clause
// Prints rows by the columns of their command. Tables are kept until their end, since the widths
// are known only then; JSON is written row by row. The program's one thread.
#include "cli_format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS_MAX 48
#define GAP 2 // blanks between columns

struct cli_format {
	FILE *out;
	const struct cmd *cmd;
	enum cli_style style;
	unsigned width;
	uint32_t row_n; // rows given so far
	uint32_t room;
	json_t **row; // CLI_TABLE: kept
};

const char *cli_seconds(double seconds, char buf[32])
{
	bool sane = seconds >= 0 && seconds < 1e15;
	uint64_t s = sane ? (uint64_t)seconds : 0;

	if (!sane)
		snprintf(buf, 32, "?");
	else if (seconds < 1)
		snprintf(buf, 32, "%dms", (int)(seconds * 1000));
	else if (seconds < 10)
		snprintf(buf, 32, "%u.%us", (unsigned)s, (unsigned)(seconds * 10) % 10);
	else if (s < 60)
		snprintf(buf, 32, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, 32, "%" PRIu64 "m%02us", s / 60, (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, 32, "%" PRIu64 "h%02um", s / 3600, (unsigned)(s / 60 % 60));
	else
		snprintf(buf, 32, "%" PRIu64 "d%02uh", s / 86400, (unsigned)(s / 3600 % 24));
	return buf;
}

const char *cli_bytes(uint64_t bytes, char buf[32])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, 32, "%" PRIu64 " B", bytes);
		return buf;
	}
	// 1023.95 would be rounded up to 1024.0.
	for (value /= 1024; value >= 1023.95; value /= 1024)
		i++;
	snprintf(buf, 32, "%.1f %s", value, units[i]);
	return buf;
}

static void put_text(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		// C1 control characters are two bytes in UTF-8: c2 80 to c2 9f.
		if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\x%02x", *c);
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			fprintf(out, "\\x%02x", *++c);
		else
			fputc(*c, out);
	}
}

static void put_time(FILE *out, double time)
{
	time_t seconds = (time_t)time;
	struct tm tm;
	char text[16];

	if (!(time >= 0 && time < 1e11) || !localtime_r(&seconds, &tm))
		return;
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%03d", text, (int)((time - (double)seconds) * 1000));
}

static void put_value(FILE *out, enum cmd_kind kind, const json_t *value, const char *separator);

static void put_list(FILE *out, enum cmd_kind of, const json_t *list, const char *separator)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			fputs(separator, out);
		put_value(out, of, json_array_get(list, i), separator);
	}
}

static void put_value(FILE *out, enum cmd_kind kind, const json_t *value, const char *separator)
{
	char text[32];

	if (json_is_string(value)) {
		put_text(out, json_string_value(value));
	} else if (json_is_array(value)) {
		put_list(out, kind == CMD_COUNTS ? CMD_COUNT : CMD_TEXT, value, separator);
	} else if (json_is_boolean(value)) {
		fputs(json_is_true(value) ? "yes" : "no", out);
	} else if (json_is_number(value) && kind == CMD_SECONDS) {
		fputs(cli_seconds(json_number_value(value), text), out);
	} else if (json_is_integer(value) && kind == CMD_BYTES && json_integer_value(value) >= 0) {
		fputs(cli_bytes((uint64_t)json_integer_value(value), text), out);
	} else if (json_is_number(value) && kind == CMD_TIME) {
		put_time(out, json_number_value(value));
	} else if (json_is_integer(value)) {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_real(value)) {
		fprintf(out, "%.15g", json_real_value(value));
	}
}

char *cli_value_text(enum cmd_kind kind, const json_t *value, const char *separator)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_value(out, kind, value, separator);
	if (!ftell(out))
		fputc('-', out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

struct cli_format *cli_format_new(
	FILE *out, const struct cmd *cmd, enum cli_style style, unsigned width)
{
	struct cli_format *format = calloc(1, sizeof(*format));

	if (!format)
		return NULL;
	format->out = out;
	format->cmd = cmd;
	format->style = style;
	format->width = width;
	return format;
}

uint32_t cli_format_rows(const struct cli_format *format)
{
	return format->row_n;
}

// Columns are the truth: what a row has beyond them is not shown, what it lacks is null.
static void print_json(const struct cli_format *format, json_t *row)
{
	json_t *object = json_object();
	char *text;

	for (const struct cmd_column *c = format->cmd->column; c && c->name; c++) {
		json_t *value = json_object_get(row, c->name);

		json_object_set_new(object, c->name, value ? json_incref(value) : json_null());
	}
	text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(object);
	fprintf(format->out, "%s%s", format->row_n ? ",\n " : "[", text ? text : "{}");
	free(text);
}

static bool is_set(const json_t *row, const struct cmd_column *column)
{
	const json_t *value = json_object_get(row, column->name);

	return value && !json_is_null(value) && !(json_is_array(value) && !json_array_size(value));
}

static void print_long(const struct cli_format *format, json_t *row)
{
	int heading = 0;

	for (const struct cmd_column *c = format->cmd->column; c && c->name; c++)
		if (is_set(row, c) && (int)strlen(c->heading) > heading)
			heading = (int)strlen(c->heading);
	if (format->row_n)
		fputc('\n', format->out);
	for (const struct cmd_column *c = format->cmd->column; c && c->name; c++) {
		char *text;

		if (!is_set(row, c))
			continue;
		text = cli_value_text(c->kind, json_object_get(row, c->name), ", ");
		fprintf(format->out, "%-*s  %s\n", heading, c->heading, text ? text : "-");
		free(text);
	}
}

static void keep_row(struct cli_format *format, json_t *row)
{
	if (format->row_n == format->room) {
		uint32_t room = format->room ? 2 * format->room : 64;
		json_t **grown = reallocarray(format->row, room, sizeof(*grown));

		if (!grown) {
			fputs("caponier: no memory\n", stderr);
			exit(1);
		}
		format->row = grown;
		format->room = room;
	}
	format->row[format->row_n] = json_incref(row);
}

void cli_format_row(struct cli_format *format, json_t *row)
{
	if (format->style == CLI_JSON)
		print_json(format, row);
	else if (format->style == CLI_LONG)
		print_long(format, row);
	else
		keep_row(format, row);
	format->row_n++;
}

// Events are open: what the table does not know is shown as well.
static bool is_shown(const struct cli_format *format, const char *name)
{
	const struct cmd_column *column = cmd_column_find(format->cmd, name);

	if (!strcmp(name, "time") || !strcmp(name, "event") || !strcmp(name, "text"))
		return false; // these have their places
	return !column || !(column->flags & CMD_LONG) || format->style == CLI_LONG;
}

static void print_event(const struct cli_format *format, json_t *event)
{
	const json_t *text = json_object_get(event, "text");
	FILE *out = format->out;
	const char *name;
	json_t *value;

	put_value(out, CMD_TIME, json_object_get(event, "time"), "");
	fputc(' ', out);
	put_value(out, CMD_TEXT, json_object_get(event, "event"), "");
	if (text) {
		fputs(": ", out);
		put_value(out, CMD_TEXT, text, ",");
	}
	json_object_foreach(event, name, value)
	{
		if (!is_shown(format, name))
			continue;
		fputs("  ", out);
		put_text(out, name);
		fputc('=', out);
		put_value(out, CMD_TEXT, value, ",");
	}
	fputc('\n', out);
}

void cli_format_event(struct cli_format *format, json_t *event)
{
	char *line;

	format->row_n++;
	if (format->style == CLI_JSON) {
		line = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(16));
		fprintf(format->out, "%s\n", line ? line : "{}");
		free(line);
	} else {
		print_event(format, event);
	}
	fflush(format->out);
}

// Characters, not bytes, of UTF-8; those of double width are rare enough in what we print.
static unsigned text_width(const char *text, size_t bytes)
{
	unsigned width = 0;

	for (size_t i = 0; i < bytes; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

// The widest of the cell's lines.
static unsigned cell_width(const char *cell)
{
	unsigned widest = 0;

	for (;;) {
		size_t len = strcspn(cell, "\n");
		unsigned width = text_width(cell, len);

		if (width > widest)
			widest = width;
		if (!cell[len])
			return widest;
		cell += len + 1;
	}
}

struct table {
	size_t column_n;
	const struct cmd_column *column[COLUMNS_MAX];
	unsigned width[COLUMNS_MAX];
	char **cell; // row_n * column_n, each a text in which lists may stand on several lines
};

static void pick_columns(const struct cli_format *format, struct table *table)
{
	for (const struct cmd_column *c = format->cmd->column; c && c->name; c++) {
		bool wanted = !(c->flags & (CMD_LONG | CMD_SPARE));

		for (uint32_t i = 0; c->flags & CMD_SPARE && !wanted && i < format->row_n; i++)
			wanted = is_set(format->row[i], c);
		if (wanted && table->column_n < COLUMNS_MAX)
			table->column[table->column_n++] = c;
	}
}

static void free_cells(const struct cli_format *format, struct table *table)
{
	for (size_t i = 0; table->cell && i < format->row_n * table->column_n; i++)
		free(table->cell[i]);
	free(table->cell);
	table->cell = NULL;
}

// false: no memory. The width of the whole table is *total.
static bool make_cells(const struct cli_format *format, struct table *table, const char *separator,
	unsigned *total)
{
	*total = 0;
	table->cell = calloc(format->row_n * table->column_n, sizeof(char *));
	if (!table->cell)
		return false;
	for (size_t k = 0; k < table->column_n; k++) {
		const struct cmd_column *c = table->column[k];

		table->width[k] = text_width(c->heading, strlen(c->heading));
		for (uint32_t i = 0; i < format->row_n; i++) {
			char **cell = &table->cell[i * table->column_n + k];

			*cell = cli_value_text(
				c->kind, json_object_get(format->row[i], c->name), separator);
			if (!*cell)
				return false;
			if (cell_width(*cell) > table->width[k])
				table->width[k] = cell_width(*cell);
		}
		*total += table->width[k] + (k ? GAP : 0);
	}
	return true;
}

static bool is_number(enum cmd_kind kind)
{
	return kind == CMD_COUNT || kind == CMD_BYTES || kind == CMD_SECONDS;
}

// Blanks are owed until something follows them: no line ends in blanks.
struct line {
	FILE *out;
	unsigned owed;
};

static void put_cell(
	struct line *line, const char *text, size_t len, unsigned width, bool right, bool first)
{
	unsigned fill = width - text_width(text, len);

	if (!first)
		line->owed += GAP;
	if (right)
		line->owed += fill;
	if (len) {
		fprintf(line->out, "%*s%.*s", (int)line->owed, "", (int)len, text);
		line->owed = 0;
	}
	if (!right)
		line->owed += fill;
}

static void print_heading(const struct cli_format *format, const struct table *table)
{
	struct line line = {.out = format->out};

	for (size_t k = 0; k < table->column_n; k++)
		put_cell(&line, table->column[k]->heading, strlen(table->column[k]->heading),
			table->width[k], is_number(table->column[k]->kind), !k);
	fputc('\n', format->out);
}

static void print_cells(const struct cli_format *format, const struct table *table, char **cell)
{
	const char *at[COLUMNS_MAX];
	bool more = true;

	for (size_t k = 0; k < table->column_n; k++)
		at[k] = cell[k];
	while (more) {
		struct line line = {.out = format->out};

		more = false;
		for (size_t k = 0; k < table->column_n; k++) {
			size_t len = strcspn(at[k], "\n");

			put_cell(&line, at[k], len, table->width[k],
				is_number(table->column[k]->kind), !k);
			at[k] += len;
			if (*at[k]) {
				at[k]++;
				more = true;
			}
		}
		fputc('\n', format->out);
	}
}

static void print_table(const struct cli_format *format)
{
	struct table table = {};
	unsigned total;
	bool good;

	pick_columns(format, &table);
	good = make_cells(format, &table, ", ", &total);
	if (good && format->width && total > format->width) {
		free_cells(format, &table);
		good = make_cells(format, &table, "\n", &total);
	}
	if (good) {
		print_heading(format, &table);
		for (uint32_t i = 0; i < format->row_n; i++)
			print_cells(format, &table, &table.cell[i * table.column_n]);
	} else {
		fputs("caponier: no memory\n", stderr);
	}
	free_cells(format, &table);
}

void cli_format_end(struct cli_format *format)
{
	bool streams = format->cmd->flags & CMD_STREAM;

	if (format->style == CLI_JSON && !streams)
		fputs(format->row_n ? "]\n" : "[]\n", format->out);
	if (format->style == CLI_TABLE && format->row_n && !streams)
		print_table(format);
	for (uint32_t i = 0; format->row && i < format->row_n; i++)
		json_decref(format->row[i]);
	free(format->row);
	fflush(format->out);
	free(format);
}
