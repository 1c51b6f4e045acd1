// SPDX-License-Identifier: BSD-3-Clause
// The table of commands is whole and consistent, and words are understood as people mean them.
// The first argument, when there is one, is the man page made from the table.
#include "cmd_parse.h"

#include <check.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *man_page;

START_TEST(every_id_has_one_command)
{
	for (int id = 0; id < CMD_ID_COUNT; id++) {
		int n = 0;

		for (size_t i = 0; cmd_at(i); i++)
			n += cmd_at(i)->id == (enum cmd_id)id;
		ck_assert_msg(n == 1, "id %d has %d commands", id, n);
		ck_assert_int_eq(cmd_by_id((enum cmd_id)id)->id, id);
	}
}
END_TEST

START_TEST(every_command_is_found_by_its_path)
{
	char path[64], usage[160];

	for (size_t i = 0; cmd_at(i); i++) {
		ck_assert_ptr_eq(cmd_find_path(cmd_path(cmd_at(i), path)), cmd_at(i));
		ck_assert_ptr_eq(cmd_find(cmd_at(i)->noun, cmd_at(i)->verb), cmd_at(i));
		ck_assert_int_eq(strncmp(cmd_usage(cmd_at(i), usage), path, strlen(path)), 0);
	}
	ck_assert_ptr_null(cmd_find_path("link"));
	ck_assert_ptr_null(cmd_find_path("link show "));
	ck_assert_ptr_null(cmd_find("link", NULL));
}
END_TEST

static const struct cmd_noun *noun_of(const struct cmd *cmd)
{
	for (size_t i = 0; cmd_noun_at(i); i++)
		if (!strcmp(cmd_noun_at(i)->name, cmd->noun))
			return cmd_noun_at(i);
	return NULL;
}

START_TEST(every_row_is_complete)
{
	for (size_t i = 0; cmd_at(i); i++) {
		const struct cmd *cmd = cmd_at(i);
		bool optional = false;

		ck_assert_msg(cmd->help && *cmd->help, "%s has no help", cmd->noun);
		ck_assert_msg(cmd->help[strlen(cmd->help) - 1] != '.', "%s: full stop", cmd->help);
		ck_assert(noun_of(cmd) != NULL || cmd->flags & CMD_HIDDEN);
		ck_assert(cmd->column != NULL || cmd->flags & CMD_STREAM);
		for (const struct cmd_arg *arg = cmd->arg; arg->name; arg++) {
			ck_assert(arg->help != NULL);
			ck_assert((arg->kind == CMD_ARG_WORD) == (arg->words != NULL));
			ck_assert_msg(!optional || arg->optional,
				"%s: a needed argument behind "
				"an optional one",
				cmd->noun);
			optional = arg->optional;
		}
	}
	for (size_t i = 0; cmd_noun_at(i); i++) {
		bool used = false;

		for (size_t k = 0; cmd_at(k); k++)
			used |= !strcmp(cmd_at(k)->noun, cmd_noun_at(i)->name);
		ck_assert_msg(used, "no command for %s", cmd_noun_at(i)->name);
	}
}
END_TEST

// Names of fields are JSON keys in base units; a kind and its unit go together.
START_TEST(fields_carry_their_units)
{
	for (size_t i = 0; cmd_at(i); i++)
		for (const struct cmd_column *c = cmd_at(i)->column; c && c->name; c++) {
			size_t len = strlen(c->name);

			ck_assert(c->heading && *c->heading && c->help && *c->help);
			for (const char *p = c->name; *p; p++)
				ck_assert_msg(islower(*p) || *p == '_', "%s", c->name);
			ck_assert_msg((c->kind == CMD_SECONDS) ==
					(len > 2 && !strcmp(c->name + len - 2, "_s")),
				"%s", c->name);
			ck_assert_msg((c->kind == CMD_BYTES) ==
					(len > 6 && !strcmp(c->name + len - 6, "_bytes")),
				"%s", c->name);
			ck_assert_ptr_eq(cmd_column_find(cmd_at(i), c->name), c);
		}
}
END_TEST

