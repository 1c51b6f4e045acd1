// SPDX-License-Identifier: BSD-3-Clause
// Options, and the way of one command: words → request → daemon → output. stdout gets data, stderr
// gets talk. One thread.
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 30

static const struct cli_option options[] = {
	{'r', "run-dir", "DIR", "runtime directory of the daemons (" CLI_RUN_DIR ")"},
	{'j', "json", NULL, "JSON: an array of objects; monitor: one object a line"},
	{'l', "long", NULL, "every field, one a line"},
	{'h', "help", NULL, "help, also behind a noun or a command"},
	{'V', "version", NULL, "version"},
};

const struct cli_option *cli_option_at(size_t i)
{
	return i < sizeof(options) / sizeof(options[0]) ? &options[i] : NULL;
}

static void set_option(struct cli *cli, char letter, const char *value)
{
	switch (letter) {
	case 'r':
		cli->run_dir = value;
		break;
	case 'j':
		cli->json = true;
		break;
	case 'l':
		cli->long_form = true;
		break;
	case 'h':
		cli->help = true;
		break;
	case 'V':
		cli->version = true;
		break;
	}
}

static const struct cli_option *find_option(const char *word, const char **value)
{
	const struct cli_option *option;

	*value = NULL;
	for (size_t i = 0; (option = cli_option_at(i)); i++) {
		size_t len = strlen(option->name);

		if (word[1] == option->letter && (!word[2] || option->arg)) {
			*value = word[2] ? word + 2 : NULL;
			return option;
		}
		if (word[1] == '-' && !strncmp(word + 2, option->name, len) &&
			(!word[2 + len] || (word[2 + len] == '=' && option->arg))) {
			*value = word[2 + len] ? word + 2 + len + 1 : NULL;
			return option;
		}
	}
	return NULL;
}

bool cli_options(struct cli *cli, size_t *n, const char **word, char *problem)
{
	bool ended = false;
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		const struct cli_option *option;
		const char *value;

		if (ended || word[i][0] != '-' || !word[i][1]) {
			word[kept++] = word[i];
			continue;
		}
		if (!strcmp(word[i], "--")) {
			ended = true;
			continue;
		}
		option = find_option(word[i], &value);
		if (!option) {
			snprintf(problem, CMD_PROBLEM_MAX, "unknown option %.40s", word[i]);
			return false;
		}
		if (option->arg && !value && i + 1 < *n)
			value = word[++i];
		if (option->arg && (!value || !*value)) {
			snprintf(problem, CMD_PROBLEM_MAX, "option --%s wants %s", option->name,
				option->arg);
			return false;
		}
		set_option(cli, option->letter, value);
	}
	*n = kept;
	return true;
}

static unsigned terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

static void on_row(void *arg, json_t *row)
{
	cli_format_row(arg, row);
}

static void on_event(void *arg, json_t *event)
{
	cli_format_event(arg, event);
}

// Without JSON what was done is talk.
static void on_action(void *arg, json_t *row)
{
	char *object = cli_value_text(CMD_TEXT, json_object_get(row, "object"), "");
	char *done = cli_value_text(CMD_TEXT, json_object_get(row, "done"), "");

	(void)arg;
	fprintf(stderr, "%s: %s\n", object ? object : "?", done ? done : "?");
	free(object);
	free(done);
}

static int ask(const struct cli *cli, const struct cmd_request *request)
{
	const struct cmd *cmd = request->cmd;
	bool detail = cli->long_form || (cmd->flags & CMD_DETAIL && request->arg[0]);
	enum cli_style style = cli->json ? CLI_JSON : detail ? CLI_LONG : CLI_TABLE;
	struct cli_format *format = cli_format_new(stdout, cmd, style, terminal_width());
	struct cli_sink sink = {.row = on_row, .event = on_event, .arg = format};
	char problem[CMD_PROBLEM_MAX] = "";
	int ret;

	if (!format) {
		fputs("caponier: no memory\n", stderr);
		return CLI_REFUSED;
	}
	if (cmd->flags & CMD_ACTION && !cli->json)
		sink.row = on_action;
	ret = cli_client(
		cli, request, cmd->flags & CMD_STREAM ? 0 : ANSWER_TIMEOUT_S, &sink, problem);
	if (!ret && !cli->json && !cli_format_rows(format) &&
		!(cmd->flags & (CMD_ACTION | CMD_STREAM)))
		fputs("nothing to show\n", stderr);
	cli_format_end(format);
	if (ret)
		fprintf(stderr, "caponier: %s\n", problem);
	else if (cli_interrupted)
		fputc('\n', stderr); // behind the ^C
	return ret ? CLI_REFUSED : CLI_DONE;
}

int cli_run(const struct cli *cli, size_t n, const char *const *word)
{
	char problem[CMD_PROBLEM_MAX];
	struct cmd_request request;
	int ret;

	if (cli->help || (n == 1 && !strcmp(word[0], "help"))) {
		cli_help(stdout, cli->help ? n : 0, word);
		return CLI_DONE;
	}
	if (cmd_parse(n, word, &request, problem) != CMD_PARSED) {
		fprintf(stderr, "caponier: %s\n", problem);
		return CLI_USAGE;
	}
	if (request.cmd->id == CMD_CONFIG_CHECK)
		ret = cli_config_check(cli, &request);
	else
		ret = ask(cli, &request);
	if (fflush(stdout) || ferror(stdout)) {
		perror("caponier: stdout");
		return CLI_REFUSED;
	}
	return ret;
}
