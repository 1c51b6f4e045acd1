// SPDX-License-Identifier: BSD-3-Clause
// Whole-file checks of the dataplane's part: ports against each other, routes against ports, memory.
// Each says what is wrong and what would be right. Any thread.
#include "config_impl.h"

#include <stdio.h>
#include <string.h>

// A packet buffer with its headroom and mempool header, rounded up.
#define MBUF_BYTES 2560

static struct inet_prefix subnet(const struct config_ifaddr *ifaddr)
{
	struct inet_prefix prefix = {.addr = ifaddr->addr, .len = ifaddr->len};

	inet_prefix_normalize(&prefix);
	return prefix;
}

static void check_names(
	struct config_reader *r, const struct config_port *a, const struct config_port *b)
{
	if (a->name[0] != '\0' && strcmp(a->name, b->name) == 0)
		config_error(r, b->line, "port name '%s' is taken by line %d; choose another",
			b->name, a->line);
	if (a->device[0] != '\0' && strcmp(a->device, b->device) == 0)
		config_error(r, b->line,
			"device %.60s is used by port '%s' already; a device is "
			"one port's",
			b->device, a->name);
}

// The same address twice is an error; so is a subnet that two ports of a table share, because no
// route could tell where its hosts are.
static void check_addresses(
	struct config_reader *r, const struct config_port *a, const struct config_port *b)
{
	char text[INET_ADDR_STRLEN];

	for (uint32_t i = 0; i < a->addr_n; i++) {
		for (uint32_t k = 0; k < b->addr_n; k++) {
			struct inet_prefix x = subnet(&a->addr[i]), y = subnet(&b->addr[k]);

			if (inet_addr_equal(&a->addr[i].addr, &b->addr[k].addr))
				config_error(r, b->line,
					"address %s of port '%s' is port '%s''s too; an address is "
					"one port's",
					inet_addr_format(&b->addr[k].addr, text), b->name, a->name);
			else if (a->role == b->role && !inet_addr_is_link_local(&x.addr) &&
				(inet_prefix_covers(&x, &y) || inet_prefix_covers(&y, &x)))
				config_error(r, b->line,
					"the subnet of %s on port '%s' overlaps one of port '%s'; "
					"give the ports different subnets",
					inet_addr_format(&b->addr[k].addr, text), b->name, a->name);
		}
	}
}

