// SPDX-License-Identifier: BSD-3-Clause
// What the program prints: units, tables, long form and JSON from the same fields.
#include "cli.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	double seconds;
	const char *text;
} ages[] = {
	{0, "0ms"},
	{0.0421, "42ms"},
	{0.9999, "999ms"},
	{1, "1.0s"},
	{9.99, "9.9s"},
	{10, "10s"},
	{59.9, "59s"},
	{60, "1m00s"},
	{192, "3m12s"},
	{3599, "59m59s"},
	{3600, "1h00m"},
	{86399, "23h59m"},
	{86400, "1d00h"},
	{400 * 86400.0, "400d00h"},
	{-1, "?"},
	{NAN, "?"},
	{1e300, "?"},
};

START_TEST(seconds_are_spelled)
{
	char text[32];

	ck_assert_str_eq(cli_seconds(ages[_i].seconds, text), ages[_i].text);
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{0, "0 B"},
	{1023, "1023 B"},
	{1024, "1.0 KiB"},
	{1258291, "1.2 MiB"},
	{1048575, "1.0 MiB"},
	{1073741824, "1.0 GiB"},
	{UINT64_MAX, "16.0 EiB"},
};

START_TEST(bytes_are_spelled)
{
	char text[32];

	ck_assert_str_eq(cli_bytes(sizes[_i].bytes, text), sizes[_i].text);
}
END_TEST

static const struct {
	const char *why;
	enum cmd_kind kind;
	const char *json;
	const char *text;
} values[] = {
	{"text", CMD_TEXT, "\"a\"", "a"},
	{"no value", CMD_TEXT, "null", "-"},
	{"empty text", CMD_TEXT, "\"\"", "-"},
	{"control characters of a stranger", CMD_TEXT, "\"a\\u001b[31m\\nb\\u007f\"",
		"a\\x1b[31m\\x0ab\\x7f"},
	{"C1 control characters", CMD_TEXT, "\"a\\u009b\"", "a\\x9b"},
	{"letters of the world pass", CMD_TEXT, "\"gr\\u00fc\\u00df\"", "gr\xc3\xbc\xc3\x9f"},
	{"count", CMD_COUNT, "12345678901", "12345678901"},
	{"negative", CMD_BYTES, "-5", "-5"},
	{"bytes", CMD_BYTES, "2048", "2.0 KiB"},
	{"seconds", CMD_SECONDS, "75.5", "1m15s"},
	{"seconds as integer", CMD_SECONDS, "75", "1m15s"},
	{"yes", CMD_BOOL, "true", "yes"},
	{"no", CMD_BOOL, "false", "no"},
	{"list", CMD_TEXTS, "[\"a\", \"b\"]", "a, b"},
	{"empty list", CMD_TEXTS, "[]", "-"},
	{"counts", CMD_COUNTS, "[1, 2]", "1, 2"},
	{"list where a text should be", CMD_TEXT, "[\"a\"]", "a"},
	{"object where a text should be", CMD_TEXT, "{\"a\": 1}", "-"},
};

START_TEST(value_is_shown)
{
	json_t *value = json_loads(values[_i].json, JSON_DECODE_ANY, NULL);
	char *text;

	ck_assert_ptr_nonnull(value);
	text = cli_value_text(values[_i].kind, value, ", ");
	ck_assert_msg(!strcmp(text, values[_i].text), "%s: %s", values[_i].why, text);
	free(text);
	json_decref(value);
}
END_TEST

static const char *const rows[] = {
	"{\"pool\": \"v4\", \"prefix\": \"10.66.0.0/16\", \"lease_len\": 32, \"assign\": "
	"\"stable\","
	" \"size\": 65536, \"live\": 2, \"reserved\": 0, \"free\": 65534, \"secret\": 1}",
	"{\"pool\": \"addr6\", \"prefix\": \"2001:db8:2000::/64\", \"size\": 5}",
};

static char *render(const struct cmd *cmd, enum cli_style style, unsigned width,
	const char *const *row, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct cli_format *format = cli_format_new(out, cmd, style, width);

	for (size_t i = 0; i < n; i++) {
		json_t *json = json_loads(row[i], 0, NULL);

		ck_assert_ptr_nonnull(json);
		if (cmd->flags & CMD_STREAM)
			cli_format_event(format, json);
		else
			cli_format_row(format, json);
		json_decref(json);
	}
	ck_assert_uint_eq(cli_format_rows(format), n);
	cli_format_end(format);
	fclose(out);
	return text;
}

START_TEST(table_is_aligned)
{
	char *text = render(cmd_by_id(CMD_POOL_SHOW), CLI_TABLE, 0, rows, 2);

	ck_assert_str_eq(text,
		"POOL   PREFIX              LEASE  ASSIGN   SIZE  LIVE  RESERVED   FREE\n"
		"v4     10.66.0.0/16           32  stable  65536     2         0  65534\n"
		"addr6  2001:db8:2000::/64      -  -           5     -         -      -\n");
	free(text);
}
END_TEST

