// SPDX-License-Identifier: BSD-3-Clause
// Files of lease databases for tests: in memory where the machine has such a place, so that a test
// does not wait for a disk.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *tmp_dir(void)
{
	if (getenv("TMPDIR") != NULL)
		return getenv("TMPDIR");
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static inline void tmp_db_path(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s.%d.db", tmp_dir(), name, (int)getpid());
}

// The database and what stands beside it.
static inline void tmp_db_unlink(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
	char name[160];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}
