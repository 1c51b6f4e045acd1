// SPDX-License-Identifier: BSD-3-Clause
// One profile for each sensible combination of the four axes, with their pools, and a link table over
// a store in memory: what the tests of profiles, claims and discovery on links share.
#pragma once

#include "clock.h"
#include "link.h"
#include "t_link_setup.h"

enum {
	PROFILE_P0,
	PROFILE_P1,
	PROFILE_P1_FILTER,
	PROFILE_P2,
	PROFILE_P3,
	PROFILE_P4,
	PROFILE_P5,
	PROFILE_P5_FILTER,
	PROFILE_P6,
	PROFILE_P6_FILTER,
	PROFILE_RELAY6,
	PROFILE_P2_ADDRESSES, // with an ipv6_pool for those who ask for an address
	PROFILES
};
enum {
	PP_GLOBAL,
	PP_ULA,
	PP_V4,
	PP_ADDR6,
	PP_SHARED,
	PP_SHARED2,
	PP_DHCP6,
	PP_DELEGATED,
	PP_POOLS
};

struct profile_config {
	struct config config;
	struct config_pool pool[PP_POOLS];
	struct config_profile profile[PROFILES];
	struct config_peer peer[PROFILES]; // one for each profile
	struct config_port *port;
};

static struct profile_config *pc;
static struct store *pstore;
static struct link_table *ptable;
static uint64_t pnow_us;
static int p_ups, p_graces, p_downs, p_adds, p_dels;
static struct inet_prefix p_last_add, p_last_del;
static const struct lease *p_last_lease;

static inline void profile_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static inline void profile_up(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
	p_ups++;
}

static inline void profile_grace(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
	p_graces++;
}

static inline void profile_down(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_uint_eq(link->extra_n, 0); // told to prefix_del already
	p_downs++;
}

static inline void profile_add(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	(void)arg;
	ck_assert(lease == NULL || lease->link == link->handle);
	p_adds++;
	p_last_add = *prefix;
	p_last_lease = lease;
}

static inline void profile_del(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	(void)arg;
	ck_assert(lease == NULL || lease->link == link->handle); // still its own
	p_dels++;
	p_last_del = *prefix;
	p_last_lease = lease;
}

static const struct link_events profile_events = {
	profile_up, profile_grace, profile_down, profile_add, profile_del, NULL};

static inline void profile_set(int at, const char *name, enum config_link_model model,
	enum config_prefixes_by prefixes, enum config_addresses_by addresses,
	enum config_access access)
{
	struct config_profile *p = &pc->profile[at];

	strncpy(p->name, name, sizeof(p->name) - 1);
	p->link_model = model;
	p->prefixes_by = prefixes;
	p->addresses_by = addresses;
	p->access = access;
	p->ipv4_pool = &pc->pool[PP_V4];
	p->grace_s = 60;
	p->addresses_max = 16;
	p->delegations_max = 1;
	strncpy(pc->peer[at].name, name, sizeof(pc->peer[at].name) - 1);
	pc->peer[at].profile = p;
}

static inline void profile_pools(int at, int first, int second)
{
	struct config_profile *p = &pc->profile[at];

	p->prefix_pool[p->prefix_pool_n++] = &pc->pool[first];
	if (second >= 0)
		p->prefix_pool[p->prefix_pool_n++] = &pc->pool[second];
}

static inline void profile_config_pools(void)
{
	link_config_pool(&pc->pool[PP_GLOBAL], "global", "2001:db8:1000::/40", 64);
	link_config_pool(&pc->pool[PP_ULA], "ula", "fd00:db8:1000::/40", 64);
	link_config_pool(&pc->pool[PP_V4], "v4", "10.66.0.0/16", 32);
	link_config_pool(&pc->pool[PP_ADDR6], "addr6", "2001:db8:2000::/64", 128);
	link_config_pool(&pc->pool[PP_SHARED], "shared", "2001:db8:3000::/64", 128);
	link_config_pool(&pc->pool[PP_SHARED2], "shared2", "fd00:db8:3000::/64", 128);
	link_config_pool(&pc->pool[PP_DHCP6], "dhcp6", "2001:db8:4000::/64", 128);
	link_config_pool(&pc->pool[PP_DELEGATED], "delegated", "2001:db8:5000::/40", 56);
	pc->pool[PP_SHARED].shared = pc->pool[PP_SHARED2].shared = true;
}

