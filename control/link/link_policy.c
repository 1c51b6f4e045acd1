// SPDX-License-Identifier: BSD-3-Clause
// What a link may send and reach: selectors of its child SAs (L19), the ingress filter of its inbound
// SAs (L29), and who owns an address. Pure but for reading the table.
#include "axis.h"
#include "link_reply.h"

#include <string.h>

static const struct inet_prefix link_local_net = {
	.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 64};
static const struct inet_prefix link_multicast = {
	.addr = {.family = AF_INET6, .bytes = {0xff, 0x02}}, .len = 16};
static const struct inet_prefix multicast6 = {
	.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
static const struct inet_prefix multicast4 = {
	.addr = {.family = AF_INET, .bytes = {224}}, .len = 4};

void link_policy_remote(const struct link *link, struct ts_list *remote)
{
	remote->n = 0;
	if (link->virtual_link)
		axis_access(link->profile)->policy(link, remote);
	else
		axis_access_spd.policy(link, remote);
}

// Discovery and DHCPv6 on the link begin with multicast to it.
static bool speaks_multicast(const struct config_profile *profile)
{
	return axis_prefixes(profile)->advertise != NULL ||
		axis_addresses(profile)->solicited != NULL || profile->dhcp6 ||
		profile->dhcp6_relay.family != 0;
}

// What the peer reaches: the profile's selectors of the families that it has, and on a link the
// gateway itself.
void link_policy_local(const struct link *link, struct ts_list *local)
{
	const struct config_profile *profile = link->profile;
	struct inet_addr gateway = inet_addr_link_local(link->gateway_iid);
	struct ts ts = ts_from_addr(&gateway);
	bool has4 = false, has6 = link->virtual_link;

	local->n = 0;
	for (uint32_t i = 0; i < link->lease_n; i++) {
		has4 = has4 || link->prefix[i].addr.family == AF_INET;
		has6 = has6 || link->prefix[i].addr.family == AF_INET6;
	}
	if (link->virtual_link && profile->local_ts.n > 0) {
		ts_list_add(local, &ts);
		ts = ts_from_prefix(profile->multicast ? &multicast6 : &link_multicast);
		if (profile->multicast || speaks_multicast(profile))
			ts_list_add(local, &ts);
	}
	for (uint32_t i = 0; i < profile->local_ts.n; i++)
		if (profile->local_ts.ts[i].family == AF_INET ? has4 : has6)
			ts_list_add(local, &profile->local_ts.ts[i]);
	for (uint32_t i = 0; i < 2 && profile->local_ts.n == 0; i++) {
		ts = ts_any(i == 0 ? AF_INET6 : AF_INET);
		if (i == 0 ? has6 : has4)
			ts_list_add(local, &ts);
	}
}

bool link_has_ip4(const struct link *link)
{
	for (uint32_t i = 0; i < link->lease_n; i++)
		if (link->prefix[i].addr.family == AF_INET)
			return true;
	return false;
}

static void add_missing(struct ts_list *list, const struct inet_prefix *prefix)
{
	struct ts ts = ts_from_prefix(prefix);

	if (!ts_list_contains(list, &ts))
		ts_list_add(list, &ts);
}

// Groups, which the draft's section 6.4 gives a child SA of their own: the first one, whose selectors
// tell exactly what the link has (L19), is not asked for here.
static void add_groups(const struct link *link, struct ts_list *remote)
{
	if (!link->virtual_link || !link->profile->multicast)
		return;
	add_missing(remote, &multicast6);
	if (link_has_ip4(link))
		add_missing(remote, &multicast4);
}

bool link_policy(const struct link_table *table, uint64_t link, struct ts_list *remote,
	struct ts_list *local)
{
	const struct link *found = link_find(table, link);

	if (found == NULL)
		return false;
	link_policy_remote(found, remote);
	add_groups(found, remote);
	link_policy_local(found, local);
	return true;
}

static struct inet_prefix own_link_local(const struct link *link)
{
	if (link->unasked) // it chose by itself
		return link_local_net;
	return (struct inet_prefix){.addr = inet_addr_link_local(link->client_iid), .len = 128};
}

uint32_t link_ingress(const struct link *link, struct inet_prefix *out, uint32_t max)
{
	uint32_t n = 0;

	if (link->virtual_link && n < max)
		out[n++] = own_link_local(link);
	if (link->virtual_link && axis_unspecified_source(link->profile) && n < max)
		out[n++] = (struct inet_prefix){.addr = {.family = AF_INET6}, .len = 128};
	for (uint32_t i = 0; i < link->lease_n && n < max; i++)
		out[n++] = link->prefix[i];
	for (uint32_t i = 0; i < link->extra_n && n < max; i++)
		out[n++] = link->extra[i].prefix;
	return n;
}

bool link_owns(const struct link *link, const struct inet_addr *addr)
{
	struct inet_prefix local = own_link_local(link);
	struct inet_addr gateway = inet_addr_link_local(link->gateway_iid);

	if (link->virtual_link && inet_prefix_contains(&local, addr))
		return !inet_addr_equal(addr, &gateway);
	for (uint32_t i = 0; i < link->lease_n; i++)
		if (inet_prefix_contains(&link->prefix[i], addr))
			return true;
	for (uint32_t i = 0; i < link->extra_n; i++)
		if (inet_prefix_contains(&link->extra[i].prefix, addr))
			return true;
	return false;
}

const struct config_pool *link_shared_pool(const struct link *link, const struct inet_addr *addr)
{
	const struct config_profile *profile = link->profile;

	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		if (profile->prefix_pool[i]->shared &&
			inet_prefix_contains(&profile->prefix_pool[i]->prefix, addr))
			return profile->prefix_pool[i];
	return NULL;
}
