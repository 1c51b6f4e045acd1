// SPDX-License-Identifier: BSD-3-Clause
// Whole-file checks of pools and PAD entries, against each other and against the ports. Any thread.
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void check_pool(struct config_reader *r, const struct config_pool *pool)
{
	unsigned bits = inet_addr_bits(pool->prefix.addr.family);

	if (!inet_prefix_valid(&pool->prefix) || pool->lease_len == 0)
		return; // has been reported
	if (pool->shared && (bits != 128 || pool->prefix.len != 64 || pool->lease_len != 128))
		config_error(r, pool->line,
			"pool '%s' is shared but no IPv6 /64 of single addresses; write prefix = "
			"\"2001:db8:3000::/64\" and leave lease out",
			pool->name);
	else if (pool->lease_len > bits)
		config_error(r, pool->line, "pool '%s' leases /%u of an IPv4 prefix; at most /32",
			pool->name, pool->lease_len);
	else if (pool->lease_len < pool->prefix.len)
		config_error(r, pool->line,
			"pool '%s' leases /%u out of a /%u; a lease cannot be larger than the pool",
			pool->name, pool->lease_len, pool->prefix.len);
	else if (pool->lease_len < 128 &&
		pool->lease_len - pool->prefix.len > CONFIG_POOL_SLOT_BITS)
		config_error(r, pool->line,
			"pool '%s' has 2^%u leases; at most 2^%u: a prefix of /%u or longer",
			pool->name, pool->lease_len - pool->prefix.len, CONFIG_POOL_SLOT_BITS,
			pool->lease_len - CONFIG_POOL_SLOT_BITS);
	if (inet_addr_is_multicast(&pool->prefix.addr) ||
		inet_addr_is_link_local(&pool->prefix.addr))
		config_error(r, pool->line,
			"pool '%s' is multicast or link-local; take unicast addresses", pool->name);
	config_check_static(r, pool);
}

static bool overlap(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return inet_prefix_covers(a, b) || inet_prefix_covers(b, a);
}

static void check_pool_ports(struct config_reader *r, const struct config_pool *pool)
{
	const struct config_dataplane *d = &r->config->dataplane;

	for (uint32_t i = 0; i < d->port_n; i++) {
		for (uint32_t k = 0; k < d->port[i].addr_n; k++) {
			struct inet_prefix net = {
				.addr = d->port[i].addr[k].addr, .len = d->port[i].addr[k].len};

			inet_prefix_normalize(&net);
			if (overlap(&net, &pool->prefix))
				config_error(r, pool->line,
					"pool '%s' overlaps a subnet of port '%s'; give the pool "
					"addresses of its own",
					pool->name, d->port[i].name);
		}
	}
}

static void check_pools(struct config_reader *r)
{
	const struct config *config = r->config;

	for (uint32_t i = 0; i < config->pool_n; i++) {
		const struct config_pool *pool = &config->pool[i];

		check_pool(r, pool);
		if (!inet_prefix_valid(&pool->prefix))
			continue;
		check_pool_ports(r, pool);
		for (uint32_t k = 0; k < i; k++) {
			const struct config_pool *other = &config->pool[k];

			if (pool->name[0] != '\0' && strcmp(pool->name, other->name) == 0)
				config_error(r, pool->line,
					"pool name '%s' is taken by line %d; choose another",
					pool->name, other->line);
			if (inet_prefix_valid(&other->prefix) &&
				overlap(&pool->prefix, &other->prefix))
				config_error(r, pool->line,
					"pool '%s' overlaps pool '%s' of line %d; an address is "
					"one "
					"pool's",
					pool->name, other->name, other->line);
		}
	}
}

void config_check_links(struct config_reader *r)
{
	check_pools(r);
	config_check_profiles(r);
}

static int by_name(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);

	return order != 0 ? order : (*x)->line - (*y)->line;
}

// Names without regard to case, as config_id_match() compares them.
static int compare_id(const struct config_id *a, const struct config_id *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	if (a->type == CONFIG_ID_FQDN || a->type == CONFIG_ID_RFC822)
		return strncasecmp((const char *)a->data, (const char *)b->data, a->len);
	return memcmp(a->data, b->data, a->len);
}

static int by_id(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;
	int order = compare_id(&(*x)->id, &(*y)->id);

	return order != 0 ? order : (*x)->line - (*y)->line;
}

// There may be very many peers, so equal ones are found by sorting.
static void check_equal_peers(struct config_reader *r)
{
	const struct config_gateway *g = &r->config->gateway;
	const struct config_peer **order = calloc(g->peer_n, sizeof(struct config_peer *));

	if (order == NULL) {
		config_error(r, r->gateway_line, "out of memory; add some");
		return;
	}
	for (uint32_t i = 0; i < g->peer_n; i++)
		order[i] = &g->peer[i];
	qsort(order, g->peer_n, sizeof(struct config_peer *), by_name);
	for (uint32_t i = 1; i < g->peer_n; i++)
		if (order[i]->name[0] != '\0' && strcmp(order[i - 1]->name, order[i]->name) == 0)
			config_error(r, order[i]->line,
				"peer name '%s' is taken by line %d; choose another",
				order[i]->name, order[i - 1]->line);
	qsort(order, g->peer_n, sizeof(struct config_peer *), by_id);
	for (uint32_t i = 1; i < g->peer_n; i++)
		if (order[i]->id.len != 0 && compare_id(&order[i - 1]->id, &order[i]->id) == 0)
			config_error(r, order[i]->line,
				"peer '%s' has the identity of '%s' in line %d; the first entry "
				"that matches counts, take one out",
				order[i]->name, order[i - 1]->name, order[i - 1]->line);
	free(order);
}

// An entry behind a wildcard that matches all it matches would never be asked. The later pattern's
// own `*` stands for itself here: what matches that matches whatever it stands for.
static void check_shadowed_peers(struct config_reader *r)
{
	const struct config_gateway *g = &r->config->gateway;

	for (uint32_t i = 0; i < g->peer_n; i++) {
		const struct config_peer *wide = &g->peer[i];

		if (wide->id.len == 0 || memchr(wide->id.data, '*', wide->id.len) == NULL)
			continue;
		for (uint32_t k = i + 1; k < g->peer_n; k++) {
			const struct config_peer *later = &g->peer[k];

			if (config_id_match(&wide->id, &later->id) &&
				compare_id(&wide->id, &later->id) != 0)
				config_error(r, later->line,
					"peer '%s' is never reached, '%s' in line %d matches "
					"first; "
					"put it before that",
					later->name, wide->name, wide->line);
		}
	}
}

// The SPD of the physical interface has two sides.
static void check_physical(struct config_reader *r)
{
	const struct config_gateway *g = &r->config->gateway;

	for (uint32_t i = 0; i < g->peer_n; i++) {
		const struct config_peer *p = &g->peer[i];

		if ((p->physical_local.n == 0) != (p->physical_remote.n == 0))
			config_error(r, p->line,
				"peer '%s' has %s alone; an SA of the physical interface needs "
				"physical_local and physical_remote",
				p->name,
				p->physical_local.n == 0 ? "physical_remote" : "physical_local");
	}
}

void config_check_roles(struct config_reader *r)
{
	const struct config_gateway *g = &r->config->gateway;

	if (g->peer_n > 0) {
		check_equal_peers(r);
		check_shadowed_peers(r);
	}
	check_physical(r);
	config_check_connections(r);
}
