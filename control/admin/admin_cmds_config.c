// SPDX-License-Identifier: BSD-3-Clause
// `config show`: the configuration that control runs with, flattened into settings named as in the
// file, with the defaults filled in and without the secrets. Control's thread.
#include "admin_cmds.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Where settings go: the path of the group that is being shown stands before each name.
struct settings {
	struct admin_call *call;
	char group[96];
};

static void set(struct settings *s, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void set(struct settings *s, const char *name, const char *format, ...)
{
	struct admin_row row = admin_row_begin(s->call);
	char value[480];
	va_list ap;

	va_start(ap, format);
	vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	admin_row_printf(&row, "setting", "%s%s%s", s->group, s->group[0] ? "." : "", name);
	admin_row_text(&row, "value", value);
	admin_row_send(&row);
}

static void group(struct settings *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void group(struct settings *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->group, sizeof(s->group), format, ap);
	va_end(ap);
}

// A value of several parts.
struct list {
	char text[480];
	size_t len;
};

static void add(struct list *list, const char *text)
{
	if (list->len + strlen(text) + 3 < sizeof(list->text))
		list->len += (size_t)snprintf(list->text + list->len,
			sizeof(list->text) - list->len, "%s%s", list->len ? ", " : "", text);
}

static void set_list(struct settings *s, const char *name, const struct list *list)
{
	if (list->len)
		set(s, name, "%s", list->text);
}

static void set_bool(struct settings *s, const char *name, bool value)
{
	set(s, name, "%s", value ? "true" : "false");
}

static void set_text(struct settings *s, const char *name, const char *text)
{
	if (*text)
		set(s, name, "%s", text);
}

// As the file writes it, in the largest unit that loses nothing.
static void set_seconds(struct settings *s, const char *name, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};

	if (!seconds) {
		set(s, name, "never");
		return;
	}
	for (size_t i = 0; i < 4; i++)
		if (seconds % units[i].seconds == 0) {
			set(s, name, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].unit);
			return;
		}
}

static void set_addr(struct settings *s, const char *name, const struct inet_addr *addr)
{
	char text[INET_ADDR_STRLEN];

	if (addr->family)
		set(s, name, "%s", inet_addr_format(addr, text));
}

static void set_id(struct settings *s, const char *name, const struct config_id *id)
{
	char text[300];

	if (id->len)
		set(s, name, "%s", config_id_format(id, text));
}

static void show_port(struct settings *s, const struct config_port *port)
{
	struct list addresses = {};

	group(s, "dataplane.ports.%s", port->name);
	set(s, "role", "%s", port->role == CONFIG_PORT_OUTER ? "outer" : "inner");
	set(s, "device", "%s", port->device);
	set(s, "mtu", "%u", port->mtu);
	set_bool(s, "shared", port->shared);
	for (uint32_t i = 0; i < port->addr_n; i++) {
		char text[INET_ADDR_STRLEN], with_len[INET_PREFIX_STRLEN];

		snprintf(with_len, sizeof(with_len), "%s/%u",
			inet_addr_format(&port->addr[i].addr, text), port->addr[i].len);
		add(&addresses, with_len);
	}
	set_list(s, "addresses", &addresses);
}

static void show_route(struct settings *s, const struct config_route *route)
{
	char prefix[INET_PREFIX_STRLEN];

	group(s, "dataplane.routes.%s %s", route->table == CONFIG_PORT_OUTER ? "outer" : "inner",
		inet_prefix_format(&route->prefix, prefix));
	set_addr(s, "via", &route->via);
	set_text(s, "port", route->port);
}

