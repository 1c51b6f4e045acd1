// SPDX-License-Identifier: BSD-3-Clause
// What a connection has while it is up: the link's addresses, further child SAs and what hangs on
// them. It comes with the first child SA, follows it to new SAs, also by reauthentication, and goes
// with it (L7, L12, L13). Control's thread.
#include "client.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("client");

// ---- further child SAs ----

static const struct ike_child_spec *find_spec(
	const struct ike_child_spec *spec, uint32_t n, uint32_t tag)
{
	for (uint32_t i = 0; i < n; i++)
		if (spec[i].tag == tag)
			return &spec[i];
	return NULL;
}

static bool same_spec(const struct ike_child_spec *a, const struct ike_child_spec *b)
{
	return a->of_link == b->of_link && a->ask == b->ask &&
		inet_addr_equal(&a->address2, &b->address2) &&
		ts_list_equal(&a->local, &b->local) && ts_list_equal(&a->remote, &b->remote);
}

static void forget_child(struct client_connection *c, uint32_t tag)
{
	for (uint32_t i = 0; i < c->child_n; i++)
		if (c->child[i].tag == tag)
			c->child[i--] = c->child[--c->child_n];
}

// The core makes those that are wanted now and deletes those that were.
static void want_children(
	struct client_connection *c, const struct ike_child_spec *want, uint32_t n)
{
	uint64_t now_us = clock_now_us();

	for (uint32_t i = 0; i < c->spec_n; i++) {
		const struct ike_child_spec *still = find_spec(want, n, c->spec[i].tag);

		if (still != NULL && same_spec(still, &c->spec[i]))
			continue;
		ike_child_remove(c->control->ike, c->config, c->spec[i].tag, now_us);
		forget_child(c, c->spec[i].tag);
		c->spec[i--] = c->spec[--c->spec_n];
	}
	for (uint32_t i = 0; i < n; i++) {
		int error = 0;

		if (find_spec(c->spec, c->spec_n, want[i].tag) != NULL)
			continue;
		error = ike_child_add(c->control->ike, c->config, &want[i], now_us);
		if (error == 0)
			c->spec[c->spec_n++] = want[i];
		else
			LOG(ERR, "connection %s: child SA %u: %s", c->config->name, want[i].tag,
				strerror(-error));
	}
}

void client_update(struct client_connection *c)
{
	struct ike_child_spec want[CLIENT_CHILDREN];
	struct client_input in;

	if (!c->up)
		return;
	client_input_of(c, &in);
	want_children(c, want, client_children_wanted(&in, want));
	client_apply(c);
}

void client_child_up(struct control *control, const struct ike_effect *effect)
{
	struct client_connection *c = client_find_config(control, effect->connection.connection);
	struct client_child *child = NULL;

	if (c == NULL)
		return;
	LOG(INFO, "connection %s: child SA %u is up", c->config->name, effect->connection.tag);
	forget_child(c, effect->connection.tag); // the one before reauthentication
	if (c->child_n == CLIENT_CHILDREN)
		return;
	child = &c->child[c->child_n++];
	*child = (struct client_child){.tag = effect->connection.tag,
		.ike_sa = effect->ike_sa,
		.address2_n = effect->connection.cp.address2_n,
		.local = effect->connection.local,
		.remote = effect->connection.remote};
	memcpy(child->address2, effect->connection.cp.address2, sizeof(child->address2));
	if (c->up)
		client_apply(c);
}

void client_child_down(struct control *control, const struct ike_effect *effect)
{
	struct client_connection *c = client_find_config(control, effect->connection.connection);

	if (c == NULL)
		return;
	LOG(INFO, "connection %s: child SA %u is down: %s", c->config->name, effect->connection.tag,
		effect->connection.why);
	for (uint32_t i = 0; i < c->child_n; i++)
		if (c->child[i].tag == effect->connection.tag &&
			c->child[i].ike_sa != effect->ike_sa)
			return; // it is up again by a newer IKE SA
	forget_child(c, effect->connection.tag);
	if (c->up)
		client_apply(c);
}

// ---- the link ----

static bool same_link(const struct client_connection *c, const struct cp_attrs *cp)
{
	return cp->link == c->cp.link && cp->link_id_len == c->cp.link_id_len &&
		memcmp(cp->link_id, c->cp.link_id, cp->link_id_len) == 0;
}