START_TEST(letters_are_counted_not_bytes)
{
	static const char *const letters[] = {
		"{\"pool\": \"\\u00e4\\u00f6\\u00fc\\u00df-pool\", \"prefix\": \"x\"}",
		"{\"pool\": \"ascii-po\", \"prefix\": \"x\"}"};
	char *text = render(cmd_by_id(CMD_POOL_SHOW), CLI_TABLE, 0, letters, 2);

	ck_assert_msg(strstr(text, "\nascii-po   x") != NULL, "%s", text);
	free(text);
}
END_TEST

START_TEST(nothing_prints_nothing)
{
	char *text = render(cmd_by_id(CMD_POOL_SHOW), CLI_TABLE, 0, rows, 0);

	ck_assert_str_eq(text, "");
	free(text);
	text = render(cmd_by_id(CMD_POOL_SHOW), CLI_JSON, 0, rows, 0);
	ck_assert_str_eq(text, "[]\n");
	free(text);
}
END_TEST

START_TEST(long_form_has_what_is_set)
{
	char *text = render(cmd_by_id(CMD_POOL_SHOW), CLI_LONG, 0, rows, 2);

	ck_assert_str_eq(text,
		"POOL      v4\nPREFIX    10.66.0.0/16\nLEASE     32\nASSIGN    stable\n"
		"SIZE      65536\nLIVE      2\nRESERVED  0\nFREE      65534\n\n"
		"POOL    addr6\nPREFIX  2001:db8:2000::/64\nSIZE    5\n");
	free(text);
}
END_TEST

// Each field of each command, in each style: JSON has all columns and no more, in base units; the
// long form has each of them under its heading.
START_TEST(json_and_long_form_have_the_same_fields)
{
	const struct cmd *cmd = cmd_at((size_t)_i);
	json_t *row = json_object(), *array, *object;
	char *dumped, *json, *text;

	if (cmd->flags & CMD_STREAM) { // events are open, see below
		json_decref(row);
		return;
	}
	for (const struct cmd_column *c = cmd->column; c->name; c++)
		json_object_set_new(row, c->name,
			c->kind == CMD_TEXT		? json_string("x")
				: c->kind == CMD_TEXTS	? json_pack("[s]", "x")
				: c->kind == CMD_COUNTS ? json_pack("[i]", 7)
				: c->kind == CMD_BOOL	? json_true()
							: json_integer(7));
	json_object_set_new(row, "unknown", json_integer(1));
	dumped = json_dumps(row, 0);
	json = render(cmd, CLI_JSON, 0, (const char *const[]){dumped}, 1);
	text = render(cmd, CLI_LONG, 0, (const char *const[]){dumped}, 1);
	array = json_loads(json, 0, NULL);
	ck_assert_msg(json_array_size(array) == 1, "%s", json);
	object = json_array_get(array, 0);
	ck_assert_ptr_null(json_object_get(object, "unknown"));
	for (const struct cmd_column *c = cmd->column; c->name; c++) {
		char heading[64];

		ck_assert_msg(
			json_equal(json_object_get(object, c->name), json_object_get(row, c->name)),
			"%s", c->name);
		snprintf(heading, sizeof(heading), "%s  ", c->heading);
		ck_assert_msg(strstr(text, c->heading) != NULL, "%s", heading);
	}
	json_object_del(row, "unknown");
	ck_assert_uint_eq(json_object_size(object), json_object_size(row));
	json_decref(row);
	json_decref(array);
	free(dumped);
	free(json);
	free(text);
}
END_TEST

START_TEST(missing_fields_are_null)
{
	char *text = render(cmd_by_id(CMD_POOL_SHOW), CLI_JSON, 0, rows, 2);
	json_t *array = json_loads(text, 0, NULL);

	ck_assert_uint_eq(json_array_size(array), 2);
	ck_assert(json_is_null(json_object_get(json_array_get(array, 1), "live")));
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_array_get(array, 0), "free")), 65534);
	json_decref(array);
	free(text);
}
END_TEST

static const char *const link_rows[] = {
	"{\"link\": \"1\", \"state\": \"up\", \"prefixes\": [\"2001:db8:1000::/64\","
	" \"fd00:db8:1000::/64\"], \"in_bytes\": 5}",
	"{\"link\": \"2\", \"state\": \"up\", \"prefixes\": [\"2001:db8:1000:1::/64\"]}",
};

START_TEST(spare_columns_come_when_needed)
{
	char *text = render(cmd_by_id(CMD_LINK_SHOW), CLI_TABLE, 0, link_rows, 2);

	ck_assert(strstr(text, "PREFIXES") != NULL);
	ck_assert(strstr(text, "ADDRESSES") == NULL);
	ck_assert(strstr(text, "GRACE LEFT") == NULL);
	ck_assert(strstr(text, "2001:db8:1000::/64, fd00:db8:1000::/64") != NULL);
	free(text);
}
END_TEST

START_TEST(narrow_terminal_breaks_lists)
{
	char *text = render(cmd_by_id(CMD_LINK_SHOW), CLI_TABLE, 60, link_rows, 2), *line;
	unsigned lines = 0;

	ck_assert_msg(strstr(text, ", ") == NULL, "%s", text);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_uint_le(strlen(line), 60);
		ck_assert(line[strlen(line) - 1] != ' ');
		lines++;
	}
	ck_assert_uint_eq(lines, 4);
	free(text);
}
END_TEST

