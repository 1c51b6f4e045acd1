// SPDX-License-Identifier: BSD-3-Clause
// One client of the admin socket: its input is cut into lines of bounded length, one request is
// answered at a time, its output is bounded. Whoever sends nonsense gets an error and is closed,
// whoever does not read is dropped. Control's thread.
#include "admin_conn.h"

#include "log.h"

#include <event2/buffer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("admin");

size_t admin_conn_queued(const struct admin_conn *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static void count_queued(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	struct admin_server *server = arg;

	(void)buf;
	server->queued += info->n_added;
	server->queued -= info->n_deleted;
}

bool admin_conn_line(struct admin_conn *conn, const char *key, const char *body, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(conn->bev);

	if (conn->server->queued + len > ADMIN_QUEUE_MAX)
		return false;
	// Room first, so that a line is queued whole or not at all.
	if (evbuffer_expand(out, len + strlen(key) + 8))
		return false;
	evbuffer_add_printf(out, "{\"%s\":", key);
	evbuffer_add(out, body, len);
	evbuffer_add(out, "}\n", 2);
	return true;
}

void admin_conn_error(struct admin_conn *conn, int error, const char *text)
{
	json_t *json =
		json_pack("{s:s, s:o*}", "code", admin_error_code(error), "text", admin_text(text));
	char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!body || !admin_conn_line(conn, "error", body, strlen(body)))
		admin_conn_drop(conn);
	free(body);
	json_decref(json);
}

// An error after which the rest of the input makes no sense.
static void fail_and_close(struct admin_conn *conn, int error, const char *text)
{
	admin_conn_error(conn, error, text);
	conn->closing = true;
	bufferevent_disable(conn->bev, EV_READ);
}

static void take_line(struct admin_conn *conn, const char *line, size_t len)
{
	char problem[CMD_PROBLEM_MAX];
	struct admin_request request;
	int ret;

	if (strspn(line, " \t\r") == len)
		return;
	ret = admin_request_parse(line, len, &request, problem);
	if (ret == -EBADMSG)
		fail_and_close(conn, ret, problem);
	else if (ret)
		admin_conn_error(conn, ret, problem);
	else
		admin_call_start(conn, &request);
}

static bool may_take(const struct admin_conn *conn)
{
	return !conn->call && !conn->closing && admin_conn_queued(conn) < ADMIN_PIPELINE_MAX;
}

// Reading stops while requests have to wait: libevent calls back without end for input that stays
// at its high watermark.
static void set_reading(struct admin_conn *conn)
{
	bool streams = conn->call && conn->call->cancel;

	if (conn->eof || conn->closing)
		return;
	if (streams || may_take(conn))
		bufferevent_enable(conn->bev, EV_READ);
	else
		bufferevent_disable(conn->bev, EV_READ);
}

// Requests that are there and may be answered now.
static void take_input(struct admin_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);

	while (may_take(conn)) {
		struct evbuffer_ptr eol = evbuffer_search(in, "\n", 1, NULL);
		size_t len;
		char *line;

		// The high watermark keeps the input from growing beyond that.
		if (eol.pos < 0 && evbuffer_get_length(in) >= ADMIN_REQUEST_MAX) {
			fail_and_close(conn, EMSGSIZE, "the request is too long");
			return;
		}
		if (eol.pos < 0)
			break;
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
		if (!line) {
			admin_conn_drop(conn);
			return;
		}
		take_line(conn, line, len);
		free(line);
	}
	// What a client sends while it gets events has no meaning.
	if (conn->call && conn->call->cancel)
		evbuffer_drain(in, evbuffer_get_length(in));
	set_reading(conn);
}

static bool is_over(const struct admin_conn *conn)
{
	return (conn->closing || conn->eof) && !conn->call && !admin_conn_queued(conn);
}

static void read_cb(struct bufferevent *bev, void *arg)
{
	struct admin_conn *conn = arg;

	(void)bev;
	take_input(conn);
	if (is_over(conn))
		admin_conn_free(conn);
}

// Everything that was queued has been read by the client.
static void write_cb(struct bufferevent *bev, void *arg)
{
	struct admin_conn *conn = arg;

	if (conn->call)
		admin_call_written(conn->call);
	read_cb(bev, arg);
}

static void event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct admin_conn *conn = arg;

	(void)bev;
	// A client may close its sending side and still read; one that streams is gone then.
	if (what == (BEV_EVENT_EOF | BEV_EVENT_READING) && !(conn->call && conn->call->cancel)) {
		conn->eof = true;
		take_input(conn);
		if (!is_over(conn))
			return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		LOG_LIMITED(WARN, "an admin client does not read, dropped");
	admin_conn_free(conn);
}

struct admin_conn *admin_conn_new(struct admin_server *server, int fd)
{
	struct timeval patience = {.tv_sec = ADMIN_WRITE_TIMEOUT_S};
	struct admin_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->server = server;
	conn->bev = bufferevent_socket_new(server->base, fd, 0);
	if (!conn->bev || !evbuffer_add_cb(bufferevent_get_output(conn->bev), count_queued, server))
		goto fail;
	bufferevent_setcb(conn->bev, read_cb, write_cb, event_cb, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, ADMIN_REQUEST_MAX);
	bufferevent_set_timeouts(conn->bev, NULL, &patience);
	if (bufferevent_enable(conn->bev, EV_READ | EV_WRITE))
		goto fail;
	TAILQ_INSERT_TAIL(&server->conns, conn, entry);
	server->conn_n++;
	return conn;
fail:
	if (conn->bev)
		bufferevent_free(conn->bev);
	free(conn);
	errno = ENOMEM;
	return NULL;
}

void admin_conn_free(struct admin_conn *conn)
{
	struct admin_server *server = conn->server;
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	int fd;

	if (conn->call)
		admin_call_abandon(conn->call);
	server->queued -= evbuffer_get_length(out);
	evbuffer_remove_cb(out, count_queued, server);
	// The descriptor is closed now, not when a deferred callback lets go of the bufferevent.
	bufferevent_disable(conn->bev, EV_READ | EV_WRITE);
	fd = bufferevent_getfd(conn->bev);
	bufferevent_setfd(conn->bev, -1);
	bufferevent_free(conn->bev);
	close(fd);
	TAILQ_REMOVE(&server->conns, conn, entry);
	server->conn_n--;
	free(conn);
}

void admin_conn_resume(struct admin_conn *conn)
{
	bufferevent_trigger(
		conn->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void admin_conn_drop(struct admin_conn *conn)
{
	conn->closing = true;
	bufferevent_trigger_event(conn->bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
}
