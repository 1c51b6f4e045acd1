// SPDX-License-Identifier: BSD-3-Clause
// The connection to the dataplane and its rings, control's side. Control's thread, libevent.
//
// Commands of one thread keep their order, and packets never overtake commands: what finds its ring
// full waits in a queue of ours (dp_queue.c), and everything behind it too.
#include "dp_client.h"

#include "dp_pending.h"
#include "dp_queue.h"
#include "log.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("dataplane");

#define CONNECT_TIMEOUT_MS 300
#define RETRY_FIRST_MS 50
#define RETRY_LAST_MS 1000
#define FLUSH_MS 1
// Messages taken off one ring before the others and the rest of the loop have their turn.
#define BUDGET 256
// Impossible messages after which we rather start anew with this dataplane.
#define GARBAGE_MAX 1000

struct dp_client {
	struct event_base *base;
	const char *path;
	const struct dp_handlers *handlers;
	void *arg;
	struct seam *seam; // NULL: not connected
	int conn_fd;
	uint32_t threads;
	uint64_t instance;
	bool had_instance;
	uint64_t garbage; // of this connection
	uint32_t retry_ms;
	bool missing_said;
	struct event *conn_event, *bell_event;
	struct event *retry_event, *flush_event, *again_event;
	struct dp_queue queue[SEAM_WORKERS_MAX + 1];
	struct dp_pending pending;
	struct dp_counters counters;
	alignas(8) uint8_t message[RING_MSG_MAX];
};

static void arm(struct event *event, uint32_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_add(event, &tv);
}

static void fail_pending(void *arg, struct dp_request *request)
{
	(void)arg;
	if (request->fn != NULL)
		request->fn(request->arg, NULL, NULL, true);
}

static void disconnect(struct dp_client *client, const char *why)
{
	if (client->seam == NULL)
		return;
	event_free(client->conn_event);
	event_free(client->bell_event);
	event_del(client->flush_event);
	event_del(client->again_event);
	client->conn_event = client->bell_event = NULL;
	for (uint32_t i = 0; i < client->threads; i++)
		dp_queue_clear(&client->queue[i]);
	client->threads = 0;
	seam_free(client->seam);
	client->seam = NULL;
	close(client->conn_fd);
	client->conn_fd = -1;
	client->counters.losses++;
	LOG(WARN, "lost: %s", why);
	dp_pending_fail(&client->pending, fail_pending, NULL);
	client->handlers->lost(client->arg, why);
	client->retry_ms = RETRY_FIRST_MS;
	arm(client->retry_event, client->retry_ms);
}

static void log_failure(const struct dp_request *request, const struct ipc_hdr *hdr)
{
	LOG_LIMITED(WARN, "%s to thread %u failed: %s", ipc_type_name(request->type),
		request->thread, strerror((int)hdr->status));
}

static void take_answer(
	struct dp_client *client, uint32_t thread, const struct ipc_hdr *hdr, const void *payload)
{
	struct dp_request request;
	bool last = false;

	if (!dp_pending_match(&client->pending, thread, hdr, payload, &request, &last)) {
		client->counters.garbage++;
		client->garbage++;
		LOG_LIMITED(WARN, "thread %u: %s answers nothing that was asked", thread,
			ipc_type_name(hdr->type));
		return;
	}
	client->counters.answers++;
	if (hdr->type == IPC_ACK && hdr->status != 0 && hdr->status != EAGAIN) {
		client->counters.failed++;
		if (request.fn == NULL)
			log_failure(&request, hdr);
	}
	if (request.fn != NULL)
		request.fn(request.arg, hdr, payload, last);
}

static bool is_answer(const struct ipc_hdr *hdr)
{
	switch (hdr->type) {
	case IPC_ACK:
	case IPC_SA_INFO:
	case IPC_PORT_INFO:
	case IPC_NEIGH_INFO:
	case IPC_ROUTE_INFO:
		return true;
	default:
		return false;
	}
}

static bool is_punt(uint32_t type)
{
	return type == IPC_PUNT_UDP || type == IPC_PUNT_INNER || type == IPC_PUNT_PORT ||
		type == IPC_TOO_BIG;
}

static void take_message(struct dp_client *client, uint32_t thread, enum seam_ring which, int len)
{
	struct ipc_hdr hdr;

	memcpy(&hdr, client->message, sizeof(hdr));
	if (len < 0 || ipc_check(client->message, (size_t)len, false) != 0 ||
		is_punt(hdr.type) != (which == SEAM_PUNT_UP)) {
		client->counters.garbage++;
		client->garbage++;
		LOG_LIMITED(WARN, "thread %u: a message that makes no sense", thread);
		return;
	}
	if (is_answer(&hdr)) {
		take_answer(client, thread, &hdr, client->message + sizeof(hdr));
		return;
	}
	client->counters.events++;
	client->handlers->event(client->arg, thread, &hdr, client->message + sizeof(hdr));
}

