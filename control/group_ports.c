// SPDX-License-Identifier: BSD-3-Clause
// Ports come from the dataplane's list after each connection and stay; what was reported on them goes
// on with them. Control's thread.
#include "group_ports.h"

#include "clock.h"
#include "igmp_msg.h"
#include "log.h"
#include "mld_msg.h"
#include "upstream.h"

#include <stdlib.h>
#include <string.h>

LOG_TYPE("group");

#define PORTS_MAX 16

struct group_port {
	uint32_t index;
	struct inet_addr ip4;
	struct upstream *v6, *v4;
};

struct group_ports {
	struct control *control;
	uint32_t n;
	struct group_port port[PORTS_MAX];
	bool *gone; // set when freed while the list is still to come; NULL: none is
};

struct group_ports *group_ports_new(struct control *control)
{
	struct group_ports *ports = calloc(1, sizeof(*ports));

	if (ports != NULL)
		ports->control = control;
	return ports;
}

void group_ports_free(struct group_ports *ports)
{
	if (ports == NULL)
		return;
	if (ports->gone != NULL)
		*ports->gone = true;
	for (uint32_t i = 0; i < ports->n; i++) {
		upstream_free(ports->port[i].v6);
		upstream_free(ports->port[i].v4);
	}
	free(ports);
}

static struct group_port *find(struct group_ports *ports, uint32_t index)
{
	for (uint32_t i = 0; i < ports->n; i++)
		if (ports->port[i].index == index)
			return &ports->port[i];
	return NULL;
}

// ---- the list of ports ----

static void want_on(void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	struct group_port *port = arg;
	struct upstream *up = group->family == AF_INET6 ? port->v6 : port->v4;

	if (up != NULL && upstream_want(up, group, filter, clock_now_us()) != 0)
		LOG_LIMITED(ERR, "out of memory: a group is not asked for upstream");
}

static struct group_port *add(struct group_ports *ports, uint32_t index)
{
	struct group_port *port = NULL;

	if (ports->n == PORTS_MAX)
		return NULL;
	port = &ports->port[ports->n];
	*port = (struct group_port){.index = index,
		.v6 = upstream_new(AF_INET6, control_random, NULL),
		.v4 = upstream_new(AF_INET, control_random, NULL)};
	if (port->v6 == NULL || port->v4 == NULL) {
		upstream_free(port->v6);
		upstream_free(port->v4);
		return NULL;
	}
	ports->n++;
	groups_upstream_each(ports->control, want_on, port);
	return port;
}

static void set_addresses(struct group_port *port, const struct ipc_port_info *info)
{
	struct inet_addr none = {.family = AF_INET6};

	port->ip4 = (struct inet_addr){.family = AF_INET};
	upstream_source(port->v6, &none);
	for (uint32_t i = info->addr_n; i-- > 0;) {
		const struct inet_addr *addr = &info->addr[i].addr;

		if (!inet_addr_valid(addr))
			continue;
		if (addr->family == AF_INET)
			port->ip4 = *addr;
		else if (inet_addr_is_link_local(addr))
			upstream_source(port->v6, addr);
	}
	upstream_source(port->v4, &port->ip4);
}

struct refresh_ports {
	struct group_ports *ports;
	bool gone;
};

static void on_port(void *arg, const void *payload)
{
	const struct refresh_ports *refresh = arg;
	const struct ipc_port_info *info = payload;
	struct group_port *port = NULL;

	if (refresh->gone || info->role != CONFIG_PORT_INNER)
		return;
	port = find(refresh->ports, info->index);
	if (port == NULL)
		port = add(refresh->ports, info->index);
	if (port != NULL)
		set_addresses(port, info);
}

static void on_ports(void *arg, int error)
{
	struct refresh_ports *refresh = arg;

	(void)error; // another connection brings another list
	if (!refresh->gone)
		refresh->ports->gone = NULL;
	free(refresh);
}

void group_ports_refresh(struct group_ports *ports)
{
	struct refresh_ports *refresh = NULL;

	if (ports->gone != NULL)
		return; // it is asked for already
	refresh = calloc(1, sizeof(*refresh));
	if (refresh == NULL)
		return;
	refresh->ports = ports;
	ports->gone = &refresh->gone;
	control_table(ports->control, CONTROL_PORTS, on_port, on_ports, refresh);
}

struct inet_addr group_ports_ip4(const struct group_ports *ports)
{
	for (uint32_t i = 0; i < ports->n; i++)
		if (!inet_addr_is_unspecified(&ports->port[i].ip4))
			return ports->port[i].ip4;
	return (struct inet_addr){.family = AF_INET};
}

// ---- packets ----

void group_ports_want(struct group_ports *ports, const struct inet_addr *group,
	const struct source_filter *filter, uint64_t now_us)
{
	(void)now_us;
	for (uint32_t i = 0; i < ports->n; i++)
		want_on(&ports->port[i], group, filter);
}

static enum group_msg_result read_packet(const uint8_t *data, size_t len, struct group_msg *msg)
{
	struct inner_packet packet;

	if (len > 0 && data[0] >> 4 == 4)
		return igmp_read(data, len, msg);
	return inner_parse(data, len, &packet) == 0 ? mld_read(&packet, msg) : GROUP_MSG_MALFORMED;
}

void group_ports_input(
	struct group_ports *ports, uint32_t index, const uint8_t *data, size_t len, uint64_t now_us)
{
	struct group_port *port = find(ports, index);
	enum group_msg_result result = GROUP_MSG_OTHER;
	struct group_record record;
	struct upstream *up = NULL;
	struct group_msg msg;

	if (port == NULL)
		return;
	result = read_packet(data, len, &msg);
	ports->control->counts.group_port[result]++;
	if (result != GROUP_MSG_QUERY && result != GROUP_MSG_REPORT)
		return;
	up = msg.src.family == AF_INET6 ? port->v6 : port->v4;
	if (result == GROUP_MSG_QUERY)
		upstream_query(up, &msg.query, now_us);
	while (result == GROUP_MSG_REPORT && group_msg_next(&msg, &record))
		upstream_report(up, &record.group, now_us);
}

uint64_t group_ports_next_us(const struct group_ports *ports)
{
	uint64_t next_us = CLOCK_NEVER;

	for (uint32_t i = 0; i < ports->n; i++) {
		uint64_t v6_us = upstream_next_us(ports->port[i].v6);
		uint64_t v4_us = upstream_next_us(ports->port[i].v4);

		next_us = v6_us < next_us ? v6_us : next_us;
		next_us = v4_us < next_us ? v4_us : next_us;
	}
	return next_us;
}

static void send_some(
	struct group_ports *ports, uint32_t index, struct upstream *up, uint64_t now_us)
{
	uint8_t packet[UPSTREAM_PACKET_MAX];
	size_t len = 0;

	while (upstream_next_us(up) <= now_us) {
		len = upstream_take(up, packet, now_us);
		if (len == 0)
			return;
		struct ipc_punt_port punt = {.port = index, .data_len = (uint32_t)len};

		dp_client_send(
			ports->control->dp, 1, IPC_SEND_PORT, &punt, sizeof(punt), packet, len);
		ports->control->counts.group_reports++;
	}
}

void group_ports_send(struct group_ports *ports, uint64_t now_us)
{
	for (uint32_t i = 0; i < ports->n; i++) {
		send_some(ports, ports->port[i].index, ports->port[i].v6, now_us);
		send_some(ports, ports->port[i].index, ports->port[i].v4, now_us);
	}
}
