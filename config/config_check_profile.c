// SPDX-License-Identifier: BSD-3-Clause
// Whole-file checks of profiles: which values of the four axes go together (the requirements' table
// P0 to P6), and whether pools and servers fit them. Any thread.
#include "config_impl.h"

#include <string.h>

const char *config_axes_wrong(enum config_link_model model, enum config_prefixes_by prefixes,
	enum config_addresses_by addresses)
{
	if (model == CONFIG_LINK_P2P && addresses != CONFIG_ADDRESSES_WHOLE_PREFIX)
		return "on a point-to-point link a client has whole prefixes to itself; "
		       "addresses_by = \"whole-prefix\", or link_model = \"router-aggregation\"";
	if (model == CONFIG_LINK_P2P && prefixes == CONFIG_PREFIXES_DHCPV6)
		return "DHCPv6 cannot tell which prefixes are on a link; prefixes_by = \"ikev2\" "
		       "or "
		       "\"ra\", and delegation_pool for more prefixes by DHCPv6";
	if (model == CONFIG_LINK_ROUTER_AGGREGATION && addresses == CONFIG_ADDRESSES_WHOLE_PREFIX)
		return "with router aggregation clients share a prefix and none has it whole; "
		       "addresses_by = \"slaac\", \"ikev2\" or \"dhcpv6\"";
	if (addresses == CONFIG_ADDRESSES_SLAAC && prefixes == CONFIG_PREFIXES_DHCPV6)
		return "a client must know the shared prefix to make addresses in it, and DHCPv6 "
		       "tells none; prefixes_by = \"ikev2\" or \"ra\"";
	if (addresses == CONFIG_ADDRESSES_IKEV2 && prefixes != CONFIG_PREFIXES_IKEV2)
		return "addresses by IKEv2 bring their prefix along; prefixes_by = \"ikev2\"";
	if (addresses == CONFIG_ADDRESSES_DHCPV6 && prefixes != CONFIG_PREFIXES_DHCPV6)
		return "addresses by DHCPv6 are single ones, on a link without a prefix; "
		       "prefixes_by = \"dhcpv6\"";
	return NULL;
}

static void check_access(struct config_reader *r, const struct config_profile *p)
{
	if (p->access != CONFIG_ACCESS_SPD)
		return;
	if (p->prefixes_by == CONFIG_PREFIXES_RA)
		config_error(r, p->line,
			"access_control = \"spd\" narrows to the prefixes, which a client that "
			"learns them by RA does not know yet; ingress-filter");
	else if (p->addresses_by == CONFIG_ADDRESSES_SLAAC)
		config_error(r, p->line,
			"access_control = \"spd\" narrows to addresses, which a client that makes "
			"them by SLAAC does not know yet; ingress-filter");
}

// A profile without links has single addresses to give, and nothing else.
static void check_no_links(struct config_reader *r, const struct config_profile *p)
{
	const char *key = p->link_model != CONFIG_LINK_P2P	   ? "link_model"
		: p->prefixes_by != CONFIG_PREFIXES_IKEV2	   ? "prefixes_by"
		: p->addresses_by != CONFIG_ADDRESSES_WHOLE_PREFIX ? "addresses_by"
		: p->access != CONFIG_ACCESS_SPD		   ? "access_control"
		: p->wire != CONFIG_WIRE_RFC5739		   ? "wire"
		: p->dhcp6_relay.family != 0			   ? "dhcp6_relay"
		: p->delegation_pool != NULL			   ? "delegation_pool"
		: p->sntp_n > 0					   ? "sntp"
		: p->dhcp6					   ? "dhcp6"
								   : NULL;

	if (key != NULL)
		config_error(r, p->line,
			"profile '%s' has %s but gives no links; add prefix_pools, or leave %s "
			"out",
			p->name, key, key);
	else if (p->ipv4_pool == NULL && p->ipv6_pool == NULL)
		config_error(r, p->line,
			"profile '%s' gives nothing; add prefix_pools, ipv4_pool or ipv6_pool",
			p->name);
}

