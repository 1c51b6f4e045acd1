// SPDX-License-Identifier: BSD-3-Clause
// Control's side of the signing process. See signer.h. What is under way when the process dies fails,
// with a line in the log; its keeper starts another one.
#include "signer.h"

#include "log.h"
#include "signer_msg.h"
#include "signer_process.h"

#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

LOG_TYPE("signer");

// Requests in the socket at a time: less than its buffer, so that sending never waits.
#define UNDER_WAY_MAX 8
// Requests that wait; half-open IKE SAs are bounded too.
#define WAITING_MAX 65536
#define LOAD_MS 10000

struct request {
	struct request *next;
	uint64_t tag;
	bool sent, quiet; // quiet: nobody is told but the log
	size_t bytes;
	struct signer_head head;
	uint8_t data[]; // follows the head
};

static_assert(offsetof(struct request, data) ==
		offsetof(struct request, head) + sizeof(struct signer_head),
	"one datagram");

struct signer {
	int fd;
	pid_t keeper;
	struct event *event;
	signer_fn fn;
	void *arg;
	uint64_t next_id;
	struct request *first, **end;
	uint32_t n, under_way;
	bool gone; // for good
};

static const char *const status_text[] = {
#define X(id, text) text,
	SIGNER_STATUS(X)
#undef X
};

struct signer *signer_start(void)
{
	struct signer *s = calloc(1, sizeof(*s));
	pid_t self = getpid();
	int fd[2], error;

	if (s == NULL)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0) {
		free(s);
		return NULL;
	}
	s->keeper = fork();
	if (s->keeper == 0) {
		close(fd[0]);
		signer_process_keep(fd[1], self);
	}
	error = errno;
	close(fd[1]);
	if (s->keeper < 0) {
		close(fd[0]);
		free(s);
		errno = error;
		return NULL;
	}
	s->fd = fd[0];
	s->end = &s->first;
	return s;
}

static void request_done(struct signer *s, struct request *request, const char *why,
	const void *signature, size_t len)
{
	if (why != NULL)
		LOG_LIMITED(ERR, "%s: %s", request->head.key, why);
	if (!request->quiet && s->fn != NULL)
		s->fn(s->arg, request->tag, why, signature, len);
	free(request);
}

// Out of the queue; NULL: it was given up.
static struct request *take(struct signer *s, uint64_t id)
{
	for (struct request **at = &s->first; *at != NULL; at = &(*at)->next) {
		struct request *request = *at;

		if (request->head.id != id || !request->sent)
			continue;
		*at = request->next;
		if (s->end == &request->next)
			s->end = at;
		s->n--;
		s->under_way--;
		return request;
	}
	return NULL;
}