static void show_dataplane(struct settings *s, const struct config_dataplane *dataplane)
{
	static const char *const idle[] = {"auto", "poll", "adaptive"};
	static const char *const hugepages[] = {"auto", "no", "yes"};
	struct list cpus = {};
	char number[12];

	group(s, "dataplane");
	set(s, "workers", "%u", dataplane->worker_n);
	for (uint32_t i = 0; i < dataplane->worker_n; i++) {
		snprintf(number, sizeof(number), "%u", dataplane->worker_cpu[i]);
		add(&cpus, number);
	}
	set_list(s, "cpus", &cpus);
	set(s, "main_cpu", "%u", dataplane->main_cpu);
	set(s, "idle", "%s", idle[dataplane->idle]);
	set(s, "hugepages", "%s", hugepages[dataplane->hugepages]);
	set(s, "memory_mb", "%u", dataplane->memory_mb);
	set(s, "mbufs", "%u", dataplane->mbufs);
	set(s, "sa_slots", "%u", dataplane->sa_slots);
	set_text(s, "hook", dataplane->hook);
	for (uint32_t i = 0; i < dataplane->port_n; i++)
		show_port(s, &dataplane->port[i]);
	for (uint32_t i = 0; i < dataplane->route_n; i++)
		show_route(s, &dataplane->route[i]);
}

static void show_proposal(
	struct settings *s, const char *of, uint32_t i, const struct config_proposal *proposal)
{
	struct list encr = {}, prf = {}, integ = {}, dh = {};

	group(s, "%s.proposals.%u", of, i + 1);
	for (uint32_t k = 0; k < proposal->encr_n; k++)
		add(&encr, proposal->encr[k]->name);
	for (uint32_t k = 0; k < proposal->prf_n; k++)
		add(&prf, proposal->prf[k]->name);
	for (uint32_t k = 0; k < proposal->integ_n; k++)
		add(&integ, proposal->integ[k]->name);
	for (uint32_t k = 0; k < proposal->dh_n; k++)
		add(&dh, proposal->dh[k]->name);
	set_list(s, "encr", &encr);
	set_list(s, "prf", &prf);
	set_list(s, "integ", &integ);
	set_list(s, "dh", &dh);
	if (proposal->esn_yes || proposal->esn_no)
		set(s, "esn", "%s%s%s", proposal->esn_yes ? "yes" : "",
			proposal->esn_yes && proposal->esn_no ? ", " : "",
			proposal->esn_no ? "no" : "");
}

static void show_limits(struct settings *s, const struct config *config)
{
	const struct config_limits *limits = &config->limits;

	group(s, "ike.limits");
	set(s, "cookies", "%s", config_cookies_words[limits->cookies]);
	set(s, "cookie_threshold", "%u", config_cookie_threshold(config));
	set(s, "half_open_source_max", "%u", limits->half_open_source_max);
	set(s, "init_source_rate", "%u", limits->init_source_rate);
	set(s, "request_rate", "%u", limits->request_rate);
	set(s, "ike_sas_max", "%u", limits->ike_sas_max);
	set(s, "children_max", "%u", limits->children_max);
}

static void show_crypto(struct settings *s, const struct config *config)
{
	for (uint32_t i = 0; i < config->ike.n; i++)
		show_proposal(s, "ike", i, &config->ike.proposal[i]);
	group(s, "ike");
	set_seconds(s, "rekey", config->life.ike_rekey_s);
	set(s, "rekey_jitter", "%u", config->life.jitter_percent);
	set_seconds(s, "liveness", config->life.liveness_s);
	set(s, "retransmit_tries", "%u", config->life.retransmit_tries);
	set_seconds(s, "half_open_time", config->life.half_open_s);
	set_bool(s, "fragmentation", config->fragmentation);
	set(s, "fragment_size", "%u", config->fragment_size);
	set(s, "half_open_max", "%u", config->half_open_max);
	show_limits(s, config);
	for (uint32_t i = 0; i < config->esp.n; i++)
		show_proposal(s, "esp", i, &config->esp.proposal[i]);
	group(s, "esp");
	set_seconds(s, "rekey", config->life.child_rekey_s);
	set(s, "rekey_bytes", "%" PRIu64, config->life.child_rekey_bytes);
	set(s, "rekey_packets", "%" PRIu64, config->life.child_rekey_pkts);
	set(s, "replay_window", "%u", config->replay_window);
}

