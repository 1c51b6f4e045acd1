// SPDX-License-Identifier: BSD-3-Clause
// See control_api.h: links, pools and leases as the admin commands are told of them, and what an
// operator does to links. Control's thread.
#include "clock.h"
#include "control.h"
#include "control_api.h"
#include "log.h"
#include "reload.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("control");

// ---- links ----

const char *control_link_state_name(enum control_link_state state)
{
	switch (state) {
	case CONTROL_LINK_UP:
		return "up";
	case CONTROL_LINK_GRACE:
		return "grace";
	case CONTROL_LINK_ORPHAN:
		return "orphan";
	}
	return "?";
}

static enum control_link_state state_of(const struct link *link)
{
	switch (link->state) {
	case LINK_UP:
		return CONTROL_LINK_UP;
	case LINK_GRACE:
		return CONTROL_LINK_GRACE;
	case LINK_ORPHAN:
		break;
	}
	return CONTROL_LINK_ORPHAN;
}

static void add_delegated(struct control_link *out, const struct inet_prefix *prefix)
{
	if (out->delegated_n < sizeof(out->delegated) / sizeof(out->delegated[0]))
		out->delegated[out->delegated_n++] = *prefix;
}

static void add_claimed(struct control_link *out, const struct inet_addr *addr)
{
	if (out->claimed_n < CONFIG_ADDRESSES_MAX)
		out->claimed[out->claimed_n++] = *addr;
}

static void describe_lease(const struct link *link, uint32_t i, struct control_link *out)
{
	const struct inet_prefix *prefix = &link->prefix[i];

	switch (link->role[i]) {
	case LINK_LEASE_PREFIX:
		if (out->prefix_n < sizeof(out->prefix) / sizeof(out->prefix[0])) {
			out->leaving[out->prefix_n] = link->leaving[i];
			out->prefix[out->prefix_n++] = *prefix;
		}
		break;
	case LINK_LEASE_IP4:
		if (!link->leaving[i] || out->ip4.family == 0)
			out->ip4 = prefix->addr;
		break;
	case LINK_LEASE_IP6:
		if (!link->leaving[i] || out->ip6.family == 0)
			out->ip6 = prefix->addr;
		break;
	case LINK_LEASE_DELEGATED:
		add_delegated(out, prefix);
		break;
	case LINK_LEASE_DHCP6:
		add_claimed(out, &prefix->addr);
		break;
	}
}

static void describe_extras(const struct link *link, struct control_link *out)
{
	for (uint32_t i = 0; i < link->extra_n; i++) {
		const struct inet_prefix *prefix = &link->extra[i].prefix;

		if (prefix->len == 128)
			add_claimed(out, &prefix->addr);
		else
			add_delegated(out, prefix);
	}
}

// With router aggregation the link's prefixes are everybody's, and no leases.
static void describe_shared(const struct link *link, struct control_link *out)
{
	const struct config_profile *profile = link->profile;

	for (uint32_t i = 0; link->virtual_link && profile != NULL && i < profile->prefix_pool_n;
		i++)
		if (profile->prefix_pool[i]->shared &&
			out->prefix_n < sizeof(out->prefix) / sizeof(out->prefix[0]))
			out->prefix[out->prefix_n++] = profile->prefix_pool[i]->prefix;
}

static void describe_link(
	const struct control *control, const struct link *link, struct control_link *out)
{
	const struct sa_group *group = sa_group_find(control->sas, link->handle);
	uint64_t now_us = clock_now_us();

	*out = (struct control_link){.link = link->handle,
		.state = state_of(link),
		.virtual_link = link->virtual_link,
		.identity = link->identity,
		.ordinal = link->ordinal,
		.peer = link->peer != NULL ? link->peer->name : "",
		.profile = link->profile != NULL ? link->profile->name : "",
		.unasked = link->unasked,
		.age_us = now_us - link->created_us,
		.ike_sa_n = link->ike_sa_n};
	if (link->virtual_link) {
		memcpy(out->link_id, link->link_id, LINK_ID_BYTES);
		out->link_id_len = LINK_ID_BYTES;
		memcpy(out->client_iid, link->client_iid, 8);
		memcpy(out->gateway_iid, link->gateway_iid, 8);
	}
	memcpy(out->ike_sa, link->ike_sa, sizeof(out->ike_sa));
	if (link->state == LINK_GRACE && link->grace_until_us > now_us)
		out->grace_left_us = link->grace_until_us - now_us;
	describe_shared(link, out);
	for (uint32_t i = 0; i < link->lease_n; i++)
		describe_lease(link, i, out);
	describe_extras(link, out);
	if (group != NULL)
		sa_group_counters(group, &out->counters);
}
static_assert(LINK_IKE_SAS == 8);

