// SPDX-License-Identifier: BSD-3-Clause
// Reads and checks the static leases of a pool: static = ( { id = "alice@example.org";
// prefix = "2001:db8:1000:1::/64"; } ). A slot has one identity, an identity one slot of a pool.
#include "config_impl.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STATIC_MAX 4096 // of one pool

static void read_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_static *lease = into;

	config_read_id(r, setting, &lease->id, false);
}

static void read_prefix(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_static *lease = into;
	const char *text = config_read_text(r, setting);

	// A bare address is one of its full length.
	if (text == NULL || inet_prefix_parse(text, &lease->prefix) == 0)
		return;
	if (inet_addr_parse(text, &lease->prefix.addr) == 0) {
		lease->prefix.len = (uint8_t)inet_addr_bits(lease->prefix.addr.family);
		return;
	}
	lease->prefix = (struct inet_prefix){};
	config_error(r, (int)config_setting_source_line(setting),
		"'%.60s' is no prefix; write \"10.66.0.7\" or \"2001:db8:1000:1::/64\"", text);
}

static void read_static(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"id", CONFIG_KIND_READ, .required = true, .read = read_id},
		{"prefix", CONFIG_KIND_READ, .required = true, .read = read_prefix},
		{},
	};
	struct config_static *lease = into;

	lease->line = (int)config_setting_source_line(group);
	config_read_group(r, group, "a static lease", keys, lease);
}

void config_read_static(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_pool *pool = into;

	pool->static_lease = config_read_list(r, setting, "static", sizeof(*pool->static_lease),
		STATIC_MAX, &pool->static_n, read_static);
}

// A slot that can be given out: network and broadcast of IPv4, and the anycast address of an IPv6
// prefix, cannot.
static bool is_slot(const struct config_pool *pool, const struct inet_prefix *prefix)
{
	struct inet_prefix used = pool->prefix; // of a larger pool only so many slots are
	struct inet_addr first, last;

	if (pool->lease_len > used.len + CONFIG_POOL_SLOT_BITS)
		used.len = (uint8_t)(pool->lease_len - CONFIG_POOL_SLOT_BITS);
	if (prefix->len != pool->lease_len || !inet_prefix_covers(&used, prefix))
		return false;
	inet_prefix_range(&pool->prefix, &first, &last);
	if (pool->lease_len == 32 && pool->prefix.len < 31)
		return !inet_addr_equal(&prefix->addr, &first) &&
			!inet_addr_equal(&prefix->addr, &last);
	return pool->lease_len != 128 || pool->prefix.len == 128 ||
		!inet_addr_equal(&prefix->addr, &first);
}

bool config_static_equal(const struct config_pool *a, const struct config_pool *b)
{
	if (a->static_n != b->static_n)
		return false;
	for (uint32_t i = 0; i < a->static_n; i++)
		if (!config_id_equal(&a->static_lease[i].id, &b->static_lease[i].id) ||
			!inet_prefix_equal(&a->static_lease[i].prefix, &b->static_lease[i].prefix))
			return false;
	return true;
}

static void check_one(struct config_reader *r, const struct config_pool *pool, uint32_t at)
{
	const struct config_static *lease = &pool->static_lease[at];
	char prefix[INET_PREFIX_STRLEN], id[300];

	if (lease->prefix.addr.family == 0 || lease->id.len == 0)
		return; // said already
	inet_prefix_format(&lease->prefix, prefix);
	if (!is_slot(pool, &lease->prefix))
		config_error(r, lease->line,
			"%s cannot be given out of pool %s; name one of its /%u prefixes%s", prefix,
			pool->name, pool->lease_len,
			pool->lease_len == 32 || pool->lease_len == 128
				? ", but not its network or broadcast address"
				: "");
	for (uint32_t i = 0; i < at; i++) {
		if (inet_prefix_equal(&pool->static_lease[i].prefix, &lease->prefix))
			config_error(r, lease->line, "%s is given in line %d already", prefix,
				pool->static_lease[i].line);
		else if (config_id_equal(&pool->static_lease[i].id, &lease->id))
			config_error(r, lease->line,
				"%.100s has a static lease of this pool in line %d already",
				config_id_format(&lease->id, id), pool->static_lease[i].line);
		else
			continue;
		return;
	}
}

void config_check_static(struct config_reader *r, const struct config_pool *pool)
{
	if (pool->shared && pool->static_n > 0) {
		config_error(r, pool->line,
			"pool %s is shared and has static leases; leave out one of the two",
			pool->name);
		return;
	}
	for (uint32_t i = 0; i < pool->static_n; i++)
		check_one(r, pool, i);
}
