// SPDX-License-Identifier: BSD-3-Clause
// The client role: a connection's interface on the host comes with its first child SA, follows it to
// new SAs, and goes with it (L12, L13). Control's thread.
#include "client_plan.h"
#include "clock.h"
#include "control.h"
#include "log.h"
#include "mtu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("client");

// Groups of connections are told from links, whose handles are below 2^53.
#define CLIENT_GROUP (UINT64_C(1) << 63)

struct client_connection {
	const struct config_connection *config;
	uint64_t group;
	bool up, wanted;
	uint64_t ike_sa;
	struct cp_attrs cp;
	struct ts_list local, remote;
	sa_ref_t ref; // that routes lead to, 0: none
	bool applied; // plan is what the dataplane has
	struct client_plan plan;
	char why[128];
};

// The same for every process with this configuration: orphans are known by it.
static uint64_t group_number(const char *name)
{
	static const uint64_t no_secret[2];

	return CLIENT_GROUP | hash_bytes(no_secret, name, strlen(name)) >> 1;
}

int client_init(struct control *control)
{
	uint32_t n = control->config->connection_n;

	control->client = calloc(n > 0 ? n : 1, sizeof(*control->client));
	if (control->client == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct client_connection *c = &control->client[i];

		c->config = &control->config->connection[i];
		c->group = group_number(c->config->name);
		c->wanted = c->config->autostart;
		sa_group_keep(control->sas, c->group, true);
	}
	return 0;
}

void client_fini(struct control *control)
{
	free(control->client);
	control->client = NULL;
}

bool client_is_group(uint64_t group)
{
	return (group & CLIENT_GROUP) != 0;
}

static struct client_connection *find_config(
	const struct control *control, const struct config_connection *connection)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		if (control->client[i].config == connection)
			return &control->client[i];
	return NULL;
}

static struct client_connection *find_group(const struct control *control, uint64_t group)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		if (control->client[i].group == group)
			return &control->client[i];
	return NULL;
}

static struct client_connection *find_name(const struct control *control, const char *name)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		if (strcmp(control->client[i].config->name, name) == 0)
			return &control->client[i];
	return NULL;
}

uint64_t client_group(const struct control *control, const struct config_connection *connection)
{
	const struct client_connection *c = find_config(control, connection);

	return c != NULL ? c->group : 0;
}

// ---- starting ----

// The outer port's address of the gateway's family: on the gateway's network, or the first one.
static int choose_local(const struct control *control, const struct config_connection *connection,
	struct inet_addr *local)
{
	const struct config_dataplane *dp = &control->config->dataplane;

	*local = connection->local;
	for (uint32_t i = 0; i < dp->port_n && connection->local.family == 0; i++) {
		const struct config_port *port = &dp->port[i];

		for (uint32_t k = 0; port->role == CONFIG_PORT_OUTER && k < port->addr_n; k++) {
			struct inet_prefix net = {
				.addr = port->addr[k].addr, .len = port->addr[k].len};

			inet_prefix_normalize(&net);
			if (port->addr[k].addr.family != connection->gateway.family ||
				inet_addr_is_link_local(&port->addr[k].addr))
				continue;
			if (inet_prefix_contains(&net, &connection->gateway)) {
				*local = port->addr[k].addr;
				return 0;
			}
			if (local->family == 0)
				*local = port->addr[k].addr;
		}
	}
	return local->family != 0 ? 0 : -EADDRNOTAVAIL;
}

static int initiate(struct control *control, struct client_connection *c)
{
	struct inet_addr local;
	int error = choose_local(control, c->config, &local);

	if (error == 0 && control->phase != PHASE_READY)
		error = -EAGAIN;
	if (error == 0)
		error = ike_initiate(control->ike, c->config, &local, clock_now_us());
	if (error != 0 && error != -EALREADY)
		LOG(WARN, "connection %s: %s", c->config->name,
			error == -EADDRNOTAVAIL ? "no outer address of the gateway's family"
						: strerror(-error));
	return error;
}

void client_autostart(struct control *control)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		if (control->client[i].wanted && control->client[i].ike_sa == 0)
			initiate(control, &control->client[i]);
}

int control_connection_up(struct control *control, const char *name)
{
	struct client_connection *c = find_name(control, name);
	int error = 0;

	if (c == NULL)
		return -ENOENT;
	c->wanted = true;
	error = initiate(control, c);
	control_pump(control);
	return error;
}

