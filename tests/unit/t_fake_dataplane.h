// SPDX-License-Identifier: BSD-3-Clause
// The dataplane's end of the seam, played by a test: listens in a directory of its own, welcomes one
// control after the other from a thread (the handshake blocks control's side), then hands the rings
// to the test, which reads commands and says whatever it likes.
#pragma once

#include "seam.h"

#include <check.h>
#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_dataplane {
	char dir[40], path[64];
	int listen_fd, conn_fd;
	struct seam_geometry geometry;
	uint64_t instance;
	uint32_t sa_slots;
	struct seam *seam;
	pthread_t thread;
	alignas(8) uint8_t message[RING_MSG_MAX];
};

// 0, or the connection was one that control has given up meanwhile.
static inline int fake_dataplane_try(struct fake_dataplane *d)
{
	struct pollfd poll_fd = {.fd = d->listen_fd, .events = POLLIN};
	struct seam_hello hello;
	int error = -EAGAIN;

	poll(&poll_fd, 1, 10000);
	d->conn_fd = seam_accept(d->listen_fd);
	poll_fd.fd = d->conn_fd;
	for (int i = 0; i < 100 && error == -EAGAIN; i++) {
		poll(&poll_fd, 1, 100);
		error = seam_read_hello(d->conn_fd, &hello);
	}
	if (error == 0) {
		d->seam = seam_create(&d->geometry);
		error = d->seam == NULL
			? -errno
			: seam_send_welcome(d->conn_fd, d->seam, d->instance, d->sa_slots);
	}
	if (error != 0) {
		seam_free(d->seam);
		close(d->conn_fd);
		d->seam = NULL;
		d->conn_fd = -1;
	}
	return error;
}

static inline void *fake_dataplane_welcome(void *arg)
{
	for (int i = 0; i < 20; i++)
		if (fake_dataplane_try(arg) == 0)
			return NULL;
	abort();
}

static inline void fake_dataplane_start(
	struct fake_dataplane *d, uint32_t workers, uint32_t command_cells)
{
	*d = (struct fake_dataplane){.geometry = {.workers = workers,
					     .command_cells = command_cells,
					     .event_cells = 1024,
					     .punt_cells = 512},
		.instance = 1,
		.sa_slots = 64,
		.conn_fd = -1};
	snprintf(d->dir, sizeof(d->dir), "/tmp/t_fake.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/dataplane.sock", d->dir);
	d->listen_fd = seam_listen(d->path);
	ck_assert_int_ge(d->listen_fd, 0);
}

static inline void fake_dataplane_expect(struct fake_dataplane *d)
{
	ck_assert_int_eq(pthread_create(&d->thread, NULL, fake_dataplane_welcome, d), 0);
}

// Runs the loop until *flag, at most a few seconds.
static inline void fake_dataplane_run(struct event_base *base, const bool *flag)
{
	for (int i = 0; i < 5000 && (flag == NULL || !*flag); i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (flag == NULL && i == 20)
			return;
		usleep(flag == NULL ? 500 : 1000);
	}
	ck_assert_msg(flag == NULL || *flag, "it did not happen");
}

static inline void fake_dataplane_die(struct fake_dataplane *d)
{
	seam_free(d->seam);
	d->seam = NULL;
	if (d->conn_fd >= 0)
		close(d->conn_fd);
	d->conn_fd = -1;
}

static inline void fake_dataplane_stop(struct fake_dataplane *d)
{
	fake_dataplane_die(d);
	close(d->listen_fd);
	unlink(d->path);
	rmdir(d->dir);
}

// The next message to this thread, or NULL; payload behind the header.
static inline const struct ipc_hdr *fake_dataplane_take(
	struct fake_dataplane *d, uint32_t thread, enum seam_ring which)
{
	int len = ring_get(seam_ring(d->seam, thread, which), d->message, sizeof(d->message));

	ck_assert_int_ge(len, 0);
	if (len == 0)
		return NULL;
	ck_assert_int_eq(ipc_check(d->message, (size_t)len, true), 0);
	return (const struct ipc_hdr *)d->message;
}

static inline void fake_dataplane_say(struct fake_dataplane *d, uint32_t thread, uint32_t type,
	uint32_t id, uint32_t status, const void *payload, size_t len)
{
	ck_assert_int_eq(ring_put(seam_ring(d->seam, thread, SEAM_EVENT), type, id, status, payload,
				 len, NULL, 0),
		0);
	seam_ring_doorbell(d->seam, true);
}

static inline void fake_dataplane_ack(
	struct fake_dataplane *d, uint32_t thread, const struct ipc_hdr *hdr, uint32_t status)
{
	struct ipc_ack ack = {.command = hdr->type};

	fake_dataplane_say(d, thread, IPC_ACK, hdr->id, status, &ack, sizeof(ack));
}
