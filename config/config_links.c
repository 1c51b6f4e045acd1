// SPDX-License-Identifier: BSD-3-Clause
// Reads the pools and the link profiles, in this order: profiles refer to pools by name. RFC 5739,
// and the four axes of a link.
#include "config_impl.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define POOLS_MAX 64 // IPC_POOLS: the dataplane's table

static const char *const assign_words[] = {"stable", "random", NULL};

static void read_prefix(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_pool *pool = into;
	const char *text = config_read_text(r, setting);
	int line = (int)config_setting_source_line(setting);
	int rc = text != NULL ? inet_prefix_parse(text, &pool->prefix) : 0;

	if (rc == -ERANGE)
		config_error(r, line,
			"%.60s has bits set behind its length; clear them or make it longer", text);
	else if (rc != 0)
		config_error(r, line,
			"'%.60s' is no prefix; write \"10.66.0.0/16\" or \"2001:db8:1000::/40\"",
			text);
}

static void read_lease(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_pool *pool = into;
	int len = config_setting_get_int(setting);

	if (config_setting_type(setting) != CONFIG_TYPE_INT || len < 1 || len > 128)
		config_error(r, (int)config_setting_source_line(setting),
			"lease is no prefix length; write lease = 64, or 32 and 128 for single "
			"addresses");
	else
		pool->lease_len = (uint8_t)len;
}

static void read_pool(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"prefix", CONFIG_KIND_READ, .required = true, .read = read_prefix},
		{"lease", CONFIG_KIND_READ, .required = true, .read = read_lease},
		{"assign", CONFIG_KIND_WORD, .offset = offsetof(struct config_pool, assign),
			.words = assign_words},
		{},
	};
	struct config_pool *pool = into;

	pool->line = (int)config_setting_source_line(group);
	config_read_group(r, group, "a pool", keys, pool);
}

void config_read_pools(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config *config = into;

	config->pool = config_read_list(
		r, setting, "pools", sizeof(*config->pool), POOLS_MAX, &config->pool_n, read_pool);
}

static const struct config_pool *find_pool(struct config_reader *r, int line, const char *name)
{
	const char *names[POOLS_MAX], *nearest;

	for (uint32_t i = 0; i < r->config->pool_n; i++) {
		names[i] = r->config->pool[i].name;
		if (strcmp(names[i], name) == 0)
			return &r->config->pool[i];
	}
	nearest = config_nearest(name, names, r->config->pool_n);
	config_error(r, line, "there is no pool '%.40s'; %s%s", name,
		nearest != NULL ? "did you mean " : "name one of the list pools",
		nearest != NULL ? nearest : "");
	return NULL;
}

static void add_prefix_pool(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;
	const struct config_pool *pool = find_pool(r, line, text);

	if (pool == NULL)
		return;
	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		if (profile->prefix_pool[i] == pool) {
			config_error(r, line,
				"pool '%s' stands twice in prefix_pools; once is "
				"one prefix a link",
				pool->name);
			return;
		}
	if (profile->prefix_pool_n < CONFIG_LINK_POOLS)
		profile->prefix_pool[profile->prefix_pool_n++] = pool;
	else
		config_error(
			r, line, "prefix_pools has too many pools; at most %d", CONFIG_LINK_POOLS);
}

static void read_prefix_pools(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_prefix_pool, into);
	if (config_setting_is_aggregate(setting) && config_setting_length(setting) == 0)
		config_error(r, (int)config_setting_source_line(setting),
			"prefix_pools is empty; a link needs a prefix of at least one pool");
}

static void read_ipv4_pool(struct config_reader *r, config_setting_t *setting, void *into)
{
	const char *text = config_read_text(r, setting);

	if (text != NULL)
		((struct config_profile *)into)->ipv4_pool =
			find_pool(r, (int)config_setting_source_line(setting), text);
}

static void read_ipv6_pool(struct config_reader *r, config_setting_t *setting, void *into)
{
	const char *text = config_read_text(r, setting);

	if (text != NULL)
		((struct config_profile *)into)->ipv6_pool =
			find_pool(r, (int)config_setting_source_line(setting), text);
}

static void add_dns(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;

	if (profile->dns_n >= CONFIG_DNS)
		config_error(r, line, "dns has too many servers; at most %d", CONFIG_DNS);
	else if (inet_addr_parse(text, &profile->dns[profile->dns_n]) != 0)
		config_error(r, line, "'%.60s' is no address; write the server's address", text);
	else
		profile->dns_n++;
}

static void read_dns(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_dns, into);
}

static void read_domain(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	struct config_profile *profile = into;
	const char *text = config_read_text(r, setting);
	size_t len = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return;
	if (len == 0 || len >= sizeof(profile->domain[0]) || strspn(text, allowed) != len)
		config_error(r, (int)config_setting_source_line(setting),
			"'%.60s' is no domain name; write \"corp.example.org\"", text);
	else
		memcpy(profile->domain[profile->domain_n++], text, len + 1);
}

static void add_local(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;
	struct ts ts;

	if (ts_parse(text, &ts) != 0)
		config_error(r, line,
			"'%.60s' is no traffic selector; write \"10.20.0.0/24\", "
			"\"10.0.0.1-10.0.0.9\" or \"2001:db8::/32[tcp/443]\"",
			text);
	else if (ts_list_add(&profile->local_ts, &ts) != 0)
		config_error(r, line, "local has too many traffic selectors; at most %d", TS_MAX);
}

static void read_local(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_local, into);
}

static const char *const link_model_words[] = {"point-to-point", "router-aggregation", NULL};
static const char *const prefixes_words[] = {"ikev2", "ra", "dhcpv6", NULL};
static const char *const addresses_words[] = {"whole-prefix", "ikev2", "slaac", "dhcpv6", NULL};
static const char *const access_words[] = {"spd", "ingress-filter", NULL};
static const char *const wire_words[] = {"rfc5739", "ipsecme-00", NULL};

static void read_profile(struct config_reader *r, config_setting_t *group, void *into)
{
#define AT(field) .offset = offsetof(struct config_profile, field)
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"link_model", CONFIG_KIND_WORD, AT(link_model), .words = link_model_words},
		{"prefixes_by", CONFIG_KIND_WORD, AT(prefixes_by), .words = prefixes_words},
		{"addresses_by", CONFIG_KIND_WORD, AT(addresses_by), .words = addresses_words},
		{"access_control", CONFIG_KIND_WORD, AT(access), .words = access_words},
		{"wire", CONFIG_KIND_WORD, AT(wire), .words = wire_words},
		{"prefix_pools", CONFIG_KIND_READ, .required = true, .read = read_prefix_pools},
		{"ipv4_pool", CONFIG_KIND_READ, .read = read_ipv4_pool},
		{"ipv6_pool", CONFIG_KIND_READ, .read = read_ipv6_pool},
		{"dns", CONFIG_KIND_READ, .read = read_dns},
		{"domain", CONFIG_KIND_READ, .read = read_domain},
		{"grace", CONFIG_KIND_SECONDS32, AT(grace_s), .min = 1, .max = 31622400,
			.zero = true},
		{"mtu", CONFIG_KIND_U32, AT(mtu), .min = 1280, .max = 9000},
		{"local", CONFIG_KIND_READ, .read = read_local},
		{},
	};
	struct config_profile *profile = into;

	profile->line = (int)config_setting_source_line(group);
	profile->grace_s = 60;
	config_read_group(r, group, "a profile", keys, profile);
#undef AT
}

void config_read_profiles(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config *config = into;

	config->profile = config_read_list(r, setting, "profiles", sizeof(*config->profile), 256,
		&config->profile_n, read_profile);
}
