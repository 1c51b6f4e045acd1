// SPDX-License-Identifier: BSD-3-Clause
// The admin protocol: a line from a client, as control reads it; the same bytes as an answer, and as
// a line that a person types. What is understood survives being written and read again.
#include "admin_proto.h"
#include "cmd_parse.h"
#include "fuzz.h"

#include <string.h>

static void check_request(const char *line, size_t len)
{
	char problem[CMD_PROBLEM_MAX] = "";
	struct admin_request request;
	int ret = admin_request_parse(line, len, &request, problem);

	FUZZ_CHECK(strnlen(problem, sizeof(problem)) < sizeof(problem));
	FUZZ_CHECK(!ret == !problem[0]);
	if (ret)
		return;
	for (size_t i = 0; i < cmd_arg_count(request.cmd); i++)
		FUZZ_CHECK(request.arg[i] || request.cmd->arg[i].optional);
	FUZZ_CHECK(!(request.cmd->flags & CMD_LOCAL));
	admin_request_fini(&request);
}

static void check_answer(const char *line, size_t len)
{
	struct admin_answer answer;

	if (admin_answer_parse(line, len, &answer))
		return;
	FUZZ_CHECK(answer.type != ADMIN_ERROR || (answer.code && answer.text));
	FUZZ_CHECK((answer.type == ADMIN_ROW || answer.type == ADMIN_EVENT) == !!answer.body);
	admin_answer_fini(&answer);
}

static void ignore(void *arg, const struct cmd_next *next)
{
	(void)arg;
	FUZZ_CHECK(next->help != NULL);
}

static void check_line(const char *text)
{
	char problem[CMD_PROBLEM_MAX], again[CMD_PROBLEM_MAX];
	struct cmd_request request;
	struct admin_request back;
	struct cmd_words words;
	char *line;

	if (cmd_split(text, &words))
		return;
	FUZZ_CHECK(words.n <= CMD_WORDS_MAX);
	for (size_t i = 0; i < words.n; i++)
		FUZZ_CHECK(words.at[i] < strlen(text));
	cmd_next(words.n, words.word, ignore, NULL);
	if (cmd_parse(words.n, words.word, &request, problem) != CMD_PARSED) {
		FUZZ_CHECK(problem[0] && strnlen(problem, sizeof(problem)) < sizeof(problem));
		return;
	}
	line = admin_request_format(&request);
	if (!line || request.cmd->flags & CMD_LOCAL) {
		free(line);
		return;
	}
	FUZZ_CHECK(admin_request_parse(line, strlen(line), &back, again) == 0);
	FUZZ_CHECK(back.cmd == request.cmd);
	for (size_t i = 0; i < CMD_ARGS_MAX; i++)
		FUZZ_CHECK(!back.arg[i] == !request.arg[i]);
	admin_request_fini(&back);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size >= ADMIN_REQUEST_MAX)
		return 0;
	text = calloc(1, size + 1);
	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	check_request(text, size);
	check_answer(text, size);
	check_line(text);
	free(text);
	return 0;
}
