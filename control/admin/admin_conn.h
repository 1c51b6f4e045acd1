// SPDX-License-Identifier: BSD-3-Clause
// What admin_server.c, admin_conn.c and admin_call.c know of each other; the handlers see
// admin_call.h alone. Control's thread.
#pragma once

#include "admin_call.h"

#include <event2/bufferevent.h>
#include <event2/event.h>

#include <sys/queue.h>

#define ADMIN_CLIENTS_MAX 256
#define ADMIN_CALLS_MAX 1024 // those included that nobody waits for any more
#define ADMIN_QUEUE_MAX ((size_t)256 << 20) // bytes that all clients together have not read yet
#define ADMIN_EVENTS_MAX ((size_t)1 << 20) // bytes of events that one client has not read yet
#define ADMIN_PIPELINE_MAX ((size_t)64 << 10) // unread bytes at which a client's next request waits
#define ADMIN_TURN_US 4000 // of control's time that an answer takes before others have their turn
#define ADMIN_TURN_QUEUE ((size_t)256 << 10) // unread bytes at which an answer in turns waits
#define ADMIN_WRITE_TIMEOUT_S 30 // without a byte read by the client
#define ADMIN_CALL_TIMEOUT_S 10 // for the dataplane's part of an answer

struct admin_conn {
	struct admin_server *server;
	struct bufferevent *bev;
	struct admin_call *call; // being answered, owned; NULL: none
	bool closing; // goes when the client has read what is queued
	bool eof; // the client sends nothing more
	TAILQ_ENTRY(admin_conn) entry;
};
TAILQ_HEAD(admin_conns, admin_conn);
TAILQ_HEAD(admin_calls, admin_call);

struct admin_server {
	struct control *control;
	struct event_base *base;
	struct event *listener;
	int listen_fd;
	char path[108];
	uint64_t path_dev, path_ino; // of our socket file
	struct admin_conns conns;
	uint32_t conn_n;
	struct admin_calls calls;
	uint32_t call_n;
	size_t queued; // bytes, all clients
};

struct admin_conn *admin_conn_new(struct admin_server *server, int fd); // takes fd; NULL and errno
void admin_conn_free(struct admin_conn *conn); // ends or abandons its call
// Queues a line {"key":BODY}\n. false: the server's clients have too much queued.
bool admin_conn_line(struct admin_conn *conn, const char *key, const char *body, size_t len);
void admin_conn_error(struct admin_conn *conn, int error, const char *text);
// The call is over; the next request may be read. Not within a handler's stack.
void admin_conn_resume(struct admin_conn *conn);
// Drops the client from the loop, not at once.
void admin_conn_drop(struct admin_conn *conn);
size_t admin_conn_queued(const struct admin_conn *conn);

struct admin_call {
	struct admin_server *server; // NULL: gone
	struct admin_conn *conn; // NULL: gone
	struct control *control;
	struct admin_request request;
	void *state;
	void (*state_fini)(void *state);
	void (*cancel)(struct admin_call *call); // set: it streams
	bool (*step)(struct admin_call *call); // set: it is answered in turns
	struct event *turn; // with step: the next one
	struct event *timer; // while the handler has returned and the call has not ended
	bool running; // its handler is on the stack
	bool ended; // then: freed when the handler returns
	bool overflow; // a row found no room
	TAILQ_ENTRY(admin_call) entry;
};
// Takes over the request and runs its handler. The call may be over when it returns: conn->call.
void admin_call_start(struct admin_conn *conn, struct admin_request *request);
// The client has read everything: an answer in turns goes on.
void admin_call_written(struct admin_call *call);
// The client is gone.
void admin_call_abandon(struct admin_call *call);

extern const admin_handler admin_handlers[CMD_ID_COUNT]; // admin_cmds.c
