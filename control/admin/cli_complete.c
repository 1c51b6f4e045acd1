// SPDX-License-Identifier: BSD-3-Clause
// What may stand at the end of a line: words of the table, and names of links, SAs, peers and the
// like, which the daemon is asked for. For the shell of the program, and for bash through
// `caponier --complete`. One thread.
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define NAMES_TIMEOUT_S 2 // a prompt does not wait longer

struct completion {
	const struct cli *cli;
	cli_candidate_fn fn;
	void *arg;
	const char *typed; // of the last word
};

static void offer(const struct completion *c, const char *name, const char *help)
{
	size_t len = strlen(c->typed);
	struct cli_candidate candidate = {CLI_CANDIDATE_WORD, name, help, len};

	if (!strncmp(name, c->typed, len))
		c->fn(c->arg, &candidate);
}

static void on_name(void *arg, json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "name"));

	if (name)
		offer(arg, name, json_string_value(json_object_get(row, "help")));
}

static void offer_names(struct completion *c, const char *kind)
{
	struct cmd_request request = {.cmd = cmd_by_id(CMD_NAMES), .arg = {kind}};
	struct cli_sink sink = {.row = on_name, .arg = c};
	char problem[CMD_PROBLEM_MAX];

	// Without a daemon there are no names; whoever runs the command will be told.
	cli_client(c->cli, &request, NAMES_TIMEOUT_S, &sink, problem);
}

static void offer_arg(struct completion *c, const struct cmd_arg *arg)
{
	switch (arg->kind) {
	case CMD_ARG_LINK:
		offer_names(c, "link");
		break;
	case CMD_ARG_SA:
		offer_names(c, "sa");
		break;
	case CMD_ARG_PEER:
		offer_names(c, "peer");
		break;
	case CMD_ARG_CONNECTION:
		offer_names(c, "connection");
		break;
	case CMD_ARG_POOL:
		offer_names(c, "pool");
		break;
	case CMD_ARG_LOG_TYPE:
		offer_names(c, "log-type");
		break;
	case CMD_ARG_FILE:
		c->fn(c->arg, &(struct cli_candidate){.kind = CLI_CANDIDATE_FILE});
		break;
	case CMD_ARG_WORD:
	case CMD_ARG_TEXT:
		break;
	}
}

static void on_next(void *arg, const struct cmd_next *next)
{
	if (next->kind == CMD_NEXT_ARG)
		offer_arg(arg, next->arg);
	else if (next->kind != CMD_NEXT_END)
		offer(arg, next->name, next->help);
}

static void offer_options(const struct completion *c)
{
	const struct cli_option *option;
	char name[32];

	for (size_t i = 0; (option = cli_option_at(i)); i++) {
		snprintf(name, sizeof(name), "--%s", option->name);
		offer(c, name, option->help);
	}
}

void cli_complete(const struct cli *cli, const char *line, cli_candidate_fn fn, void *arg)
{
	struct cli local = *cli;
	struct completion c = {.cli = &local, .fn = fn, .arg = arg, .typed = ""};
	char problem[CMD_PROBLEM_MAX];
	struct cmd_words words;
	size_t n;

	if (cmd_split(line, &words))
		return;
	n = words.n;
	if (words.open)
		c.typed = words.word[--n];
	if (n && (!strcmp(words.word[n - 1], "-r") || !strcmp(words.word[n - 1], "--run-dir"))) {
		fn(arg, &(struct cli_candidate){.kind = CLI_CANDIDATE_DIRECTORY});
		return;
	}
	// -r among the words before says whom to ask for names.
	if (!cli_options(&local, &n, words.word, problem))
		return;
	if (c.typed[0] == '-')
		offer_options(&c);
	else
		cmd_next(n, words.word, on_next, &c);
}

void cli_escape(const char *text, char *out, size_t cap)
{
	size_t len = 0;

	for (; *text && len + 3 < cap; text++) {
		if (strchr(" \t\n\\'\"$`*?[]{}()<>|&;!#~", *text))
			out[len++] = '\\';
		out[len++] = *text;
	}
	out[len] = 0;
}

static void print_candidate(void *arg, const struct cli_candidate *candidate)
{
	const size_t *skip = arg;
	char text[512];

	if (candidate->kind == CLI_CANDIDATE_FILE) {
		puts("@file");
	} else if (candidate->kind == CLI_CANDIDATE_DIRECTORY) {
		puts("@directory");
	} else {
		cli_escape(candidate->name + *skip, text, sizeof(text));
		puts(text);
	}
}

// bash replaces only what stands behind the last of its word breaks, which may be inside a name
// ("alice@example.org"): that much of a candidate is left out.
int cli_complete_shell(const char *line, const char *breaks)
{
	struct cli cli = {.run_dir = CLI_RUN_DIR};
	struct cmd_words words;
	size_t skip = 0;

	// The name of the program itself.
	line += strspn(line, " \t");
	line += strcspn(line, " \t");
	if (!*line || cmd_split(line, &words))
		return CLI_DONE;
	if (words.n && words.open) {
		const char *typed = words.word[words.n - 1];

		for (size_t i = 0; breaks && typed[i]; i++)
			if (strchr(breaks, typed[i]))
				skip = i + 1;
	}
	cli_complete(&cli, line, print_candidate, &skip);
	return CLI_DONE;
}
