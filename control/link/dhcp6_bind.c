// SPDX-License-Identifier: BSD-3-Clause
// Which IA of a link's client has which lease. The leases are the link's, and the store keeps them;
// that this or that IA has them is remembered in memory alone: after a restart an IA that names a
// lease of its link gets that one, and one that names none gets the first that nobody has claimed
// since. A link is one client's, so a client with another DUID (the host was installed anew) takes
// over what the one before it had. Lifetimes have no end: nothing has to be renewed (L3, L21), all
// goes with the link. RFC 8415 sections 12 and 18.3. Control's thread.
#include "dhcp6_impl.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("dhcp6");

#define BINDINGS (LINK_DELEGATIONS + 1)
#define DECLINES_MAX 3 // of a pool; the next address stays, whatever its client says

struct binding {
	uint64_t client; // hash of its DUID
	uint32_t iaid;
	bool pd;
	uint32_t nth; // IA_PD: which of the link's delegated prefixes
};
struct dhcp6_client_state {
	struct hash_node by_link;
	uint32_t n;
	struct binding binding[BINDINGS]; // oldest first
	uint8_t declined
		[CONFIG_LINK_POOLS]; // IA_NA: addresses of each pool that the client refused
};

static struct dhcp6_client_state *find_state(const struct dhcp6_server *server, uint64_t link)
{
	struct hash_node *node = hash_find(&server->clients, link);

	return node != NULL ? CONTAINER_OF(node, struct dhcp6_client_state, by_link) : NULL;
}

// From before a restart: an address with a higher number is there because the one before it was
// declined.
static void recall_declined(struct dhcp6_client_state *state, const struct link *link)
{
	uint32_t pools = link->profile->prefix_pool_n;

	for (uint32_t i = 0; pools > 0 && i < link->lease_n; i++) {
		uint32_t nth = link->lease_nth[i];

		if (link->role[i] == LINK_LEASE_DHCP6 && nth / pools <= DECLINES_MAX &&
			nth / pools > state->declined[nth % pools])
			state->declined[nth % pools] = (uint8_t)(nth / pools);
	}
}

static struct dhcp6_client_state *get_state(struct dhcp6_server *server, const struct link *link)
{
	struct dhcp6_client_state *state = find_state(server, link->handle);

	if (state != NULL)
		return state;
	state = calloc(1, sizeof(*state));
	if (state == NULL)
		return NULL;
	recall_declined(state, link);
	hash_add(&server->clients, &state->by_link, link->handle);
	return state;
}

void dhcp6_bind_forget(struct dhcp6_server *server, uint64_t link)
{
	struct dhcp6_client_state *state = find_state(server, link);

	if (state == NULL)
		return;
	hash_del(&server->clients, &state->by_link);
	free(state);
}

static bool free_state(void *arg, struct hash_node *node)
{
	(void)arg;
	free(CONTAINER_OF(node, struct dhcp6_client_state, by_link));
	return true;
}

void dhcp6_bind_fini(struct dhcp6_server *server)
{
	hash_each(&server->clients, free_state, NULL);
	hash_fini(&server->clients);
}

// ---- bindings ----

static uint64_t client_of(const struct dhcp6_question *q)
{
	return hash_bytes(q->server->secret, q->msg->client.data, q->msg->client.len);
}

static struct binding *find_binding(
	struct dhcp6_client_state *state, uint64_t client, const struct dhcp6_ia *ia)
{
	for (uint32_t i = 0; state != NULL && i < state->n; i++) {
		struct binding *b = &state->binding[i];

		if (b->client == client && b->pd == ia->pd && b->iaid == ia->iaid)
			return b;
	}
	return NULL;
}

// The binding that has number `nth` of the kind; of IA_NA there is one.
static struct binding *find_nth(struct dhcp6_client_state *state, bool pd, uint32_t nth)
{
	for (uint32_t i = 0; state != NULL && i < state->n; i++)
		if (state->binding[i].pd == pd && (!pd || state->binding[i].nth == nth))
			return &state->binding[i];
	return NULL;
}

static void remove_binding(struct dhcp6_client_state *state, struct binding *b)
{
	uint32_t at = (uint32_t)(b - state->binding);

	memmove(b, b + 1, (state->n - at - 1) * sizeof(*b));
	state->n--;
}

// ---- leases of the link ----

static enum link_lease_role role_of(bool pd)
{
	return pd ? LINK_LEASE_DELEGATED : LINK_LEASE_DHCP6;
}

// The lease's place in the link, or lease_n.
static uint32_t find_lease(const struct link *link, bool pd, uint32_t nth)
{
	for (uint32_t i = 0; i < link->lease_n; i++)
		if (link->role[i] == role_of(pd) && link->lease_nth[i] == nth && !link->leaving[i])
			return i;
	return link->lease_n;
}

static bool names(const struct dhcp6_ia *ia, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < ia->item_n; i++)
		if (inet_prefix_equal(&ia->item[i].prefix, prefix))
			return true;
	return false;
}

