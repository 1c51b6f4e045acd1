// SPDX-License-Identifier: BSD-3-Clause
// Makes caponier.8 when the tree is built: the template's line @COMMANDS@ becomes a section for
// each command of the table, @OPTIONS@ the options. Usage: cmd_man TEMPLATE > caponier.8
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Text in which troff sees nothing of its own.
static void put(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

// Capitals are what is to be replaced, the rest is typed as it stands.
static void put_usage(const char *usage)
{
	bool italic = false;

	fputs("\\fB", stdout);
	for (; *usage; usage++) {
		bool upper = *usage >= 'A' && *usage <= 'Z';

		if (upper != italic)
			fputs(upper ? "\\fI" : "\\fB", stdout);
		italic = upper;
		if (strchr("[]|", *usage))
			printf("\\fR%c\\f%c", *usage, italic ? 'I' : 'B');
		else
			printf("%s%c", *usage == '-' ? "\\" : "", *usage);
	}
	fputs("\\fR\n", stdout);
}

static void put_arguments(const struct cmd *cmd)
{
	if (!cmd->more)
		return;
	fputs(".IP\n", stdout);
	put(cmd->more);
	putchar('\n');
}

static void put_fields(const struct cmd *cmd)
{
	if (!cmd->column || cmd->flags & CMD_ACTION)
		return;
	fputs(".RS\n.PP\nFields:\n.PD 0\n", stdout);
	for (const struct cmd_column *c = cmd->column; c->name; c++) {
		fputs(".TP 20\n\\fB", stdout);
		put(c->name);
		fputs("\\fR\n", stdout);
		put(c->help);
		putchar('\n');
	}
	fputs(".PD\n.RE\n", stdout);
}

static void put_commands(void)
{
	const struct cmd *cmd;
	char usage[160];

	for (size_t i = 0; (cmd = cmd_at(i)); i++) {
		if (cmd->flags & CMD_HIDDEN)
			continue;
		fputs(".TP\n", stdout);
		put_usage(cmd_usage(cmd, usage));
		put(cmd->help);
		fputs(".\n", stdout);
		put_arguments(cmd);
		put_fields(cmd);
	}
}

static void put_options(void)
{
	const struct cli_option *option;

	for (size_t i = 0; (option = cli_option_at(i)); i++) {
		printf(".TP\n\\fB\\-%c\\fR, \\fB\\-\\-", option->letter);
		put(option->name);
		printf("\\fR%s%s%s\n", option->arg ? " \\fI" : "", option->arg ? option->arg : "",
			option->arg ? "\\fR" : "");
		put(option->help);
		fputs(".\n", stdout);
	}
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t room = 0;

	if (!in) {
		fputs("usage: cmd_man TEMPLATE\n", stderr);
		return 2;
	}
	while (getline(&line, &room, in) >= 0) {
		if (!strcmp(line, "@COMMANDS@\n"))
			put_commands();
		else if (!strcmp(line, "@OPTIONS@\n"))
			put_options();
		else
			fputs(line, stdout);
	}
	free(line);
	fclose(in);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
