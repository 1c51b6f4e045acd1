// SPDX-License-Identifier: BSD-3-Clause
// The way to the disk: a thread with its own connection moves the pages of SQLite's write-ahead log
// into the file, every few seconds and whenever the log has grown. Its waiting for the disk delays
// nobody; a process that is killed loses nothing either way. Blocks no writer but for a moment when
// a load that never pauses has made the log very long.
#include "log.h"
#include "store_impl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

LOG_TYPE("lease");

#define PAUSE_S 5 // what was written is on the disk so soon
#define GROWN_PAGES 2048 // so many more pages in the log are worth a checkpoint at once
#define LONG_PAGES 16384 // 64 MiB: from here on the writer has to wait until the log is empty

struct checkpoint {
	sqlite3 *db;
	pthread_t thread;
	pthread_mutex_t lock; // of all below
	pthread_cond_t wake;
	uint32_t log_pages; // as of the last commit
	uint32_t seen_pages; // as of the last checkpoint
	bool written; // since the last checkpoint
	bool stop;
};

static void wait_for_work(struct checkpoint *c)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PAUSE_S;
	while (!c->stop && c->log_pages < c->seen_pages + GROWN_PAGES)
		if (pthread_cond_timedwait(&c->wake, &c->lock, &until) != 0)
			break;
}

static void run_once(struct checkpoint *c, uint32_t pages)
{
	int in_log = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);

	// A log that is done whole starts over with the next write. Under a load without any pause it
	// never is: then the rest, which came during this checkpoint, is done with the writer waiting.
	if (rc == SQLITE_OK && done < in_log && pages > LONG_PAGES)
		rc = sqlite3_wal_checkpoint_v2(
			c->db, NULL, SQLITE_CHECKPOINT_RESTART, &in_log, &done);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		store_failed(c->db, "checkpoint");
}

static void *checkpoint_thread(void *arg)
{
	struct checkpoint *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		uint32_t pages = 0;

		wait_for_work(c);
		if (c->stop || !c->written)
			continue;
		c->written = false;
		pages = c->log_pages;
		c->seen_pages = pages;
		pthread_mutex_unlock(&c->lock);
		run_once(c, pages);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void checkpoint_written(struct checkpoint *c, uint32_t log_pages)
{
	pthread_mutex_lock(&c->lock);
	c->written = true;
	c->log_pages = log_pages;
	if (log_pages < c->seen_pages) // it has started over
		c->seen_pages = 0;
	if (log_pages >= c->seen_pages + GROWN_PAGES)
		pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

// Signals are the loop's.
static int start_thread(struct checkpoint *c)
{
	sigset_t all, old;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&c->thread, NULL, checkpoint_thread, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

struct checkpoint *checkpoint_new(const char *path)
{
	struct checkpoint *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (c == NULL)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(c->db, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256;", NULL,
			NULL, NULL) != SQLITE_OK) {
		store_failed(c->db, "open for checkpoints");
		errno = EIO;
	} else {
		sqlite3_busy_timeout(c->db, 1000);
		errno = start_thread(c);
		if (errno == 0)
			return c;
	}
	sqlite3_close(c->db);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

void checkpoint_free(struct checkpoint *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	sqlite3_close(c->db);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