struct each_link {
	struct control *control;
	bool (*each)(void *arg, const struct control_link *link);
	void *arg;
};

static bool give_link(void *arg, const struct link *link)
{
	const struct each_link *walk = arg;
	struct control_link out;

	describe_link(walk->control, link, &out);
	return walk->each(walk->arg, &out);
}

bool control_links(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_link *link), void *arg)
{
	struct each_link walk = {control, each, arg};

	return link_walk(control->links, cursor, max, give_link, &walk);
}

int control_link_renumber(struct control *control, uint64_t handle, bool fresh, uint32_t seconds)
{
	int error = link_renumber(control->links, handle, fresh);

	if (error != 0)
		return error;
	error = reload_reauth(control, handle, seconds);
	control_pump(control);
	return error;
}

int control_link_reauth(struct control *control, uint64_t handle)
{
	int error = reload_reauth(control, handle, 0);

	control_pump(control);
	return error;
}

int control_link_terminate(struct control *control, uint64_t handle)
{
	const struct link *link = link_find(control->links, handle);
	uint64_t ike_sa[LINK_IKE_SAS];
	uint32_t n = 0;
	int error = 0;

	if (link == NULL)
		return -ENOENT;
	n = link->ike_sa_n;
	memcpy(ike_sa, link->ike_sa, sizeof(ike_sa));
	error = link_end(control->links, handle, clock_now_us());
	for (uint32_t i = 0; i < n; i++)
		ike_sa_terminate(control->ike, ike_sa[i], clock_now_us());
	control_pump(control);
	return error;
}

// ---- pools ----

void control_pools(struct control *control,
	bool (*each)(void *arg, const struct control_pool *pool), void *arg)
{
	const struct lease_book *book = link_leases(control->links);
	const struct config *config = control->config;

	for (uint32_t i = 0; i < config->pool_n; i++) {
		const struct config_pool *c = &config->pool[i];
		uint32_t index = lease_book_index(book, c);
		const struct pool *pool =
			index < lease_book_pools(book) ? lease_book_pool(book, index) : NULL;
		struct control_pool out = {.name = c->name,
			.prefix = c->prefix,
			.lease_len = c->lease_len,
			.shared = c->shared,
			.assign = c->assign,
			.static_n = c->static_n};

		if (pool != NULL && !c->shared) {
			out.size = pool_size(pool);
			out.live = lease_book_live(book, index);
			out.reserved = pool_taken(pool) - out.live;
		}
		if (!each(arg, &out))
			return;
	}
}

// ---- leases ----

static const char *const roles[] = {[LINK_LEASE_PREFIX] = "prefix",
	[LINK_LEASE_IP4] = "address",
	[LINK_LEASE_IP6] = "address",
	[LINK_LEASE_DELEGATED] = "delegated",
	[LINK_LEASE_DHCP6] = "dhcpv6"};

struct each_lease {
	const struct control *control;
	const struct lease_book *book;
	bool (*each)(void *arg, const struct control_lease *lease);
	void *arg;
};

// What it is to the link that uses it.
static void describe_use(
	const struct control *control, const struct lease *lease, struct control_lease *out)
{
	const struct link *link = link_find(control->links, lease->link);

	for (uint32_t i = 0; link != NULL && i < link->lease_n; i++) {
		if (link->lease[i] != lease)
			continue;
		out->role = roles[link->role[i]];
		out->leaving = link->leaving[i];
		return;
	}
}

static bool give_lease(void *arg, const struct lease *lease)
{
	const struct each_lease *walk = arg;
	uint32_t owner = lease->ordinal & ~LEASE_LEAVING;
	struct control_lease out = {.pool = pool_name(lease_book_pool(walk->book, lease->pool)),
		.prefix = lease_prefix(walk->book, lease),
		.ordinal = owner & ((UINT32_C(1) << LEASE_NTH_SHIFT) - 1),
		.nth = owner >> LEASE_NTH_SHIFT,
		.is_static = lease_is_static(lease),
		.link = lease->link,
		.used_s = lease->used_s,
		.role = ""};

	lease_identity(lease, &out.identity);
	if (lease->link != 0)
		describe_use(walk->control, lease, &out);
	return walk->each(walk->arg, &out);
}

bool control_leases(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_lease *lease), void *arg)
{
	struct each_lease walk = {control, link_leases(control->links), each, arg};

	return lease_walk(walk.book, cursor, max, give_lease, &walk);
}
