// SPDX-License-Identifier: BSD-3-Clause
// `drops show` and `stats show`: what the dataplane's threads publish, and the counters of IKE and
// of control itself. Control's thread.
#include "admin_cmds.h"
#include "clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct thread_stats {
	uint32_t n; // threads: main, then each worker
	struct seam_stats thread[SEAM_WORKERS_MAX + 1];
};

// NULL and errno: ENOTCONN no dataplane. The caller's (free).
static struct thread_stats *read_threads(struct control *control)
{
	struct control_dataplane dataplane;
	struct thread_stats *stats;

	control_dataplane(control, &dataplane);
	if (!dataplane.connected || dataplane.workers > SEAM_WORKERS_MAX) {
		errno = ENOTCONN;
		return NULL;
	}
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return NULL;
	stats->n = dataplane.workers + 1;
	for (uint32_t i = 0; i < stats->n; i++)
		control_stats(control, i, &stats->thread[i]);
	return stats;
}

static uint64_t counter(const struct seam_stats *stats, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + offset, sizeof(value));
	return value;
}

static uint64_t sum(const struct thread_stats *stats, size_t offset)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < stats->n; i++)
		total += counter(&stats->thread[i], offset);
	return total;
}

static void row_threads(struct admin_row *row, const struct thread_stats *stats, size_t offset)
{
	for (uint32_t i = 0; i < stats->n; i++)
		admin_row_add_count(row, "threads", counter(&stats->thread[i], offset));
}

void cmds_drops_show(struct admin_call *call)
{
	struct thread_stats *stats = read_threads(admin_control(call));
	bool all = admin_arg(call, 0) != NULL;

	if (!stats) {
		admin_fail(call, errno, "%s", action_error(errno));
		return;
	}
	for (uint32_t reason = 0; reason < DROP_COUNT; reason++) {
		size_t offset = offsetof(struct seam_stats, drops) + reason * sizeof(uint64_t);
		struct admin_row row;

		if (!all && !sum(stats, offset))
			continue;
		row = admin_row_begin(call);
		admin_row_text(&row, "reason", drop_name(reason));
		admin_row_count(&row, "pkts", sum(stats, offset));
		admin_row_text(&row, "text", drop_text(reason));
		row_threads(&row, stats, offset);
		if (!admin_row_send(&row))
			break;
	}
	free(stats);
	admin_done(call);
}

struct stats_show {
	struct admin_call *call;
	bool all;
};

static void show_counter(const struct stats_show *show, const char *source, const char *name,
	uint64_t value, const char *text)
{
	struct admin_row row;

	if (!show->all && !value)
		return;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "source", source);
	admin_row_text(&row, "name", name);
	admin_row_count(&row, "value", value);
	admin_row_text(&row, "text", text);
	admin_row_send(&row);
}

static void show_dataplane(const struct stats_show *show)
{
	static const struct {
		const char *name, *text;
		size_t offset;
	} counters[] = {
#define X(field, what) {#field, what, offsetof(struct seam_stats, field)},
		SEAM_STATS(X)
#undef X
	};
	struct thread_stats *stats = read_threads(admin_control(show->call));

	if (!stats)
		return; // "connected" says so
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint64_t value = sum(stats, counters[i].offset);
		struct admin_row row;

		if (!show->all && !value)
			continue;
		row = admin_row_begin(show->call);
		admin_row_text(&row, "source", "dataplane");
		admin_row_text(&row, "name", counters[i].name);
		admin_row_count(&row, "value", value);
		admin_row_text(&row, "text", counters[i].text);
		row_threads(&row, stats, counters[i].offset);
		admin_row_send(&row);
	}
	free(stats);
}

