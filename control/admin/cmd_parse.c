// SPDX-License-Identifier: BSD-3-Clause
// Splits lines into words, finds the command that words mean, and lists what may come next. The
// program's arguments, the lines of its shell and both kinds of completion go through here, so
// that they understand the same language. Pure functions over cmd_table.c.
#include "cmd_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Copies one word to `to` without its quoting; returns where the line goes on.
static const char *copy_word(const char *from, char **to, bool *open_quote)
{
	char quote = 0;

	for (; *from; from++) {
		if (quote) {
			if (*from == quote) {
				quote = 0;
				continue;
			}
		} else if (is_blank(*from)) {
			break;
		} else if (*from == '\'' || *from == '"') {
			quote = *from;
			continue;
		}
		if (*from == '\\' && quote != '\'' && from[1])
			from++;
		*(*to)++ = *from;
	}
	*(*to)++ = 0;
	*open_quote = quote != 0;
	return from;
}

int cmd_split(const char *line, struct cmd_words *out)
{
	const char *from = line;
	char *to = out->text;

	out->n = 0;
	out->open = out->open_quote = false;
	// Unquoted words and their zeroes need no more room than the line with its own.
	if (strlen(line) >= sizeof(out->text))
		return -E2BIG;
	for (;;) {
		while (is_blank(*from))
			from++;
		if (!*from)
			return 0;
		if (out->n == CMD_WORDS_MAX)
			return -E2BIG;
		out->at[out->n] = (size_t)(from - line);
		out->word[out->n++] = to;
		from = copy_word(from, &to, &out->open_quote);
		out->open = !*from;
	}
}

int cmd_abbreviation(const char *word, cmd_candidate_fn candidate, const void *arg)
{
	size_t len = strlen(word);
	int found = -1;

	if (!len)
		return -1;
	for (size_t i = 0; candidate(arg, i); i++) {
		const char *name = candidate(arg, i);

		if (strncmp(name, word, len))
			continue;
		if (!name[len])
			return (int)i;
		found = found == -1 ? (int)i : -2;
	}
	return found;
}

static const char *word_candidate(const void *arg, size_t i)
{
	return ((const char *const *)arg)[i];
}

const char *cmd_arg_word(const struct cmd_arg *arg, const char *word)
{
	int i = cmd_abbreviation(word, word_candidate, arg->words);

	return i < 0 ? NULL : arg->words[i];
}

static const char *noun_candidate(const void *arg, size_t i)
{
	const struct cmd_noun *noun = cmd_noun_at(i);

	(void)arg;
	return noun ? noun->name : NULL;
}

// Verbs of one noun, in table order.
static const struct cmd *verb_at(const char *noun, size_t i)
{
	const struct cmd *cmd;

	for (size_t row = 0; (cmd = cmd_at(row)); row++)
		if (!strcmp(cmd->noun, noun) && cmd->verb && !(cmd->flags & CMD_HIDDEN) && !i--)
			return cmd;
	return NULL;
}

static const char *verb_candidate(const void *arg, size_t i)
{
	const struct cmd *cmd = verb_at(arg, i);

	return cmd ? cmd->verb : NULL;
}

// "a, b, c" of those that begin with `prefix`.
static void list_candidates(
	char *out, size_t cap, const char *prefix, cmd_candidate_fn candidate, const void *arg)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; candidate(arg, i) && used < cap; i++)
		if (!strncmp(candidate(arg, i), prefix, strlen(prefix)))
			used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "",
				candidate(arg, i));
}

static const char *find_noun(const char *word, char *problem)
{
	int i = cmd_abbreviation(word, noun_candidate, NULL);
	char list[200];

	if (i >= 0)
		return cmd_noun_at((size_t)i)->name;
	list_candidates(list, sizeof(list), i == -2 ? word : "", noun_candidate, NULL);
	if (i == -2)
		snprintf(problem, CMD_PROBLEM_MAX, "\"%.40s\" may be: %s", word, list);
	else
		snprintf(problem, CMD_PROBLEM_MAX, "nothing is called \"%.40s\"; there are: %s",
			word, list);
	return NULL;
}

// The command that noun and the following words mean; *used tells how many of them were its verb.
static const struct cmd *find_command(
	const char *noun, size_t n, const char *const *word, size_t *used, char *problem)
{
	const struct cmd *alone = cmd_find(noun, NULL), *show = cmd_find(noun, "show");
	int i = n ? cmd_abbreviation(word[0], verb_candidate, noun) : -1;
	char list[200];

	*used = i >= 0;
	if (i >= 0)
		return verb_at(noun, (size_t)i);
	list_candidates(list, sizeof(list), i == -2 ? word[0] : "", verb_candidate, noun);
	if (i == -2) {
		snprintf(problem, CMD_PROBLEM_MAX, "\"%s %.40s\" may be: %s", noun, word[0], list);
		return NULL;
	}
	if (alone)
		return alone;
	// "drops all" is "drops show all"; a word that cannot be an argument was meant as a verb.
	if (show && (!n || show->arg[0].name))
		return show;
	if (n)
		snprintf(problem, CMD_PROBLEM_MAX, "%s has no \"%.40s\"; there are: %s", noun,
			word[0], list);
	else
		snprintf(problem, CMD_PROBLEM_MAX, "%s wants one of: %s", noun, list);
	return NULL;
}