// A pool of the wrong kind, by what the link's addresses are.
static void check_prefix_pool(
	struct config_reader *r, const struct config_profile *p, const struct config_pool *pool)
{
	bool ip6 = pool->prefix.addr.family != AF_INET; // a bad one has been reported
	const char *by = config_addresses_words[p->addresses_by];

	switch (p->addresses_by) {
	case CONFIG_ADDRESSES_WHOLE_PREFIX:
		if (!ip6 || pool->lease_len == 128)
			config_error(r, p->line,
				"pool '%s' has no IPv6 prefixes to lease; prefix_pools wants pools "
				"like 2001:db8:1000::/40 with lease = 64",
				pool->name);
		else if (p->prefixes_by == CONFIG_PREFIXES_RA && pool->lease_len != 64)
			config_error(r, p->line,
				"pool '%s' leases /%u, of which no host makes addresses after a "
				"router advertisement (RFC 4862); lease = 64",
				pool->name, pool->lease_len);
		break;
	case CONFIG_ADDRESSES_SLAAC:
	case CONFIG_ADDRESSES_IKEV2:
		if (!pool->shared)
			config_error(r, p->line,
				"pool '%s' is not shared, but addresses_by = \"%s\" is for a "
				"prefix that all have; shared = true",
				pool->name, by);
		break;
	case CONFIG_ADDRESSES_DHCPV6:
		if (!ip6 || pool->shared || pool->lease_len != 128)
			config_error(r, p->line,
				"pool '%s' has no single IPv6 addresses to lease, but addresses_by "
				"= \"%s\" gives such; lease = 128, not shared",
				pool->name, by);
		break;
	}
}

// Leases are known by pool and identity: a second use within the profile would be the first one's
// lease.
static bool is_prefix_pool(const struct config_profile *p, const struct config_pool *pool)
{
	for (uint32_t i = 0; i < p->prefix_pool_n; i++)
		if (p->prefix_pool[i] == pool)
			return true;
	return false;
}

static void check_pools(struct config_reader *r, const struct config_profile *p)
{
	const struct config_pool *d = p->delegation_pool;

	for (uint32_t i = 0; i < p->prefix_pool_n; i++)
		check_prefix_pool(r, p, p->prefix_pool[i]);
	if (p->ipv4_pool != NULL &&
		(p->ipv4_pool->prefix.addr.family != AF_INET || p->ipv4_pool->lease_len != 32))
		config_error(r, p->line,
			"pool '%s' has no single IPv4 addresses; ipv4_pool wants lease = 32",
			p->ipv4_pool->name);
	if (p->ipv6_pool != NULL &&
		(p->ipv6_pool->prefix.addr.family != AF_INET6 || p->ipv6_pool->shared ||
			p->ipv6_pool->lease_len != 128))
		config_error(r, p->line,
			"pool '%s' has no single IPv6 addresses; ipv6_pool wants lease = 128, not "
			"shared",
			p->ipv6_pool->name);
	else if (p->ipv6_pool != NULL && p->addresses_by == CONFIG_ADDRESSES_DHCPV6 &&
		is_prefix_pool(p, p->ipv6_pool))
		config_error(r, p->line,
			"pool '%s' stands in prefix_pools and in ipv6_pool; take two pools",
			p->ipv6_pool->name);
	if (d != NULL && (d->prefix.addr.family != AF_INET6 || d->shared || d->lease_len > 64))
		config_error(r, p->line,
			"pool '%s' has no prefixes to delegate; delegation_pool wants a pool like "
			"2001:db8:5000::/40 with lease = 56, at most 64",
			d->name);
	else if (d != NULL && is_prefix_pool(p, d))
		config_error(r, p->line,
			"pool '%s' stands in prefix_pools and in delegation_pool; take two pools",
			d->name);
}

