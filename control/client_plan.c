// SPDX-License-Identifier: BSD-3-Clause
// See client_plan.h. Pure.
#include "client_plan.h"

#include <string.h>

static bool range_covers(const struct ts *ts, const struct inet_prefix *prefix)
{
	struct ts whole = ts_from_prefix(prefix);

	return memcmp(whole.hi, ts->hi, 16) <= 0;
}

// The address behind the prefix; false when it is the last of all.
static bool step_behind(struct inet_addr *addr, unsigned len)
{
	unsigned bit = len;

	while (bit-- > 0) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		addr->bytes[bit / 8] ^= mask;
		if (addr->bytes[bit / 8] & mask)
			return true;
	}
	return false;
}

static bool is_aligned(const struct inet_addr *addr, unsigned len)
{
	for (unsigned bit = len; bit < inet_addr_bits(addr->family); bit++)
		if (addr->bytes[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

uint32_t ts_prefixes(const struct ts *ts, struct inet_prefix *out, uint32_t max)
{
	unsigned bits = inet_addr_bits(ts->family);
	struct inet_prefix prefix = {.addr = {.family = ts->family}};
	uint32_t n = 0;

	if (bits == 0 || memcmp(ts->lo, ts->hi, 16) > 0)
		return 0;
	memcpy(prefix.addr.bytes, ts->lo, bits / 8);
	while (n < max) {
		unsigned len = bits;

		prefix.len = (uint8_t)bits;
		while (len > 0 && is_aligned(&prefix.addr, len - 1)) {
			struct inet_prefix wider = prefix;

			wider.len = (uint8_t)(len - 1);
			if (!range_covers(ts, &wider))
				break;
			prefix = wider;
			len--;
		}
		out[n++] = prefix;
		if (!step_behind(&prefix.addr, len) || memcmp(prefix.addr.bytes, ts->hi, 16) > 0)
			break;
	}
	return n;
}

static bool is_local_scope(const struct inet_prefix *prefix)
{
	return prefix->len > 0 &&
		(inet_addr_is_link_local(&prefix->addr) || inet_addr_is_multicast(&prefix->addr));
}

static void add_prefix(
	struct inet_prefix *list, uint32_t *n, uint32_t max, struct inet_prefix prefix)
{
	for (uint32_t i = 0; i < *n; i++)
		if (inet_prefix_equal(&list[i], &prefix))
			return;
	if (*n < max)
		list[(*n)++] = prefix;
}

static void add_addr(
	struct client_plan *plan, const struct inet_addr *addr, uint8_t len, bool nodad)
{
	struct ipc_hostif_set *h = &plan->hostif;

	if (h->addr_n < IPC_HOSTIF_ADDRS)
		h->addr[h->addr_n++] =
			(struct ipc_hostif_addr){.addr = *addr, .prefix_len = len, .nodad = nodad};
}

// Our interface ID on the link: the one in the link-local address that TSi was narrowed to, or else
// what the gateway echoed (the draft) or the configuration says.
static void find_iid(const struct config_connection *connection, const struct cp_attrs *cp,
	const struct ts_list *local, uint8_t iid[8])
{
	static const uint8_t zero[8];

	for (uint32_t i = 0; i < local->n; i++) {
		const struct ts *ts = &local->ts[i];

		if (ts->family == AF_INET6 && ts->lo[0] == 0xfe && ts->lo[1] == 0x80 &&
			memcmp(ts->lo, ts->hi, 16) == 0) {
			memcpy(iid, ts->lo + 8, 8);
			return;
		}
	}
	memcpy(iid,
		memcmp(connection->interface_id, zero, 8) != 0 ? connection->interface_id
							       : cp->link_iid,
		8);
}

// fe80::IID, and from each prefix the address with the same interface ID.
static void plan_link(const struct config_connection *connection, const struct cp_attrs *cp,
	const struct ts_list *local, struct client_plan *plan)
{
	struct inet_prefix scope = {.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 10};
	struct inet_addr own;
	uint8_t iid[8];

	find_iid(connection, cp, local, iid);
	own = inet_addr_link_local(iid);
	add_addr(plan, &own, 64, true);
	add_prefix(plan->inward, &plan->inward_n, CLIENT_INWARD, scope);
	add_prefix(plan->outward, &plan->outward_n, IPC_HOSTIF_ROUTES + 2, scope);
	scope = (struct inet_prefix){.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
	add_prefix(plan->inward, &plan->inward_n, CLIENT_INWARD, scope);
	add_prefix(plan->outward, &plan->outward_n, IPC_HOSTIF_ROUTES + 2, scope);
	for (uint32_t i = 0; i < cp->prefix_n; i++) {
		struct inet_prefix prefix = cp->prefix[i];

		inet_prefix_normalize(&prefix);
		add_prefix(plan->inward, &plan->inward_n, CLIENT_INWARD, prefix);
		for (unsigned bit = prefix.len > 64 ? prefix.len : 64; bit < 128; bit++)
			prefix.addr.bytes[bit / 8] |= own.bytes[bit / 8] & 0x80 >> bit % 8;
		add_addr(plan, &prefix.addr, prefix.len > 64 ? prefix.len : 64, true);
	}
}

static void plan_addresses(const struct cp_attrs *cp, struct client_plan *plan)
{
	for (uint32_t i = 0; i < cp->ip4_n; i++) {
		struct inet_prefix own = {.addr = cp->ip4[i], .len = 32};

		if (cp->ip4[i].family != AF_INET || inet_addr_is_unspecified(&cp->ip4[i]))
			continue;
		add_addr(plan, &own.addr, 32, false);
		add_prefix(plan->inward, &plan->inward_n, CLIENT_INWARD, own);
	}
	for (uint32_t i = 0; i < cp->ip6_n; i++) {
		struct inet_prefix own = {.addr = cp->ip6[i].addr, .len = 128};

		if (own.addr.family != AF_INET6 || inet_addr_is_unspecified(&own.addr))
			continue;
		add_addr(plan, &own.addr, 128, true);
		add_prefix(plan->inward, &plan->inward_n, CLIENT_INWARD, own);
	}
}

static void plan_routes(const struct config_connection *connection, const struct ts_list *remote,
	struct client_plan *plan)
{
	struct ipc_hostif_set *h = &plan->hostif;
	struct inet_prefix part[IPC_HOSTIF_ROUTES];

	for (uint32_t i = 0; i < connection->route_n; i++)
		add_prefix(h->route, &h->route_n, IPC_HOSTIF_ROUTES, connection->route[i]);
	for (uint32_t i = 0; i < remote->n && connection->route_n == 0; i++) {
		uint32_t n = ts_prefixes(&remote->ts[i], part, IPC_HOSTIF_ROUTES);

		for (uint32_t k = 0; k < n; k++)
			if (!is_local_scope(&part[k])) // the kernel has these itself
				add_prefix(h->route, &h->route_n, IPC_HOSTIF_ROUTES, part[k]);
	}
	for (uint32_t i = 0; i < h->route_n; i++)
		add_prefix(plan->outward, &plan->outward_n, IPC_HOSTIF_ROUTES + 2, h->route[i]);
}

// Routes of a family in which the host was given no address lead nowhere.
static void drop_useless_routes(struct client_plan *plan)
{
	struct ipc_hostif_set *h = &plan->hostif;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->route_n; i++) {
		bool useful = false;

		for (uint32_t k = 0; k < h->addr_n; k++)
			useful = useful || h->addr[k].addr.family == h->route[i].addr.family;
		if (useful)
			h->route[kept++] = h->route[i];
	}
	h->route_n = kept;
}

void client_plan(const struct config_connection *connection, const struct cp_attrs *cp,
	const struct ts_list *local, const struct ts_list *remote, uint32_t mtu,
	struct client_plan *out)
{
	struct ipc_hostif_set *h = &out->hostif;

	*out = (struct client_plan){.hostif = {.mtu = mtu < 1280 ? 1280 : mtu}};
	strncpy(h->name, connection->interface, sizeof(h->name) - 1);
	if (cp->link)
		plan_link(connection, cp, local, out);
	plan_addresses(cp, out);
	plan_routes(connection, remote, out);
	drop_useless_routes(out);
	for (uint32_t i = 0; i < cp->dns_n && h->dns_n < IPC_HOSTIF_DNS; i++)
		if (cp->dns[i].family != 0)
			h->dns[h->dns_n++] = cp->dns[i];
	memcpy(h->domain, cp->domain[0], sizeof(cp->domain[0]) - 1);
}