static void show_pool(struct settings *s, const struct config_pool *pool)
{
	char prefix[INET_PREFIX_STRLEN];

	group(s, "pools.%s", pool->name);
	set(s, "prefix", "%s", inet_prefix_format(&pool->prefix, prefix));
	set(s, "lease", "%u", pool->lease_len);
	set_bool(s, "shared", pool->shared);
	if (!pool->shared)
		set(s, "assign", "%s", pool->assign == CONFIG_ASSIGN_STABLE ? "stable" : "random");
}

static void set_selectors(struct settings *s, const char *name, const struct ts_list *selectors)
{
	struct list list = {};
	char text[TS_STRLEN];

	for (uint32_t i = 0; i < selectors->n; i++)
		add(&list, ts_format(&selectors->ts[i], text));
	set_list(s, name, &list);
}

static void set_addrs(
	struct settings *s, const char *name, const struct inet_addr *addr, uint32_t n)
{
	char text[INET_ADDR_STRLEN];
	struct list list = {};

	for (uint32_t i = 0; i < n; i++)
		add(&list, inet_addr_format(&addr[i], text));
	set_list(s, name, &list);
}

static void show_profile_lists(struct settings *s, const struct config_profile *profile)
{
	struct list pools = {}, domains = {}, anchors = {};

	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		add(&pools, profile->prefix_pool[i]->name);
	for (uint32_t i = 0; i < profile->domain_n; i++)
		add(&domains, profile->domain[i]);
	for (uint32_t i = 0; i < profile->dnssec_ta_n; i++) {
		const struct config_dnssec_ta *ta = &profile->dnssec_ta[i];
		char text[320];

		snprintf(text, sizeof(text), "%s %u %u %u", profile->domain[ta->domain],
			ta->key_tag, ta->algorithm, ta->digest_type);
		add(&anchors, text);
	}
	set_list(s, "prefix_pools", &pools);
	if (profile->ipv4_pool)
		set(s, "ipv4_pool", "%s", profile->ipv4_pool->name);
	if (profile->ipv6_pool)
		set(s, "ipv6_pool", "%s", profile->ipv6_pool->name);
	if (profile->delegation_pool) {
		set(s, "delegation_pool", "%s", profile->delegation_pool->name);
		set(s, "delegations", "%u", profile->delegations_max);
	}
	set_addrs(s, "dns", profile->dns, profile->dns_n);
	set_list(s, "domain", &domains);
	set_list(s, "dnssec_ta", &anchors);
	set_addrs(s, "sntp", profile->sntp, profile->sntp_n);
	set_selectors(s, "local", &profile->local_ts);
}

static void show_profile(struct settings *s, const struct config_profile *profile)
{
	group(s, "profiles.%s", profile->name);
	if (config_profile_has_links(profile)) {
		set(s, "link_model", "%s", config_link_model_words[profile->link_model]);
		set(s, "prefixes_by", "%s", config_prefixes_words[profile->prefixes_by]);
		set(s, "addresses_by", "%s", config_addresses_words[profile->addresses_by]);
		set(s, "access_control", "%s", config_access_words[profile->access]);
		set(s, "wire", "%s", config_wire_words[profile->wire]);
		set_bool(s, "dhcp6", profile->dhcp6);
		set_addr(s, "dhcp6_relay", &profile->dhcp6_relay);
		set(s, "addresses", "%u", profile->addresses_max);
	}
	show_profile_lists(s, profile);
	set_seconds(s, "reauth", profile->reauth_s);
	set_seconds(s, "grace", profile->grace_s);
	if (profile->mtu)
		set(s, "mtu", "%u", profile->mtu);
}

static void show_gateway(struct settings *s, const struct config *config)
{
	if (!config->gateway.present)
		return;
	group(s, "gateway");
	set_id(s, "id", &config->gateway.id);
	set_bool(s, "force_encap", config->force_encap);
	for (uint32_t i = 0; i < config->gateway.peer_n; i++) {
		const struct config_peer *peer = &config->gateway.peer[i];

		group(s, "gateway.peers.%s", peer->name);
		set_id(s, "id", &peer->id);
		if (peer->profile)
			set(s, "profile", "%s", peer->profile->name);
		set_selectors(s, "physical_local", &peer->physical_local);
		set_selectors(s, "physical_remote", &peer->physical_remote);
	}
}