static void check_relay(struct config_reader *r, const struct config_profile *p)
{
	const struct config_dataplane *d = &r->config->dataplane;
	char text[INET_ADDR_STRLEN];
	bool inner = false;

	inet_addr_format(&p->dhcp6_relay, text);
	for (uint32_t i = 0; i < r->config->pool_n; i++)
		if (inet_prefix_valid(&r->config->pool[i].prefix) &&
			inet_prefix_contains(&r->config->pool[i].prefix, &p->dhcp6_relay))
			config_error(r, p->line,
				"dhcp6_relay = \"%s\" lies in pool '%s', among the clients; name a "
				"server on the inner network",
				text, r->config->pool[i].name);
	for (uint32_t i = 0; i < d->port_n; i++) {
		for (uint32_t k = 0; k < d->port[i].addr_n; k++) {
			const struct inet_addr *addr = &d->port[i].addr[k].addr;

			if (inet_addr_equal(addr, &p->dhcp6_relay))
				config_error(r, p->line,
					"dhcp6_relay = \"%s\" is our own address; name another "
					"host, or leave it out: we answer DHCPv6 ourselves",
					text);
			inner |= d->port[i].role == CONFIG_PORT_INNER && addr->family == AF_INET6 &&
				!inet_addr_is_link_local(addr);
		}
	}
	if (!inner && r->dataplane_line != 0)
		config_error(r, p->line,
			"dhcp6_relay needs an inner port with an IPv6 address to send from; add "
			"one");
	if (p->delegation_pool != NULL)
		config_error(r, p->line,
			"delegation_pool beside dhcp6_relay would never be used: the server "
			"delegates; keep one of them");
	if (p->addresses_by == CONFIG_ADDRESSES_DHCPV6 && p->prefix_pool_n > 0)
		config_error(r, p->line,
			"prefix_pools beside dhcp6_relay would never be used: the server gives the "
			"addresses; keep one of them");
	if (p->sntp_n > 0)
		config_error(r, p->line,
			"sntp beside dhcp6_relay would never be told: the server answers; keep one "
			"of them");
}

static void check_dhcp6(struct config_reader *r, const struct config_profile *p)
{
	const char *needs = p->addresses_by == CONFIG_ADDRESSES_DHCPV6 ? "addresses_by = dhcpv6"
		: p->dhcp6_relay.family != 0			       ? "dhcp6_relay"
		: p->delegation_pool != NULL			       ? "delegation_pool"
		: p->sntp_n > 0					       ? "sntp"
								       : NULL;

	if (!p->dhcp6 && needs != NULL)
		config_error(r, p->line,
			"profile '%s' has dhcp6 = false and %s, which is nothing without DHCPv6; "
			"leave one of them out",
			p->name, needs);
	if (p->dhcp6_relay.family != 0)
		check_relay(r, p);
}

static void check_profile(struct config_reader *r, const struct config_profile *p)
{
	const char *wrong;

	if (!config_profile_has_links(p)) {
		check_no_links(r, p);
		check_pools(r, p);
		return;
	}
	wrong = config_axes_wrong(p->link_model, p->prefixes_by, p->addresses_by);
	if (wrong != NULL) {
		config_error(r, p->line, "profile '%s': %s", p->name, wrong);
		return; // whether pools fit cannot be said
	}
	check_access(r, p);
	check_pools(r, p);
	check_dhcp6(r, p);
}

void config_check_profiles(struct config_reader *r)
{
	const struct config *config = r->config;

	for (uint32_t i = 0; i < config->profile_n; i++) {
		const struct config_profile *p = &config->profile[i];

		check_profile(r, p);
		for (uint32_t k = 0; k < i; k++)
			if (p->name[0] != '\0' && strcmp(p->name, config->profile[k].name) == 0)
				config_error(r, p->line,
					"profile name '%s' is taken by line %d; choose another",
					p->name, config->profile[k].line);
	}
}
