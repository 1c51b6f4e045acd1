// SPDX-License-Identifier: BSD-3-Clause
// Which handler answers which command, and the fields that several of them have. Control's thread.
#include "admin_cmds.h"

#include "admin_conn.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const admin_handler admin_handlers[CMD_ID_COUNT] = {
	[CMD_LINK_SHOW] = cmds_link_show,
	[CMD_LINK_RENUMBER] = cmds_link_renumber,
	[CMD_LINK_REAUTH] = cmds_link_reauth,
	[CMD_LINK_TERMINATE] = cmds_link_terminate,
	[CMD_SA_SHOW] = cmds_sa_show,
	[CMD_SA_REKEY] = cmds_sa_rekey,
	[CMD_SA_TERMINATE] = cmds_sa_terminate,
	[CMD_PEER_SHOW] = cmds_peer_show,
	[CMD_PEER_INITIATE] = cmds_peer_initiate,
	[CMD_PEER_REAUTH] = cmds_peer_reauth,
	[CMD_PEER_TERMINATE] = cmds_peer_terminate,
	[CMD_POOL_SHOW] = cmds_pool_show,
	[CMD_LEASE_SHOW] = cmds_lease_show,
	[CMD_GROUP_SHOW] = cmds_group_show,
	[CMD_DROPS_SHOW] = cmds_drops_show,
	[CMD_STATS_SHOW] = cmds_stats_show,
	[CMD_PORT_SHOW] = cmds_port_show,
	[CMD_NEIGHBOUR_SHOW] = cmds_neighbour_show,
	[CMD_ROUTE_SHOW] = cmds_route_show,
	[CMD_LOG_SHOW] = cmds_log_show,
	[CMD_LOG_LEVEL] = cmds_log_level,
	[CMD_CONFIG_SHOW] = cmds_config_show,
	[CMD_CONFIG_RELOAD] = cmds_config_reload,
	[CMD_MONITOR] = cmds_monitor,
	[CMD_NAMES] = cmds_names,
};

// The upper half of a handle differs from one control process to the next, so that events of both can
// be told apart; within one process the lower half is unique, and shorter to type.
const char *sa_name_ike(uint64_t ike_sa, char buf[SA_NAME_LEN])
{
	snprintf(buf, SA_NAME_LEN, "ike-%" PRIu32, (uint32_t)ike_sa);
	return buf;
}

const char *sa_name_child(uint64_t child, char buf[SA_NAME_LEN])
{
	snprintf(buf, SA_NAME_LEN, "child-%" PRIu32, (uint32_t)child);
	return buf;
}

const char *sa_name_spi(uint32_t spi, char buf[SA_NAME_LEN])
{
	snprintf(buf, SA_NAME_LEN, "%08" PRIx32, spi);
	return buf;
}

const char *link_name(uint64_t link, char buf[SA_NAME_LEN])
{
	snprintf(buf, SA_NAME_LEN, "%" PRIu64, link);
	return buf;
}

bool hex_is(const char *text, uint64_t number)
{
	uint64_t value;
	char *end;

	if (!isxdigit((unsigned char)*text) || !number)
		return false;
	errno = 0;
	value = strtoull(text, &end, 16);
	return !errno && !*end && value == number;
}

void row_identity(struct admin_row *row, const char *name, const struct config_id *id)
{
	char text[300];

	if (id->len)
		admin_row_text(row, name, config_id_format(id, text));
}

void row_addr(struct admin_row *row, const char *name, const struct inet_addr *addr)
{
	char text[INET_ADDR_STRLEN];

	if (inet_addr_valid(addr))
		admin_row_text(row, name, inet_addr_format(addr, text));
}

void row_endpoint(
	struct admin_row *row, const char *name, const struct inet_addr *addr, uint16_t port)
{
	char text[INET_ADDR_STRLEN];

	if (!inet_addr_valid(addr))
		return;
	inet_addr_format(addr, text);
	if (!port)
		admin_row_text(row, name, text);
	else if (addr->family == AF_INET6)
		admin_row_printf(row, name, "[%s]:%u", text, port);
	else
		admin_row_printf(row, name, "%s:%u", text, port);
}

void row_add_addr(struct admin_row *row, const char *name, const struct inet_addr *addr)
{
	char text[INET_ADDR_STRLEN];

	if (inet_addr_valid(addr))
		admin_row_add_text(row, name, inet_addr_format(addr, text));
}

void row_add_prefix(struct admin_row *row, const char *name, const struct inet_prefix *prefix)
{
	char text[INET_PREFIX_STRLEN];

	if (inet_prefix_valid(prefix))
		admin_row_add_text(row, name, inet_prefix_format(prefix, text));
}

void row_mac(struct admin_row *row, const char *name, const uint8_t mac[6])
{
	admin_row_printf(row, name, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
}

void row_hex(struct admin_row *row, const char *name, const uint8_t *data, size_t len)
{
	char text[2 * 255 + 1] = "";

	for (size_t i = 0; i < len && 2 * i + 2 < sizeof(text); i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	admin_row_text(row, name, text);
}

void row_flows(struct admin_row *row, const struct control_counters *counters)
{
	admin_row_us(row, "idle_s", counters->in.idle_us);
	admin_row_count(row, "in_pkts", counters->in.pkts);
	admin_row_count(row, "in_bytes", counters->in.bytes);
	admin_row_count(row, "in_drops", counters->in.drops);
	admin_row_count(row, "out_pkts", counters->out.pkts);
	admin_row_count(row, "out_bytes", counters->out.bytes);
	admin_row_count(row, "out_drops", counters->out.drops);
}

bool id_is(const struct config_id *id, const char *text)
{
	char own[300];

	return id->len && !strcmp(config_id_format(id, own), text);
}

void action_row(struct admin_call *call, const char *object, const char *format, ...)
{
	struct admin_row row = admin_row_begin(call);
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	admin_row_text(&row, "object", object);
	admin_row_text(&row, "done", text);
	admin_row_send(&row);
}

const char *action_error(int error)
{
	switch (error < 0 ? -error : error) {
	case ENOENT:
		return "it is gone";
	case EINPROGRESS:
		return "it is being done already";
	case EALREADY:
		return "it is so already";
	case ENOTCONN:
		return "there is no dataplane";
	default:
		return strerror(error < 0 ? -error : error);
	}
}