struct find_own {
	const struct config_connection *connection;
	uint64_t ike_sa;
};

static bool match_connection(void *arg, const struct ike_sa_info *info)
{
	struct find_own *find = arg;

	if (info->connection == find->connection && info->state < IKE_SA_REKEYED)
		find->ike_sa = info->ike_sa;
	return find->ike_sa == 0;
}

static uint64_t own_ike_sa(struct control *control, const struct config_connection *connection)
{
	struct find_own find = {.connection = connection};

	ike_foreach(control->ike, match_connection, &find);
	return find.ike_sa;
}

int control_connection_down(struct control *control, const char *name)
{
	struct client_connection *c = find_name(control, name);
	int error = 0;

	if (c == NULL)
		return -ENOENT;
	c->wanted = false;
	error = ike_sa_terminate(control->ike, own_ike_sa(control, c->config), clock_now_us());
	control_pump(control);
	return error;
}

// ---- interface and routes ----

static uint32_t outer_mtu(const struct control *control)
{
	const struct config_dataplane *dp = &control->config->dataplane;

	for (uint32_t i = 0; i < dp->port_n; i++)
		if (dp->port[i].role == CONFIG_PORT_OUTER && dp->port[i].mtu != 0)
			return dp->port[i].mtu;
	return 1500;
}

static uint32_t link_mtu(const struct control *control, const struct client_connection *c)
{
	const struct sa *sa = sa_find(control->sas, IPC_DIR_OUT, c->ref);

	if (sa == NULL)
		return 1280;
	return mtu_inner(&sa->info.suite, sa->info.remote.family,
		(sa->info.flags & IPC_SA_ENCAP) != 0, outer_mtu(control));
}

static void route_all(struct control *control, const struct inet_prefix *prefix,
	enum ipc_route_kind kind, sa_ref_t ref)
{
	struct ipc_route_set cmd = {.prefix = *prefix, .kind = (uint32_t)kind, .ref = ref};

	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(
			control->dp, thread, IPC_ROUTE_SET, &cmd, sizeof(cmd), NULL, NULL);
}

static void on_gone(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg; // what is not there need not go
	(void)hdr;
	(void)payload;
	(void)last;
}

static void unroute_all(struct control *control, const struct inet_prefix *prefix)
{
	struct ipc_route_del cmd = {.prefix = *prefix};

	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(
			control->dp, thread, IPC_ROUTE_DEL, &cmd, sizeof(cmd), on_gone, NULL);
}

static bool has_prefix(const struct inet_prefix *list, uint32_t n, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < n; i++)
		if (inet_prefix_equal(&list[i], prefix))
			return true;
	return false;
}

static bool plan_has(const struct client_plan *plan, const struct inet_prefix *prefix)
{
	return has_prefix(plan->inward, plan->inward_n, prefix) ||
		has_prefix(plan->outward, plan->outward_n, prefix);
}

static void unroute_old(
	struct control *control, const struct client_plan *old, const struct client_plan *new)
{
	for (uint32_t i = 0; i < old->inward_n; i++)
		if (new == NULL || !plan_has(new, &old->inward[i]))
			unroute_all(control, &old->inward[i]);
	for (uint32_t i = 0; i < old->outward_n; i++)
		if (new == NULL || !plan_has(new, &old->outward[i]))
			unroute_all(control, &old->outward[i]);
}

// The dataplane gets what the connection has now: differences only, for it knows the rest.
static void apply(struct control *control, struct client_connection *c)
{
	struct client_plan plan;

	client_plan(c->config, &c->cp, &c->local, &c->remote, link_mtu(control, c), &plan);
	if (c->applied)
		unroute_old(control, &c->plan, &plan);
	for (uint32_t i = 0; i < plan.inward_n; i++)
		route_all(control, &plan.inward[i], IPC_ROUTE_HOSTIF, 0);
	for (uint32_t i = 0; i < plan.outward_n; i++)
		route_all(control, &plan.outward[i], IPC_ROUTE_SA, c->ref);
	if (!c->applied || memcmp(&c->plan.hostif, &plan.hostif, sizeof(plan.hostif)) != 0)
		dp_client_command(control->dp, 0, IPC_HOSTIF_SET, &plan.hostif, sizeof(plan.hostif),
			NULL, NULL);
	c->plan = plan;
	c->applied = true;
}