START_TEST(events_are_lines)
{
	static const char *const events[] = {
		"{\"time\": 1700000000.123456, \"event\": \"child-up\", \"text\": \"a\\nb\","
		" \"peer\": \"alice@example.org\", \"spi_i\": \"ab\", \"prefixes\": [\"x\", "
		"\"y\"]}",
		"{\"event\": \"link-down\", \"link\": 3}",
	};
	char *text = render(cmd_by_id(CMD_MONITOR), CLI_JSON, 0, events, 2), *second;
	json_t *json = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);

	ck_assert(json_equal(json, json_object_get(json, "nothing")) == 0);
	ck_assert_double_eq_tol(
		json_real_value(json_object_get(json, "time")), 1700000000.123456, 1e-6);
	ck_assert_str_eq(json_string_value(json_object_get(json, "text")), "a\nb");
	second = strchr(text, '\n') + 1;
	ck_assert_str_eq(second, "{\"event\":\"link-down\",\"link\":3}\n");
	json_decref(json);
	free(text);
	setenv("TZ", "UTC", 1);
	text = render(cmd_by_id(CMD_MONITOR), CLI_TABLE, 0, events, 2);
	ck_assert_str_eq(text,
		"22:13:20.123 child-up: a\\x0ab  peer=alice@example.org  "
		"prefixes=x,y\n link-down  link=3\n");
	free(text);
	text = render(cmd_by_id(CMD_MONITOR), CLI_LONG, 0, events, 1);
	ck_assert_ptr_nonnull(strstr(text, "  spi_i=ab"));
	free(text);
}
END_TEST

static const struct {
	const char *why;
	const char *line;
	const char *rest; // words that remain, NULL: an error
	struct cli cli;
} option_lines[] = {
	{"none", "link show", "link show", {}},
	{"before", "-r /x --json link", "link", {.run_dir = "/x", .json = true}},
	{"behind", "link --long", "link", {.long_form = true}},
	{"letter with its value", "-r/x link", "link", {.run_dir = "/x"}},
	{"name with its value", "--run-dir=/x link", "link", {.run_dir = "/x"}},
	{"name, then value", "--run-dir /x link", "link", {.run_dir = "/x"}},
	{"the end of options", "link -- -x", "link -x", {}},
	{"a dash alone is a word", "config check -", "config check -", {}},
	{"unknown letter", "-x link", NULL, {}},
	{"unknown name", "--jsonx", NULL, {}},
	{"value where none belongs", "--json=1", NULL, {}},
	{"value missing", "link -r", NULL, {}},
	{"value empty", "--run-dir= link", NULL, {}},
};

START_TEST(options_are_taken_out)
{
	struct cli cli = {};
	char problem[CMD_PROBLEM_MAX], rest[200] = "";
	struct cmd_words words;
	const char *why = option_lines[_i].why;
	size_t n;
	bool good;

	ck_assert_int_eq(cmd_split(option_lines[_i].line, &words), 0);
	n = words.n;
	good = cli_options(&cli, &n, words.word, problem);
	ck_assert_msg(good == (option_lines[_i].rest != NULL), "%s", why);
	if (!good) {
		ck_assert_msg(problem[0], "%s", why);
		return;
	}
	for (size_t i = 0; i < n; i++)
		strcat(strcat(rest, i ? " " : ""), words.word[i]);
	ck_assert_msg(!strcmp(rest, option_lines[_i].rest), "%s: %s", why, rest);
	ck_assert_pstr_eq(cli.run_dir, option_lines[_i].cli.run_dir);
	ck_assert(cli.json == option_lines[_i].cli.json);
	ck_assert(cli.long_form == option_lines[_i].cli.long_form);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli_format");
	TCase *tcase = tcase_create("format");
	SRunner *runner;
	size_t commands = 0;
	int failed;

	while (cmd_at(commands))
		commands++;
#define N(array) (int)(sizeof(array) / sizeof((array)[0]))
	tcase_add_loop_test(tcase, seconds_are_spelled, 0, N(ages));
	tcase_add_loop_test(tcase, bytes_are_spelled, 0, N(sizes));
	tcase_add_loop_test(tcase, value_is_shown, 0, N(values));
	tcase_add_test(tcase, table_is_aligned);
	tcase_add_test(tcase, letters_are_counted_not_bytes);
	tcase_add_test(tcase, nothing_prints_nothing);
	tcase_add_test(tcase, long_form_has_what_is_set);
	tcase_add_loop_test(tcase, json_and_long_form_have_the_same_fields, 0, (int)commands);
	tcase_add_test(tcase, missing_fields_are_null);
	tcase_add_test(tcase, spare_columns_come_when_needed);
	tcase_add_test(tcase, narrow_terminal_breaks_lists);
	tcase_add_test(tcase, events_are_lines);
	tcase_add_loop_test(tcase, options_are_taken_out, 0, N(option_lines));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
