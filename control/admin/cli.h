// SPDX-License-Identifier: BSD-3-Clause
// The parts of the program `caponier`. One thread.
#pragma once

#include "cli_format.h"
#include "cmd_parse.h"

#include <jansson.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define CLI_RUN_DIR "/run/caponier"

// Exit statuses.
enum {
	CLI_DONE = 0,
	CLI_REFUSED = 1,
	CLI_USAGE = 2
};

// What options say; before and between the words of a command.
struct cli {
	const char *run_dir;
	bool json;
	bool long_form;
	bool help;
	bool version;
};
// Takes the options out of the words: *n of them remain. false: an option is not understood,
// `problem` (CMD_PROBLEM_MAX) says which.
bool cli_options(struct cli *cli, size_t *n, const char **word, char *problem);
// Options with their help, NULL behind the last: for --help, completion and the man page.
struct cli_option {
	char letter; // 0: none
	const char *name;
	const char *arg; // NULL: none
	const char *help;
};
const struct cli_option *cli_option_at(size_t i);

// cli_run.c: one command, whose words have no options any more. An exit status.
int cli_run(const struct cli *cli, size_t n, const char *const *word);
// cli_config.c: `config check`.
int cli_config_check(const struct cli *cli, const struct cmd_request *request);
// cli_shell.c: reads commands until the end of its input.
int cli_shell(const struct cli *cli);

// cli_help.c
void cli_help(FILE *out, size_t n, const char *const *word); // of everything, a noun, a command
void cli_help_next(const struct cli *cli, FILE *out, const char *line); // what `?` shows

// cli_complete.c: what may stand at the end of the line, one call for each word that begins as the
// last word of the line does. `typed` is how much of it that is, in bytes of `name`.
enum cli_candidate_kind {
	CLI_CANDIDATE_WORD,
	CLI_CANDIDATE_FILE,
	CLI_CANDIDATE_DIRECTORY
};
struct cli_candidate {
	enum cli_candidate_kind kind;
	const char *name; // FILE, DIRECTORY: NULL
	const char *help; // NULL: none
	size_t typed;
};
typedef void (*cli_candidate_fn)(void *arg, const struct cli_candidate *candidate);
void cli_complete(const struct cli *cli, const char *line, cli_candidate_fn fn, void *arg);
// `caponier --complete LINE [WORDBREAKS]`, for shells: a candidate a line.
int cli_complete_shell(const char *line, const char *breaks);
// Escapes what is special to a shell. Writes to out; `cap` bounds it.
void cli_escape(const char *text, char *out, size_t cap);

// cli_client.c: asks the daemon.
struct cli_sink {
	void (*row)(void *arg, json_t *row);
	void (*event)(void *arg, json_t *event); // NULL: none is expected
	void *arg;
};
// 0; 1: refused or not to be reached, `problem` says why.
int cli_client(const struct cli *cli, const struct cmd_request *request, int timeout_s,
	const struct cli_sink *sink, char *problem);
// Set by the shell's signal handler: a call that waits ends.
extern volatile sig_atomic_t cli_interrupted;