static uint32_t delegations_max(const struct config_profile *profile)
{
	if (profile->delegation_pool == NULL)
		return 0;
	return profile->delegations_max < LINK_DELEGATIONS ? profile->delegations_max
							   : LINK_DELEGATIONS;
}

// Which delegated prefix an IA_PD without binding gets. -ENOSPC: none is left for it.
static int choose_nth(const struct dhcp6_question *q, struct dhcp6_client_state *state,
	const struct dhcp6_ia *asked, uint32_t *nth)
{
	uint32_t max = delegations_max(q->link->profile), free_nth = max, foreign = max;

	for (uint32_t i = max; i-- > 0;) { // the first of its sort is what remains
		uint32_t at = find_lease(q->link, true, i);
		struct binding *b = find_nth(state, true, i);

		if (b == NULL && at < q->link->lease_n && names(asked, &q->link->prefix[at])) {
			*nth = i;
			return 0;
		}
		if (b == NULL)
			free_nth = i;
		else if (b->client != client_of(q))
			foreign = i;
	}
	*nth = free_nth < max ? free_nth : foreign;
	return *nth < max ? 0 : -ENOSPC;
}

// IA_NA: one for each link, whose client has it or takes it over.
static int choose_address(
	const struct dhcp6_question *q, struct dhcp6_client_state *state, uint32_t *nth)
{
	const struct config_profile *profile = q->link->profile;
	struct binding *b = find_nth(state, false, 0);

	*nth = 0;
	if (profile->addresses_by != CONFIG_ADDRESSES_DHCPV6 || profile->prefix_pool_n == 0)
		return -ENOSPC;
	return b == NULL || b->client != client_of(q) ? 0 : -ENOSPC;
}

static int choose(const struct dhcp6_question *q, struct dhcp6_client_state *state,
	const struct dhcp6_ia *asked, uint32_t *nth)
{
	const struct binding *b = find_binding(state, client_of(q), asked);

	if (b != NULL) {
		*nth = b->nth;
		return 0;
	}
	return asked->pd ? choose_nth(q, state, asked, nth) : choose_address(q, state, nth);
}

// ---- the IA of an answer ----

static void begin_ia(const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	*out = (struct dhcp6_ia){.pd = asked->pd,
		.iaid = asked->iaid,
		.t1_s = DHCP6_INFINITY,
		.t2_s = DHCP6_INFINITY};
}

static void add_item(struct dhcp6_ia *out, const struct inet_prefix *prefix, uint32_t lifetime_s)
{
	if (out->item_n < DHCP6_ITEMS)
		out->item[out->item_n++] = (struct dhcp6_item){
			.prefix = *prefix, .preferred_s = lifetime_s, .valid_s = lifetime_s};
}

static void nothing_left(struct dhcp6_ia *out)
{
	out->status = out->pd ? DHCP6_STATUS_NO_PREFIX_AVAIL : DHCP6_STATUS_NO_ADDRS_AVAIL;
	out->t1_s = out->t2_s = 0;
}

typedef int (*lease_fn)(struct link_table *table, uint64_t link, enum link_lease_role role,
	uint32_t nth, uint64_t now_us, struct inet_prefix *out);

// The prefixes or addresses of number `nth` by `get`: one delegated prefix, or an address of each of
// the profile's pools. Pool i has numbers i, i + pools and so on: one that was declined is passed over.
static void add_leases(const struct dhcp6_question *q, const struct dhcp6_client_state *state,
	uint32_t nth, lease_fn get, struct dhcp6_ia *out)
{
	uint32_t pools = q->link->profile->prefix_pool_n;
	uint32_t n = out->pd ? 1 : pools;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t skip = out->pd || state == NULL ? 0 : state->declined[i] * pools;
		struct inet_prefix prefix;
		int error = get(q->server->setup.links, q->link->handle, role_of(out->pd),
			nth + i + skip, q->now_us, &prefix);

		if (error == 0)
			add_item(out, &prefix, DHCP6_INFINITY);
		else
			LOG_LIMITED(NOTICE, "link %lu: nothing to give by DHCPv6: %s",
				q->link->handle, strerror(-error));
	}
	if (out->item_n == 0)
		nothing_left(out);
}

void dhcp6_bind_offer(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	struct dhcp6_client_state *state = find_state(q->server, q->link->handle);
	uint32_t nth = 0;

	begin_ia(asked, out);
	if (choose(q, state, asked, &nth) != 0)
		nothing_left(out);
	else
		add_leases(q, state, nth, link_lease_offer, out);
}

// The binding of this IA from now on; NULL: there is no room.
static struct binding *bind_nth(const struct dhcp6_question *q, struct dhcp6_client_state *state,
	const struct dhcp6_ia *asked, uint32_t nth)
{
	struct binding *b = find_nth(state, asked->pd, nth);

	if (b == NULL && state->n == BINDINGS)
		return NULL;
	if (b == NULL)
		b = &state->binding[state->n++];
	*b = (struct binding){
		.client = client_of(q), .iaid = asked->iaid, .pd = asked->pd, .nth = nth};
	return b;
}

