// SPDX-License-Identifier: BSD-3-Clause
// Words into a command: splitting of lines as a shell does, abbreviations, arguments, and what may
// stand at a place. Pure: any thread.
#pragma once

#include "cmd_table.h"

#include <stdbool.h>
#include <stddef.h>

#define CMD_LINE_MAX 1024
#define CMD_WORDS_MAX 16

// A line split at blanks; '...', "..." and \ as in a shell. The words lie in `text`.
struct cmd_words {
	size_t n;
	const char *word[CMD_WORDS_MAX];
	size_t at[CMD_WORDS_MAX]; // offset in the line at which the word begins
	bool open; // the line ends within the last word: no blank stands behind it
	bool open_quote; // and within a quotation
	char text[CMD_LINE_MAX];
};
// 0, -E2BIG too long or too many words. An open quotation is no error here: completion wants it.
int cmd_split(const char *line, struct cmd_words *out);

struct cmd_request {
	const struct cmd *cmd;
	const char *arg[CMD_ARGS_MAX]; // lent from the words; NULL: left out
};

enum cmd_parse_result {
	CMD_PARSED,
	CMD_USAGE, // `problem` says what is wrong
};
#define CMD_PROBLEM_MAX 400
// Nouns, verbs and words of the table may be abbreviated while one candidate is left. No verb is
// `show`. `problem` has room for CMD_PROBLEM_MAX.
enum cmd_parse_result cmd_parse(
	size_t n, const char *const *word, struct cmd_request *out, char *problem);

// The one candidate that `word` abbreviates, by index; -1 none, -2 several. An exact match wins.
typedef const char *(*cmd_candidate_fn)(const void *arg, size_t i); // NULL behind the last
int cmd_abbreviation(const char *word, cmd_candidate_fn candidate, const void *arg);
// A word of arg->words by abbreviation, NULL when there is none or several.
const char *cmd_arg_word(const struct cmd_arg *arg, const char *word);

// What may stand behind the words given, one call each. `kind` is set for arguments whose names
// only the daemon knows, then name is NULL.
enum cmd_next_kind {
	CMD_NEXT_NOUN,
	CMD_NEXT_VERB,
	CMD_NEXT_WORD,
	CMD_NEXT_ARG,
	CMD_NEXT_END
};
struct cmd_next {
	enum cmd_next_kind kind;
	const char *name; // NOUN, VERB, WORD: what to type; ARG: its name
	const char *help;
	const struct cmd_arg *arg; // ARG
};
typedef void (*cmd_next_fn)(void *arg, const struct cmd_next *next);
// -EINVAL when the words before are not understood.
int cmd_next(size_t n, const char *const *word, cmd_next_fn fn, void *arg);
