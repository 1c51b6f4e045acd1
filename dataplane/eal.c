// SPDX-License-Identifier: BSD-3-Clause
// Arguments for rte_eal_init(), and what depends on whether there are hugepages. Main thread.
#include "eal.h"

#include "log.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_pdump.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("eal");

#define ARGS_MAX 24
#define ARG_LEN 1024

static bool pdump_there;
static char runtime_dir[512];

void eal_prefix(const char *run_dir, char *out, size_t len)
{
	const char *name = run_dir;
	size_t at;

	if (!strncmp(name, "/var/run/", 9))
		name += 9;
	else if (!strncmp(name, "/run/", 5))
		name += 5;
	while (*name == '/')
		name++;
	at = (size_t)snprintf(out, len, "%s", strncmp(name, "caponier", 8) ? "caponier-" : "");
	for (; *name && at + 1 < len; name++)
		out[at++] = *name == '/' ? '-' : *name;
	while (at && out[at - 1] == '-')
		at--;
	out[at] = '\0';
}

static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n = 0;

	if (f) {
		if (fscanf(f, "%llu", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

static bool hugetlbfs_mounted(void)
{
	FILE *f = fopen("/proc/mounts", "re");
	char line[512], type[32];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %31s", type) == 1 && !strcmp(type, "hugetlbfs");
	if (f)
		fclose(f);
	return found;
}

static bool hugepages_there(uint32_t memory_mb)
{
	uint64_t free_mb =
		read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") * 2 +
		read_number("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") * 1024;

	return free_mb >= memory_mb && hugetlbfs_mounted();
}

static int cpus_check(const struct config_dataplane *config)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (uint32_t i = 0; i <= config->worker_n; i++) {
		uint32_t cpu = i == config->worker_n ? config->main_cpu : config->worker_cpu[i];

		if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &set))
			continue;
		LOG(ERR, "CPU %u is not there or not allowed to this process (%s)", cpu,
			i == config->worker_n ? "main_cpu" : "cpus");
		return -EINVAL;
	}
	return 0;
}

static bool needs_pci(const struct config_dataplane *config)
{
	for (uint32_t i = 0; i < config->port_n; i++) {
		if (!strncmp(config->port[i].device, "pci:", 4))
			return true;
	}
	return false;
}

struct args {
	int n;
	char *v[ARGS_MAX + 1];
};

static void __attribute__((format(printf, 2, 3)))
arg_add(struct args *args, const char *format, ...)
{
	char text[ARG_LEN];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (args->n < ARGS_MAX)
		args->v[args->n++] = strdup(text);
}

static void lcores_add(struct args *args, const struct config_dataplane *config)
{
	char text[ARG_LEN];
	size_t at = (size_t)snprintf(text, sizeof(text), "0@%u", config->main_cpu);

	for (uint32_t i = 0; i < config->worker_n && at < sizeof(text); i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, ",%u@%u", 1 + i, config->worker_cpu[i]);
	arg_add(args, "--lcores=%s", text);
	arg_add(args, "--main-lcore=0");
}

static int hugepages_choose(const struct config_dataplane *config, bool *huge)
{
	bool there = hugepages_there(config->memory_mb);

	*huge = there && config->hugepages != CONFIG_HUGEPAGES_NO;
	if (config->hugepages == CONFIG_HUGEPAGES_YES && !there) {
		LOG(ERR,
			"hugepages = \"yes\", but there are not %u MB of free hugepages with a "
			"hugetlbfs mount",
			config->memory_mb);
		return -ENOMEM;
	}
	if (!*huge)
		LOG(NOTICE,
			"running without hugepages; dpdk-dumpcap, which needs them, cannot attach");
	return 0;
}

int eal_init(const struct config_dataplane *config, const char *run_dir)
{
	struct args args = {0};
	char *argv[ARGS_MAX + 1];
	char prefix[128];
	bool huge;
	int rc = cpus_check(config);

	if (!rc)
		rc = hugepages_choose(config, &huge);
	if (rc)
		return rc;
	eal_prefix(run_dir, prefix, sizeof(prefix));
	arg_add(&args, "caponier-dataplane");
	lcores_add(&args, config);
	arg_add(&args, "--file-prefix=%s", prefix);
	arg_add(&args, "-m");
	arg_add(&args, "%u", config->memory_mb);
	if (!huge)
		arg_add(&args, "--no-huge");
	if (!needs_pci(config))
		arg_add(&args, "--no-pci");
	arg_add(&args, "--log-level=lib.eal:warning");
	// Complaints about rte_flow, which is not used, where the kernel lacks a queueing discipline.
	arg_add(&args, "--log-level=pmd.net.tap:critical");
	arg_add(&args, "--log-level=lib.telemetry:error");
	rte_openlog_stream(stderr);
	memcpy(argv, args.v, sizeof(argv)); // DPDK moves the pointers about
	if (rte_eal_init(args.n, argv) < 0) {
		rc = rte_errno ? -rte_errno : -EIO;
		LOG(ERR, "DPDK cannot be set up: %s (does another dataplane run with %s?)",
			strerror(-rc), run_dir);
		goto out;
	}
	snprintf(runtime_dir, sizeof(runtime_dir), "%s", rte_eal_get_runtime_dir());
	if (huge) {
		pdump_there = rte_pdump_init() == 0;
		if (!pdump_there)
			LOG(WARN, "dpdk-dumpcap cannot attach: %s", rte_strerror(rte_errno));
	}
out:
	for (int i = 0; i < args.n; i++)
		free(args.v[i]); // DPDK made copies of what it keeps
	return rc;
}

// DPDK leaves its files for the next start under the same prefix. They hold nothing that is needed.
static void runtime_dir_remove(void)
{
	DIR *dir = runtime_dir[0] ? opendir(runtime_dir) : NULL;
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	rmdir(runtime_dir);
}

void eal_fini(void)
{
	if (pdump_there)
		rte_pdump_uninit();
	rte_eal_cleanup();
	runtime_dir_remove();
}
