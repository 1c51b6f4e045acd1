// SPDX-License-Identifier: BSD-3-Clause
// `port show`, `neighbour show`, `route show`: tables that the dataplane is asked for. What it
// answers is as untrusted as any message of the seam: names are cut, addresses checked, numbers
// outside their range shown as such. Control's thread.
#include "admin_cmds.h"
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// The state of a table's call.
struct table_show {
	const char *wanted; // NULL: all
	uint32_t shown;
};

static void row_name(struct admin_row *row, const char *name, const char text[], size_t size)
{
	admin_row_printf(row, name, "%.*s", (int)strnlen(text, size), text);
}

static void table_done(void *arg, int error)
{
	struct admin_call *call = arg;
	struct table_show *show = admin_state_get(call);

	if (error)
		admin_fail(call, error, "%s", action_error(error));
	else if (show->wanted && !show->shown)
		admin_fail(call, ENOENT, "no port is called \"%s\"", show->wanted);
	else
		admin_done(call);
}

static void ask(struct admin_call *call, enum control_table table,
	void (*each)(void *arg, const void *info), const char *wanted)
{
	struct table_show *show = admin_state(call, sizeof(*show));

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	show->wanted = wanted;
	control_table(admin_control(call), table, each, table_done, call);
}

static void show_port(void *arg, const void *info)
{
	static const uint8_t no_mac[6];
	struct table_show *show = admin_state_get(arg);
	const struct ipc_port_info *port = info;
	struct admin_row row;

	if (show->wanted && strncmp(show->wanted, port->name, sizeof(port->name)))
		return;
	show->shown++;
	row = admin_row_begin(arg);
	row_name(&row, "port", port->name, sizeof(port->name));
	admin_row_text(&row, "role",
		port->role == CONFIG_PORT_OUTER		  ? "outer"
			: port->role == CONFIG_PORT_INNER ? "inner"
							  : "?");
	row_name(&row, "device", port->device, sizeof(port->device));
	admin_row_bool(&row, "up", port->up);
	if (memcmp(port->mac, no_mac, sizeof(no_mac))) // a TUN interface has none
		row_mac(&row, "mac", port->mac);
	admin_row_count(&row, "mtu", port->mtu);
	for (uint32_t i = 0; i < port->addr_n && i < sizeof(port->addr) / sizeof(port->addr[0]);
		i++) {
		char text[INET_ADDR_STRLEN], with_len[INET_PREFIX_STRLEN];

		if (!inet_addr_valid(&port->addr[i].addr))
			continue;
		snprintf(with_len, sizeof(with_len), "%s/%u",
			inet_addr_format(&port->addr[i].addr, text), port->addr[i].prefix_len);
		admin_row_add_text(&row, "addresses", with_len);
	}
	admin_row_count(&row, "index", port->index);
	admin_row_count(&row, "rx_pkts", port->rx_pkts);
	admin_row_count(&row, "rx_bytes", port->rx_bytes);
	admin_row_count(&row, "rx_missed", port->rx_missed);
	admin_row_count(&row, "rx_errors", port->rx_errors);
	admin_row_count(&row, "tx_pkts", port->tx_pkts);
	admin_row_count(&row, "tx_bytes", port->tx_bytes);
	admin_row_count(&row, "tx_errors", port->tx_errors);
	admin_row_send(&row);
}

void cmds_port_show(struct admin_call *call)
{
	ask(call, CONTROL_PORTS, show_port, admin_arg(call, 0));
}

static void show_neighbour(void *arg, const void *info)
{
	static const char *const states[] = {
		[IPC_NEIGH_INCOMPLETE] = "incomplete",
		[IPC_NEIGH_REACHABLE] = "reachable",
		[IPC_NEIGH_STALE] = "stale",
		[IPC_NEIGH_PROBE] = "probe",
	};
	const struct ipc_neigh_info *neigh = info;
	struct admin_row row = admin_row_begin(arg);
	bool known = neigh->state < sizeof(states) / sizeof(states[0]);

	row_name(&row, "port", neigh->port, sizeof(neigh->port));
	row_addr(&row, "address", &neigh->addr);
	if (neigh->state != IPC_NEIGH_INCOMPLETE) {
		row_mac(&row, "mac", neigh->mac);
		admin_row_us(&row, "age_s", neigh->age_us);
	}
	admin_row_text(&row, "state", known ? states[neigh->state] : "?");
	admin_row_count(&row, "queued", neigh->queued);
	admin_row_send(&row);
}

void cmds_neighbour_show(struct admin_call *call)
{
	ask(call, CONTROL_NEIGHBOURS, show_neighbour, NULL);
}

static void row_sa(struct admin_row *row, struct admin_call *call, sa_ref_t ref)
{
	uint64_t child = control_child_of(admin_control(call), ref);
	char name[SA_NAME_LEN];

	if (child)
		admin_row_text(row, "sa", sa_name_child(child, name));
	else
		admin_row_printf(row, "sa", "slot %u of worker %u", spi_slot(ref), spi_worker(ref));
}

static const char *route_kind(const struct ipc_route_info *route)
{
	switch (route->kind) {
	case IPC_ROUTE_SA:
		return "sa";
	case IPC_ROUTE_HOSTIF:
		return "host-interface";
	case IPC_ROUTE_PUNT:
		return "punt";
	case IPC_ROUTE_DISCARD:
		return "discard";
	case 100: // see struct ipc_route_info
		return inet_addr_valid(&route->via) ? "next-hop" : "connected";
	default:
		return "?";
	}
}

static void show_route(void *arg, const void *info)
{
	const struct ipc_route_info *route = info;
	struct admin_row row;
	char prefix[INET_PREFIX_STRLEN];

	if (admin_gone(arg))
		return;
	row = admin_row_begin(arg);
	admin_row_text(&row, "table",
		route->table == 0	    ? "outer"
			: route->table == 1 ? "inner"
					    : "?");
	if (inet_prefix_valid(&route->prefix))
		admin_row_text(&row, "prefix", inet_prefix_format(&route->prefix, prefix));
	admin_row_text(&row, "kind", route_kind(route));
	row_addr(&row, "via", &route->via);
	row_name(&row, "port", route->port, sizeof(route->port));
	if (route->kind == IPC_ROUTE_SA)
		row_sa(&row, arg, route->ref);
	admin_row_send(&row);
}

void cmds_route_show(struct admin_call *call)
{
	ask(call, CONTROL_ROUTES, show_route, NULL);
}
