// SPDX-License-Identifier: BSD-3-Clause
// Requests and answers of the admin socket, checked against the table of commands: a request names
// a command of the table, its arguments are strings that the table knows, words are whole words.
// Used by the server in control's thread and by the program.
#include "admin_proto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int arg_index(const struct cmd *cmd, const char *name)
{
	for (int i = 0; cmd->arg[i].name; i++)
		if (!strcmp(cmd->arg[i].name, name))
			return i;
	return -1;
}

static bool is_word(const struct cmd_arg *arg, const char *text)
{
	for (size_t i = 0; arg->words[i]; i++)
		if (!strcmp(arg->words[i], text))
			return true;
	return false;
}

static int take_args(struct admin_request *request, json_t *args, char *problem)
{
	const struct cmd *cmd = request->cmd;
	const char *name;
	json_t *value;

	json_object_foreach(args, name, value)
	{
		int i = arg_index(cmd, name);

		if (i < 0 || !json_is_string(value)) {
			snprintf(problem, CMD_PROBLEM_MAX,
				i < 0 ? "no argument is called \"%.40s\""
				      : "argument \"%.40s\" is not a string",
				name);
			return -EINVAL;
		}
		request->arg[i] = json_string_value(value);
	}
	for (int i = 0; cmd->arg[i].name; i++) {
		const struct cmd_arg *arg = &cmd->arg[i];

		if (!request->arg[i] && !arg->optional) {
			snprintf(problem, CMD_PROBLEM_MAX, "argument \"%s\" is missing", arg->name);
			return -EINVAL;
		}
		if (request->arg[i] && arg->kind == CMD_ARG_WORD &&
			!is_word(arg, request->arg[i])) {
			snprintf(problem, CMD_PROBLEM_MAX,
				"\"%.40s\" is no value for argument \"%s\"", request->arg[i],
				arg->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int request_check(struct admin_request *request, char *problem)
{
	const char *path = json_string_value(json_object_get(request->json, "command"));
	json_t *args = json_object_get(request->json, "args");

	if (!path || (args && !json_is_object(args))) {
		snprintf(problem, CMD_PROBLEM_MAX,
			"a request is {\"command\": \"NOUN VERB\", \"args\": {...}}");
		return -EINVAL;
	}
	request->cmd = cmd_find_path(path);
	if (!request->cmd || request->cmd->flags & CMD_LOCAL) {
		snprintf(problem, CMD_PROBLEM_MAX, "unknown command \"%.40s\"", path);
		return -EINVAL;
	}
	return take_args(request, args, problem);
}

int admin_request_parse(
	const char *line, size_t len, struct admin_request *out, char problem[CMD_PROBLEM_MAX])
{
	json_error_t error;
	int ret;

	memset(out, 0, sizeof(*out));
	out->json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(out->json)) {
		snprintf(problem, CMD_PROBLEM_MAX, "the request is not a JSON object%s%.100s",
			out->json ? "" : ": ", out->json ? "" : error.text);
		admin_request_fini(out);
		return -EBADMSG;
	}
	ret = request_check(out, problem);
	if (ret)
		admin_request_fini(out);
	return ret;
}

void admin_request_fini(struct admin_request *request)
{
	json_decref(request->json);
	memset(request, 0, sizeof(*request));
}

char *admin_request_format(const struct cmd_request *request)
{
	char path[64], *text, *line = NULL;
	json_t *args = json_object(), *json;

	for (int i = 0; request->cmd->arg[i].name; i++)
		if (request->arg[i])
			json_object_set_new(
				args, request->cmd->arg[i].name, admin_text(request->arg[i]));
	json = json_pack("{s:s, s:o}", "command", cmd_path(request->cmd, path), "args", args);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	if (!line)
		errno = ENOMEM;
	else if (strlen(line) > ADMIN_REQUEST_MAX) {
		free(line);
		line = NULL;
		errno = E2BIG;
	}
	return line;
}

int admin_answer_parse(const char *line, size_t len, struct admin_answer *out)
{
	json_t *error;

	memset(out, 0, sizeof(*out));
	out->json = json_loadb(line, len, 0, NULL);
	if ((out->body = json_object_get(out->json, "row"))) {
		out->type = ADMIN_ROW;
	} else if ((out->body = json_object_get(out->json, "event"))) {
		out->type = ADMIN_EVENT;
	} else if ((error = json_object_get(out->json, "error"))) {
		out->type = ADMIN_ERROR;
		out->code = json_string_value(json_object_get(error, "code"));
		out->text = json_string_value(json_object_get(error, "text"));
	} else if (json_is_true(json_object_get(out->json, "done"))) {
		out->type = ADMIN_DONE;
	} else {
		goto bad;
	}
	if (out->body && !json_is_object(out->body))
		goto bad;
	if (out->type == ADMIN_ERROR && (!out->code || !out->text))
		goto bad;
	return 0;
bad:
	admin_answer_fini(out);
	return -EBADMSG;
}

void admin_answer_fini(struct admin_answer *answer)
{
	json_decref(answer->json);
	memset(answer, 0, sizeof(*answer));
}

const char *admin_error_code(int error)
{
	const char *name = strerrorname_np(error < 0 ? -error : error);

	return name && error ? name : "EIO";
}

json_t *admin_text(const char *text)
{
	json_t *json = json_string(text);
	char *escaped, *to;

	if (json)
		return json;
	escaped = to = malloc(strlen(text) * 4 + 1);
	if (!escaped)
		return NULL;
	for (const unsigned char *from = (const unsigned char *)text; *from; from++) {
		if (*from < 0x80 && *from != '\\')
			*to++ = (char)*from;
		else
			to += snprintf(to, 5, "\\x%02x", *from);
	}
	*to = 0;
	json = json_string(escaped);
	free(escaped);
	return json;
}