static const char *ike_text(const char *name)
{
	static const char *const texts[][2] = {
		{"datagrams_in", "IKE datagrams received"},
		{"datagrams_out", "IKE datagrams sent"},
		{"retransmits_in", "requests of peers that came again"},
		{"retransmits_out", "requests of ours that were sent again"},
		{"malformed", "messages that break the format"},
		{"unknown_spi", "messages for an IKE SA that is not there"},
		{"bad_icv", "messages whose integrity check failed"},
		{"window", "messages with an id outside the window"},
		{"no_proposal", "negotiations without a common proposal"},
		{"invalid_ke", "IKE_SA_INIT or rekey with another group than wanted"},
		{"auth_failed", "authentications that failed"},
		{"half_open_refused", "IKE_SA_INITs refused: too many half-open IKE SAs"},
		{"source_refused", "IKE_SA_INITs dropped: too many from their source"},
		{"init_oversized", "IKE_SA_INITs dropped: too long"},
		{"cookies_sent", "IKE_SA_INITs answered with a cookie"},
		{"cookies_good", "IKE_SA_INITs that came with a good cookie"},
		{"cookies_bad", "IKE_SA_INITs with a wrong or old cookie"},
		{"requests_limited", "requests dropped: too many on their IKE SA"},
		{"children_refused", "child SAs refused: too many on their IKE SA"},
		{"half_open_expired", "half-open IKE SAs that ran out of time"},
		{"identity_refused", "IKE SAs refused: too many of one identity"},
		{"established", "IKE SAs established"},
		{"children", "child SAs established"},
		{"child_rekeys", "child SAs rekeyed"},
		{"ike_rekeys", "IKE SAs rekeyed"},
		{"address_failure", "peers that could be given no address or prefix"},
		{"ts_unacceptable", "child SAs refused for their traffic selectors"},
		{"peer_timeouts", "peers that answered no more"},
		{"unsupported_critical", "messages with an unknown critical payload"},
		{"fragments_in", "fragments of messages received"},
		{"fragments_out", "fragments of messages sent"},
		{"fragments_unsupported", "fragments from peers that never said they would"},
		{"fragments_malformed", "fragments whose numbers cannot be"},
		{"fragments_duplicate", "fragments that were there already"},
		{"fragments_superseded", "fragments of an older, larger size"},
		{"fragments_too_large", "fragments of messages larger than we take"},
		{"fragments_timeout", "messages given up for want of a fragment"},
		{"fragments_repeated", "further fragments of requests already answered"},
		{"too_big_in", "messages cut smaller because a router had no room for them"},
		{"too_big_ignored", "such words of routers that fit no message of ours"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i][0], name))
			return texts[i][1];
	return "";
}

static void show_ike(const struct stats_show *show)
{
	struct ike_counters counters;

	ike_counters(control_ike(admin_control(show->call)), &counters);
	show_counter(show, "ike", "half_open",
		ike_half_open(control_ike(admin_control(show->call))),
		"IKE SAs that are not authenticated, now");
#define X(name) show_counter(show, "ike", #name, counters.name, ike_text(#name));
	IKE_COUNTERS(X)
#undef X
}

static void show_own(void *arg, const char *name, uint64_t value, const char *text)
{
	show_counter(arg, "control", name, value, text);
}

void cmds_stats_show(struct admin_call *call)
{
	struct stats_show show = {.call = call, .all = admin_arg(call, 0) != NULL};
	struct control *control = admin_control(call);
	uint64_t now_us = clock_now_us();
	struct control_dataplane dataplane;
	struct stats_show always = {.call = call, .all = true};

	control_dataplane(control, &dataplane);
	show_counter(&always, "dataplane", "connected", dataplane.connected,
		"1: control is connected to it");
	if (dataplane.connected)
		show_counter(&show, "dataplane", "workers", dataplane.workers, "worker threads");
	show_dataplane(&show);
	show_ike(&show);
	show_counter(&show, "control", "uptime_s",
		(now_us - control_started_us(control)) / US_PER_S,
		"seconds since caponier-control started");
	control_own_counters(control, show_own, &show);
	admin_done(call);
}