static void set_iid(struct list *list, const uint8_t iid[8])
{
	struct inet_addr addr = {.family = AF_INET6};
	char text[INET_ADDR_STRLEN];

	memcpy(addr.bytes + 8, iid, 8);
	add(list, inet_addr_format(&addr, text));
}

static void show_link_keys(struct settings *s, const struct config_connection *connection)
{
	struct list more = {}, iid = {};

	set(s, "wire", "%s", config_wire_words[connection->wire]);
	set(s, "link_model", "%s", config_link_model_words[connection->link_model]);
	set(s, "prefixes_by", "%s", config_prefixes_words[connection->prefixes_by]);
	set(s, "addresses_by", "%s", config_addresses_words[connection->addresses_by]);
	if (connection->iid == CONFIG_IID_FIXED)
		set_iid(&iid, connection->interface_id);
	else
		add(&iid, connection->iid == CONFIG_IID_STABLE ? "stable" : "random");
	set_list(s, "interface_id", &iid);
	for (uint32_t i = 0; i < connection->more_iid_n; i++)
		set_iid(&more, connection->more_iid[i]);
	set_list(s, "more_interface_ids", &more);
	set_bool(s, "privacy", connection->privacy);
	set_bool(s, "dhcp6", connection->dhcp6);
	if (!connection->lan[0])
		return;
	set_text(s, "lan", connection->lan);
	set(s, "lan_prefix", "%s", config_lan_prefix_words[connection->lan_prefix]);
	if (connection->delegation_len)
		set(s, "delegation_length", "%u", connection->delegation_len);
}

static void show_children(struct settings *s, const struct config_connection *connection)
{
	for (uint32_t i = 0; i < connection->child_n; i++) {
		const struct config_child *child = &connection->child[i];

		group(s, "client.%s.children.%s", connection->name, child->name);
		set_bool(s, "link", child->link);
		set_selectors(s, "local", &child->local);
		set_selectors(s, "remote", &child->remote);
	}
}

static void show_connection(struct settings *s, const struct config_connection *connection)
{
	struct list routes = {};
	char text[INET_PREFIX_STRLEN];

	group(s, "client.%s", connection->name);
	set_id(s, "id", &connection->id);
	set_id(s, "gateway_id", &connection->gateway_id);
	set_addr(s, "gateway", &connection->gateway);
	set_addr(s, "local", &connection->local);
	set_bool(s, "link", connection->link);
	set_bool(s, "ipv4", connection->ipv4);
	set_bool(s, "ipv6_address", connection->ipv6_address);
	set_bool(s, "force_encap", connection->force_encap);
	set_bool(s, "childless", connection->childless);
	set_text(s, "interface", connection->interface);
	for (uint32_t i = 0; i < connection->route_n; i++)
		add(&routes, inet_prefix_format(&connection->route[i], text));
	set_list(s, "routes", &routes);
	set_bool(s, "autostart", connection->autostart);
	set_seconds(s, "reauth", connection->reauth_s);
	if (connection->link)
		show_link_keys(s, connection);
	show_children(s, connection);
}

void cmds_config_show(struct admin_call *call)
{
	const struct config *config = control_config(admin_control(call));
	struct settings s = {.call = call};

	set(&s, "file", "%s", config->path);
	set_text(&s, "state_dir", config->state_dir);
	set_text(&s, "keylog_dir", config->keylog_dir);
	show_dataplane(&s, &config->dataplane);
	show_crypto(&s, config);
	for (uint32_t i = 0; i < config->pool_n; i++)
		show_pool(&s, &config->pool[i]);
	for (uint32_t i = 0; i < config->profile_n; i++)
		show_profile(&s, &config->profile[i]);
	show_gateway(&s, config);
	for (uint32_t i = 0; i < config->connection_n; i++)
		show_connection(&s, &config->connection[i]);
	admin_done(call);
}