// Link ID and interface ID are good until the next ones, whatever becomes of this process.
static void keep_link(struct client_connection *c)
{
	if (!c->cp.link ||
		(c->kept.link_id_len == c->cp.link_id_len &&
			memcmp(c->kept.link_id, c->cp.link_id, c->cp.link_id_len) == 0 &&
			memcmp(c->kept.iid, c->iid, sizeof(c->iid)) == 0))
		return;
	memcpy(c->kept.iid, c->iid, sizeof(c->kept.iid));
	memcpy(c->kept.link_id, c->cp.link_id, sizeof(c->kept.link_id));
	c->kept.link_id_len = c->cp.link_id_len;
	client_save(c->control);
}

void client_link_up(struct client_connection *c, const struct ike_effect *effect)
{
	static const uint8_t zero[8];
	bool same = c->applied && same_link(c, &effect->connection.cp);

	c->ike_sa = effect->ike_sa;
	c->cp = effect->connection.cp;
	c->local = effect->connection.local;
	c->remote = effect->connection.remote;
	c->ref = c->link_ref = effect->connection.out_ref;
	if (memcmp(effect->connection.interface_id, zero, 8) != 0)
		memcpy(c->iid, effect->connection.interface_id, 8);
	if (!same)
		c->seen_n = 0;
	c->retry_pause_us = CLIENT_RETRY_FIRST_US;
	keep_link(c);
	client_dhcp_up(c, same);
	client_update(c);
	client_dhcp_say(c); // answers find their way now
}

void client_link_down(struct client_connection *c)
{
	client_dhcp_down(c);
	c->ike_sa = 0;
	c->ref = c->link_ref = 0;
	c->child_n = 0;
	c->seen_n = 0;
	want_children(c, NULL, 0);
	client_take_away(c);
}

// ---- what the kernel says ----

// Somebody else has the address: the next interface ID for this prefix (RFC 7217 section 6).
static void on_duplicate(struct client_connection *c, const struct inet_addr *addr)
{
	char text[INET_ADDR_STRLEN];

	for (uint32_t i = 0; i < c->cp.prefix_n; i++) {
		if (!inet_prefix_contains(&c->cp.prefix[i], addr))
			continue;
		if (client_state_taken(&c->kept, &c->cp.prefix[i]))
			LOG(WARN,
				"connection %s: address %s is in use by somebody else, trying "
				"another",
				c->config->name, inet_addr_format(addr, text));
		else
			LOG(ERR,
				"connection %s: address %s is in use by somebody else, and so were "
				"%d before: giving up",
				c->config->name, inet_addr_format(addr, text), CLIENT_RETRIES_MAX);
		client_save(c->control);
		client_apply(c);
		return;
	}
}

// The kernel has made itself an address: its prefix is ours.
static void on_added(struct client_connection *c, const struct ipc_hostif_addr_state *state)
{
	struct inet_prefix prefix = {.addr = state->addr, .len = state->prefix_len};

	if (state->addr.family != AF_INET6 || inet_addr_is_link_local(&state->addr) ||
		state->prefix_len == 128 || !client_mode(c->config, &c->cp, &c->local).ra)
		return;
	inet_prefix_normalize(&prefix);
	for (uint32_t i = 0; i < c->seen_n; i++)
		if (inet_prefix_equal(&c->seen[i], &prefix))
			return;
	if (c->seen_n == CP_LIST_MAX)
		return;
	c->seen[c->seen_n++] = prefix;
	client_apply(c);
}

void client_addr_state(struct control *control, const struct ipc_hostif_addr_state *state)
{
	if (memchr(state->name, '\0', sizeof(state->name)) == NULL ||
		!inet_addr_valid(&state->addr) ||
		state->prefix_len > inet_addr_bits(state->addr.family))
		return;
	for (struct client_connection *c = control->client; c != NULL; c = c->next) {
		if (!c->up || strcmp(c->config->interface, state->name) != 0)
			continue;
		if (state->event == IPC_ADDR_ADDED)
			on_added(c, state);
		for (uint32_t i = 0;
			i < c->plan.hostif.addr_n && state->event == IPC_ADDR_DUPLICATE; i++) {
			if (inet_addr_equal(&c->plan.hostif.addr[i].addr, &state->addr)) {
				on_duplicate(c, &state->addr);
				return;
			}
		}
	}
}