static bool take_args(const struct cmd *cmd, size_t n, const char *const *word,
	struct cmd_request *out, char *problem)
{
	const struct cmd_arg *arg = cmd->arg;
	char usage[160], list[200];

	for (size_t i = 0; arg[i].name; i++) {
		if (i >= n) {
			if (arg[i].optional)
				return true;
			snprintf(problem, CMD_PROBLEM_MAX, "too few words; usage: %s",
				cmd_usage(cmd, usage));
			return false;
		}
		out->arg[i] = word[i];
		if (arg[i].kind != CMD_ARG_WORD)
			continue;
		out->arg[i] = cmd_arg_word(&arg[i], word[i]);
		if (!out->arg[i]) {
			list_candidates(list, sizeof(list), "", word_candidate, arg[i].words);
			snprintf(problem, CMD_PROBLEM_MAX, "\"%.40s\" is not one of: %s; usage: %s",
				word[i], list, cmd_usage(cmd, usage));
			return false;
		}
	}
	if (n > cmd_arg_count(cmd)) {
		snprintf(problem, CMD_PROBLEM_MAX, "\"%.40s\" is too much; usage: %s",
			word[cmd_arg_count(cmd)], cmd_usage(cmd, usage));
		return false;
	}
	return true;
}

enum cmd_parse_result cmd_parse(
	size_t n, const char *const *word, struct cmd_request *out, char *problem)
{
	const char *noun;
	size_t used;

	memset(out, 0, sizeof(*out));
	problem[0] = 0;
	if (!n) {
		snprintf(problem, CMD_PROBLEM_MAX, "no command given");
		return CMD_USAGE;
	}
	noun = find_noun(word[0], problem);
	if (!noun)
		return CMD_USAGE;
	out->cmd = find_command(noun, n - 1, word + 1, &used, problem);
	if (!out->cmd || !take_args(out->cmd, n - 1 - used, word + 1 + used, out, problem))
		return CMD_USAGE;
	return CMD_PARSED;
}

static void next_nouns(cmd_next_fn fn, void *arg)
{
	const struct cmd_noun *noun;

	for (size_t i = 0; (noun = cmd_noun_at(i)); i++) {
		struct cmd_next next = {CMD_NEXT_NOUN, noun->name, noun->help, NULL};

		fn(arg, &next);
	}
}

// The i-th argument of the command, or its end.
static void next_arg(const struct cmd *cmd, size_t i, cmd_next_fn fn, void *arg)
{
	const struct cmd_arg *a = i < cmd_arg_count(cmd) ? &cmd->arg[i] : NULL;
	struct cmd_next next = {CMD_NEXT_END, NULL, cmd->help, NULL};

	if (!a || a->optional)
		fn(arg, &next);
	if (!a)
		return;
	next.help = a->help;
	next.arg = a;
	if (a->kind != CMD_ARG_WORD) {
		next.kind = CMD_NEXT_ARG;
		next.name = a->name;
		fn(arg, &next);
		return;
	}
	next.kind = CMD_NEXT_WORD;
	for (size_t k = 0; a->words[k]; k++) {
		next.name = a->words[k];
		fn(arg, &next);
	}
}

int cmd_next(size_t n, const char *const *word, cmd_next_fn fn, void *arg)
{
	char problem[CMD_PROBLEM_MAX];
	const struct cmd *cmd;
	const char *noun;
	size_t used;

	if (!n) {
		next_nouns(fn, arg);
		return 0;
	}
	noun = find_noun(word[0], problem);
	if (!noun)
		return -EINVAL;
	if (n == 1)
		for (size_t i = 0; (cmd = verb_at(noun, i)); i++)
			fn(arg, &(struct cmd_next){CMD_NEXT_VERB, cmd->verb, cmd->help, NULL});
	cmd = find_command(noun, n - 1, word + 1, &used, problem);
	if (!cmd)
		return n == 1 ? 0 : -EINVAL;
	// Arguments of a verb that was not typed: only words, names would hide the verbs.
	if (n == 1 && cmd->verb && cmd->arg[0].name && cmd->arg[0].kind != CMD_ARG_WORD) {
		if (cmd->arg[0].optional)
			fn(arg, &(struct cmd_next){CMD_NEXT_END, NULL, cmd->help, NULL});
		return 0;
	}
	if (n - 1 - used > cmd_arg_count(cmd))
		return -EINVAL;
	next_arg(cmd, n - 1 - used, fn, arg);
	return 0;
}
