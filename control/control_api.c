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

// ---- links, pools, leases ----

const char *control_link_state_name(enum control_link_state state)
{
	switch (state) {
	case CONTROL_LINK_UP:
		return "up";
	case CONTROL_LINK_GRACE:
		return "grace";
	case CONTROL_LINK_ORPHAN:
		return "orphan";
	}
	return "?";
}

static enum control_link_state state_of(const struct link *link)
{
	switch (link->state) {
	case LINK_UP:
		return CONTROL_LINK_UP;
	case LINK_GRACE:
		return CONTROL_LINK_GRACE;
	case LINK_ORPHAN:
		break;
	}
	return CONTROL_LINK_ORPHAN;
}

static void describe_prefixes(const struct link *link, struct control_link *out)
{
	for (uint32_t i = 0; i < link->lease_n; i++) {
		const struct inet_prefix *prefix = &link->prefix[i];

		if (prefix->addr.family == AF_INET)
			out->ip4 = prefix->addr;
		else if (!link->virtual_link)
			out->ip6 = prefix->addr;
		else if (out->prefix_n < CONFIG_LINK_POOLS)
			out->prefix[out->prefix_n++] = *prefix;
	}
}

static void describe_link(
	const struct control *control, const struct link *link, struct control_link *out)
{
	const struct sa_group *group = sa_group_find(control->sas, link->handle);
	uint64_t now_us = clock_now_us();

	*out = (struct control_link){.link = link->handle,
		.state = state_of(link),
		.virtual_link = link->virtual_link,
		.identity = link->identity,
		.ordinal = link->ordinal,
		.peer = link->peer != NULL ? link->peer->name : "",
		.profile = link->profile->name,
		.age_us = now_us - link->created_us,
		.ike_sa_n = link->ike_sa_n};
	if (link->virtual_link) {
		memcpy(out->link_id, link->link_id, LINK_ID_BYTES);
		out->link_id_len = LINK_ID_BYTES;
		memcpy(out->client_iid, link->client_iid, 8);
		memcpy(out->gateway_iid, link->gateway_iid, 8);
	}
	memcpy(out->ike_sa, link->ike_sa, sizeof(out->ike_sa));
	if (link->state == LINK_GRACE && link->grace_until_us > now_us)
		out->grace_left_us = link->grace_until_us - now_us;
	describe_prefixes(link, out);
	if (group != NULL)
		sa_group_counters(group, &out->counters);
}
static_assert(LINK_IKE_SAS == 8);

struct each_link {
	struct control *control;
	bool (*each)(void *arg, const struct control_link *link);
	void *arg;
};

static bool give_link(void *arg, const struct link *link)
{
	const struct each_link *walk = arg;
	struct control_link out;

	describe_link(walk->control, link, &out);
	return walk->each(walk->arg, &out);
}

void control_links(struct control *control,
	bool (*each)(void *arg, const struct control_link *link), void *arg)
{
	struct each_link walk = {control, each, arg};

	link_foreach(control->links, give_link, &walk);
}

int control_link_terminate(struct control *control, uint64_t handle)
{
	const struct link *link = link_find(control->links, handle);
	uint64_t ike_sa[LINK_IKE_SAS];
	uint32_t n = 0;
	int error = 0;

	if (link == NULL)
		return -ENOENT;
	n = link->ike_sa_n;
	memcpy(ike_sa, link->ike_sa, sizeof(ike_sa));
	error = link_end(control->links, handle, clock_now_us());
	for (uint32_t i = 0; i < n; i++)
		ike_sa_terminate(control->ike, ike_sa[i], clock_now_us());
	control_pump(control);
	return error;
}

void control_pools(struct control *control,
	bool (*each)(void *arg, const struct control_pool *pool), void *arg)
{
	const struct lease_book *book = link_leases(control->links);

	for (uint32_t i = 0; i < lease_book_pools(book); i++) {
		const struct pool *pool = lease_book_pool(book, i);
		struct control_pool out = {.name = pool_name(pool),
			.prefix = control->config->pool[i].prefix,
			.lease_len = pool_lease_len(pool),
			.assign = pool_assign(pool),
			.size = pool_size(pool),
			.live = lease_book_live(book, i)};

		out.reserved = pool_taken(pool) - out.live;
		if (!each(arg, &out))
			return;
	}
}

struct each_lease {
	const struct lease_book *book;
	bool (*each)(void *arg, const struct control_lease *lease);
	void *arg;
};

static bool give_lease(void *arg, const struct lease *lease)
{
	const struct each_lease *walk = arg;
	struct control_lease out = {.pool = pool_name(lease_book_pool(walk->book, lease->pool)),
		.prefix = lease_prefix(walk->book, lease),
		.ordinal = lease->ordinal,
		.link = lease->link,
		.used_s = lease->used_s};

	lease_identity(lease, &out.identity);
	return walk->each(walk->arg, &out);
}

void control_leases(struct control *control,
	bool (*each)(void *arg, const struct control_lease *lease), void *arg)
{
	struct each_lease walk = {link_leases(control->links), each, arg};

	lease_foreach(walk.book, give_lease, &walk);
}

// ---- peers ----

struct count_peers {
	const struct config *config;
	struct control_peer *peer;
};

static bool count_ike_sa(void *arg, const struct ike_sa_info *info)
{
	struct count_peers *count = arg;

	if (info->peer != NULL && info->state == IKE_SA_ESTABLISHED) {
		struct control_peer *peer = &count->peer[info->peer - count->config->gateway.peer];

		peer->ike_sas++;
		peer->children += info->child_n;
	}
	return true;
}

static bool count_link(void *arg, const struct link *link)
{
	struct count_peers *count = arg;

	if (link->peer != NULL)
		count->peer[link->peer - count->config->gateway.peer].links++;
	return true;
}

void control_peers(struct control *control,
	bool (*each)(void *arg, const struct control_peer *peer), void *arg)
{
	uint32_t n = control->config->gateway.peer_n;
	struct count_peers count = {
		control->config, calloc(n > 0 ? n : 1, sizeof(struct control_peer))};

	if (count.peer == NULL)
		return;
	for (uint32_t i = 0; i < n; i++)
		count.peer[i].peer = &control->config->gateway.peer[i];
	ike_foreach(control->ike, count_ike_sa, &count);
	link_foreach(control->links, count_link, &count);
	for (uint32_t i = 0; i < n; i++)
		if (!each(arg, &count.peer[i]))
			break;
	free(count.peer);
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

void control_orphans(
	struct control *control, bool (*each)(void *arg, const struct ipc_sa_info *sa), void *arg)
{
	struct each_orphan walk = {each, arg};

	sa_table_each(control->sas, give_orphan, &walk);
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