static inline void profile_config_new(void)
{
	enum config_link_model p2p = CONFIG_LINK_P2P, ra = CONFIG_LINK_ROUTER_AGGREGATION;

	pc = calloc(1, sizeof(*pc));
	profile_config_pools();
	profile_set(PROFILE_P0, "p0", p2p, CONFIG_PREFIXES_IKEV2, CONFIG_ADDRESSES_WHOLE_PREFIX,
		CONFIG_ACCESS_SPD);
	profile_set(PROFILE_P1, "p1", p2p, CONFIG_PREFIXES_IKEV2, CONFIG_ADDRESSES_WHOLE_PREFIX,
		CONFIG_ACCESS_SPD);
	profile_set(PROFILE_P1_FILTER, "p1-filter", p2p, CONFIG_PREFIXES_IKEV2,
		CONFIG_ADDRESSES_WHOLE_PREFIX, CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P2, "p2", p2p, CONFIG_PREFIXES_RA, CONFIG_ADDRESSES_WHOLE_PREFIX,
		CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P2_ADDRESSES, "p2-addresses", p2p, CONFIG_PREFIXES_RA,
		CONFIG_ADDRESSES_WHOLE_PREFIX, CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P3, "p3", ra, CONFIG_PREFIXES_IKEV2, CONFIG_ADDRESSES_SLAAC,
		CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P4, "p4", ra, CONFIG_PREFIXES_RA, CONFIG_ADDRESSES_SLAAC,
		CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P5, "p5", ra, CONFIG_PREFIXES_IKEV2, CONFIG_ADDRESSES_IKEV2,
		CONFIG_ACCESS_SPD);
	profile_set(PROFILE_P5_FILTER, "p5-filter", ra, CONFIG_PREFIXES_IKEV2,
		CONFIG_ADDRESSES_IKEV2, CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_P6, "p6", ra, CONFIG_PREFIXES_DHCPV6, CONFIG_ADDRESSES_DHCPV6,
		CONFIG_ACCESS_SPD);
	profile_set(PROFILE_P6_FILTER, "p6-filter", ra, CONFIG_PREFIXES_DHCPV6,
		CONFIG_ADDRESSES_DHCPV6, CONFIG_ACCESS_INGRESS_FILTER);
	profile_set(PROFILE_RELAY6, "relay6", ra, CONFIG_PREFIXES_DHCPV6, CONFIG_ADDRESSES_DHCPV6,
		CONFIG_ACCESS_SPD);
	profile_pools(PROFILE_P1, PP_GLOBAL, PP_ULA);
	profile_pools(PROFILE_P1_FILTER, PP_GLOBAL, -1);
	profile_pools(PROFILE_P2, PP_GLOBAL, PP_ULA);
	profile_pools(PROFILE_P2_ADDRESSES, PP_GLOBAL, -1);
	profile_pools(PROFILE_P3, PP_SHARED, PP_SHARED2);
	profile_pools(PROFILE_P4, PP_SHARED, -1);
	profile_pools(PROFILE_P5, PP_SHARED, PP_SHARED2);
	profile_pools(PROFILE_P5_FILTER, PP_SHARED, -1);
	profile_pools(PROFILE_P6, PP_DHCP6, -1);
	profile_pools(PROFILE_P6_FILTER, PP_DHCP6, -1);
	pc->profile[PROFILE_P0].ipv6_pool = &pc->pool[PP_ADDR6];
	pc->profile[PROFILE_P1].ipv6_pool = &pc->pool[PP_ADDR6];
	pc->profile[PROFILE_P2_ADDRESSES].ipv6_pool = &pc->pool[PP_ADDR6];
	for (int i = PROFILE_P1; i <= PROFILE_P2; i++) {
		pc->profile[i].delegation_pool = &pc->pool[PP_DELEGATED];
		pc->profile[i].delegations_max = 2;
		pc->profile[i].dhcp6 = true;
	}
	pc->profile[PROFILE_P6].dhcp6 = true;
	ck_assert_int_eq(
		inet_addr_parse("2001:db8:aaaa::10", &pc->profile[PROFILE_RELAY6].dhcp6_relay), 0);
	pc->config.pool = pc->pool;
	pc->config.pool_n = PP_POOLS;
	pc->config.profile = pc->profile;
	pc->config.profile_n = PROFILES;
	pc->config.gateway.peer = pc->peer;
	pc->config.gateway.peer_n = PROFILES;
	pc->port = &pc->config.dataplane.port[0];
	pc->config.dataplane.port_n = 1;
	pc->port->addr_n = 1;
	pc->port->addr[0].len = 64;
	ck_assert_int_eq(inet_addr_parse("2001:db8:aaaa::1", &pc->port->addr[0].addr), 0);
}

