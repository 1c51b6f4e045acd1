// SPDX-License-Identifier: BSD-3-Clause
// Reads the pools: where prefixes and addresses of links come from.
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
		{"lease", CONFIG_KIND_READ, .read = read_lease},
		{"shared", CONFIG_KIND_BOOL, .offset = offsetof(struct config_pool, shared)},
		{"assign", CONFIG_KIND_WORD, .offset = offsetof(struct config_pool, assign),
			.words = assign_words},
		{"static", CONFIG_KIND_READ, .read = config_read_static},
		{},
	};
	struct config_pool *pool = into;

	pool->line = (int)config_setting_source_line(group);
	config_read_group(r, group, "a pool", keys, pool);
	if (!config_setting_is_group(group) || config_setting_get_member(group, "lease") != NULL)
		return;
	// Of a shared pool only single addresses can be had, so it need not say so.
	if (pool->shared)
		pool->lease_len = 128;
	else
		config_error(r, pool->line,
			"a pool lacks 'lease'; write lease = 64, or 32 and 128 for single "
			"addresses");
}

void config_read_pools(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config *config = into;

	config->pool = config_read_list(
		r, setting, "pools", sizeof(*config->pool), POOLS_MAX, &config->pool_n, read_pool);
}

const struct config_pool *config_find_pool(struct config_reader *r, int line, const char *name)
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
