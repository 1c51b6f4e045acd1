// SPDX-License-Identifier: BSD-3-Clause
// Events about SAs and links as JSON objects. Control's thread.
#include "control.h"

#include <stdio.h>

static void set_hex(json_t *object, const char *key, uint32_t value)
{
	char text[12];

	snprintf(text, sizeof(text), "%08x", value);
	json_object_set_new(object, key, json_string(text));
}

static void set_endpoint(
	json_t *object, const char *key, const struct inet_addr *addr, uint16_t port)
{
	char text[INET_ADDR_STRLEN], both[INET_ADDR_STRLEN + 10];

	inet_addr_format(addr, text);
	if (port == 0)
		snprintf(both, sizeof(both), "%s", text);
	else
		snprintf(both, sizeof(both), addr->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text,
			port);
	json_object_set_new(object, key, json_string(both));
}

json_t *monitor_spi(uint32_t spi_or_ref)
{
	json_t *object = json_object();

	set_hex(object, "spi", spi_or_ref);
	return object;
}

static json_t *sa_object(const struct ipc_sa_info *info)
{
	json_t *object = json_object();

	json_object_set_new(
		object, "direction", json_string(info->direction == IPC_DIR_IN ? "in" : "out"));
	set_hex(object, "spi", info->spi);
	if (info->direction == IPC_DIR_OUT)
		set_hex(object, "ref", info->ref);
	if (info->link != 0)
		json_object_set_new(object, "link", json_integer((json_int_t)info->link));
	return object;
}

void monitor_sa_add(struct control *control, const struct ipc_sa_info *info)
{
	char text[64];
	json_t *object = NULL;

	if (!monitor_wanted(control->monitor))
		return;
	object = sa_object(info);
	set_endpoint(object, "local", &info->local, info->local_port);
	set_endpoint(object, "remote", &info->remote, info->remote_port);
	json_object_set_new(object, "suite", json_string(esp_suite_format(&info->suite, text)));
	json_object_set_new(object, "encap", json_boolean((info->flags & IPC_SA_ENCAP) != 0));
	monitor_emit(control->monitor, MONITOR_SA_ADD, object);
}

void monitor_sa_del(struct control *control, const struct ipc_sa_info *info)
{
	json_t *object = NULL;

	if (!monitor_wanted(control->monitor))
		return;
	object = sa_object(info);
	json_object_set_new(object, "pkts", json_integer((json_int_t)info->pkts));
	json_object_set_new(object, "bytes", json_integer((json_int_t)info->bytes));
	json_object_set_new(object, "drops", json_integer((json_int_t)info->drops));
	monitor_emit(control->monitor, MONITOR_SA_DEL, object);
}

static json_t *link_object(const struct link *link)
{
	json_t *object = json_object(), *identity = NULL;
	char text[300];

	json_object_set_new(object, "link", json_integer((json_int_t)link->handle));
	identity = json_string(config_id_format(&link->identity, text));
	json_object_set_new(
		object, "identity", identity != NULL ? identity : json_string("(not UTF-8)"));
	return object;
}

void monitor_link_prefix(struct control *control, enum monitor_event event, const struct link *link,
	const struct inet_prefix *prefix)
{
	char text[INET_PREFIX_STRLEN];
	json_t *object = NULL;

	if (!monitor_wanted(control->monitor))
		return;
	object = link_object(link);
	json_object_set_new(object, "prefix", json_string(inet_prefix_format(prefix, text)));
	monitor_emit(control->monitor, event, object);
}

void monitor_link(struct control *control, enum monitor_event event, const struct link *link)
{
	char text[300];
	json_t *object = NULL, *prefixes = NULL;

	if (!monitor_wanted(control->monitor))
		return;
	object = link_object(link);
	if (event == MONITOR_LINK_UP) {
		prefixes = json_array();
		for (uint32_t i = 0; i < link->lease_n; i++)
			json_array_append_new(
				prefixes, json_string(inet_prefix_format(&link->prefix[i], text)));
		json_object_set_new(
			object, "peer", json_string(link->peer != NULL ? link->peer->name : ""));
		json_object_set_new(object, "profile", json_string(link->profile->name));
		json_object_set_new(object, "virtual", json_boolean(link->virtual_link));
		json_object_set_new(object, "prefixes", prefixes);
	}
	monitor_emit(control->monitor, event, object);
}