static inline void profile_open(void)
{
	struct link_setup setup = {.config = &pc->config,
		.store = pstore,
		.random = profile_random,
		.events = &profile_events,
		.now_us = pnow_us,
		.wall_s = 1700000000 + pnow_us / US_PER_S};

	ptable = link_table_new(&setup);
	ck_assert_ptr_nonnull(ptable);
}

static inline void profile_setup(void)
{
	srandom(3);
	profile_config_new();
	pstore = store_open(NULL);
	ck_assert_ptr_nonnull(pstore);
	pnow_us = 1000 * US_PER_S;
	p_ups = p_graces = p_downs = p_adds = p_dels = 0;
	profile_open();
}

static inline void profile_teardown(void)
{
	link_table_free(ptable);
	store_close(pstore);
	free(pc);
}

static inline void profile_restart(void)
{
	link_table_free(ptable);
	profile_open();
}

static inline struct cp_attrs profile_ask(const uint8_t iid[8])
{
	struct cp_attrs cp = {.type = CP_REQUEST, .link = true, .want_dhcp6 = true};

	memcpy(cp.link_iid, iid, 8);
	return cp;
}

static inline enum ike_link_outcome profile_attach(int profile, const char *name,
	const struct cp_attrs *cp, uint64_t ike_sa, struct ike_link_reply *reply)
{
	struct config_id id = link_config_id(name);
	struct ike_link_request request = {
		.peer = &pc->peer[profile], .identity = &id, .asked = cp, .ike_sa = ike_sa};

	return link_attach(ptable, &request, reply, pnow_us);
}

static inline struct inet_addr profile_addr(const char *text)
{
	struct inet_addr addr;

	ck_assert_msg(inet_addr_parse(text, &addr) == 0, "%s", text);
	return addr;
}

static inline struct inet_prefix profile_prefix(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_msg(inet_prefix_parse(text, &prefix) == 0, "%s", text);
	return prefix;
}

// Selectors as text, one behind the other, in their order.
static inline const char *profile_list(const struct ts_list *list)
{
	static char text[TS_MAX * (TS_STRLEN + 1)];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < list->n; i++) {
		if (i > 0)
			text[len++] = ' ';
		ts_format(&list->ts[i], text + len);
		len += strlen(text + len);
	}
	return text;
}

static inline const char *profile_ingress(uint64_t link)
{
	static char text[40 * (INET_PREFIX_STRLEN + 1)];
	struct inet_prefix prefix[40];
	uint32_t n = link_ingress(link_find(ptable, link), prefix, 40);
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			text[len++] = ' ';
		inet_prefix_format(&prefix[i], text + len);
		len += strlen(text + len);
	}
	return text;
}

static inline const char *profile_policy(uint64_t link)
{
	struct ts_list remote, local;

	ck_assert(link_policy(ptable, link, &remote, &local));
	return profile_list(&remote);
}
