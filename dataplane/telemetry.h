// SPDX-License-Identifier: BSD-3-Clause
// Our counters in DPDK's telemetry: /caponier/stats and /caponier/drops, summed over all threads.
#pragma once

#include "plane.h"

// Lends the plane until the process ends. 0 or -errno.
int telemetry_init(struct plane *plane);
void telemetry_fini(void); // the commands stay and answer with nothing
