// SPDX-License-Identifier: BSD-3-Clause
// The life of one request: started by its connection, answered by its handler, perhaps later than
// its client lives. And the rows of its answer, which are checked against the command's columns,
// so that JSON, tables and the man page never disagree. Control's thread.
#include "admin_call.h"

#include "admin_conn.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("admin");

struct control *admin_control(const struct admin_call *call)
{
	return call->control;
}

const struct cmd *admin_cmd(const struct admin_call *call)
{
	return call->request.cmd;
}

const char *admin_arg(const struct admin_call *call, size_t i)
{
	return call->request.arg[i];
}

bool admin_gone(const struct admin_call *call)
{
	return !call->conn;
}

void *admin_state(struct admin_call *call, size_t size)
{
	call->state = calloc(1, size);
	return call->state;
}

void admin_state_fini(struct admin_call *call, void (*fini)(void *state))
{
	call->state_fini = fini;
}

void *admin_state_get(const struct admin_call *call)
{
	return call->state;
}

static void call_free(struct admin_call *call)
{
	if (call->server) {
		TAILQ_REMOVE(&call->server->calls, call, entry);
		call->server->call_n--;
	}
	if (call->timer)
		event_free(call->timer);
	if (call->turn)
		event_free(call->turn);
	admin_request_fini(&call->request);
	if (call->state && call->state_fini)
		call->state_fini(call->state);
	free(call->state);
	free(call);
}

// The client has its answer. The call's memory stays while a callback may still come.
static void let_go(struct admin_call *call)
{
	struct admin_conn *conn = call->conn;

	call->conn = NULL;
	if (call->timer) {
		event_free(call->timer);
		call->timer = NULL;
	}
	if (!conn)
		return;
	conn->call = NULL;
	if (!call->running) // else the connection looks for the next request by itself
		admin_conn_resume(conn);
}

static void end(struct admin_call *call)
{
	let_go(call);
	if (call->running)
		call->ended = true;
	else
		call_free(call);
}

void admin_done(struct admin_call *call)
{
	if (call->overflow) {
		admin_fail(call, ENOBUFS, "the answer is too long; ask for one object");
		return;
	}
	if (call->conn && !admin_conn_line(call->conn, "done", "true", 4))
		admin_conn_drop(call->conn);
	end(call);
}

void admin_fail(struct admin_call *call, int error, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (call->conn)
		admin_conn_error(call->conn, error, text);
	end(call);
}

void admin_stream(struct admin_call *call, void (*cancel)(struct admin_call *call))
{
	call->cancel = cancel;
}

void admin_event(struct admin_call *call, const char *json, size_t len)
{
	struct admin_conn *conn = call->conn;

	if (!conn || conn->closing)
		return;
	if (admin_conn_queued(conn) + len <= ADMIN_EVENTS_MAX &&
		admin_conn_line(conn, "event", json, len))
		return;
	LOG_LIMITED(WARN, "an admin client is too slow for the events, dropped");
	admin_conn_drop(conn);
}

static void run_turn(struct admin_call *call)
{
	uint64_t until_us = clock_now_us() + ADMIN_TURN_US;
	struct timeval at_once = {};

	do {
		if (!call->step(call))
			return; // it is over, and perhaps freed
	} while (clock_now_us() < until_us && admin_conn_queued(call->conn) < ADMIN_TURN_QUEUE);
	// Not with event_active(): what is active goes before what is new from the sockets.
	if (admin_conn_queued(call->conn) < ADMIN_TURN_QUEUE)
		evtimer_add(call->turn, &at_once);
}

static void turn_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	run_turn(arg);
}

void admin_turns(struct admin_call *call, bool (*step)(struct admin_call *call))
{
	struct timeval at_once = {};

	if (!call->conn) {
		end(call);
		return;
	}
	if (call->timer) { // for the dataplane's part, which is there
		event_free(call->timer);
		call->timer = NULL;
	}
	call->turn = evtimer_new(call->conn->server->base, turn_cb, call);
	if (!call->turn || evtimer_add(call->turn, &at_once)) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	call->step = step;
}

void admin_call_written(struct admin_call *call)
{
	struct timeval at_once = {};

	if (call->step)
		evtimer_add(call->turn, &at_once);
}