static const struct {
	const char *why;
	const char *line;
	enum cmd_id id; // CMD_ID_COUNT: usage error
	const char *arg[2];
	const char *problem; // part of it
} lines[] = {
	{"whole words", "link show", CMD_LINK_SHOW, {}, NULL},
	{"no verb is show", "link", CMD_LINK_SHOW, {}, NULL},
	{"argument without verb", "link alice", CMD_LINK_SHOW, {"alice"}, NULL},
	{"word without verb", "drops all", CMD_DROPS_SHOW, {"all"}, NULL},
	{"abbreviated word", "drops sh a", CMD_DROPS_SHOW, {"all"}, NULL},
	{"abbreviated noun and verb", "li t 3", CMD_LINK_TERMINATE, {"3"}, NULL},
	{"one letter that is enough", "m", CMD_MONITOR, {}, NULL},
	{"exact noun wins over longer ones", "sa", CMD_SA_SHOW, {}, NULL},
	{"several nouns", "p", CMD_ID_COUNT, {}, "peer, pool, port"},
	{"several nouns by two letters", "lo x", CMD_ID_COUNT, {}, NULL},
	{"no such noun", "tunnel", CMD_ID_COUNT, {}, "there are: link"},
	{"hidden commands are not typed", "names link", CMD_ID_COUNT, {}, "nothing is called"},
	{"noun longer than ours", "linkage", CMD_ID_COUNT, {}, "nothing is called"},
	{"needed argument missing", "sa rekey", CMD_ID_COUNT, {}, "usage: sa rekey SA"},
	{"too many arguments", "pool show a b", CMD_ID_COUNT, {}, "\"b\" is too much"},
	{"no argument at all", "route show x", CMD_ID_COUNT, {}, "too much"},
	{"not a verb, and show takes nothing", "route x", CMD_ID_COUNT, {}, "there are: show"},
	{"wrong word", "log level ike loud", CMD_ID_COUNT, {}, "is not one of: error"},
	{"word by abbreviation", "log level ike d", CMD_LOG_LEVEL, {"ike", "debug"}, NULL},
	{"verbs of the same letter", "peer i home", CMD_PEER_INITIATE, {"home"}, NULL},
	{"quoted argument", "link show 'a b'", CMD_LINK_SHOW, {"a b"}, NULL},
	{"quoting within a word", "link show a\" \"b\\ c", CMD_LINK_SHOW, {"a b c"}, NULL},
	{"stream takes nothing", "monitor x", CMD_ID_COUNT, {}, "too much"},
	{"nothing", "", CMD_ID_COUNT, {}, "no command"},
	{"blanks", " \t ", CMD_ID_COUNT, {}, "no command"},
	{"empty word", "''", CMD_ID_COUNT, {}, "nothing is called"},
	{"config wants to know", "config check", CMD_ID_COUNT, {}, "FILE"},
};

START_TEST(line_is_understood)
{
	struct cmd_request request;
	struct cmd_words words;
	char problem[CMD_PROBLEM_MAX];
	enum cmd_parse_result result;
	const char *why = lines[_i].why;

	ck_assert_int_eq(cmd_split(lines[_i].line, &words), 0);
	result = cmd_parse(words.n, words.word, &request, problem);
	ck_assert_msg(
		(result == CMD_PARSED) == (lines[_i].id != CMD_ID_COUNT), "%s: %s", why, problem);
	if (result == CMD_PARSED) {
		ck_assert_msg(request.cmd->id == lines[_i].id, "%s", why);
		for (int i = 0; i < 2; i++)
			ck_assert_pstr_eq(request.arg[i], lines[_i].arg[i]);
	} else {
		ck_assert_msg(problem[0], "%s: no problem told", why);
		if (lines[_i].problem)
			ck_assert_msg(strstr(problem, lines[_i].problem), "%s: %s", why, problem);
	}
}
END_TEST

static const char *candidate(const void *arg, size_t i)
{
	return ((const char *const *)arg)[i];
}

START_TEST(abbreviations)
{
	static const char *const names[] = {"portal", "port", "pool", NULL};

	ck_assert_int_eq(cmd_abbreviation("port", candidate, names), 1); // exact
	ck_assert_int_eq(cmd_abbreviation("por", candidate, names), -2);
	ck_assert_int_eq(cmd_abbreviation("porta", candidate, names), 0);
	ck_assert_int_eq(cmd_abbreviation("poo", candidate, names), 2);
	ck_assert_int_eq(cmd_abbreviation("x", candidate, names), -1);
	ck_assert_int_eq(cmd_abbreviation("", candidate, names), -1);
}
END_TEST

START_TEST(split_is_bounded)
{
	struct cmd_words words;
	char line[2 * CMD_LINE_MAX];

	memset(line, 'x', sizeof(line));
	line[CMD_LINE_MAX - 1] = 0;
	ck_assert_int_eq(cmd_split(line, &words), 0);
	ck_assert_uint_eq(strlen(words.word[0]), CMD_LINE_MAX - 1);
	line[CMD_LINE_MAX - 1] = 'x';
	line[CMD_LINE_MAX] = 0;
	ck_assert_int_eq(cmd_split(line, &words), -E2BIG);
	line[0] = 0;
	for (int i = 0; i < CMD_WORDS_MAX; i++)
		strcat(line, "a ");
	ck_assert_int_eq(cmd_split(line, &words), 0);
	ck_assert_uint_eq(words.n, CMD_WORDS_MAX);
	strcat(line, "a");
	ck_assert_int_eq(cmd_split(line, &words), -E2BIG);
}
END_TEST

