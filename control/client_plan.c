// SPDX-License-Identifier: BSD-3-Clause
// See client_plan.h. Pure.
#include "client_plan.h"

#include <stdio.h>
#include <string.h>

static bool is_local_scope(const struct inet_prefix *prefix)
{
	return prefix->len > 0 &&
		(inet_addr_is_link_local(&prefix->addr) || inet_addr_is_multicast(&prefix->addr));
}

void client_route_add(struct client_plan *plan, const struct inet_prefix *prefix,
	enum ipc_route_kind kind, uint32_t flags)
{
	struct client_route route = {.prefix = *prefix, .kind = kind, .flags = flags};

	inet_prefix_normalize(&route.prefix);
	for (uint32_t i = 0; i < plan->route_n; i++)
		if (plan->route[i].kind == kind &&
			inet_prefix_equal(&plan->route[i].prefix, &route.prefix))
			return;
	if (plan->route_n < CLIENT_ROUTES)
		plan->route[plan->route_n++] = route;
}

static void add_addr(struct client_plan *plan, const struct ipc_hostif_addr *addr)
{
	struct ipc_hostif_set *h = &plan->hostif;

	for (uint32_t i = 0; i < h->addr_n; i++)
		if (inet_addr_equal(&h->addr[i].addr, &addr->addr))
			return;
	if (h->addr_n < IPC_HOSTIF_ADDRS)
		h->addr[h->addr_n++] = *addr;
}

// A single address that is ours for certain, and what is sent to it.
static void add_own(struct client_plan *plan, const struct inet_addr *addr)
{
	struct inet_prefix own = {.addr = *addr, .len = (uint8_t)inet_addr_bits(addr->family)};
	struct ipc_hostif_addr host = {
		.addr = *addr, .prefix_len = own.len, .nodad = addr->family == AF_INET6};

	if (own.len == 0 || inet_addr_is_unspecified(addr))
		return;
	add_addr(plan, &host);
	client_route_add(plan, &own, IPC_ROUTE_HOSTIF, 0);
}

// ---- the link ----

static struct inet_addr addr_in(const struct inet_prefix *prefix, const uint8_t iid[8])
{
	struct inet_addr own = inet_addr_link_local(iid), addr = prefix->addr;

	for (unsigned bit = prefix->len > 64 ? prefix->len : 64; bit < 128; bit++)
		addr.bytes[bit / 8] |= own.bytes[bit / 8] & 0x80 >> bit % 8;
	return addr;
}

// All of a prefix comes in, whatever addresses the host makes up from it (L1). What the host does not
// take must not go round in circles between us and the gateway; a shared prefix is others', too.
static void plan_prefix(const struct inet_prefix *prefix, bool shared, struct client_plan *plan)
{
	client_route_add(plan, prefix, IPC_ROUTE_HOSTIF, 0);
	if (!shared)
		client_route_add(plan, prefix, IPC_ROUTE_DISCARD, 0);
}

static void plan_prefixes(
	const struct client_input *in, struct client_mode mode, struct client_plan *plan)
{
	struct inet_prefix lan = client_lan_prefix(in);

	for (uint32_t i = 0; i < in->cp->prefix_n; i++) {
		struct inet_prefix prefix = in->cp->prefix[i];
		struct ipc_hostif_addr addr = {.nodad = !mode.dad,
			.prefix_len = prefix.len > 64 ? prefix.len : 64,
			.temporary = in->config->privacy && prefix.len <= 64};

		inet_prefix_normalize(&prefix);
		if (lan.len > 0 && inet_prefix_covers(&prefix, &lan))
			continue; // client_lan.c has this one
		plan_prefix(&prefix, mode.dad, plan);
		addr.addr = addr_in(&prefix, in->prefix_iid[i].iid);
		if (!in->prefix_iid[i].none)
			add_addr(plan, &addr);
	}
}

