// SPDX-License-Identifier: BSD-3-Clause
// The program's shell: line editing, history, completion with TAB, `?` shows what may come next.
// From a pipe it reads one command a line, without a prompt. One thread.
#include "cli.h"

#include <histedit.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shell {
	struct cli cli;
	EditLine *el;
	History *history;
	char history_path[512];
};

static void on_interrupt(int signal)
{
	(void)signal;
	cli_interrupted = 1;
}

static bool is_end(const char *word)
{
	return !strcmp(word, "exit") || !strcmp(word, "quit");
}

// One line. -1: the person wants to leave.
static int run_line(const struct cli *shell_cli, const char *line)
{
	struct cli cli = *shell_cli;
	char problem[CMD_PROBLEM_MAX];
	struct cmd_words words;
	size_t n;

	if (cmd_split(line, &words) || words.open_quote) {
		fputs(words.open_quote ? "a quotation is not closed\n" : "the line is too long\n",
			stderr);
		return CLI_USAGE;
	}
	n = words.n;
	if (!n || words.word[0][0] == '#')
		return CLI_DONE;
	if (n == 1 && is_end(words.word[0]))
		return -1;
	if (!strcmp(words.word[n - 1], "?")) {
		char before[CMD_LINE_MAX];

		snprintf(before, sizeof(before), "%.*s", (int)words.at[n - 1], line);
		cli_help_next(&cli, stdout, before);
		return CLI_DONE;
	}
	if (!cli_options(&cli, &n, words.word, problem)) {
		fprintf(stderr, "%s\n", problem);
		return CLI_USAGE;
	}
	cli_interrupted = 0;
	return cli_run(&cli, n, words.word);
}

// Not a terminal: the status is that of the last command that failed.
static int run_script(const struct cli *cli)
{
	char *line = NULL;
	size_t room = 0;
	int status = CLI_DONE;

	while (getline(&line, &room, stdin) >= 0) {
		int ret = run_line(cli, line);

		if (ret < 0)
			break;
		if (ret)
			status = ret;
	}
	free(line);
	return status;
}

static struct shell *shell_of(EditLine *el)
{
	struct shell *shell;

	el_get(el, EL_CLIENTDATA, &shell);
	return shell;
}

static char *prompt(EditLine *el)
{
	static char text[] = "caponier> ";

	(void)el;
	return text;
}

// The line up to the cursor.
static void line_before(EditLine *el, char line[CMD_LINE_MAX])
{
	const LineInfo *info = el_line(el);

	snprintf(line, CMD_LINE_MAX, "%.*s", (int)(info->cursor - info->buffer), info->buffer);
}

struct candidates {
	uint32_t n;
	size_t typed;
	char common[CMD_LINE_MAX]; // what all begin with
	FILE *list; // NULL: count only
};

static void on_candidate(void *arg, const struct cli_candidate *candidate)
{
	struct candidates *c = arg;
	size_t same = 0;

	if (candidate->kind != CLI_CANDIDATE_WORD)
		return;
	c->typed = candidate->typed;
	if (!c->n++)
		snprintf(c->common, sizeof(c->common), "%s", candidate->name);
	while (c->common[same] && c->common[same] == candidate->name[same])
		same++;
	c->common[same] = 0;
	if (c->list)
		fprintf(c->list, "  %-24s  %s\n", candidate->name,
			candidate->help ? candidate->help : "");
}

static unsigned char complete(EditLine *el, int key)
{
	struct shell *shell = shell_of(el);
	struct candidates c = {};
	char line[CMD_LINE_MAX], escaped[CMD_LINE_MAX], more[CMD_LINE_MAX + 2];

	(void)key;
	line_before(el, line);
	cli_complete(&shell->cli, line, on_candidate, &c);
	if (!c.n)
		return CC_ERROR;
	cli_escape(c.common + c.typed, escaped, sizeof(escaped));
	snprintf(more, sizeof(more), "%s%s", escaped, c.n == 1 ? " " : "");
	if (more[0])
		return el_insertstr(el, more) ? CC_ERROR : CC_REFRESH;
	fputc('\n', stdout);
	c = (struct candidates){.list = stdout};
	cli_complete(&shell->cli, line, on_candidate, &c);
	fflush(stdout);
	return CC_REDISPLAY;
}

static unsigned char help(EditLine *el, int key)
{
	struct shell *shell = shell_of(el);
	char line[CMD_LINE_MAX];
	struct cmd_words words;

	(void)key;
	line_before(el, line);
	if (!cmd_split(line, &words) && words.open_quote)
		return el_insertstr(el, "?") ? CC_ERROR : CC_REFRESH;
	fputs("?\n", stdout);
	cli_help_next(&shell->cli, stdout, line);
	fflush(stdout);
	return CC_REDISPLAY;
}

static void load_history(struct shell *shell)
{
	const char *home = getenv("HOME");
	HistEvent event;

	history(shell->history, &event, H_SETSIZE, 500);
	history(shell->history, &event, H_SETUNIQUE, 1);
	if (!home || !*home)
		return;
	snprintf(shell->history_path, sizeof(shell->history_path), "%s/.caponier_history", home);
	history(shell->history, &event, H_LOAD, shell->history_path);
}

static void remember(struct shell *shell, const char *line)
{
	HistEvent event;

	if (line[strspn(line, " \t\n")])
		history(shell->history, &event, H_ENTER, line);
}

static bool shell_init(struct shell *shell, const struct cli *cli)
{
	shell->cli = *cli;
	shell->history = history_init();
	shell->el = el_init("caponier", stdin, stdout, stderr);
	if (!shell->history || !shell->el)
		return false;
	load_history(shell);
	el_set(shell->el, EL_CLIENTDATA, shell);
	el_set(shell->el, EL_PROMPT, prompt);
	el_set(shell->el, EL_EDITOR, "emacs");
	el_set(shell->el, EL_SIGNAL, 0);
	el_set(shell->el, EL_HIST, history, shell->history);
	el_set(shell->el, EL_ADDFN, "caponier-complete", "complete", complete);
	el_set(shell->el, EL_ADDFN, "caponier-help", "what may come next", help);
	el_set(shell->el, EL_BIND, "^I", "caponier-complete", NULL);
	el_set(shell->el, EL_BIND, "?", "caponier-help", NULL);
	el_source(shell->el, NULL);
	return true;
}

static void shell_fini(struct shell *shell)
{
	HistEvent event;

	if (shell->history && shell->history_path[0])
		history(shell->history, &event, H_SAVE, shell->history_path);
	if (shell->history)
		history_end(shell->history);
	if (shell->el)
		el_end(shell->el);
}

int cli_shell(const struct cli *cli)
{
	struct sigaction action = {.sa_handler = on_interrupt}; // without SA_RESTART: reads end
	struct shell shell = {};
	int ret = CLI_DONE;

	if (!isatty(STDIN_FILENO))
		return run_script(cli);
	if (!shell_init(&shell, cli)) {
		fputs("caponier: no line editor\n", stderr);
		shell_fini(&shell);
		return CLI_REFUSED;
	}
	sigaction(SIGINT, &action, NULL);
	puts("? shows what may come next, TAB completes, exit leaves.");
	while (ret >= 0) {
		const char *line;
		int len;

		cli_interrupted = 0;
		line = el_gets(shell.el, &len);
		if (!line || len <= 0) {
			fputc('\n', stdout);
			if (!cli_interrupted)
				break;
			// Ctrl-C: a fresh line.
			el_reset(shell.el);
			continue;
		}
		remember(&shell, line);
		ret = run_line(&shell.cli, line);
	}
	shell_fini(&shell);
	return CLI_DONE;
}
