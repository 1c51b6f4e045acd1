// SPDX-License-Identifier: BSD-3-Clause
// The client role: connections start and end, by configuration, by an operator, by the gateway; what
// they have meanwhile is client_link.c's business. Control's thread.
#include "client.h"

#include "clock.h"
#include "log.h"
#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("client");

// Groups of connections are told from links, whose handles are below 2^53.
#define CLIENT_GROUP (UINT64_C(1) << 63)

// The same for every process with this configuration: orphans are known by it.
static uint64_t group_number(const char *name)
{
	static const uint64_t no_secret[2];

	return CLIENT_GROUP | hash_bytes(no_secret, name, strlen(name)) >> 1;
}

bool client_is_group(uint64_t group)
{
	return (group & CLIENT_GROUP) != 0;
}

struct client_connection *client_find_config(
	const struct control *control, const struct config_connection *config)
{
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		if (c->config == config)
			return c;
	return NULL;
}

struct client_connection *client_find_group(const struct control *control, uint64_t group)
{
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		if (c->group == group)
			return c;
	return NULL;
}

struct client_connection *client_find_name(const struct control *control, const char *name)
{
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		if (strcmp(c->config->name, name) == 0)
			return c;
	return NULL;
}

uint64_t client_group(const struct control *control, const struct config_connection *connection)
{
	const struct client_connection *c = client_find_config(control, connection);

	return c != NULL ? c->group : 0;
}

// ---- what outlives the process ----

const char *client_state_path(const struct control *control, char path[512])
{
	const char *dir = control->config->state_dir[0] != '\0' ? control->config->state_dir
								: control->run_dir;

	if (dir == NULL || snprintf(path, 512, "%s/client.json", dir) >= 512)
		path[0] = '\0';
	return path;
}

void client_save(struct control *control)
{
	const struct client_kept **kept = NULL;
	char path[512];
	uint32_t n = 0;

	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		n++;
	kept = calloc(n > 0 ? n : 1, sizeof(*kept));
	if (kept == NULL)
		return;
	n = 0;
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		kept[n++] = &c->kept;
	client_state_save(client_state_path(control, path), kept, n);
	free(kept);
}

void client_tell_link(struct client_connection *c)
{
	if (c->config->link)
		ike_connection_link(c->control->ike, c->config, c->kept.iid, c->kept.link_id,
			c->kept.link_id_len);
}

// ---- the list of connections ----

struct client_connection *client_add(
	struct control *control, const struct config_connection *config)
{
	struct client_connection *c = calloc(1, sizeof(*c)), **at = &control->client;
	char path[512];

	if (c == NULL)
		return NULL;
	c->control = control;
	c->config = config;
	c->group = group_number(config->name);
	c->wanted = config->autostart;
	c->again_us = c->retry_us = CLOCK_NEVER;
	client_state_load(client_state_path(control, path), config, control_random, NULL, &c->kept);
	memcpy(c->iid, c->kept.iid, sizeof(c->iid));
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	sa_group_keep(control->sas, c->group, true);
	client_tell_link(c);
	return c;
}

void client_discard(struct client_connection *c)
{
	client_dhcp_down(c);
	client_mld_stop(c);
	secret_wipe(&c->kept, sizeof(c->kept));
	free(c);
}

int client_init(struct control *control)
{
	control->client = NULL;
	for (uint32_t i = 0; i < control->config->connection_n; i++)
		if (client_add(control, &control->config->connection[i]) == NULL)
			return -ENOMEM;
	if (control->client != NULL)
		client_save(control);
	return 0;
}

void client_fini(struct control *control)
{
	while (control->client != NULL) {
		struct client_connection *c = control->client;

		control->client = c->next;
		client_discard(c);
	}
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
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		if (c->wanted && c->ike_sa == 0)
			initiate(control, c);
}

int control_connection_up(struct control *control, const char *name)
{
	struct client_connection *c = client_find_name(control, name);
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

uint64_t client_ike_sa(struct control *control, const struct config_connection *connection)
{
	struct find_own find = {.connection = connection};

	ike_foreach(control->ike, match_connection, &find);
	return find.ike_sa;
}

int control_connection_down(struct control *control, const char *name)
{
	struct client_connection *c = client_find_name(control, name);
	int error = 0;

	if (c == NULL)
		return -ENOENT;
	c->wanted = false;
	c->again_us = CLOCK_NEVER;
	error = ike_sa_terminate(control->ike, client_ike_sa(control, c->config), clock_now_us());
	control_pump(control);
	// The link ends with it: nothing of it comes again, where privacy is wanted.
	if (c->config->iid == CONFIG_IID_RANDOM && c->config->link) {
		client_state_forget(&c->kept, c->config, control_random, NULL);
		client_tell_link(c);
		client_save(control);
	}
	return error;
}

int control_connection_reauth(struct control *control, const char *name)
{
	struct client_connection *c = client_find_name(control, name);
	int error = 0;

	if (c == NULL)
		return -ENOENT;
	error = c->up
		? ike_sa_reauth(control->ike, client_ike_sa(control, c->config), 0, clock_now_us())
		: -ENOTCONN;
	control_pump(control);
	return error;
}

// ---- what the core tells ----

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
	struct client_connection *c = client_find_config(control, effect->connection.connection);
	bool was_up = false;

	if (c == NULL)
		return;
	was_up = c->up;
	c->up = true;
	c->why[0] = '\0';
	client_link_up(c, effect);
	install_orphans_end(control, c->group);
	LOG(NOTICE, "connection %s %s: interface %s, MTU %u", c->config->name,
		was_up ? "goes on" : "is up", c->plan.hostif.name, c->plan.hostif.mtu);
	if (monitor_wanted(control->monitor))
		monitor_emit(control->monitor, MONITOR_CONNECTION_UP,
			json_pack("{ss,sI,ss,so}", "connection", c->config->name, "ike_sa",
				(json_int_t)c->ike_sa, "interface", c->plan.hostif.name,
				"addresses", texts_of(&c->plan)));
}

