// SPDX-License-Identifier: BSD-3-Clause
// `monitor`: passes events on as control makes them, and `names`, which completion asks for.
// Control's thread.
#include "admin_cmds.h"
#include "log.h"

#include <errno.h>
#include <string.h>

#define NAMES_MAX 500 // more than these help nobody at a prompt

struct subscription {
	struct monitor_subscriber *subscriber;
};

static void on_event(void *arg, const char *line, size_t len)
{
	admin_event(arg, line, len);
}

static void unsubscribe(struct admin_call *call)
{
	struct subscription *subscription = admin_state_get(call);

	control_monitor_unsubscribe(admin_control(call), subscription->subscriber);
}

void cmds_monitor(struct admin_call *call)
{
	struct subscription *subscription = admin_state(call, sizeof(*subscription));

	if (subscription)
		subscription->subscriber =
			control_monitor_subscribe(admin_control(call), on_event, call);
	if (!subscription || !subscription->subscriber)
		admin_fail(call, ENOMEM, "no memory");
	else
		admin_stream(call, unsubscribe);
}

struct names {
	struct admin_call *call;
	uint32_t n;
};

static bool add_name(struct names *names, const char *name, const char *help)
{
	struct admin_row row;

	if (!name || !*name || names->n++ >= NAMES_MAX)
		return names->n < NAMES_MAX;
	row = admin_row_begin(names->call);
	admin_row_text(&row, "name", name);
	admin_row_text(&row, "help", help);
	return admin_row_send(&row);
}

static bool link_names(void *arg, const struct control_link *link)
{
	char name[SA_NAME_LEN], identity[300] = "";

	if (link->identity.len)
		config_id_format(&link->identity, identity);
	return add_name(arg, link_name(link->link, name), identity) &&
		add_name(arg, identity, "peer of a link");
}

static bool sa_names(void *arg, const struct ike_sa_info *info)
{
	char name[SA_NAME_LEN], identity[300] = "";

	if (info->remote_id.len)
		config_id_format(&info->remote_id, identity);
	if (!add_name(arg, sa_name_ike(info->ike_sa, name), identity))
		return false;
	for (uint32_t i = 0; i < info->child_n; i++)
		if (!add_name(arg, sa_name_child(info->child[i].child, name), identity))
			return false;
	return add_name(arg, identity, "all SAs of the peer");
}

static void peer_names(struct names *names, const struct config_gateway *gateway)
{
	char identity[300];

	for (uint32_t i = 0; i < gateway->peer_n; i++)
		if (!add_name(names, gateway->peer[i].name,
			    config_id_format(&gateway->peer[i].id, identity)))
			return;
}

static bool connection_names(void *arg, const struct control_connection *connection)
{
	return add_name(arg, connection->connection->name, connection->state);
}

static bool pool_names(void *arg, const struct control_pool *pool)
{
	char prefix[INET_PREFIX_STRLEN];

	return add_name(arg, pool->name, inet_prefix_format(&pool->prefix, prefix));
}

static void log_names(void *arg, const char *name, enum log_level level)
{
	add_name(arg, name, log_level_name(level));
}

void cmds_names(struct admin_call *call)
{
	struct control *control = admin_control(call);
	struct names names = {.call = call};
	const char *kind = admin_arg(call, 0);
	uint32_t cursor = 0;

	if (!strcmp(kind, "link")) {
		control_links(control, &cursor, NAMES_MAX, link_names, &names);
		control_connections(control, connection_names, &names);
	} else if (!strcmp(kind, "sa")) {
		ike_walk(control_ike(control), &cursor, NAMES_MAX, sa_names, &names);
	} else if (!strcmp(kind, "peer")) {
		peer_names(&names, &control_config(control)->gateway);
		control_connections(control, connection_names, &names);
	} else if (!strcmp(kind, "connection")) {
		control_connections(control, connection_names, &names);
	} else if (!strcmp(kind, "pool")) {
		control_pools(control, pool_names, &names);
	} else {
		admin_log_types(log_names, &names);
	}
	admin_done(call);
}