static void take_away(struct control *control, struct client_connection *c)
{
	struct ipc_hostif_del cmd = {};

	if (!c->applied)
		return;
	unroute_old(control, &c->plan, NULL);
	memcpy(cmd.name, c->plan.hostif.name, sizeof(cmd.name));
	dp_client_command(control->dp, 0, IPC_HOSTIF_DEL, &cmd, sizeof(cmd), on_gone, NULL);
	c->applied = false;
}

static json_t *texts_of(const struct client_plan *plan)
{
	json_t *list = json_array();
	char text[INET_ADDR_STRLEN];

	for (uint32_t i = 0; i < plan->hostif.addr_n; i++)
		json_array_append_new(
			list, json_string(inet_addr_format(&plan->hostif.addr[i].addr, text)));
	return list;
}

void client_up(struct control *control, const struct ike_effect *effect)
{
	struct client_connection *c = find_config(control, effect->connection.connection);
	bool was_up = false;

	if (c == NULL)
		return;
	was_up = c->up;
	c->up = true;
	c->why[0] = '\0';
	c->ike_sa = effect->ike_sa;
	c->cp = effect->connection.cp;
	c->local = effect->connection.local;
	c->remote = effect->connection.remote;
	c->ref = effect->connection.out_ref;
	apply(control, c);
	install_orphans_end(control, c->group);
	LOG(NOTICE, "connection %s %s: interface %s, MTU %u", c->config->name,
		was_up ? "goes on" : "is up", c->plan.hostif.name, c->plan.hostif.mtu);
	if (monitor_wanted(control->monitor))
		monitor_emit(control->monitor, MONITOR_CONNECTION_UP,
			json_pack("{ss,sI,ss,so}", "connection", c->config->name, "ike_sa",
				(json_int_t)c->ike_sa, "interface", c->plan.hostif.name,
				"addresses", texts_of(&c->plan)));
}

void client_down(struct control *control, const struct ike_effect *effect)
{
	struct client_connection *c = find_config(control, effect->connection.connection);

	if (c == NULL)
		return;
	if (c->up)
		LOG(NOTICE, "connection %s is down: %s", c->config->name, effect->connection.why);
	c->up = false;
	c->ike_sa = 0;
	c->ref = 0;
	memcpy(c->why, effect->connection.why, sizeof(c->why));
	take_away(control, c);
	if (monitor_wanted(control->monitor))
		monitor_emit(control->monitor, MONITOR_CONNECTION_DOWN,
			json_pack("{ss,ss}", "connection", c->config->name, "text", c->why));
}

void client_primary(struct control *control, uint64_t group, sa_ref_t ref)
{
	struct client_connection *c = find_group(control, group);

	if (c == NULL || !c->up || ref == 0 || ref == c->ref)
		return;
	c->ref = ref;
	apply(control, c);
}

void client_stop(struct control *control)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		take_away(control, &control->client[i]);
}

void client_dataplane_new(struct control *control)
{
	// A new dataplane has no interface and no routes; they come with the rekeyed SA.
	for (uint32_t i = 0; i < control->config->connection_n; i++) {
		control->client[i].applied = false;
		control->client[i].ref = 0;
	}
}

void control_connections(struct control *control,
	bool (*each)(void *arg, const struct control_connection *connection), void *arg)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++) {
		const struct client_connection *c = &control->client[i];
		uint64_t ike_sa = own_ike_sa(control, c->config);
		struct control_connection info = {.connection = c->config,
			.state = c->up	      ? "up"
				: ike_sa != 0 ? "connecting"
					      : "down",
			.ike_sa = ike_sa,
			.mtu = c->up ? c->plan.hostif.mtu : 0,
			.why = c->why};

		if (c->up)
			info.cp = c->cp;
		if (!each(arg, &info))
			return;
	}
}

void client_child_up(struct control *control, const struct ike_effect *effect)
{
	(void)control;
	LOG(INFO, "connection %s: child SA %u is up", effect->connection.connection->name,
		effect->connection.tag);
}

void client_child_down(struct control *control, const struct ike_effect *effect)
{
	(void)control;
	LOG(INFO, "connection %s: child SA %u is down: %s", effect->connection.connection->name,
		effect->connection.tag, effect->connection.why);
}
