// SPDX-License-Identifier: BSD-3-Clause
// The benchmark of leases: what a new link costs in pools and database, at the beginning and when there
// are many; what a start takes; memory and file size for each lease. Three leases and a link a client,
// as the testbed's profile has them; no peers, no packets.
#include "clock.h"
#include "lease.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW 1000 // clients whose median is a figure
#define POOLS 3

static struct config_pool pools[POOLS];
static struct config config = {.pool_n = POOLS, .pool = pools};

static void plain_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static void set_config(void)
{
	static const struct {
		const char *name, *prefix;
		uint8_t len;
	} rows[POOLS] = {{"global", "2001:db8:1000::/36", 64}, {"ula", "fd00:db8:1000::/36", 64},
		{"v4", "10.0.0.0/8", 32}};

	for (int i = 0; i < POOLS; i++) {
		snprintf(pools[i].name, sizeof(pools[i].name), "%s", rows[i].name);
		inet_prefix_parse(rows[i].prefix, &pools[i].prefix);
		pools[i].lease_len = rows[i].len;
	}
}

static double rss_mb(void)
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (file != NULL)
		fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double file_mb(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? (double)info.st_size / 1e6 : 0;
}

static void die(const char *what, int error)
{
	fprintf(stderr, "leases: %s: %s\n", what, strerror(error));
	exit(1);
}

// As link_attach() does it: all in one transaction.
static void one_client(struct store *store, struct lease_book *book, uint32_t i)
{
	struct store_link row = {.virtual_link = true, .peer = "load", .profile = "link"};
	int error = store_begin(store);

	row.handle = i + 1;
	row.identity.type = CONFIG_ID_RFC822;
	row.identity.len = (uint8_t)snprintf(
		(char *)row.identity.data, sizeof(row.identity.data), "u%u@load.example.org", i);
	for (uint32_t k = 0; k < POOLS && error == 0; k++) {
		struct lease *lease = NULL;

		error = lease_take(book, lease_book_index(book, &pools[k]), &row.identity, 0,
			row.handle, 1, &lease);
		if (error != 0)
			break;
		memcpy(row.pool[k].name, pools[k].name, sizeof(row.pool[k].name));
		row.pool[k].prefix = lease_prefix(book, lease);
		row.pool_n++;
	}
	if (error == 0)
		error = store_put_link(store, &row);
	if (error == 0)
		error = store_commit(store);
	if (error != 0)
		die("a new link", -error);
}

// As link_load() does it.
static bool resume(void *arg, const struct store_link *row)
{
	struct lease_book *book = arg;
	struct lease *lease = NULL;

	for (uint32_t k = 0; k < row->pool_n; k++)
		if (lease_resume(book, lease_book_index(book, &pools[k]), &row->identity, 0,
			    &row->pool[k].prefix, row->handle, row->created_s, &lease) != 0)
			die("a link from before", EIO);
	return true;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

// The mean counts too, what comes seldom and takes long is somebody's handshake: of CPU time, so that
// it tells of nothing else on the machine.
struct window {
	double median_us, cpu_us, max_us;
};

static uint64_t cpu_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

static struct window run_window(struct store *store, struct lease_book *book, uint32_t from)
{
	static uint64_t us[WINDOW];
	uint64_t cpu_us = cpu_now_us();

	for (uint32_t i = 0; i < WINDOW; i++) {
		uint64_t begin = clock_now_us();

		one_client(store, book, from + i);
		us[i] = clock_now_us() - begin;
	}
	cpu_us = cpu_now_us() - cpu_us;
	qsort(us, WINDOW, sizeof(us[0]), compare);
	return (struct window){
		(double)us[WINDOW / 2], (double)cpu_us / WINDOW, (double)us[WINDOW - 1]};
}

static void run(uint32_t clients, const char *path, FILE *json)
{
	struct store *store = store_open(path);
	double before_mb = rss_mb(), full_mb = 0, longest_us = 0;
	struct lease_book *book =
		store != NULL ? lease_book_new(&config, store, plain_random, NULL) : NULL;
	struct window first = {}, last = {};
	uint64_t begin = 0, start_us = 0;

	if (book == NULL)
		die(path, errno);
	for (uint32_t i = 0; i + WINDOW <= clients; i += WINDOW) {
		last = run_window(store, book, i);
		if (i == 0)
			first = last;
		if (last.max_us > longest_us)
			longest_us = last.max_us;
	}
	full_mb = rss_mb() - before_mb;
	lease_book_free(book);
	store_close(store);
	begin = clock_now_us();
	store = store_open(path);
	book = store != NULL ? lease_book_new(&config, store, plain_random, NULL) : NULL;
	if (book == NULL || store_each_link(store, resume, book) != 0)
		die(path, errno);
	start_us = clock_now_us() - begin;
	printf("leases                        %9u\n", clients * POOLS);
	printf("a new client, the first 1000  %9.0f us (median), %.0f us (mean of CPU time)\n",
		first.median_us, first.cpu_us);
	printf("a new client, the last 1000   %9.0f us (median), %.0f us (mean of CPU time)\n",
		last.median_us, last.cpu_us);
	printf("the longest of all            %9.0f us\n", longest_us);
	printf("a start with all of them      %9.2f s\n", (double)start_us / 1e6);
	printf("memory                        %9.1f MB\n", full_mb);
	printf("database                      %9.1f MB\n", file_mb(path));
	if (json != NULL)
		fprintf(json,
			"{\"leases\": %u, \"first_us\": %.0f, \"last_us\": %.0f, "
			"\"first_cpu_us\": %.0f, \"last_cpu_us\": %.0f, \"longest_us\": %.0f, "
			"\"start_s\": %.3f, \"memory_mb\": %.1f, \"database_mb\": %.1f}\n",
			clients * POOLS, first.median_us, last.median_us, first.cpu_us, last.cpu_us,
			longest_us, (double)start_us / 1e6, full_mb, file_mb(path));
	lease_book_free(book);
	store_close(store);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"clients", required_argument, NULL, 'n'},
		{"json", required_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	uint32_t clients = 333000;
	char dir[200], path[220], name[240];
	FILE *json = NULL;
	int c = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			clients = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'j')
			json = fopen(optarg, "w");
		else
			return 2;
	}
	snprintf(dir, sizeof(dir), "%s/caponier-leases.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/var/tmp");
	if (clients < WINDOW || mkdtemp(dir) == NULL) {
		fputs("usage: leases [--clients N, at least 1000] [--json FILE]\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "%s/leases.db", dir);
	set_config();
	run(clients, path, json);
	if (json != NULL)
		fclose(json);
	for (int i = 0; i < 4; i++) {
		static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	rmdir(dir);
	return 0;
}