// At most BUDGET messages; true: there may be more.
static bool drain_ring(struct dp_client *client, uint32_t thread, enum seam_ring which)
{
	for (uint32_t i = 0; i < BUDGET; i++) {
		int len = 0;

		if (client->seam == NULL)
			return false;
		len = ring_get(seam_ring(client->seam, thread, which), client->message,
			sizeof(client->message));
		if (len == 0)
			return false;
		take_message(client, thread, which, len);
	}
	return true;
}

static bool drain_all(struct dp_client *client)
{
	bool more = false;

	// Answers and events before packets: what a packet leads to may depend on them.
	for (uint32_t i = 0; i < client->threads; i++)
		more |= drain_ring(client, i, SEAM_EVENT);
	for (uint32_t i = 0; i < client->threads; i++)
		more |= drain_ring(client, i, SEAM_PUNT_UP);
	return more;
}

// Packets down have a ring of their own.
static bool carries_packet(uint32_t type)
{
	return type == IPC_SEND_UDP || type == IPC_SEND_INNER || type == IPC_SEND_PORT;
}

static int put(struct dp_client *client, uint32_t thread, const struct dp_queued *q)
{
	bool packet = carries_packet(q->type);
	struct ring *ring = seam_ring(client->seam, thread, packet ? SEAM_PUNT_DOWN : SEAM_COMMAND);
	int error = ring_put(ring, q->type, q->id, 0, q->fixed, q->len, q->data, q->data_len);

	if (error == 0 && thread == 0)
		seam_ring_doorbell(client->seam, false);
	return error;
}

// Moves what waits into the rings. A packet whose ring is still full is dropped, so that commands
// behind it get on.
static void flush(struct dp_client *client)
{
	bool left = false;

	for (uint32_t i = 0; i < client->threads; i++) {
		struct dp_queued *q = NULL;

		while ((q = dp_queue_first(&client->queue[i])) != NULL) {
			int error = put(client, i, q);

			if (error == -ENOSPC && !carries_packet(q->type))
				break;
			if (error != 0)
				client->counters.send_drops++;
			dp_queue_pop(&client->queue[i]);
		}
		left = left || q != NULL;
	}
	if (left)
		arm(client->flush_event, FLUSH_MS);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct dp_client *client = arg;

	(void)fd;
	(void)what;
	if (client->seam != NULL)
		flush(client);
}

static void serve(struct dp_client *client)
{
	bool more = false;

	if (client->seam == NULL)
		return;
	flush(client);
	more = drain_all(client);
	if (!more && client->seam != NULL) {
		seam_arm_doorbell(client->seam, true);
		more = drain_all(client);
	}
	if (client->garbage > GARBAGE_MAX)
		disconnect(client, "too much of what it says makes no sense");
	// By a timer: with event_active() a flood would keep the loop from its sockets and timers.
	if (more && client->seam != NULL)
		arm(client->again_event, 0);
	client->handlers->idle(client->arg);
}

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	serve(arg);
}

// The connection has nothing to say but its end.
static void on_conn(evutil_socket_t fd, short what, void *arg)
{
	struct dp_client *client = arg;

	(void)fd;
	(void)what;
	drain_all(client); // its last words
	disconnect(client, "the connection was closed");
	client->handlers->idle(client->arg);
}

static void retry_later(struct dp_client *client)
{
	arm(client->retry_event, client->retry_ms);
	client->retry_ms *= 2;
	if (client->retry_ms > RETRY_LAST_MS)
		client->retry_ms = RETRY_LAST_MS;
}

static void log_no_connection(struct dp_client *client, int error)
{
	if (!client->missing_said || (error != ENOENT && error != ECONNREFUSED))
		LOG_LIMITED(WARN, "no connection at %s: %s", client->path,
			error == EPROTO ? "it speaks another version" : strerror(error));
	client->missing_said = true;
}

static void connect_now(struct dp_client *client)
{
	struct seam_welcome welcome;
	int fd = -1;
	struct seam *seam = seam_connect(client->path, CONNECT_TIMEOUT_MS, &welcome, &fd);
	bool same = false;

	if (seam == NULL) {
		log_no_connection(client, errno);
		retry_later(client);
		return;
	}
	client->seam = seam;
	client->conn_fd = fd;
	client->threads = welcome.geometry.workers + 1;
	client->garbage = 0;
	client->retry_ms = RETRY_FIRST_MS;
	client->missing_said = false;
	client->counters.connects++;
	client->conn_event = event_new(client->base, fd, EV_READ | EV_PERSIST, on_conn, client);
	client->bell_event = event_new(
		client->base, seam_doorbell_fd(seam, true), EV_READ | EV_PERSIST, on_bell, client);
	event_add(client->conn_event, NULL);
	event_add(client->bell_event, NULL);
	same = client->had_instance && client->instance == welcome.instance;
	client->had_instance = true;
	client->instance = welcome.instance;
	LOG(NOTICE, "connected: process %u, %u workers, %u SAs each", welcome.pid,
		welcome.geometry.workers, welcome.sa_slots);
	client->handlers->connected(client->arg, &welcome, same);
	event_active(client->again_event, 0, 0);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct dp_client *client = arg;

	(void)fd;
	(void)what;
	if (client->seam == NULL)
		connect_now(client);
	client->handlers->idle(client->arg);
}

