// SPDX-License-Identifier: BSD-3-Clause
// Two prefix pools, an IPv4 pool and one of IPv6 addresses, two profiles, two peers: what the tests
// of leases and links share. Plain structs, no file.
#pragma once

#include "config.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	POOL_GLOBAL,
	POOL_ULA,
	POOL_V4,
	POOL_ADDR6,
	POOL_TINY,
	POOLS
};

struct link_config {
	struct config config;
	struct config_pool pool[POOLS];
	struct config_profile profile[3];
	struct config_peer peer[2];
};

static inline void link_config_pool(
	struct config_pool *pool, const char *name, const char *prefix, uint8_t lease_len)
{
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	ck_assert_int_eq(inet_prefix_parse(prefix, &pool->prefix), 0);
	pool->lease_len = lease_len;
	pool->assign = CONFIG_ASSIGN_STABLE;
}

static inline struct link_config *link_config_new(void)
{
	struct link_config *c = calloc(1, sizeof(*c));
	struct config_profile *p = &c->profile[0];

	link_config_pool(&c->pool[POOL_GLOBAL], "global", "2001:db8:1000::/40", 64);
	link_config_pool(&c->pool[POOL_ULA], "ula", "fd00:db8:1000::/40", 64);
	link_config_pool(&c->pool[POOL_V4], "v4", "10.66.0.0/16", 32);
	link_config_pool(&c->pool[POOL_ADDR6], "addr6", "2001:db8:2000::/64", 128);
	link_config_pool(&c->pool[POOL_TINY], "tiny", "2001:db8:3000::/62", 64);
	c->config.pool = c->pool;
	c->config.pool_n = POOLS;
	strcpy(p->name, "link");
	p->prefix_pool_n = 2;
	p->prefix_pool[0] = &c->pool[POOL_GLOBAL];
	p->prefix_pool[1] = &c->pool[POOL_ULA];
	p->ipv4_pool = &c->pool[POOL_V4];
	p->ipv6_pool = &c->pool[POOL_ADDR6];
	p->dns_n = 2;
	ck_assert_int_eq(inet_addr_parse("2001:db8:aaaa::53", &p->dns[0]), 0);
	ck_assert_int_eq(inet_addr_parse("10.20.0.53", &p->dns[1]), 0);
	strcpy(p->domain[0], "corp.example.org");
	p->domain_n = 1;
	p->grace_s = 60;
	c->profile[1] = *p;
	strcpy(c->profile[1].name, "draft");
	c->profile[1].wire = CONFIG_WIRE_IPSECME_00;
	c->profile[2] = *p;
	strcpy(c->profile[2].name, "plain");
	c->profile[2].prefix_pool_n = 0;
	c->config.profile = c->profile;
	c->config.profile_n = 3;
	strcpy(c->peer[0].name, "alice");
	c->peer[0].profile = &c->profile[0];
	strcpy(c->peer[1].name, "bob");
	c->peer[1].profile = &c->profile[0];
	c->config.gateway.peer = c->peer;
	c->config.gateway.peer_n = 2;
	return c;
}

static inline struct config_id link_config_id(const char *name)
{
	struct config_id id = {.type = CONFIG_ID_RFC822, .len = (uint8_t)strlen(name)};

	memcpy(id.data, name, id.len);
	return id;
}