void client_went_down(struct client_connection *c, const char *why)
{
	if (c->up)
		LOG(NOTICE, "connection %s is down: %s", c->config->name, why);
	c->up = false;
	snprintf(c->why, sizeof(c->why), "%s", why);
	client_link_down(c);
	if (monitor_wanted(c->control->monitor))
		monitor_emit(c->control->monitor, MONITOR_CONNECTION_DOWN,
			json_pack("{ss,ss}", "connection", c->config->name, "text", c->why));
}

void client_down(struct control *control, const struct ike_effect *effect)
{
	struct client_connection *c = client_find_config(control, effect->connection.connection);

	if (c != NULL)
		client_went_down(c, effect->connection.why);
}

void client_primary(struct control *control, uint64_t group, sa_ref_t ref)
{
	struct client_connection *c = client_find_group(control, group);

	if (c == NULL || !c->up || ref == 0 || ref == c->ref)
		return;
	c->ref = ref;
	client_apply(c);
}

void client_stop(struct control *control)
{
	for (struct client_connection *c = control->client; c != NULL; c = c->next)
		client_take_away(c);
}

void client_dataplane_new(struct control *control)
{
	// A new dataplane has no interface and no routes; they come with the rekeyed SA.
	for (struct client_connection *c = control->client; c != NULL; c = c->next) {
		c->applied = false;
		c->ref = 0;
	}
}

// ---- timers ----

uint64_t client_next_us(const struct control *control)
{
	uint64_t next_us = CLOCK_NEVER;

	for (const struct client_connection *c = control->client; c != NULL; c = c->next) {
		uint64_t dhcp_us = client_dhcp_next_us(c);

		next_us = dhcp_us < next_us ? dhcp_us : next_us;
		next_us = client_mld_next_us(c) < next_us ? client_mld_next_us(c) : next_us;
		next_us = c->again_us < next_us ? c->again_us : next_us;
		next_us = c->retry_us < next_us ? c->retry_us : next_us;
	}
	return next_us;
}

void client_timeout(struct control *control, uint64_t now_us)
{
	for (struct client_connection *c = control->client; c != NULL; c = c->next) {
		client_dhcp_timeout(c, now_us);
		client_mld_timeout(c, now_us);
		if (c->retry_us <= now_us)
			client_apply(c);
		if (c->again_us > now_us)
			continue;
		c->again_us = CLOCK_NEVER;
		if (c->wanted && initiate(control, c) == -EALREADY && !c->up)
			c->again_us = now_us + CLIENT_AGAIN_US;
	}
}

// ---- for the admin commands ----

// All addresses, however they came.
static void add_further(const struct client_connection *c, struct cp_attrs *cp)
{
	for (uint32_t i = 0; i < c->plan.hostif.addr_n; i++) {
		const struct inet_addr *addr = &c->plan.hostif.addr[i].addr;
		bool further = false;

		for (uint32_t k = 0; k < c->given.address_n; k++)
			further = further || inet_addr_equal(addr, &c->given.address[k]);
		for (uint32_t k = 0; k < c->child_n; k++)
			for (uint32_t m = 0; m < c->child[k].address2_n; m++)
				further =
					further || inet_addr_equal(addr, &c->child[k].address2[m]);
		if (further && cp->address2_n < CP_ADDRESS2_MAX)
			cp->address2[cp->address2_n++] = *addr;
	}
}

void control_connections(struct control *control,
	bool (*each)(void *arg, const struct control_connection *connection), void *arg)
{
	for (const struct client_connection *c = control->client; c != NULL; c = c->next) {
		uint64_t ike_sa = client_ike_sa(control, c->config);
		struct control_connection info = {.connection = c->config,
			.state = c->up	      ? "up"
				: ike_sa != 0 ? "connecting"
					      : "down",
			.ike_sa = ike_sa,
			.mtu = c->up ? c->plan.hostif.mtu : 0,
			.why = c->why};

		if (c->up) {
			info.cp = c->cp;
			memcpy(info.iid, c->iid, sizeof(info.iid));
			add_further(c, &info.cp);
			info.delegated_n = c->given.prefix_n;
			memcpy(info.delegated, c->given.prefix, sizeof(info.delegated));
		}
		if (!each(arg, &info))
			return;
	}
}
