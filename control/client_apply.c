// SPDX-License-Identifier: BSD-3-Clause
// From what a connection has to commands for the dataplane: interface, routes, LAN; differences only.
// Control's thread.
#include "client.h"
#include "clock.h"
#include "log.h"
#include "mtu.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("client");

static uint32_t outer_mtu(const struct control *control)
{
	const struct config_dataplane *dp = &control->config->dataplane;

	for (uint32_t i = 0; i < dp->port_n; i++)
		if (dp->port[i].role == CONFIG_PORT_OUTER && dp->port[i].mtu != 0)
			return dp->port[i].mtu;
	return 1500;
}

static uint32_t link_mtu(const struct client_connection *c)
{
	const struct sa *sa = sa_find(c->control->sas, IPC_DIR_OUT, c->ref);

	if (sa == NULL)
		return 1280;
	return mtu_inner(&sa->info.suite, sa->info.remote.family,
		(sa->info.flags & IPC_SA_ENCAP) != 0, outer_mtu(c->control));
}

void client_input_of(const struct client_connection *c, struct client_input *in)
{
	*in = (struct client_input){.config = c->config,
		.cp = &c->cp,
		.local = &c->local,
		.remote = &c->remote,
		.dhcp6 = &c->given,
		.dhcp6_runs = c->dhcp6 != NULL,
		.mtu = link_mtu(c),
		.child_n = c->child_n,
		.child = c->child,
		.seen_n = c->seen_n,
		.seen = c->seen};
	memcpy(in->iid, c->iid, sizeof(in->iid));
	for (uint32_t i = 0; i < c->cp.prefix_n; i++)
		in->prefix_iid[i].none = !client_state_iid(
			&c->kept, c->config, &c->cp.prefix[i], in->prefix_iid[i].iid);
}

// ---- routes ----

static void on_gone(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg; // what is not there need not go
	(void)hdr;
	(void)payload;
	(void)last;
}

static void route_all(struct control *control, const struct client_route *route, sa_ref_t ref)
{
	struct ipc_route_set cmd = {.prefix = route->prefix,
		.kind = (uint32_t)route->kind,
		.ref = route->kind == IPC_ROUTE_SA ? ref : 0,
		.flags = route->flags};

	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(
			control->dp, thread, IPC_ROUTE_SET, &cmd, sizeof(cmd), NULL, NULL);
}

static void unroute_all(struct control *control, const struct inet_prefix *prefix)
{
	struct ipc_route_del cmd = {.prefix = *prefix};

	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(
			control->dp, thread, IPC_ROUTE_DEL, &cmd, sizeof(cmd), on_gone, NULL);
}

// Outward a packet takes one route: what is to be discarded and what goes to an SA are one kind.
static bool same_way(enum ipc_route_kind a, enum ipc_route_kind b)
{
	return (a == IPC_ROUTE_HOSTIF) == (b == IPC_ROUTE_HOSTIF);
}

static bool plan_has(const struct client_plan *plan, const struct client_route *route)
{
	for (uint32_t i = 0; i < plan->route_n; i++)
		if (same_way(plan->route[i].kind, route->kind) &&
			inet_prefix_equal(&plan->route[i].prefix, &route->prefix))
			return true;
	return false;
}

// Another connection that has the prefix the same way: it takes over what leads to it.
static bool another_has(const struct client_connection *c, const struct client_route *route)
{
	for (const struct client_connection *o = c->control->client; o != NULL; o = o->next)
		if (o != c && o->applied && plan_has(&o->plan, route))
			return true;
	return false;
}

// Other connections that have the same prefix: it leads to them now, and a deletion took theirs, too.
static void route_others(const struct client_connection *c, const struct inet_prefix *prefix)
{
	for (struct client_connection *o = c->control->client; o != NULL; o = o->next)
		for (uint32_t i = 0; o != c && o->applied && i < o->plan.route_n; i++)
			if (inet_prefix_equal(&o->plan.route[i].prefix, prefix))
				route_all(c->control, &o->plan.route[i], o->applied_ref);
}

static bool goes(const struct client_plan *new, const struct client_route *route,
	const struct inet_prefix *prefix)
{
	return inet_prefix_equal(&route->prefix, prefix) && (new == NULL || !plan_has(new, route));
}

// Each way that goes is another connection's, too: nothing has to be deleted, and no packet is lost.
static bool all_taken_over(const struct client_connection *c, const struct client_plan *new,
	const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < c->plan.route_n; i++)
		if (goes(new, &c->plan.route[i], prefix) && !another_has(c, &c->plan.route[i]))
			return false;
	return true;
}

