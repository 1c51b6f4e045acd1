// SPDX-License-Identifier: BSD-3-Clause
// Connections of control. A connection is kept open for as long as control lives: its end is how we
// learn that control died. Main thread.
#include "seam_server.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

LOG_TYPE("seam");

#define COMMAND_CELLS 4096 // 1 MiB a thread
#define EVENT_CELLS 4096
#define PUNT_CELLS 4096
#define HELLO_US (2 * US_PER_S) // who connects says so by then

struct seam_server {
	struct plane *plane; // lends
	const char *path; // lends
	int epoll_fd;
	int listen_fd;
	int conn_fd; // -1: none
	bool greeted; // HELLO was good, the segment is in use
	uint64_t connected_us;
	struct seam *seam;
	uint64_t instance;
	uint32_t generation;
};

static int watch(struct seam_server *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

struct seam_server *seam_server_new(struct plane *plane, const char *path, int epoll_fd)
{
	struct seam_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->plane = plane;
	s->path = path;
	s->epoll_fd = epoll_fd;
	s->conn_fd = -1;
	if (getrandom(&s->instance, sizeof(s->instance), 0) != (ssize_t)sizeof(s->instance))
		goto fail;
	s->listen_fd = seam_listen(path);
	if (s->listen_fd < 0) {
		errno = -s->listen_fd;
		goto fail;
	}
	if (!watch(s, s->listen_fd))
		return s;
	close(s->listen_fd);
fail:
	free(s);
	return NULL;
}

static void seam_tell(struct seam_server *s, struct seam *seam)
{
	struct worker_msg msg = {.type = WORKER_MSG_SEAM, .seam = seam};

	plane_tell_all(s->plane, &msg);
}

static void disconnect(struct seam_server *s)
{
	if (s->conn_fd < 0)
		return;
	if (s->seam) {
		seam_tell(s, NULL);
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, seam_doorbell_fd(s->seam, false), NULL);
		seam_free(s->seam);
		s->seam = NULL;
	}
	if (s->greeted)
		LOG(NOTICE, "control is gone");
	s->greeted = false;
	close(s->conn_fd); // leaves the epoll set with it
	s->conn_fd = -1;
}

void seam_server_free(struct seam_server *s)
{
	if (!s)
		return;
	disconnect(s);
	close(s->listen_fd);
	unlink(s->path);
	free(s);
}

// A second control is refused as long as the first is there; it will try again.
static void take_connection(struct seam_server *s)
{
	int fd = seam_accept(s->listen_fd);

	if (fd < 0)
		return;
	if (s->conn_fd >= 0) {
		LOG_LIMITED(WARN, "a second control was refused");
		close(fd);
		return;
	}
	s->conn_fd = fd;
	s->connected_us = clock_now_us();
	if (watch(s, fd))
		disconnect(s);
}

static void greet(struct seam_server *s)
{
	struct seam_geometry geometry = {.workers = s->plane->worker_n,
		.command_cells = COMMAND_CELLS,
		.event_cells = EVENT_CELLS,
		.punt_cells = PUNT_CELLS};
	struct seam_hello hello;
	int rc = seam_read_hello(s->conn_fd, &hello);

	if (rc == -EAGAIN)
		return;
	if (rc) {
		LOG_LIMITED(WARN, "a connection to the seam was refused: %s", strerror(-rc));
		disconnect(s);
		return;
	}
	s->seam = seam_create(&geometry);
	if (!s->seam || watch(s, seam_doorbell_fd(s->seam, false))) {
		LOG(ERR, "no shared memory for control: %s", strerror(errno));
		disconnect(s);
		return;
	}
	s->greeted = true;
	s->generation++;
	seam_tell(s, s->seam);
	rc = seam_send_welcome(s->conn_fd, s->seam, s->instance, s->plane->config->sa_slots);
	if (rc) {
		LOG(ERR, "control got no answer: %s", strerror(-rc));
		disconnect(s);
		return;
	}
	LOG(NOTICE, "control is there, process %u", hello.pid);
}

// After HELLO control says nothing more by the socket: data or its end both end the connection.
bool seam_server_event(struct seam_server *s, int fd, uint32_t events)
{
	if (fd == s->listen_fd) {
		take_connection(s);
	} else if (fd == s->conn_fd) {
		if (s->greeted)
			disconnect(s);
		else
			greet(s);
	} else if (s->seam && fd == seam_doorbell_fd(s->seam, false)) {
		// What was rung is taken by seam_server_arm(). Control closing its end of it alone would
		// wake us for ever.
		if (events & (EPOLLHUP | EPOLLERR))
			disconnect(s);
	} else {
		return false;
	}
	return true;
}

void seam_server_arm(struct seam_server *s)
{
	if (s->seam)
		seam_arm_doorbell(s->seam, false);
	else if (s->conn_fd >= 0 && clock_now_us() - s->connected_us > HELLO_US)
		disconnect(s);
}

struct ring *seam_server_ring(struct seam_server *s, enum seam_ring which)
{
	return s->seam ? seam_ring(s->seam, 0, which) : NULL;
}

void seam_server_doorbell(struct seam_server *s)
{
	if (s->seam)
		seam_ring_doorbell(s->seam, true);
}

void seam_server_publish(struct seam_server *s, const struct seam_stats *stats)
{
	if (s->seam)
		seam_stats_publish(s->seam, 0, stats);
}

uint32_t seam_server_generation(const struct seam_server *s)
{
	return s->generation;
}