static void send_some(struct signer *s)
{
	for (struct request *r = s->first; r != NULL && s->under_way < UNDER_WAY_MAX; r = r->next) {
		if (r->sent)
			continue;
		if (send(s->fd, &r->head, r->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return; // gone, or full: with the next answer
		r->sent = true;
		s->under_way++;
	}
}

static void all_failed(struct signer *s, const char *why, bool waiting_too)
{
	struct request *list = s->first, *next, *failed = NULL, **failed_end = &failed;

	s->first = NULL;
	s->end = &s->first;
	s->n = s->under_way = 0;
	for (; list != NULL; list = next) {
		next = list->next;
		list->next = NULL;
		if (list->sent || waiting_too) {
			*failed_end = list;
			failed_end = &list->next;
		} else {
			*s->end = list;
			s->end = &list->next;
			s->n++;
		}
	}
	for (; failed != NULL; failed = next) { // these calls may bring new requests
		next = failed->next;
		request_done(s, failed, why, NULL, 0);
	}
}

static void died(struct signer *s, uint32_t code)
{
	if (WIFSIGNALED((int)code))
		LOG(ERR, "the signing process has died of signal %d; another one was started",
			WTERMSIG((int)code));
	else
		LOG(ERR, "the signing process has ended with %d; another one was started",
			WEXITSTATUS((int)code));
	all_failed(s, "the signing process has died", false);
}

static void answered(struct signer *s, const struct signer_msg *msg)
{
	struct request *request = take(s, msg->head.id);
	const char *why = NULL;

	if (request == NULL)
		return;
	if (msg->head.code != SIGNER_DONE)
		why = status_text[msg->head.code < SIGNER_STATUS_N ? msg->head.code
								   : SIGNER_FAILED];
	else if (request->head.type == SIGNER_SIGN &&
		(msg->head.len == 0 || msg->head.len > SIGN_SIGNATURE_MAX))
		why = status_text[SIGNER_FAILED];
	request_done(s, request, why, msg->data, msg->head.len);
}

// false: nothing was there.
static bool receive(struct signer *s)
{
	struct signer_msg msg;
	ssize_t n = recv(s->fd, &msg, sizeof(msg), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		LOG(ERR,
			"the signing process and its keeper are gone; a restart of "
			"caponier-control brings them back");
		if (s->event != NULL)
			event_del(s->event);
		s->gone = true;
		all_failed(s, "the signing process is gone", true);
		return false;
	}
	if (!signer_msg_fits(&msg, n))
		LOG_LIMITED(ERR, "malformed message from the signing process dropped");
	else if (msg.head.type == SIGNER_DIED)
		died(s, msg.head.code);
	else if (msg.head.type == SIGNER_ANSWER)
		answered(s, &msg);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct signer *s = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < UNDER_WAY_MAX && receive(s); i++)
		;
	send_some(s);
}

int signer_watch(struct signer *s, struct event_base *base, signer_fn fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
	s->event = event_new(base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	return s->event != NULL && event_add(s->event, NULL) == 0 ? 0 : -ENOMEM;
}

static int add(struct signer *s, enum signer_type type, uint32_t code, const char *key,
	const void *data, size_t len, uint64_t tag, bool quiet)
{
	struct request *request;

	if (len > SIGNER_DATA_MAX || strlen(key) >= sizeof(request->head.key))
		return -EMSGSIZE;
	if (s->gone)
		return -ENOTCONN;
	if (s->n >= WAITING_MAX)
		return -ENOBUFS;
	request = calloc(1, sizeof(*request) + len);
	if (request == NULL)
		return -ENOMEM;
	request->tag = tag;
	request->quiet = quiet;
	request->bytes = SIGNER_MSG_BYTES(len);
	request->head.type = type;
	request->head.code = code;
	request->head.id = ++s->next_id;
	request->head.len = (uint32_t)len;
	memcpy(request->head.key, key, strlen(key));
	memcpy(request->data, data, len);
	*s->end = request;
	s->end = &request->next;
	s->n++;
	send_some(s);
	return 0;
}

int signer_sign(struct signer *s, uint64_t tag, const char *key, uint32_t scheme, const void *data,
	size_t len)
{
	return add(s, SIGNER_SIGN, scheme, key, data, len, tag, false);
}

int signer_reload(struct signer *s, const char *key, const void *spki, size_t len)
{
	return add(s, SIGNER_LOAD, 0, key, spki, len, 0, true);
}

struct loaded {
	bool done;
	const char *why;
};

static void note_loaded(void *arg, uint64_t tag, const char *why, const void *data, size_t len)
{
	struct loaded *loaded = arg;

	(void)tag;
	(void)data;
	(void)len;
	loaded->done = true;
	loaded->why = why;
}

const char *signer_load(struct signer *s, const char *key, const void *spki, size_t len)
{
	struct loaded loaded = {};
	struct pollfd pollfd = {.fd = s->fd, .events = POLLIN};

	s->fn = note_loaded;
	s->arg = &loaded;
	if (add(s, SIGNER_LOAD, 0, key, spki, len, 0, false) != 0)
		return "out of memory";
	while (!loaded.done && poll(&pollfd, 1, LOAD_MS) > 0)
		receive(s);
	s->fn = NULL;
	return loaded.done ? loaded.why : "the signing process does not answer";
}

void signer_stop(struct signer *s)
{
	if (s == NULL)
		return;
	if (s->event != NULL)
		event_free(s->event);
	s->fn = NULL;
	while (s->first != NULL) {
		struct request *next = s->first->next;

		free(s->first);
		s->first = next;
	}
	close(s->fd); // which ends them
	waitpid(s->keeper, NULL, 0);
	free(s);
}
