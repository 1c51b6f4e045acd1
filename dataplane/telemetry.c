// SPDX-License-Identifier: BSD-3-Clause
// Callbacks run in DPDK's telemetry thread and read what the workers publish, nothing else.
#include "telemetry.h"

#include <rte_telemetry.h>

#include <stdio.h>

static struct plane *_Atomic the_plane; // main: w, telemetry thread: r

static void sum(struct seam_stats *out)
{
	struct plane *plane = atomic_load(&the_plane);
	uint64_t *total = (uint64_t *)out;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; plane && i < plane->worker_n; i++) {
		const _Atomic uint64_t *from =
			(const _Atomic uint64_t *)plane->worker[i]->published;

		for (size_t k = 0; k < sizeof(*out) / 8; k++)
			total[k] += atomic_load_explicit(from + k, memory_order_relaxed);
	}
	for (uint32_t r = 0; plane && r < DROP_COUNT; r++)
		out->drops[r] += plane->drops.n[r];
}

static int stats_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct seam_stats s;

	(void)cmd;
	(void)params;
	sum(&s);
	rte_tel_data_start_dict(d);
#define X(name, text) rte_tel_data_add_dict_u64(d, #name, s.name);
	SEAM_STATS(X)
#undef X
	return 0;
}

// Telemetry's names know no hyphen.
static void dict_name(char *out, size_t len, const char *name)
{
	snprintf(out, len, "%s", name);
	for (char *c = out; *c; c++) {
		if (*c == '-')
			*c = '_';
	}
}

static int drops_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct seam_stats s;

	(void)cmd;
	(void)params;
	sum(&s);
	rte_tel_data_start_dict(d);
	for (uint32_t r = 0; r < DROP_COUNT; r++) {
		char name[RTE_TEL_MAX_STRING_LEN];

		dict_name(name, sizeof(name), drop_name(r));
		rte_tel_data_add_dict_u64(d, name, s.drops[r]);
	}
	return 0;
}

int telemetry_init(struct plane *plane)
{
	int rc;

	atomic_store(&the_plane, plane);
	rc = rte_telemetry_register_cmd(
		"/caponier/stats", stats_cb, "Counters of all workers. No parameters.");
	if (!rc)
		rc = rte_telemetry_register_cmd(
			"/caponier/drops", drops_cb, "Dropped packets by reason. No parameters.");
	return rc;
}

void telemetry_fini(void)
{
	atomic_store(&the_plane, NULL);
}
