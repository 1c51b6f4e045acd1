// SPDX-License-Identifier: BSD-3-Clause
// See loadgen.h: the thread that asks and its clock. The SPI of a question is its number, which the
// answer repeats; one that is not answered when PENDING others were asked is given up.
#include "buf.h"
#include "clock.h"
#include "loadgen.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVERY_US (20 * US_PER_MS)
#define PENDING 1024 // 20 s
#define HEADER_LEN 28

struct load_probe {
	int fd;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; // of the report
	struct load_probe_report report;
	uint64_t next; // number of the next question, from 1
	uint64_t asked_us[PENDING]; // 0: answered
};

static void ask(struct load_probe *probe)
{
	uint8_t message[HEADER_LEN];
	struct buf_writer w;

	buf_writer_init(&w, message, sizeof(message));
	buf_put_be64(&w, probe->next);
	buf_put_be64(&w, 0);
	buf_put_u8(&w, 0);
	buf_put_u8(&w, 3 << 4); // version 3.0
	buf_put_u8(&w, 34); // IKE_SA_INIT
	buf_put_u8(&w, 0x08); // from the initiator
	buf_put_be32(&w, 0);
	buf_put_be32(&w, HEADER_LEN);
	probe->asked_us[probe->next % PENDING] = clock_now_us();
	if (send(probe->fd, message, sizeof(message), 0) != sizeof(message))
		return;
	probe->next++;
	pthread_mutex_lock(&probe->lock);
	probe->report.sent++;
	pthread_mutex_unlock(&probe->lock);
}

static void take_answers(struct load_probe *probe)
{
	uint8_t message[256];
	ssize_t len = 0;

	while ((len = recv(probe->fd, message, sizeof(message), MSG_DONTWAIT)) >= 0) {
		struct buf_reader r;
		uint64_t number = 0, took_us = 0;

		buf_reader_init(&r, message, (size_t)len);
		number = buf_get_be64(&r);
		if (number == 0 || number >= probe->next || number + PENDING < probe->next ||
			probe->asked_us[number % PENDING] == 0)
			continue;
		took_us = clock_now_us() - probe->asked_us[number % PENDING];
		probe->asked_us[number % PENDING] = 0;
		pthread_mutex_lock(&probe->lock);
		probe->report.answered++;
		if (took_us > probe->report.longest_us)
			probe->report.longest_us = took_us;
		pthread_mutex_unlock(&probe->lock);
	}
}

static void *probe_thread(void *arg)
{
	struct load_probe *probe = arg;
	struct pollfd pollfd = {.fd = probe->fd, .events = POLLIN};
	uint64_t next_us = clock_now_us();

	while (!atomic_load(&probe->stop)) {
		uint64_t now_us = clock_now_us();

		if (now_us >= next_us) {
			ask(probe);
			next_us = now_us + EVERY_US;
		}
		poll(&pollfd, 1, (int)((next_us - now_us) / US_PER_MS) + 1);
		take_answers(probe);
	}
	return NULL;
}

struct load_probe *load_probe_new(const struct inet_addr *gateway)
{
	struct load_probe *probe = calloc(1, sizeof(*probe));
	struct sockaddr_storage remote;
	socklen_t len = load_sockaddr(gateway, 500, &remote);
	int error = 0;

	if (probe == NULL)
		return NULL;
	probe->next = 1;
	pthread_mutex_init(&probe->lock, NULL);
	probe->fd = socket(gateway->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe->fd < 0 || connect(probe->fd, (struct sockaddr *)&remote, len) != 0)
		error = errno;
	else
		error = pthread_create(&probe->thread, NULL, probe_thread, probe);
	if (error == 0)
		return probe;
	if (probe->fd >= 0)
		close(probe->fd);
	free(probe);
	errno = error;
	return NULL;
}

void load_probe_free(struct load_probe *probe)
{
	if (probe == NULL)
		return;
	atomic_store(&probe->stop, true);
	pthread_join(probe->thread, NULL);
	close(probe->fd);
	free(probe);
}

void load_probe_read(struct load_probe *probe, struct load_probe_report *out)
{
	pthread_mutex_lock(&probe->lock);
	*out = probe->report;
	probe->report = (struct load_probe_report){};
	pthread_mutex_unlock(&probe->lock);
}
