// SPDX-License-Identifier: BSD-3-Clause
// See control_api.h: what the admin commands are told, taken together from the parts. Control's
// thread.
#include "control_api.h"

#include "clock.h"
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct config *control_config(const struct control *control)
{
	return control->config;
}

struct ike *control_ike(struct control *control)
{
	return control->ike;
}

uint64_t control_started_us(const struct control *control)
{
	return control->started_us;
}

void control_dataplane(const struct control *control, struct control_dataplane *out)
{
	const struct seam_welcome *welcome = &control->welcome;

	*out = (struct control_dataplane){
		.connected = control->phase != PHASE_ALONE, .since_us = control->phase_us};
	if (!out->connected)
		return;
	out->pid = welcome->pid;
	out->workers = welcome->geometry.workers;
	out->sa_slots = welcome->sa_slots;
	out->instance = welcome->instance;
}

void control_counters_refresh(
	struct control *control, void (*done)(void *arg, int error), void *arg)
{
	query_sas(control, NULL, done, arg);
}

bool control_child_counters(
	const struct control *control, uint64_t child, struct control_counters *out)
{
	return sa_child_counters(control->sas, child, out);
}

uint64_t control_child_of(const struct control *control, sa_ref_t ref)
{
	const struct sa *sa = sa_find(control->sas, IPC_DIR_OUT, ref);

	return sa != NULL && sa->child != NULL ? sa->child->child : 0;
}

// ---- peers ----

static bool count_ike_sa(void *arg, const struct ike_sa_info *info)
{
	struct control_peer_walk *walk = arg;

	if (info->peer != NULL && info->state == IKE_SA_ESTABLISHED) {
		struct control_peer *peer = &walk->peer[info->peer - walk->first];

		peer->ike_sas++;
		peer->children += info->child_n;
	}
	return true;
}

static bool count_link(void *arg, const struct link *link)
{
	struct control_peer_walk *walk = arg;

	if (link->peer != NULL)
		walk->peer[link->peer - walk->first].links++;
	return true;
}

static int begin_peers(const struct control *control, struct control_peer_walk *walk)
{
	const struct config_gateway *gateway = &control->config->gateway;

	walk->peer = calloc(gateway->peer_n + 1, sizeof(*walk->peer));
	if (walk->peer == NULL)
		return -ENOMEM;
	walk->n = gateway->peer_n;
	walk->first = gateway->peer;
	walk->generation = control->config_generation;
	for (uint32_t i = 0; i < walk->n; i++)
		walk->peer[i].peer = &gateway->peer[i];
	return 1;
}

int control_peers(struct control *control, struct control_peer_walk *walk, uint32_t max,
	bool (*each)(void *arg, const struct control_peer *peer), void *arg)
{
	if (walk->peer == NULL)
		return begin_peers(control, walk);
	if (walk->generation != control->config_generation)
		return -ESTALE;
	switch (walk->stage) {
	case 0:
		walk->stage += !ike_walk(control->ike, &walk->cursor, max, count_ike_sa, walk);
		return 1;
	case 1:
		walk->stage += !link_walk(control->links, &walk->cursor, max, count_link, walk);
		return 1;
	default:
		for (uint32_t i = 0; i < max && walk->cursor < walk->n; i++)
			if (!each(arg, &walk->peer[walk->cursor++]))
				return 0;
		return walk->cursor < walk->n;
	}
}

void control_peers_end(struct control_peer_walk *walk)
{
	free(walk->peer);
	walk->peer = NULL;
}

struct each_orphan {
	bool (*each)(void *arg, const struct ipc_sa_info *sa);
	void *arg;
};

static bool give_orphan(void *arg, struct sa *sa)
{
	const struct each_orphan *walk = arg;

	return !sa->orphan || sa->dying || walk->each(walk->arg, &sa->info);
}

bool control_orphans(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct ipc_sa_info *sa), void *arg)
{
	struct each_orphan walk = {each, arg};

	return sa_table_walk(control->sas, cursor, max, give_orphan, &walk);
}

// ---- statistics ----

int control_stats(struct control *control, uint32_t thread, struct seam_stats *out)
{
	const struct seam *seam = dp_client_seam(control->dp);

	if (seam == NULL)
		return -ENOTCONN;
	if (thread >= dp_client_threads(control->dp))
		return -EINVAL;
	seam_stats_read((struct seam *)(uintptr_t)seam, thread, out);
	return 0;
}

void control_own_counters(struct control *control,
	void (*each)(void *arg, const char *name, uint64_t value, const char *text), void *arg)
{
	const struct dp_counters *dp = dp_client_counters(control->dp);

#define X(name, text) each(arg, "seam_" #name, dp->name, text);
	DP_COUNTERS(X)
#undef X
#define X(name, text) each(arg, #name, control->counts.name, text);
	CONTROL_COUNTERS(X)
#undef X
#define X(id, name)                                                                                \
	each(arg, "ndp_" name, control->counts.ndp[NDP_##id], "packets to the link itself");
	NDP_RESULTS(X)
#undef X
#define X(id, name) each(arg, "dhcp6_" name, control->counts.dhcp6[DHCP6_##id], "DHCPv6 messages");
	DHCP6_RESULTS(X)
#undef X
#define X(id, name)                                                                                \
	each(arg, "group_" name, control->counts.group[GROUP_##id], "multicast records");
	GROUP_RESULTS(X)
#undef X
#define X(id, name)                                                                                \
	each(arg, "group_msg_" name, control->counts.group_msg[GROUP_MSG_##id],                    \
		"MLD and IGMP messages of links");                                                 \
	each(arg, "group_port_" name, control->counts.group_port[GROUP_MSG_##id],                  \
		"MLD and IGMP messages of the inner network");
	GROUP_MSG_RESULTS(X)
#undef X
}

// ---- an operator's commands ----

int control_sa_rekey(struct control *control, uint64_t ike_sa)
{
	int error = ike_sa_rekey(control->ike, ike_sa, clock_now_us());

	control_pump(control);
	return error;
}

int control_sa_terminate(struct control *control, uint64_t ike_sa)
{
	int error = ike_sa_terminate(control->ike, ike_sa, clock_now_us());

	control_pump(control);
	return error;
}

int control_child_rekey(struct control *control, uint64_t child)
{
	int error = ike_child_rekey(control->ike, child, clock_now_us());

	control_pump(control);
	return error;
}

int control_child_terminate(struct control *control, uint64_t child)
{
	int error = ike_child_terminate(control->ike, child, clock_now_us());

	control_pump(control);
	return error;
}

struct monitor_subscriber *control_monitor_subscribe(
	struct control *control, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	return monitor_subscribe(control->monitor, fn, arg);
}

void control_monitor_unsubscribe(struct control *control, struct monitor_subscriber *subscriber)
{
	monitor_unsubscribe(control->monitor, subscriber);
}
