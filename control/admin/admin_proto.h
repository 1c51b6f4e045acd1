// SPDX-License-Identifier: BSD-3-Clause
// The admin protocol: JSON lines over a UNIX stream socket. Both ends use these functions. Pure:
// any thread.
//
//   --> {"command": "link show", "args": {"link": "3"}}
//   <-- {"row": {...}}        any number
//   <-- {"done": true}        or {"error": {"code": "ENOENT", "text": "..."}}
//   <-- {"event": {...}}      monitor: until the client closes
//
// A client may send the next request on the same connection; it is answered after the one before.
#pragma once

#include "cmd_parse.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

#define ADMIN_REQUEST_MAX 4096 // bytes of a request, newline included
#define ADMIN_SOCKET "admin.sock" // in the runtime directory

struct admin_request {
	const struct cmd *cmd;
	const char *arg[CMD_ARGS_MAX]; // lent from json; NULL: left out
	json_t *json;
};

// 0; -EBADMSG when the line is no JSON object (the connection cannot go on); -EINVAL when command
// or arguments are not right. On failure `problem` says why and nothing is held.
int admin_request_parse(
	const char *line, size_t len, struct admin_request *out, char problem[CMD_PROBLEM_MAX]);
void admin_request_fini(struct admin_request *request);
// The line with its newline, the caller's (free); NULL and errno.
char *admin_request_format(const struct cmd_request *request);

// What a line from the server is.
enum admin_answer_type {
	ADMIN_ROW,
	ADMIN_EVENT,
	ADMIN_DONE,
	ADMIN_ERROR
};
struct admin_answer {
	enum admin_answer_type type;
	json_t *body; // ROW, EVENT: the object, lent
	const char *code, *text; // ERROR, lent
	json_t *json;
};
int admin_answer_parse(const char *line, size_t len, struct admin_answer *out); // 0 or -EBADMSG
void admin_answer_fini(struct admin_answer *answer);

// "ENOENT" for ENOENT or -ENOENT.
const char *admin_error_code(int error);
// A JSON string of any text: what is not UTF-8, as an identity of a stranger may be, as \xNN.
json_t *admin_text(const char *text);