// The dataplane did not answer in time. Its answer may still come: then it goes nowhere.
static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct admin_call *call = arg;

	(void)fd, (void)what;
	admin_conn_error(call->conn, ETIMEDOUT, "the dataplane did not answer in time");
	let_go(call);
}

void admin_call_start(struct admin_conn *conn, struct admin_request *request)
{
	struct timeval patience = {.tv_sec = ADMIN_CALL_TIMEOUT_S};
	struct admin_call *call = NULL;

	if (conn->server->call_n < ADMIN_CALLS_MAX)
		call = calloc(1, sizeof(*call));
	if (!call) {
		admin_conn_error(conn, EAGAIN, "too many requests are being answered");
		admin_request_fini(request);
		return;
	}
	call->server = conn->server;
	call->conn = conn;
	call->control = conn->server->control;
	call->request = *request;
	TAILQ_INSERT_TAIL(&conn->server->calls, call, entry);
	conn->server->call_n++;
	conn->call = call;

	call->running = true;
	admin_handlers[call->request.cmd->id](call);
	call->running = false;
	if (call->ended) {
		call_free(call);
		return;
	}
	if (call->cancel || call->step)
		return;
	call->timer = evtimer_new(conn->server->base, timer_cb, call);
	if (!call->timer || evtimer_add(call->timer, &patience))
		LOG(ERR, "no timer for a request");
}

void admin_call_abandon(struct admin_call *call)
{
	struct admin_conn *conn = call->conn;

	call->conn = NULL;
	conn->call = NULL;
	if (call->timer) {
		event_free(call->timer);
		call->timer = NULL;
	}
	if (call->cancel)
		call->cancel(call);
	if (call->cancel || call->step)
		call_free(call);
}

struct admin_row admin_row_begin(struct admin_call *call)
{
	return (struct admin_row){.call = call, .json = json_object()};
}

// A field that the table does not have is a mistake of ours, which the unit tests find.
static bool is_column(struct admin_row *row, const char *name, unsigned kinds)
{
	const struct cmd_column *column = cmd_column_find(row->call->request.cmd, name);

	if (column && kinds & 1u << column->kind)
		return true;
	LOG_LIMITED(ERR, "%s has no field %s of this kind", row->call->request.cmd->noun, name);
	return false;
}

void admin_row_text(struct admin_row *row, const char *name, const char *text)
{
	if (text && *text && is_column(row, name, 1u << CMD_TEXT))
		json_object_set_new(row->json, name, admin_text(text));
}

void admin_row_printf(struct admin_row *row, const char *name, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	admin_row_text(row, name, text);
}

void admin_row_count(struct admin_row *row, const char *name, uint64_t value)
{
	// JSON integers end at 2^63 - 1, in jansson as in most readers.
	if (is_column(row, name, 1u << CMD_COUNT | 1u << CMD_BYTES))
		json_object_set_new(row->json, name,
			json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

void admin_row_us(struct admin_row *row, const char *name, uint64_t us)
{
	if (us != CLOCK_NEVER && is_column(row, name, 1u << CMD_SECONDS))
		json_object_set_new(row->json, name, json_real((double)(us / US_PER_MS) / 1e3));
}

void admin_row_bool(struct admin_row *row, const char *name, bool value)
{
	if (is_column(row, name, 1u << CMD_BOOL))
		json_object_set_new(row->json, name, json_boolean(value));
}

static void add_to_array(struct admin_row *row, const char *name, json_t *value)
{
	json_t *array = json_object_get(row->json, name);

	if (!array) {
		array = json_array();
		json_object_set_new(row->json, name, array);
	}
	json_array_append_new(array, value);
}

void admin_row_add_text(struct admin_row *row, const char *name, const char *text)
{
	if (is_column(row, name, 1u << CMD_TEXTS))
		add_to_array(row, name, admin_text(text));
}

void admin_row_add_count(struct admin_row *row, const char *name, uint64_t value)
{
	if (is_column(row, name, 1u << CMD_COUNTS))
		add_to_array(
			row, name, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

bool admin_row_send(struct admin_row *row)
{
	struct admin_call *call = row->call;
	char *text = NULL;
	bool sent = false;

	if (call->conn && !call->overflow) {
		text = json_dumps(row->json, JSON_COMPACT);
		sent = text && admin_conn_line(call->conn, "row", text, strlen(text));
		call->overflow = !sent;
	}
	free(text);
	json_decref(row->json);
	row->json = NULL;
	return sent;
}
