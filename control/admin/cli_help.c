// SPDX-License-Identifier: BSD-3-Clause
// Help from the table of commands: --help of the program, of a noun and of a command, and what `?`
// shows at the end of a line. One thread.
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void help_line(FILE *out, const char *name, const char *help)
{
	if (strlen(name) > 26)
		fprintf(out, "  %s\n  %-26s  %s\n", name, "", help ? help : "");
	else
		fprintf(out, "  %-26s  %s\n", name, help ? help : "");
}

// A paragraph, broken at blanks.
static void print_paragraph(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > 78) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : "", (int)len, text);
		column += len + (column ? 1 : 0);
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static void help_options(FILE *out)
{
	const struct cli_option *option;
	char name[64];

	fputs("\nOptions:\n", out);
	for (size_t i = 0; (option = cli_option_at(i)); i++) {
		snprintf(name, sizeof(name), "-%c, --%s%s%s", option->letter, option->name,
			option->arg ? " " : "", option->arg ? option->arg : "");
		help_line(out, name, option->help);
	}
}

static void help_commands(FILE *out, const char *noun)
{
	const struct cmd *cmd;
	char usage[160];

	for (size_t i = 0; (cmd = cmd_at(i)); i++)
		if (!(cmd->flags & CMD_HIDDEN) && (!noun || !strcmp(cmd->noun, noun)))
			help_line(out, cmd_usage(cmd, usage), cmd->help);
}

static void help_all(FILE *out)
{
	fputs("Usage: caponier [OPTION]... NOUN [VERB] [ARGUMENT]...\n"
	      "       caponier            a shell; ? shows what may come next\n\n"
	      "Without a verb it shows. Words may be abbreviated.\n\nCommands:\n",
		out);
	help_commands(out, NULL);
	help_options(out);
	fputs("\nExit status: 0 done, 1 refused, 2 the command line is wrong.\n", out);
}

static void help_command(FILE *out, const struct cmd *cmd)
{
	char usage[160];

	fprintf(out, "Usage: caponier %s\n\n", cmd_usage(cmd, usage));
	fprintf(out, "%s.\n", cmd->help);
	if (cmd->more) {
		fputc('\n', out);
		print_paragraph(out, cmd->more);
	}
	if (cmd->column && !(cmd->flags & CMD_ACTION)) {
		fputs("\nFields:\n", out);
		for (const struct cmd_column *c = cmd->column; c->name; c++)
			help_line(out, c->name, c->help);
	}
}

// As far as the words are understood.
void cli_help(FILE *out, size_t n, const char *const *word)
{
	char problem[CMD_PROBLEM_MAX];
	struct cmd_request request;

	if (!n) {
		help_all(out);
		return;
	}
	// Too few arguments are no reason not to explain the command.
	cmd_parse(n, word, &request, problem);
	if (request.cmd && (n > 1 || !request.cmd->verb)) {
		help_command(out, request.cmd);
		return;
	}
	if (request.cmd) {
		fprintf(out, "Usage: caponier %s [VERB] [ARGUMENT]...\n\n", request.cmd->noun);
		help_commands(out, request.cmd->noun);
		return;
	}
	fprintf(out, "%s\n", problem);
}

struct next_list {
	FILE *out;
	uint32_t n;
};

static void print_candidate(void *arg, const struct cli_candidate *candidate)
{
	struct next_list *list = arg;

	if (candidate->kind == CLI_CANDIDATE_FILE)
		help_line(list->out, "FILE", "a file");
	else if (candidate->kind == CLI_CANDIDATE_DIRECTORY)
		help_line(list->out, "DIR", "a directory");
	else
		help_line(list->out, candidate->name, candidate->help);
	list->n++;
}

// As in usage lines: capitals are what is to be replaced.
static const char *upper(const char *text, char buf[32])
{
	size_t i = 0;

	for (; text[i] && i < 31; i++)
		buf[i] = (char)toupper((unsigned char)text[i]);
	buf[i] = 0;
	return buf;
}

// Where nothing needs to follow, and arguments that no list can name.
static void print_next(void *arg, const struct cmd_next *next)
{
	struct next_list *list = arg;
	char name[32];

	if (next->kind == CMD_NEXT_END)
		help_line(list->out, "(enter)", next->help);
	else if (next->kind == CMD_NEXT_ARG)
		help_line(list->out, upper(next->name, name), next->help);
	else
		return;
	list->n++;
}

void cli_help_next(const struct cli *cli, FILE *out, const char *line)
{
	struct next_list list = {.out = out};
	char problem[CMD_PROBLEM_MAX];
	struct cmd_words words;
	struct cli ignored = *cli;
	size_t n;

	if (cmd_split(line, &words))
		return;
	n = words.n;
	if (!words.open && cli_options(&ignored, &n, words.word, problem) && n)
		cmd_next(n, words.word, print_next, &list);
	cli_complete(cli, line, print_candidate, &list);
	if (!list.n)
		fputs("  nothing can stand here\n", out);
}