static void check_port(struct config_reader *r, const struct config_port *port)
{
	char text[INET_ADDR_STRLEN];

	if (port->addr_n == 0)
		config_error(r, port->line,
			"port '%s' has no address; write addresses = [\"192.0.2.1/24\"]",
			port->name);
	if (port->shared && strncmp(port->device, "af_packet:", 10) != 0)
		config_error(r, port->line,
			"port '%s' is shared but not an af_packet one; shared = false", port->name);
	for (uint32_t i = 0; i < port->addr_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (inet_addr_equal(&port->addr[i].addr, &port->addr[k].addr))
				config_error(r, port->line,
					"address %s stands twice on port '%s'; once is enough",
					inet_addr_format(&port->addr[i].addr, text), port->name);
}

static void check_ports(struct config_reader *r)
{
	const struct config_dataplane *dataplane = &r->config->dataplane;
	bool outer = false;

	for (uint32_t i = 0; i < dataplane->port_n; i++) {
		check_port(r, &dataplane->port[i]);
		outer |= dataplane->port[i].role == CONFIG_PORT_OUTER;
		for (uint32_t k = 0; k < i; k++) {
			check_names(r, &dataplane->port[k], &dataplane->port[i]);
			check_addresses(r, &dataplane->port[k], &dataplane->port[i]);
		}
	}
	if (!outer && r->dataplane_line != 0)
		config_error(r, r->dataplane_line,
			"there is no outer port; IKE and ESP need one with role = \"outer\"");
}

static const struct config_port *port_by_name(const struct config_dataplane *d, const char *name)
{
	for (uint32_t i = 0; i < d->port_n; i++)
		if (strcmp(d->port[i].name, name) == 0)
			return &d->port[i];
	return NULL;
}

static bool on_subnet(const struct config_port *port, const struct inet_addr *addr)
{
	for (uint32_t i = 0; i < port->addr_n; i++) {
		struct inet_prefix prefix = subnet(&port->addr[i]);

		if (inet_prefix_contains(&prefix, addr))
			return true;
	}
	return addr->family == AF_INET6 && inet_addr_is_link_local(addr);
}

// Finds the port of a route that names none: the one whose subnet has the next hop.
static void resolve_port(struct config_reader *r, struct config_route *route)
{
	const struct config_dataplane *d = &r->config->dataplane;
	char text[INET_ADDR_STRLEN];

	if (route->via.family == 0) {
		config_error(r, route->line, "a route names neither via nor port; add one of them");
		return;
	}
	if (inet_addr_is_link_local(&route->via)) {
		config_error(r, route->line,
			"next hop %s is link-local, any port could reach it; add port = \"...\"",
			inet_addr_format(&route->via, text));
		return;
	}
	for (uint32_t i = 0; i < d->port_n; i++) {
		if (d->port[i].role == route->table && on_subnet(&d->port[i], &route->via)) {
			memcpy(route->port, d->port[i].name, sizeof(route->port));
			return;
		}
	}
	config_error(r, route->line,
		"next hop %s is on no %s port's subnet; name a router that is on one",
		inet_addr_format(&route->via, text),
		route->table == CONFIG_PORT_OUTER ? "outer" : "inner");
}

static void check_route_port(struct config_reader *r, const struct config_route *route)
{
	const struct config_port *port = port_by_name(&r->config->dataplane, route->port);
	char text[INET_ADDR_STRLEN];

	if (port == NULL)
		config_error(r, route->line, "there is no port '%s'; name one of the list ports",
			route->port);
	else if (port->role != route->table)
		config_error(r, route->line,
			"port '%s' is not in table \"%s\"; an outer route needs an outer port, an "
			"inner one an inner port",
			port->name, route->table == CONFIG_PORT_OUTER ? "outer" : "inner");
	else if (route->via.family != 0 && !on_subnet(port, &route->via))
		config_error(r, route->line,
			"next hop %s is on no subnet of port '%s'; name a router that is on one",
			inet_addr_format(&route->via, text), port->name);
}

static void check_routes(struct config_reader *r)
{
	struct config_dataplane *d = &r->config->dataplane;
	char text[INET_PREFIX_STRLEN];

	for (uint32_t i = 0; i < d->route_n; i++) {
		struct config_route *route = &d->route[i];

		if (!inet_prefix_valid(&route->prefix))
			continue; // has been reported
		if (route->via.family != 0 && route->via.family != route->prefix.addr.family) {
			config_error(r, route->line,
				"%s and its next hop are of different families; take a next hop of "
				"the prefix's family",
				inet_prefix_format(&route->prefix, text));
			continue;
		}
		if (route->port[0] == '\0')
			resolve_port(r, route);
		else
			check_route_port(r, route);
		for (uint32_t k = 0; k < i; k++)
			if (d->route[k].table == route->table &&
				inet_prefix_equal(&d->route[k].prefix, &route->prefix))
				config_error(r, route->line,
					"%s has a route in line %d already; one next hop a prefix",
					inet_prefix_format(&route->prefix, text), d->route[k].line);
	}
}

void config_check_dataplane(struct config_reader *r)
{
	const struct config_dataplane *d = &r->config->dataplane;
	uint64_t need_mb = (uint64_t)d->mbufs * MBUF_BYTES / (1 << 20) + 32;

	if (r->dataplane_line == 0)
		return; // that it lacks has been reported
	if ((d->sa_slots & (d->sa_slots - 1)) != 0)
		config_error(r, r->dataplane_line,
			"sa_slots = %u is no power of two; 16384, 65536 or the like", d->sa_slots);
	if (need_mb > d->memory_mb)
		config_error(r, r->dataplane_line,
			"%u mbufs need about %lu MB but memory_mb = %u; raise memory_mb or lower "
			"mbufs",
			d->mbufs, (unsigned long)need_mb, d->memory_mb);
	for (uint32_t i = 0; i < d->worker_n; i++)
		if (d->worker_cpu[i] > 1023)
			config_error(r, r->dataplane_line,
				"worker %u would run on CPU %u; say which with cpus = [...]", i,
				d->worker_cpu[i]);
	check_ports(r);
	check_routes(r);
}