// What the client named and does not have (any more) it hears of with lifetimes of zero, so that it
// stops using it at once.
static void add_ended(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	if (q->msg->type != DHCP6_RENEW && q->msg->type != DHCP6_REBIND)
		return;
	for (uint32_t i = 0; i < asked->item_n; i++)
		if (!inet_addr_is_unspecified(&asked->item[i].prefix.addr) &&
			!names(out, &asked->item[i].prefix))
			add_item(out, &asked->item[i].prefix, 0);
}

// RFC 8415 section 18.3.2: an address in a Request that fits no prefix of this link.
static bool off_link(const struct dhcp6_question *q, const struct dhcp6_ia *asked)
{
	const struct config_profile *profile = q->link->profile;

	if (asked->pd || q->msg->type != DHCP6_REQUEST)
		return false;
	for (uint32_t i = 0; i < asked->item_n; i++) {
		bool fits = false;

		for (uint32_t k = 0; k < profile->prefix_pool_n; k++)
			fits = fits ||
				inet_prefix_contains(&profile->prefix_pool[k]->prefix,
					&asked->item[i].prefix.addr);
		if (!fits)
			return true;
	}
	return false;
}

void dhcp6_bind_give(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	struct dhcp6_client_state *state = get_state(q->server, q->link);
	struct binding *b = NULL;
	uint32_t nth = 0;

	begin_ia(asked, out);
	if (off_link(q, asked)) {
		out->status = DHCP6_STATUS_NOT_ON_LINK;
		out->t1_s = out->t2_s = 0;
		return;
	}
	if (state != NULL && choose(q, state, asked, &nth) == 0)
		b = bind_nth(q, state, asked, nth);
	if (b == NULL) {
		nothing_left(out);
	} else {
		add_leases(q, state, nth, link_lease_add, out);
		if (out->item_n == 0)
			remove_binding(state, b);
	}
	add_ended(q, asked, out);
}

// ---- giving back ----

static bool no_binding(const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	*out = (struct dhcp6_ia){
		.pd = asked->pd, .iaid = asked->iaid, .status = DHCP6_STATUS_NO_BINDING};
	return true;
}

// The lease is this binding's: of the prefix's own number, or one of its addresses.
static bool is_lease_of(const struct link *link, uint32_t at, const struct binding *b)
{
	return link->role[at] == role_of(b->pd) && (!b->pd || link->lease_nth[at] == b->nth);
}

// A binding as it was before a restart: the client names leases of its link that no IA has yet.
static struct binding *adopt(const struct dhcp6_question *q, const struct dhcp6_ia *asked)
{
	struct dhcp6_client_state *state = get_state(q->server, q->link);
	const struct link *link = q->link;

	for (uint32_t i = 0; state != NULL && i < link->lease_n; i++)
		if (link->role[i] == role_of(asked->pd) && names(asked, &link->prefix[i]) &&
			find_nth(state, asked->pd, link->lease_nth[i]) == NULL)
			return bind_nth(q, state, asked, asked->pd ? link->lease_nth[i] : 0);
	return NULL;
}

static struct binding *binding_of(const struct dhcp6_question *q, const struct dhcp6_ia *asked)
{
	struct dhcp6_client_state *state = find_state(q->server, q->link->handle);
	struct binding *b = find_binding(state, client_of(q), asked);

	return b != NULL ? b : adopt(q, asked);
}

bool dhcp6_bind_release(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	struct binding *b = binding_of(q, asked);
	const struct link *link = q->link;
	bool left = false;

	if (b == NULL)
		return no_binding(asked, out);
	for (uint32_t i = link->lease_n; i-- > 0;) {
		struct inet_prefix prefix = link->prefix[i];

		if (!is_lease_of(link, i, b))
			continue;
		if (names(asked, &prefix))
			link_lease_del(q->server->setup.links, link->handle, &prefix, q->now_us);
		else
			left = true;
	}
	if (!left)
		remove_binding(find_state(q->server, link->handle), b);
	return false;
}

// The address stays the link's, so that nobody else gets it, and is not offered any more: the pool's
// next one is. Delegated prefixes cannot be declined.
bool dhcp6_bind_decline(
	const struct dhcp6_question *q, const struct dhcp6_ia *asked, struct dhcp6_ia *out)
{
	struct binding *b = asked->pd ? NULL : binding_of(q, asked);
	struct dhcp6_client_state *state = find_state(q->server, q->link->handle);
	uint32_t pools = q->link->profile->prefix_pool_n;
	const struct link *link = q->link;

	if (b == NULL)
		return no_binding(asked, out);
	for (uint32_t i = 0; i < link->lease_n; i++) {
		uint32_t nth = link->lease_nth[i];

		if (!is_lease_of(link, i, b) || !names(asked, &link->prefix[i]) || pools == 0 ||
			state->declined[nth % pools] != nth / pools ||
			state->declined[nth % pools] == DECLINES_MAX)
			continue;
		state->declined[nth % pools]++;
		LOG_LIMITED(WARN, "link %lu: its client declines an address", link->handle);
	}
	return false;
}
