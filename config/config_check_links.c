// SPDX-License-Identifier: BSD-3-Clause
// Whole-file checks of pools, profiles, PAD entries and connections, against each other and against
// the ports. Any thread.
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// So many slots has the largest pool: the dataplane indexes them by number. Pools of single IPv6
// addresses are mostly a /64; of these the first 2^28 are used, and nobody misses the rest.
#define POOL_SLOT_BITS 28

static void check_pool(struct config_reader *r, const struct config_pool *pool)
{
	unsigned bits = inet_addr_bits(pool->prefix.addr.family);

	if (!inet_prefix_valid(&pool->prefix) || pool->lease_len == 0)
		return; // has been reported
	if (pool->lease_len > bits)
		config_error(r, pool->line, "pool '%s' leases /%u of an IPv4 prefix; at most /32",
			pool->name, pool->lease_len);
	else if (pool->lease_len < pool->prefix.len)
		config_error(r, pool->line,
			"pool '%s' leases /%u out of a /%u; a lease cannot be larger than the pool",
			pool->name, pool->lease_len, pool->prefix.len);
	else if (pool->lease_len < 128 && pool->lease_len - pool->prefix.len > POOL_SLOT_BITS)
		config_error(r, pool->line,
			"pool '%s' has 2^%u leases; at most 2^%u: a prefix of /%u or longer",
			pool->name, pool->lease_len - pool->prefix.len, POOL_SLOT_BITS,
			pool->lease_len - POOL_SLOT_BITS);
	if (inet_addr_is_multicast(&pool->prefix.addr) ||
		inet_addr_is_link_local(&pool->prefix.addr))
		config_error(r, pool->line,
			"pool '%s' is multicast or link-local; take unicast addresses", pool->name);
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

// The modules that exist: the profile of RFC 5739 and of the draft's section 6. The other values
// have their names already, so that nobody takes them for a typing error.
static void check_axes(struct config_reader *r, const struct config_profile *p)
{
	static const char why[] = "not supported by this version";

	if (p->link_model != CONFIG_LINK_P2P)
		config_error(r, p->line,
			"link_model = \"router-aggregation\" is %s; point-to-point", why);
	if (p->prefixes_by != CONFIG_PREFIXES_IKEV2)
		config_error(r, p->line, "prefixes_by = \"%s\" is %s; ikev2",
			p->prefixes_by == CONFIG_PREFIXES_RA ? "ra" : "dhcpv6", why);
	if (p->addresses_by != CONFIG_ADDRESSES_WHOLE_PREFIX)
		config_error(r, p->line,
			"addresses_by other than \"whole-prefix\" is %s; "
			"whole-prefix",
			why);
	if (p->access != CONFIG_ACCESS_SPD)
		config_error(r, p->line, "access_control = \"ingress-filter\" is %s; spd", why);
	if (p->wire != CONFIG_WIRE_RFC5739)
		config_error(r, p->line, "wire = \"ipsecme-00\" is %s; rfc5739", why);
}

static void check_profile_pools(struct config_reader *r, const struct config_profile *p)
{
	for (uint32_t i = 0; i < p->prefix_pool_n; i++) {
		const struct config_pool *pool = p->prefix_pool[i];

		if (pool->prefix.addr.family == AF_INET || pool->lease_len == 128)
			config_error(r, p->line,
				"pool '%s' has no IPv6 prefixes to lease; prefix_pools wants pools "
				"like 2001:db8:1000::/40 with lease = 64",
				pool->name);
	}
	if (p->ipv4_pool != NULL &&
		(p->ipv4_pool->prefix.addr.family != AF_INET || p->ipv4_pool->lease_len != 32))
		config_error(r, p->line,
			"pool '%s' has no single IPv4 addresses; ipv4_pool wants lease = 32",
			p->ipv4_pool->name);
	if (p->ipv6_pool != NULL &&
		(p->ipv6_pool->prefix.addr.family != AF_INET6 || p->ipv6_pool->lease_len != 128))
		config_error(r, p->line,
			"pool '%s' has no single IPv6 addresses; ipv6_pool wants lease = 128",
			p->ipv6_pool->name);
}

void config_check_links(struct config_reader *r)
{
	const struct config *config = r->config;

	check_pools(r);
	for (uint32_t i = 0; i < config->profile_n; i++) {
		const struct config_profile *p = &config->profile[i];

		check_axes(r, p);
		check_profile_pools(r, p);
		for (uint32_t k = 0; k < i; k++)
			if (p->name[0] != '\0' && strcmp(p->name, config->profile[k].name) == 0)
				config_error(r, p->line,
					"profile name '%s' is taken by line %d; choose another",
					p->name, config->profile[k].line);
	}
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

// The outer port with an address of the family, or with this very address.
static bool has_outer(const struct config *config, uint8_t family, const struct inet_addr *exact)
{
	const struct config_dataplane *d = &config->dataplane;

	for (uint32_t i = 0; i < d->port_n; i++) {
		if (d->port[i].role != CONFIG_PORT_OUTER)
			continue;
		for (uint32_t k = 0; k < d->port[i].addr_n; k++) {
			const struct inet_addr *addr = &d->port[i].addr[k].addr;

			if (addr->family == family &&
				(exact == NULL || inet_addr_equal(addr, exact)))
				return true;
		}
	}
	return false;
}

static void check_connection(struct config_reader *r, const struct config_connection *c)
{
	const struct config *config = r->config;
	char text[INET_ADDR_STRLEN];

	if (!c->link && !c->ipv4 && !c->ipv6_address)
		config_error(r, c->line,
			"connection '%s' asks for nothing; set link, ipv4 or ipv6_address to true",
			c->name);
	if (c->gateway.family == 0)
		return; // has been reported
	if (c->local.family != 0 && c->local.family != c->gateway.family)
		config_error(r, c->line,
			"connection '%s' has local and gateway of different families; make them "
			"one",
			c->name);
	else if (c->local.family != 0 && !has_outer(config, c->local.family, &c->local))
		config_error(r, c->line,
			"local = \"%s\" is no address of an outer port; take one "
			"of these",
			inet_addr_format(&c->local, text));
	else if (!has_outer(config, c->gateway.family, NULL) && r->dataplane_line != 0)
		config_error(r, c->line,
			"no outer port has an address of the family of %s; add one to the port",
			inet_addr_format(&c->gateway, text));
}

static void check_connections(struct config_reader *r)
{
	const struct config *config = r->config;

	for (uint32_t i = 0; i < config->connection_n; i++) {
		const struct config_connection *c = &config->connection[i];

		check_connection(r, c);
		for (uint32_t k = 0; k < i; k++) {
			const struct config_connection *other = &config->connection[k];

			if (c->name[0] != '\0' && strcmp(c->name, other->name) == 0)
				config_error(r, c->line,
					"connection name '%s' is taken by line %d; choose another",
					c->name, other->line);
			if (strcmp(c->interface, other->interface) == 0)
				config_error(r, c->line,
					"interface '%s' is connection '%s''s; choose another",
					c->interface, other->name);
		}
	}
}

void config_check_roles(struct config_reader *r)
{
	const struct config_gateway *g = &r->config->gateway;

	if (g->peer_n > 0) {
		check_equal_peers(r);
		check_shadowed_peers(r);
	}
	check_connections(r);
}
