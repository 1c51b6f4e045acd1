// SPDX-License-Identifier: BSD-3-Clause
// See host6.h. The kernel forwards IPv6 only when conf/all/forwarding says so, and writing that takes
// router advertisements from every interface whose accept_ra is 1 and not 2: those are set to 2 and
// back, or the host would lose its own default route. Main thread.
#include "host6.h"

#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("hostif");

#define CONF_DIR "/proc/sys/net/ipv6/conf"
#define RA_KEPT_MAX 256 // interfaces

static int conf_open(const char *iface, const char *key, int flags)
{
	char path[128];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), CONF_DIR "/%s/%s", iface, key) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int host6_set(const char *iface, const char *key, int value)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", value);
	int fd = conf_open(iface, key, O_WRONLY), rc = 0;

	if (fd < 0)
		return fd;
	if (write(fd, text, (size_t)len) != len)
		rc = -errno;
	close(fd);
	return rc;
}

int host6_get(const char *iface, const char *key, int *value)
{
	char text[16] = "", *end = text;
	int fd = conf_open(iface, key, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	*value = (int)strtol(text, &end, 10);
	return end == text || (*end != '\n' && *end != '\0') ? -EIO : 0;
}

// ---- forwarding ----

static uint32_t users;
static bool turned_on; // by us
static uint32_t ra_kept_n;
static char ra_kept[RA_KEPT_MAX][IFNAMSIZ];

static void keep_ra(const char *iface)
{
	size_t len = strlen(iface);
	int value = 0;

	if (ra_kept_n == RA_KEPT_MAX || len >= IFNAMSIZ || host6_get(iface, "accept_ra", &value) ||
		value != 1 || host6_set(iface, "accept_ra", 2))
		return;
	memcpy(ra_kept[ra_kept_n++], iface, len + 1);
}

static void keep_ra_all(void)
{
	DIR *dir = opendir(CONF_DIR);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "all"))
			keep_ra(entry->d_name);
	if (dir)
		closedir(dir);
}

static void restore_ra(void)
{
	while (ra_kept_n > 0) {
		const char *iface = ra_kept[--ra_kept_n];
		int value = 0;

		// Somebody else's change stays.
		if (!host6_get(iface, "accept_ra", &value) && value == 2)
			host6_set(iface, "accept_ra", 1);
	}
}

int host6_forward_get(void)
{
	int value = 0, rc;

	if (users > 0) {
		users++;
		return 0;
	}
	rc = host6_get("all", "forwarding", &value);
	if (rc)
		return rc;
	if (!value) {
		keep_ra_all();
		rc = host6_set("all", "forwarding", 1);
		if (rc) {
			restore_ra();
			return rc;
		}
		LOG(NOTICE, "the host forwards IPv6 from now on");
		turned_on = true;
	}
	users = 1;
	return 0;
}

void host6_forward_put(void)
{
	if (users == 0 || --users > 0 || !turned_on)
		return;
	turned_on = false;
	host6_set("all", "forwarding", 0);
	restore_ra();
	LOG(NOTICE, "the host forwards IPv6 no more");
}