// The dataplane keeps two tables and deletes from both: what stays in one is set again afterwards.
static void unroute_old(struct client_connection *c, const struct client_plan *new)
{
	for (uint32_t i = 0; i < c->plan.route_n; i++) {
		const struct inet_prefix *prefix = &c->plan.route[i].prefix;

		if (!goes(new, &c->plan.route[i], prefix))
			continue;
		if (!all_taken_over(c, new, prefix))
			unroute_all(c->control, prefix);
		route_others(c, prefix);
	}
}

static bool routes_differ(const struct client_connection *c, const struct client_plan *new)
{
	if (!c->applied || c->ref != c->applied_ref || c->plan.route_n != new->route_n)
		return true;
	for (uint32_t i = 0; i < new->route_n; i++)
		if (new->route[i].kind != c->plan.route[i].kind ||
			new->route[i].flags != c->plan.route[i].flags ||
			!inet_prefix_equal(&new->route[i].prefix, &c->plan.route[i].prefix))
			return true;
	return false;
}

static void apply_routes(struct client_connection *c, const struct client_plan *new)
{
	if (!routes_differ(c, new))
		return;
	if (c->applied)
		unroute_old(c, new);
	for (uint32_t i = 0; i < new->route_n; i++)
		route_all(c->control, &new->route[i], c->ref);
}

// ---- interface and LAN ----

// Whose it was is not in the answer, and may be gone: all of them set theirs again, which changes
// nothing where it is there.
static void on_set(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	const struct control *control = arg;
	const struct ipc_ack *ack = payload;

	(void)last;
	if (hdr == NULL || hdr->status == 0)
		return;
	LOG_LIMITED(ERR, "the dataplane cannot set up the %s: %s",
		ack->command == IPC_LAN_SET ? "LAN" : "interface", strerror((int)hdr->status));
	for (struct client_connection *c = control->client; c != NULL; c = c->next) {
		if (!c->up || !c->applied || c->retry_us != CLOCK_NEVER)
			continue;
		c->retry_us = clock_now_us() + c->retry_pause_us;
		if (c->retry_pause_us < CLIENT_RETRY_MAX_US)
			c->retry_pause_us *= 2;
	}
}

static void lan_del(struct client_connection *c)
{
	struct ipc_lan_del cmd = {};

	memcpy(cmd.name, c->plan.lan.name, sizeof(cmd.name));
	dp_client_command(c->control->dp, 0, IPC_LAN_DEL, &cmd, sizeof(cmd), on_gone, NULL);
}

static void apply_lan(struct client_connection *c, const struct client_plan *new, bool retry)
{
	bool had = c->applied && c->plan.has_lan;

	if (had && !new->has_lan)
		lan_del(c);
	if (new->has_lan &&
		(!had || retry || memcmp(&c->plan.lan, &new->lan, sizeof(new->lan)) != 0))
		dp_client_command(c->control->dp, 0, IPC_LAN_SET, &new->lan, sizeof(new->lan),
			on_set, c->control);
}

void client_apply(struct client_connection *c)
{
	const struct sa_group *group = sa_group_find(c->control->sas, c->group);
	struct client_input in;
	struct client_plan plan;
	bool retry = c->retry_us <= clock_now_us(), lan_same = false;

	if (retry)
		c->retry_us = CLOCK_NEVER;
	if (group != NULL && group->ref_n > 0)
		c->ref = group->ref[0]; // from it the others are tried
	client_input_of(c, &in);
	client_plan(&in, &plan);
	apply_routes(c, &plan);
	if (!c->applied || retry || memcmp(&c->plan.hostif, &plan.hostif, sizeof(plan.hostif)) != 0)
		dp_client_command(c->control->dp, 0, IPC_HOSTIF_SET, &plan.hostif,
			sizeof(plan.hostif), on_set, c->control);
	apply_lan(c, &plan, retry);
	lan_same = c->applied && !retry && c->plan.has_lan && plan.has_lan &&
		memcmp(&c->plan.lan, &plan.lan, sizeof(plan.lan)) == 0;
	c->plan = plan;
	c->applied = true;
	c->applied_ref = c->ref;
	if (!lan_same)
		client_mld_set(c);
}

void client_take_away(struct client_connection *c)
{
	struct ipc_hostif_del cmd = {};

	if (!c->applied)
		return;
	client_mld_stop(c);
	if (c->plan.has_lan) // while its hosts can still be told
		lan_del(c);
	unroute_old(c, NULL);
	memcpy(cmd.name, c->plan.hostif.name, sizeof(cmd.name));
	dp_client_command(c->control->dp, 0, IPC_HOSTIF_DEL, &cmd, sizeof(cmd), on_gone, NULL);
	c->applied = false;
	c->retry_us = CLOCK_NEVER;
}
