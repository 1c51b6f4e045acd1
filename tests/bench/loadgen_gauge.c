// SPDX-License-Identifier: BSD-3-Clause
// What a process has used so far, as the kernel counts it: proc(5), schedstat of every thread (in
// nanoseconds, where stat has ticks of 10 ms) and statm.
#include "clock.h"
#include "loadgen.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t thread_ns(int pid, const char *thread)
{
	unsigned long long ns = 0;
	char path[300];
	FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

static uint64_t cpu_us(int pid)
{
	char path[64];
	uint64_t ns = 0;
	DIR *tasks = NULL;
	const struct dirent *entry = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (tasks == NULL)
		return 0;
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.')
			ns += thread_ns(pid, entry->d_name);
	closedir(tasks);
	return ns / 1000;
}

// Everything that is in memory, shared or not: the segments between the two count in both.
static uint64_t resident(int pid)
{
	unsigned long size = 0, all = 0;
	char path[64];
	FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &all) != 2)
		all = 0;
	fclose(file);
	return (uint64_t)all * (uint64_t)sysconf(_SC_PAGESIZE);
}

void load_gauge_read(const int pid[LOAD_PROCESSES], struct load_gauge *out)
{
	out->us = clock_now_us();
	for (int i = 0; i < LOAD_PROCESSES; i++) {
		out->cpu_us[i] = pid[i] > 0 ? cpu_us(pid[i]) : 0;
		out->memory[i] = pid[i] > 0 ? resident(pid[i]) : 0;
	}
}
