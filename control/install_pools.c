// SPDX-License-Identifier: BSD-3-Clause
// Pools in the dataplane: each is an array of slots there, under the number that the lease book
// knows it by. A prefix that all links share is no pool but a route that discards: single addresses
// are claimed in it, each with a route of its own. Control's thread.
#include "control.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("reconcile");

struct pool_ask {
	struct control *control;
	uint32_t thread;
	uint32_t pool;
	bool again;
};

static void add_pool(struct control *control, uint32_t thread, uint32_t pool, bool again);

static void ignore(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg;
	(void)hdr;
	(void)payload;
	(void)last;
}

static void del_pool(struct control *control, uint32_t thread, uint32_t pool)
{
	struct ipc_pool_del cmd = {.pool = pool};

	dp_client_command(control->dp, thread, IPC_POOL_DEL, &cmd, sizeof(cmd), ignore, NULL);
}

// A pool of a former configuration is in the way: it goes, and whatever else may overlap.
static void on_pool(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct pool_ask *ask = arg;
	struct control *control = ask->control;
	char text[INET_PREFIX_STRLEN];

	(void)payload;
	(void)last;
	if (hdr != NULL && (hdr->status == EEXIST || hdr->status == EADDRINUSE) && !ask->again) {
		LOG(NOTICE, "worker %u had other pools", ask->thread - 1);
		if (hdr->status == EEXIST)
			del_pool(control, ask->thread, ask->pool);
		for (uint32_t i = 0; i < IPC_POOLS && hdr->status == EADDRINUSE; i++)
			if (control->pool[i].prefix.addr.family == 0)
				del_pool(control, ask->thread, i);
		add_pool(control, ask->thread, ask->pool, true);
	} else if (hdr != NULL && hdr->status != 0) {
		LOG(ERR, "worker %u does not take pool %s: %s", ask->thread - 1,
			inet_prefix_format(&control->pool[ask->pool].prefix, text),
			strerror((int)hdr->status));
	}
	free(ask);
}

static void add_pool(struct control *control, uint32_t thread, uint32_t pool, bool again)
{
	const struct install_pool *p = &control->pool[pool];
	struct ipc_pool_add cmd = {.pool = pool, .slot_len = p->slot_len, .prefix = p->prefix};
	struct pool_ask *ask = NULL;

	if (p->prefix.addr.family == 0) // went meanwhile
		return;
	ask = malloc(sizeof(*ask));
	if (ask == NULL)
		return;
	*ask = (struct pool_ask){control, thread, pool, again};
	if (dp_client_command(control->dp, thread, IPC_POOL_ADD, &cmd, sizeof(cmd), on_pool, ask) !=
		0)
		free(ask);
}

// What the workers should have.
static void wanted(const struct control *control, const struct config *config,
	struct install_pool pool[IPC_POOLS])
{
	const struct lease_book *book = link_leases(control->links);

	memset(pool, 0, IPC_POOLS * sizeof(*pool));
	for (uint32_t i = 0; i < config->pool_n; i++) {
		uint32_t index = config->pool[i].shared ? IPC_POOLS
							: lease_book_index(book, &config->pool[i]);
		const struct pool *p = index < IPC_POOLS ? lease_book_pool(book, index) : NULL;

		if (p != NULL)
			pool[index] = (struct install_pool){*pool_prefix(p), pool_lease_len(p)};
	}
}

void install_pools_all(struct control *control)
{
	const struct config *config = control->config;

	wanted(control, config, control->pool);
	// Of what was taken out of the configuration meanwhile a dataplane that went on has not heard: its
	// slots would lead to whoever gets their references next.
	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		for (uint32_t i = 0; i < IPC_POOLS; i++)
			if (control->pool[i].prefix.addr.family == 0)
				del_pool(control, thread, i);
			else
				add_pool(control, thread, i, false);
	for (uint32_t i = 0; i < config->pool_n; i++)
		if (config->pool[i].shared)
			install_route(control, &config->pool[i].prefix, IPC_ROUTE_DISCARD, 0);
}

// ---- another configuration ----

static bool same_pool(const struct install_pool *a, const struct install_pool *b)
{
	return a->slot_len == b->slot_len && a->prefix.addr.family == b->prefix.addr.family &&
		(a->prefix.addr.family == 0 || inet_prefix_equal(&a->prefix, &b->prefix));
}

static bool has_shared(const struct config *config, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < config->pool_n; i++)
		if (config->pool[i].shared && inet_prefix_equal(&config->pool[i].prefix, prefix))
			return true;
	return false;
}

static void shared_routes(
	struct control *control, const struct config *old, const struct config *new)
{
	for (uint32_t i = 0; i < old->pool_n; i++)
		if (old->pool[i].shared && !has_shared(new, &old->pool[i].prefix))
			install_unroute(control, &old->pool[i].prefix);
	for (uint32_t i = 0; i < new->pool_n; i++)
		if (new->pool[i].shared && !has_shared(old, &new->pool[i].prefix))
			install_route(control, &new->pool[i].prefix, IPC_ROUTE_DISCARD, 0);
}

struct refill {
	struct control *control;
	bool fresh[IPC_POOLS];
};

static bool refill_link(void *arg, const struct link *link)
{
	struct refill *refill = arg;
	bool touched = false;

	for (uint32_t i = 0; i < link->lease_n; i++)
		touched = touched || refill->fresh[link->lease[i]->pool % IPC_POOLS];
	if (touched)
		install_link_again(refill->control, link);
	return true;
}

int install_pools(struct control *control, const struct config *old, const struct config *new)
{
	struct install_pool want[IPC_POOLS];
	struct refill refill = {.control = control};
	uint32_t threads = dp_client_threads(control->dp);
	bool any = false;

	wanted(control, new, want);
	for (uint32_t i = 0; i < IPC_POOLS; i++) {
		if (same_pool(&control->pool[i], &want[i]))
			continue;
		for (uint32_t t = 1; t < threads && control->pool[i].prefix.addr.family != 0; t++)
			del_pool(control, t, i);
		refill.fresh[i] = want[i].prefix.addr.family != 0;
		any = any || refill.fresh[i];
	}
	// All that goes is gone before anything comes: the new may overlap the old.
	memcpy(control->pool, want, sizeof(want));
	for (uint32_t i = 0; i < IPC_POOLS; i++)
		for (uint32_t t = 1; t < threads && refill.fresh[i]; t++)
			add_pool(control, t, i, false);
	shared_routes(control, old, new);
	if (any)
		link_foreach(control->links, refill_link, &refill);
	return threads == 0 ? -ENOTCONN : 0;
}