struct dp_client *dp_client_new(
	struct event_base *base, const char *path, const struct dp_handlers *handlers, void *arg)
{
	struct dp_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->base = base;
	client->path = path;
	client->handlers = handlers;
	client->arg = arg;
	client->conn_fd = -1;
	client->retry_ms = RETRY_FIRST_MS;
	for (uint32_t i = 0; i <= SEAM_WORKERS_MAX; i++)
		dp_queue_init(&client->queue[i]);
	client->retry_event = evtimer_new(base, on_retry, client);
	client->flush_event = evtimer_new(base, on_flush, client);
	client->again_event = event_new(base, -1, 0, on_bell, client);
	if (client->retry_event == NULL || client->flush_event == NULL ||
		client->again_event == NULL) {
		dp_client_free(client);
		errno = ENOMEM;
		return NULL;
	}
	event_active(client->retry_event, 0, 0);
	return client;
}

void dp_client_free(struct dp_client *client)
{
	if (client == NULL)
		return;
	if (client->conn_event != NULL)
		event_free(client->conn_event);
	if (client->bell_event != NULL)
		event_free(client->bell_event);
	if (client->retry_event != NULL)
		event_free(client->retry_event);
	if (client->flush_event != NULL)
		event_free(client->flush_event);
	if (client->again_event != NULL)
		event_free(client->again_event);
	for (uint32_t i = 0; i <= SEAM_WORKERS_MAX; i++)
		dp_queue_clear(&client->queue[i]);
	seam_free(client->seam);
	client->seam = NULL; // who hears of the loss below can give no more commands
	client->threads = 0;
	dp_pending_fail(&client->pending, fail_pending, NULL);
	dp_pending_fini(&client->pending);
	if (client->conn_fd >= 0)
		close(client->conn_fd);
	free(client);
}

bool dp_client_connected(const struct dp_client *client)
{
	return client->seam != NULL;
}

uint32_t dp_client_threads(const struct dp_client *client)
{
	return client->threads;
}

const struct seam *dp_client_seam(const struct dp_client *client)
{
	return client->seam;
}

const struct dp_counters *dp_client_counters(const struct dp_client *client)
{
	return &client->counters;
}

// Into the ring, or into the queue when something waits there or the ring is full.
static int give(struct dp_client *client, uint32_t thread, const struct dp_queued *q)
{
	struct dp_queue *queue = &client->queue[thread];
	int error = -ENOSPC;

	if (dp_queue_first(queue) == NULL)
		error = put(client, thread, q);
	if (error != -ENOSPC)
		return error;
	client->counters.queued++;
	error = dp_queue_push(queue, q);
	if (error == 0)
		arm(client->flush_event, FLUSH_MS);
	return error;
}

int dp_client_command(struct dp_client *client, uint32_t thread, enum ipc_type type,
	const void *payload, size_t len, dp_answer_fn fn, void *arg)
{
	struct dp_request request = {.fn = fn, .arg = arg, .type = type, .thread = thread};
	struct dp_queued q = {.type = type, .fixed = payload, .len = len};
	int error = 0;

	if (client->seam == NULL)
		return -ENOTCONN;
	if (thread >= client->threads)
		return -EINVAL;
	q.id = dp_pending_add(&client->pending, &request);
	if (q.id == 0)
		error = -ENOBUFS;
	else
		error = give(client, thread, &q);
	if (error != 0) {
		client->counters.refused++;
		dp_pending_cancel(&client->pending, q.id);
		LOG_LIMITED(
			ERR, "%s to thread %u: %s", ipc_type_name(type), thread, strerror(-error));
		return error;
	}
	client->counters.commands++;
	return 0;
}

int dp_client_send(struct dp_client *client, uint32_t thread, enum ipc_type type, const void *fixed,
	size_t len, const void *data, size_t data_len)
{
	struct dp_queued q = {
		.type = type, .fixed = fixed, .len = len, .data = data, .data_len = data_len};
	int error = 0;

	if (client->seam == NULL)
		return -ENOTCONN;
	if (thread >= client->threads)
		return -EINVAL;
	// A full ring of packets means that the worker is behind: waiting would only add to it.
	if (dp_queue_first(&client->queue[thread]) == NULL)
		error = put(client, thread, &q);
	else
		error = give(client, thread, &q);
	if (error != 0)
		client->counters.send_drops++;
	return error;
}
