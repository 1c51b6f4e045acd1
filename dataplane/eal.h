// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment, set up as the configuration asks. Main thread.
#pragma once

#include "config.h"

// rte_eal_init() with lcore 0 as main and 1 + i as worker i. `run_dir` gives the file prefix, so that
// several instances live side by side. 0, or -errno after saying why.
int eal_init(const struct config_dataplane *config, const char *run_dir);
// Also takes away the files that DPDK leaves under /var/run/dpdk.
void eal_fini(void);
// DPDK's --file-prefix for a runtime directory: "/run/caponier" is "caponier", "/tmp/x" is
// "caponier-tmp-x".
void eal_prefix(const char *run_dir, char *out, size_t len);