START_TEST(split_tells_where_the_line_ends)
{
	struct cmd_words words;

	ck_assert_int_eq(cmd_split("link sh", &words), 0);
	ck_assert(words.open && !words.open_quote);
	ck_assert_uint_eq(words.at[1], 5);
	ck_assert_int_eq(cmd_split("link sh ", &words), 0);
	ck_assert(!words.open);
	ck_assert_int_eq(cmd_split("link 'sh ", &words), 0);
	ck_assert(words.open && words.open_quote);
	ck_assert_str_eq(words.word[1], "sh ");
	ck_assert_int_eq(cmd_split("a\\", &words), 0);
	ck_assert_str_eq(words.word[0], "a\\");
}
END_TEST

static char next_text[2000];

static void note_next(void *arg, const struct cmd_next *next)
{
	static const char kinds[] = {[CMD_NEXT_NOUN] = 'n',
		[CMD_NEXT_VERB] = 'v',
		[CMD_NEXT_WORD] = 'w',
		[CMD_NEXT_ARG] = 'a',
		[CMD_NEXT_END] = '.'};
	size_t len = strlen(next_text);

	(void)arg;
	ck_assert(next->help != NULL);
	snprintf(next_text + len, sizeof(next_text) - len, "%c%s ", kinds[next->kind],
		next->name ? next->name : "");
}

static const struct {
	const char *why, *line, *next;
	int ret;
} nexts[] = {
	{"verbs of a noun; an argument only behind its verb", "link",
		"vshow vrenumber vreauth vterminate . ", 0},
	{"words of show without its verb", "drops", "vshow . wall ", 0},
	{"an argument that may be left out", "sa sh", ". asa ", 0},
	{"a needed argument", "sa rekey", "asa ", 0},
	{"behind the last argument", "sa rekey x", ". ", 0},
	{"behind too many", "sa rekey x y", "", -EINVAL},
	{"words", "log level ike", "werror wwarning wnotice winfo wdebug ", 0},
	{"a word behind an argument", "link renumber all", ". wfresh ", 0},
	{"a file", "config check", "afile ", 0},
	{"a noun alone", "monitor", ". ", 0},
	{"nonsense", "nonsense", "", -EINVAL},
	{"hidden", "names", "", -EINVAL},
};

START_TEST(next_words)
{
	struct cmd_words words;

	next_text[0] = 0;
	ck_assert_int_eq(cmd_split(nexts[_i].line, &words), 0);
	ck_assert_msg(cmd_next(words.n, words.word, note_next, NULL) == nexts[_i].ret, "%s",
		nexts[_i].why);
	ck_assert_msg(!strcmp(next_text, nexts[_i].next), "%s: %s", nexts[_i].why, next_text);
}
END_TEST

START_TEST(next_nouns_are_all_nouns)
{
	next_text[0] = 0;
	ck_assert_int_eq(cmd_next(0, NULL, note_next, NULL), 0);
	for (size_t i = 0; cmd_noun_at(i); i++)
		ck_assert(strstr(next_text, cmd_noun_at(i)->name) != NULL);
	ck_assert(strstr(next_text, "nnames") == NULL);
}
END_TEST

// "link show [LINK]" as it stands in the page, without fonts.
static char *read_man_page(void)
{
	FILE *in = fopen(man_page, "r");
	char *text = calloc(1, 1 << 20), *to = text;
	int c;

	ck_assert(in != NULL && text != NULL);
	while ((c = fgetc(in)) != EOF && to < text + (1 << 20) - 1) {
		if (c != '\\') {
			*to++ = (char)c;
			continue;
		}
		c = fgetc(in);
		if (c == 'f')
			fgetc(in);
		else
			*to++ = (char)c;
	}
	fclose(in);
	return text;
}

START_TEST(man_page_has_every_command)
{
	char usage[164], *text;

	if (!man_page)
		return;
	text = read_man_page();
	for (size_t i = 0; cmd_at(i); i++) {
		cmd_usage(cmd_at(i), usage);
		strcat(usage, "\n");
		ck_assert_msg(
			!strstr(text, usage) == !!(cmd_at(i)->flags & CMD_HIDDEN), "%s", usage);
	}
	ck_assert(strstr(text, "@") == NULL || strstr(text, "@COMMANDS@") == NULL);
	free(text);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("cmd_table");
	TCase *tcase = tcase_create("table");
	SRunner *runner;
	int failed;

	man_page = argc > 1 ? argv[1] : NULL;
	tcase_add_test(tcase, every_id_has_one_command);
	tcase_add_test(tcase, every_command_is_found_by_its_path);
	tcase_add_test(tcase, every_row_is_complete);
	tcase_add_test(tcase, fields_carry_their_units);
	tcase_add_loop_test(tcase, line_is_understood, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase, abbreviations);
	tcase_add_test(tcase, split_is_bounded);
	tcase_add_test(tcase, split_tells_where_the_line_ends);
	tcase_add_loop_test(tcase, next_words, 0, sizeof(nexts) / sizeof(nexts[0]));
	tcase_add_test(tcase, next_nouns_are_all_nouns);
	tcase_add_test(tcase, man_page_has_every_command);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