// fe80::IID, what link-local and multicast packets do, and then what the profile says.
static void plan_link(const struct client_input *in, struct client_plan *plan)
{
	static const struct inet_prefix everything = {.addr = {.family = AF_INET6}};
	struct client_mode mode = client_mode(in->config, in->cp, in->local);
	struct inet_prefix scope = {.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 10};
	struct ipc_hostif_addr own = {.addr = inet_addr_link_local(in->iid),
		.prefix_len = 64,
		.nodad = true, // the gateway has seen to it that nobody else has it (L18)
		.temporary = mode.ra && in->config->privacy};

	add_addr(plan, &own);
	client_route_add(plan, &scope, IPC_ROUTE_HOSTIF, in->dhcp6_runs ? IPC_ROUTE_DHCP6 : 0);
	client_route_add(plan, &scope, IPC_ROUTE_SA, 0);
	scope = (struct inet_prefix){.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
	client_route_add(plan, &scope, IPC_ROUTE_HOSTIF, 0);
	client_route_add(plan, &scope, IPC_ROUTE_SA, 0);
	if (mode.dad)
		plan->hostif.flags |= IPC_HOSTIF_DAD;
	if (mode.ra) { // nobody but the kernel knows which addresses it will have
		plan->hostif.flags |= IPC_HOSTIF_RA;
		client_route_add(plan, &everything, IPC_ROUTE_HOSTIF, 0);
	}
	for (uint32_t i = 0; i < in->seen_n && mode.ra && !mode.dad; i++)
		client_route_add(plan, &in->seen[i], IPC_ROUTE_DISCARD, 0);
	plan_prefixes(in, mode, plan);
	for (uint32_t i = 0; i < in->cp->address2_n; i++)
		add_own(plan, &in->cp->address2[i]);
	for (uint32_t i = 0; i < in->child_n; i++)
		for (uint32_t k = 0; k < in->child[i].address2_n; k++)
			add_own(plan, &in->child[i].address2[k]);
	for (uint32_t i = 0; i < in->dhcp6->address_n; i++) {
		struct inet_prefix addr = {.addr = in->dhcp6->address[i], .len = 128};

		if (client_covered(in, &addr)) // else when its child SA is up
			add_own(plan, &addr.addr);
	}
}

// ---- routes ----

static void add_host_route(struct client_plan *plan, const struct inet_prefix *route)
{
	struct ipc_hostif_set *h = &plan->hostif;

	for (uint32_t i = 0; i < h->route_n; i++)
		if (inet_prefix_equal(&h->route[i], route))
			return;
	if (h->route_n < IPC_HOSTIF_ROUTES)
		h->route[h->route_n++] = *route;
	client_route_add(plan, route, IPC_ROUTE_SA, 0);
}

// A family in which the host or its LAN has an address that may go further than the link. Routes of
// another one would lead nowhere.
static bool useful(const struct client_plan *plan, uint8_t family)
{
	const struct ipc_hostif_set *h = &plan->hostif;

	if (family == AF_INET6 && (h->flags & IPC_HOSTIF_RA || plan->has_lan))
		return true;
	for (uint32_t i = 0; i < h->addr_n; i++)
		if (h->addr[i].addr.family == family && !inet_addr_is_link_local(&h->addr[i].addr))
			return true;
	return false;
}

static void add_ts_routes(struct client_plan *plan, const struct ts_list *list, bool always)
{
	struct inet_prefix part[IPC_HOSTIF_ROUTES];

	for (uint32_t i = 0; i < list->n; i++) {
		uint32_t n = ts_prefixes(&list->ts[i], part, IPC_HOSTIF_ROUTES);

		for (uint32_t k = 0; k < n; k++) // the kernel has those of the link itself
			if (!is_local_scope(&part[k]) &&
				(always || useful(plan, part[k].addr.family)))
				add_host_route(plan, &part[k]);
	}
}

// The first child SA's, and those of the configured ones that are up. What a child SA of the physical
// interface covers comes in to addresses that the host has anyway.
static void plan_routes(const struct client_input *in, struct client_plan *plan)
{
	const struct config_connection *config = in->config;
	struct inet_prefix part[IPC_HOSTIF_ROUTES];

	for (uint32_t i = 0; i < config->route_n; i++)
		if (useful(plan, config->route[i].addr.family))
			add_host_route(plan, &config->route[i]);
	if (config->route_n == 0)
		add_ts_routes(plan, in->remote, false);
	for (uint32_t i = 0; i < in->child_n; i++) {
		const struct client_child *child = &in->child[i];
		bool link = child->tag > config->child_n || config->child[child->tag - 1].link;

		if (child->tag > config->child_n)
			continue;
		add_ts_routes(plan, &child->remote, !link);
		for (uint32_t k = 0; k < child->local.n && !link; k++) {
			uint32_t n = ts_prefixes(&child->local.ts[k], part, IPC_HOSTIF_ROUTES);

			for (uint32_t m = 0; m < n; m++)
				if (!is_local_scope(&part[m]))
					client_route_add(plan, &part[m], IPC_ROUTE_HOSTIF, 0);
		}
	}
}

// ---- name service ----

static void add_dns(struct ipc_hostif_set *h, const struct inet_addr *addr)
{
	for (uint32_t i = 0; i < h->dns_n; i++)
		if (inet_addr_equal(&h->dns[i], addr))
			return;
	if (addr->family != 0 && h->dns_n < IPC_HOSTIF_DNS)
		h->dns[h->dns_n++] = *addr;
}

// Into the blank-separated list, unless it is there.
static void add_domain(struct ipc_hostif_set *h, const char *domain)
{
	size_t len = strlen(domain), used = strlen(h->domain);

	for (const char *at = h->domain; *at != '\0'; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		if (strcspn(at, " ") == len && strncmp(at, domain, len) == 0)
			return;
	}
	if (len > 0 && used + len + 2 <= sizeof(h->domain))
		snprintf(h->domain + used, sizeof(h->domain) - used, "%s%s", used > 0 ? " " : "",
			domain);
}

static void plan_names(const struct client_input *in, struct ipc_hostif_set *h)
{
	for (uint32_t i = 0; i < in->cp->dns_n; i++)
		add_dns(h, &in->cp->dns[i]);
	for (uint32_t i = 0; i < in->dhcp6->dns_n; i++)
		add_dns(h, &in->dhcp6->dns[i]);
	// RFC 7296 has no attribute for these.
	static_assert(DHCP6_CLIENT_LIST <= IPC_HOSTIF_SNTP);
	h->sntp_n = in->dhcp6->sntp_n;
	memcpy(h->sntp, in->dhcp6->sntp, h->sntp_n * sizeof(h->sntp[0]));
	for (uint32_t i = 0; i < in->cp->domain_n; i++)
		add_domain(h, in->cp->domain[i]);
	for (uint32_t i = 0; i < in->dhcp6->domain_n; i++)
		add_domain(h, in->dhcp6->domain[i]);
}

void client_plan(const struct client_input *in, struct client_plan *out)
{
	struct ipc_hostif_set *h = &out->hostif;

	memset(out, 0, sizeof(*out)); // compared as bytes
	h->mtu = in->mtu < 1280 ? 1280 : in->mtu;
	strncpy(h->name, in->config->interface, sizeof(h->name) - 1);
	if (in->cp->link)
		plan_link(in, out);
	for (uint32_t i = 0; i < in->cp->ip4_n; i++)
		if (in->cp->ip4[i].family == AF_INET)
			add_own(out, &in->cp->ip4[i]);
	for (uint32_t i = 0; i < in->cp->ip6_n; i++)
		if (in->cp->ip6[i].addr.family == AF_INET6)
			add_own(out, &in->cp->ip6[i].addr);
	plan_names(in, h);
	client_lan_plan(in, out);
	plan_routes(in, out);
}
